"""Scores of forecasts stated as the probability of an event.

Belongs here: one number a forecast, from its probability and whether the event happened.
Does not belong here: means over forecasts and their uncertainty (``dependent_mean``).

Shapes: ``observed`` (n,) of 0 and 1 (or booleans), ``predicted`` (n,) probabilities of the event. NaN in either gives NaN.
Raises ValueError when shapes do not fit, an outcome is neither 0 nor 1, or a probability lies outside [0, 1].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from governance_assets.stats.arrays import Floats, vector


def brier_score(observed: Any, predicted: Any) -> Floats:
    """Squared difference of probability and outcome, (n,) in [0, 1]; 0 is perfect, lower is better.

    Source: Brier (1950), Monthly Weather Review 78(1).

    >>> brier_score([1, 0], [0.8, 0.5])
    array([0.04, 0.25])
    """
    y, p = _inputs(observed, predicted)
    squared: Floats = (y - p) ** 2
    return squared


def binary_log_score(observed: Any, predicted: Any) -> Floats:
    """Negative log of the probability given to what happened, (n,) in [0, infinity]; 0 is perfect, lower is better.

    Infinite when a probability of 0 or 1 missed.

    Source: Good (1952), JRSS B 14(1).

    >>> binary_log_score([1, 0, 1], [0.5, 0.0, 0.0])
    array([0.69314718, 0.        ,        inf])
    """
    y, p = _inputs(observed, predicted)
    with np.errstate(divide="ignore"):
        score: Floats = np.abs(np.log(1 - np.abs(y - p)))
    return score


def _inputs(observed: Any, predicted: Any) -> tuple[Floats, Floats]:
    y = vector("observed", observed)
    p = vector("predicted", predicted, length=len(y), like="observed")
    if not (np.isnan(y) | (y == 0) | (y == 1)).all():
        raise ValueError("observed holds values other than 0 and 1")
    if ((p < 0) | (p > 1)).any():
        raise ValueError("predicted holds values outside 0 to 1")
    return y, p
