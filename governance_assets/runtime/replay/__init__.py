"""Rebuilding what was recorded from its recorded inputs, and comparing digests; nothing is ever recorded here."""

from governance_assets.runtime.replay.rebuild import Replay
from governance_assets.runtime.replay.target import ALL, Replayed, Target, summary, targets, whole_or_named

__all__ = ["ALL", "Replay", "Replayed", "Target", "summary", "targets", "whole_or_named"]
