"""Governance of models as a pipeline of data assets."""
