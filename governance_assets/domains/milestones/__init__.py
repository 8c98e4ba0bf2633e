"""Milestones: what is claimed, what the evidence shows."""
