"""Concave curves in straight pieces: envelopes, and taking pieces by falling slope under bounds.

Belongs here: arithmetic of pieces. Does not belong here: what the curves mean (``media_allocation``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from governance_assets.stats.arrays import Counts, Floats


@dataclass(frozen=True)
class Pieces:
    """Spend that is settled (C,), and what may follow: pieces by falling slope, each with its width and channel."""

    settled: Floats
    slope: Floats
    width: Floats
    channel: Counts

    @property
    def spent(self) -> float:
        """All that is settled."""
        return float(self.settled.sum())

    def taking(self, amount: float) -> Pieces:
        """With the first ``amount`` of the pieces settled."""
        ends = np.cumsum(self.width)
        taken = np.clip(amount - (ends - self.width), 0.0, self.width)
        added = np.bincount(self.channel, taken, len(self.settled))
        left = taken < self.width
        return Pieces(self.settled + added, self.slope[left], (self.width - taken)[left], self.channel[left])

    def at_most(self, amount: float) -> Pieces:
        """Without what lies beyond the first ``amount`` of the pieces."""
        ends = np.cumsum(self.width)
        width = np.clip(amount - (ends - self.width), 0.0, self.width)
        kept = width > 0
        return replace(self, slope=self.slope[kept], width=width[kept], channel=self.channel[kept])


def envelope(levels: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Corners of the smallest concave curve above the points."""
    apart = np.diff(levels, prepend=-np.inf) > 0  # a range of a few units in the last place has fewer levels than were asked for
    levels, values = levels[apart], values[apart]
    if (np.diff(values, 2) <= 0).all():
        return levels, values
    kept: list[int] = []
    for place in range(len(levels)):
        while len(kept) > 1 and _lies_below(levels, values, kept[-2], kept[-1], place):
            kept.pop()
        kept.append(place)
    return levels[kept], values[kept]


def _lies_below(levels: Floats, values: Floats, first: int, middle: int, last: int) -> bool:
    rise = (values[middle] - values[first]) * (levels[last] - levels[first])
    return bool(rise <= (values[last] - values[first]) * (levels[middle] - levels[first]))


def merged(parts: Sequence[Pieces]) -> Pieces:
    """The pieces of several channels in one order."""
    slope = np.concatenate([part.slope for part in parts])
    order = np.argsort(-slope, kind="stable")
    width, channel = (np.concatenate([getattr(part, name) for part in parts])[order] for name in ("width", "channel"))
    return Pieces(np.sum([part.settled for part in parts], axis=0), slope[order], width, channel)


def bounded(pieces: Pieces, lower: float, upper: float, slack: float) -> Pieces | None:
    """``pieces`` with at least ``lower`` settled and no more than ``upper`` in all; None when they cannot be."""
    if pieces.spent > upper + slack or pieces.spent + pieces.width.sum() < lower - slack:
        return None
    forced = pieces.taking(lower - pieces.spent) if lower > pieces.spent else pieces
    return forced.at_most(upper - forced.spent)
