"""Intake: what arrived, and what was refused?"""
