"""Campaigns against the history that take minutes: processes killed at random, and many processes at once."""
