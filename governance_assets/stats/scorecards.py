"""Scorecards: scores of metrics, weighted into dimensions and these into one alignment, with some of them unknown.

Belongs here: the arithmetic of weights and unknowns, and what changed between two scorecards.
Does not belong here: how a metric becomes a score (``score_maps.py``) or what an alignment leads to (a domain's ``rules.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Floats, vector

BEST = 100.0
"""The score of a metric that is on target."""


@dataclass(frozen=True)
class Total:
    """A weighted mean of scores: over the known ones, and what it would be if the unknown ones were 0 or 100.

    ``score`` is NaN when nothing is known; ``coverage`` is the share of the weight that is known, within [0, 1].
    """

    score: float
    coverage: float
    least: float
    most: float


@dataclass(frozen=True)
class Scorecard:
    """A scorecard added up.

    ``shares`` is how many points of alignment one point of each metric is worth, 0 for an unknown one: the alignment is the sum of
    shares times scores. ``whole_shares`` is the same if every metric were known.
    """

    alignment: Total
    dimensions: Mapping[str, Total]
    shares: Floats
    whole_shares: Floats


def scorecard(dimension_weights: Mapping[str, float], dimensions: Sequence[str], weights: Any, scores: Any) -> Scorecard:
    """Add up ``scores`` of metrics, NaN for unknown, each of a dimension and with a weight within it.

    A dimension's score is the weighted mean of its known metrics, the alignment that of the dimensions of which any metric is known:
    what is unknown lowers the coverage, not the score. A dimension without any metric counts as unknown. Weights are relative.

    Raises ValueError for weights that are negative, or not positive in sum, and for a dimension without weight.

    >>> card = scorecard({"a": 3, "b": 1}, ["a", "a", "b"], [1, 1, 1], [80, float("nan"), 40])
    >>> card.alignment
    Total(score=70.0, coverage=0.625, least=40.0, most=77.5)
    >>> card.shares
    array([0.75, 0.  , 0.25])
    """
    w = vector("weights", weights)
    s = vector("scores", scores, length=len(w), like="weights")
    if len(dimensions) != len(w):
        raise ValueError(f"dimensions has {len(dimensions)} entries, expected {len(w)} to match weights")
    if unknown := sorted(set(dimensions) - dimension_weights.keys()):
        raise ValueError(f"no weight for dimension {', '.join(unknown)}; known are {', '.join(dimension_weights)}")
    total = sum(dimension_weights.values())
    if min([*dimension_weights.values(), *w], default=0.0) < 0 or total <= 0:
        raise ValueError("weights must not be negative, and those of the dimensions must add up to more than 0")
    of = np.asarray(dimensions, dtype=object)
    shares, whole = np.zeros(len(w)), np.zeros(len(w))
    found: dict[str, Total] = {}
    known_weight = sum(weight for name, weight in dimension_weights.items() if np.any((of == name) & ~np.isnan(s) & (w > 0)))
    for name, weight in dimension_weights.items():
        here = of == name
        if not here.any():
            found[name] = Total(float("nan"), 0.0, 0.0, BEST)
            continue
        if w[here].sum() <= 0:
            raise ValueError(f"the metrics of dimension {name} have no weight in sum")
        found[name] = _total(w[here] / w[here].sum(), s[here])
        whole[here] = weight / total * w[here] / w[here].sum()
        known = here & ~np.isnan(s)
        if w[known].sum() > 0:
            shares[known] = weight / known_weight * w[known] / w[known].sum()
    absent = sum(weight for name, weight in dimension_weights.items() if not np.any(of == name)) / total
    known = ~np.isnan(s)
    least = float(np.dot(whole[known], s[known]))
    coverage = float(whole[known].sum())
    score = float(np.dot(shares[known], s[known])) if shares.any() else float("nan")
    return Scorecard(Total(score, coverage, least, least + BEST * float(whole[~known].sum() + absent)), found, shares, whole)


def _total(weights: Floats, scores: Floats) -> Total:
    known = ~np.isnan(scores)
    coverage = float(weights[known].sum())
    least = float(np.dot(weights[known], scores[known]))
    return Total(least / coverage if coverage > 0 else float("nan"), coverage, least, least + BEST * float(weights[~known].sum()))


@dataclass(frozen=True)
class Part:
    """What one metric did to the alignment between two scorecards, in points: by its own score, and by counting more or less."""

    by_score: float
    by_weight: float

    @property
    def points(self) -> float:
        """Both together."""
        return self.by_score + self.by_weight


def parts_of_change(shares_before: Any, scores_before: Any, shares_after: Any, scores_after: Any) -> list[Part]:
    """Decompose the change of alignment by metric; the parts add up to it.

    The arrays are aligned by metric; a metric that is unknown, or absent, has share 0 there and score NaN. A change of score counts
    with the mean of both shares. A change of share counts with how far the metric's score stands from the mean of both alignments:
    to learn of a good metric raises the alignment, to learn of a bad one lowers it. Shares must add up to 1 on both sides.

    Raises ValueError when they do not.

    >>> [round(part.points, 3) for part in parts_of_change([0.5, 0.5, 0], [80, 60, float("nan")], [0.4, 0.4, 0.2], [90, 60, 50])]
    [3.0, 1.0, -4.0]
    """
    v0, s0 = vector("shares_before", shares_before), vector("scores_before", scores_before)
    v1 = vector("shares_after", shares_after, length=len(v0), like="shares_before")
    s1 = vector("scores_after", scores_after, length=len(v0), like="shares_before")
    for name, shares in (("shares_before", v0), ("shares_after", v1)):
        if not np.isclose(shares.sum(), 1.0, rtol=0.0, atol=1e-9):
            raise ValueError(f"{name} add up to {shares.sum()}, expected 1: an alignment without a known metric cannot be compared")
    before, after = np.where(np.isnan(s0), s1, s0), np.where(np.isnan(s1), s0, s1)
    before, after = np.nan_to_num(before), np.nan_to_num(after)  # unknown on both sides: no share, no part
    middle = (np.dot(v0, before) + np.dot(v1, after)) / 2
    by_score = (v0 + v1) / 2 * (after - before)
    by_weight = (v1 - v0) * ((before + after) / 2 - middle)
    return [Part(float(score), float(weight)) for score, weight in zip(by_score, by_weight, strict=True)]
