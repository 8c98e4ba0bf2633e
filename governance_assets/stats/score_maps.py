"""From a metric in its own unit to a score between 0 and 100.

Belongs here: piecewise-linear maps, given by their breakpoints, and how a target with a tolerance makes one.
Does not belong here: which metric has which target (policy) or what scores are added up to (``scorecards.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from governance_assets.stats.arrays import Floats

Direction = Literal["higher", "lower", "near"]
Curve = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class ScoreMap:
    """A continuous piecewise-linear map: ``scores`` at the strictly ascending values ``at``, and constant beyond both ends.

    Raises ValueError when the values do not ascend, a score lies outside [0, 100], or anything is not finite.

    >>> ScoreMap((0.0, 10.0), (100.0, 50.0)).score([-5, 5, 10, 99])
    array([100.,  75.,  50.,  50.])
    """

    at: tuple[float, ...]
    scores: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.at or len(self.at) != len(self.scores):
            raise ValueError(f"at has {len(self.at)} values and scores {len(self.scores)}, expected equally many and at least one")
        if not all(map(math.isfinite, (*self.at, *self.scores))):
            raise ValueError(f"breakpoints {self.at} with scores {self.scores} are not all finite")
        if any(later <= earlier for earlier, later in zip(self.at, self.at[1:], strict=False)):
            raise ValueError(f"at is {self.at}, expected strictly ascending values")
        if min(self.scores) < 0 or max(self.scores) > 100:
            raise ValueError(f"scores are {self.scores}, expected numbers between 0 and 100")

    def score(self, values: Any) -> Floats:
        """Scores of ``values``, any shape; NaN stays NaN."""
        return np.asarray(np.interp(np.asarray(values, dtype=np.float64), self.at, self.scores))


def map_of_target(direction: Direction, target: float, tolerance: float, curve: Curve, upper_target: float | None = None) -> ScoreMap:
    """The map of a metric that should reach ``target``, in its own unit.

    ``higher``: every value from the target up is on target; ``lower``: every value down from it; ``near``: the values from
    ``target`` to ``upper_target`` (the target alone when that is None). ``curve`` says how the score falls with the distance from
    there, as pairs of distance in tolerances and score; the first is (0, best score), distances ascend and scores do not.

    Raises ValueError for a tolerance that is not positive, a curve of another shape, or an upper target that does not fit.

    >>> fall = ((0, 100), (1, 90), (2, 70), (5, 0))
    >>> map_of_target("lower", 0.10, 0.05, fall).score([0.05, 0.10, 0.15, 0.20, 0.50])
    array([100., 100.,  90.,  70.,   0.])
    >>> map_of_target("near", 0.6, 0.1, fall, upper_target=0.8).score([0.5, 0.6, 0.7, 0.8, 1.0])
    array([ 90., 100., 100., 100.,  70.])
    """
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"tolerance is {tolerance}, expected a number above 0")
    distances, scores = [distance for distance, _ in curve], [score for _, score in curve]
    falls = all(later <= earlier for earlier, later in zip(scores, scores[1:], strict=False))
    if not distances or distances[0] != 0 or not falls:
        raise ValueError(f"curve is {tuple(curve)}, expected pairs of distance and score that start at distance 0 and do not rise")
    if upper_target is not None and (direction != "near" or upper_target < target):
        raise ValueError(f"upper target {upper_target} goes with direction near and a target not above it, found {direction} and {target}")
    highest = target if upper_target is None else upper_target
    below = [(target - distance * tolerance, score) for distance, score in zip(distances, scores, strict=True)][::-1]
    above = [(highest + distance * tolerance, score) for distance, score in zip(distances, scores, strict=True)]
    knots = {"higher": below, "lower": above, "near": below + (above if highest > target else above[1:])}[direction]
    return ScoreMap(tuple(float(at) for at, _ in knots), tuple(float(score) for _, score in knots))
