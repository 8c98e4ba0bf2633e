"""Plan: what is done, what is late, what it costs, and what follows from that?"""
