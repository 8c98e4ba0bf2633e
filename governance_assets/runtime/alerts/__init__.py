"""Alerts: from a change of state in the history to a message that arrived."""
