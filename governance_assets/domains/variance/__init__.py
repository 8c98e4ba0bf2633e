"""Variance: what moved this quarter, and what do our own critics ask for?"""
