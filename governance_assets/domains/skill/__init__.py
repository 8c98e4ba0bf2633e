"""Skill: which model forecasts better than the others?"""
