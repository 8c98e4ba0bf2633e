"""Review: what does the quarter's record say, and what was promised?"""
