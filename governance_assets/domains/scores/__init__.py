"""Scores: how far was each forecast from what happened?"""
