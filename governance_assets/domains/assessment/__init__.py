"""The 360 assessment: are we still right, and what would change our mind?"""
