"""Figures of one prediction in contract columns, whether it is known by samples or by an interval.

Belongs here: what every prediction's row has in common. Does not belong here: making predictions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Floats
from governance_assets.stats.media_imported import normal_prediction
from governance_assets.stats.media_series import MediaSeries
from governance_assets.stats.rounding import rounded
from governance_assets.stats.sample_scores import crps

SEED = 20251006

Row = dict[str, Any]


def told_row(tenant: str, known: MediaSeries, engine: str, train: int, ahead: int, place: int) -> Row:
    """What is known of a prediction before it is made."""
    return {
        "week": known.weeks[place],
        "tenant": tenant,
        "engine": engine,
        "train_weeks": train,
        "steps_ahead": ahead,
        "observed": None if math.isnan(known.target[place]) else float(known.target[place]),
        "left_out": "",
    }


def sampled_figures(observed: float | None, samples: Floats, log_density: Any, confidence: float) -> Row:
    """Figures of a prediction that is known by samples of its distribution, (1, draws)."""
    lower, median, upper = np.quantile(samples[0], [(1 - confidence) / 2, 0.5, (1 + confidence) / 2])
    row: Row = {"median": rounded(median), "lower": rounded(lower), "upper": rounded(upper)}
    if observed is not None:
        y = np.array([observed])
        row |= {"crps": rounded(crps(y, samples, "fair")[0]), "log_density": rounded(log_density(y)[0])}
    return row


def stated_figures(
    observed: float | None, lower: float | None, middle: float, upper: float | None, stated: float, confidence: float
) -> Row:
    """Figures of a prediction that is known by its middle and, perhaps, an interval of probability ``stated``; then taken as normal."""
    row: Row = {"median": rounded(middle)}
    if lower is None or upper is None or not (math.isfinite(lower) and math.isfinite(upper)):
        return row
    if not upper > lower:
        return {"problem": f"the stated interval from {lower:g} to {upper:g} is empty"}
    drawn = normal_prediction(middle, lower, upper, stated)
    row = sampled_figures(observed, drawn.samples(SEED), drawn.log_density, confidence) | row
    return row | ({"lower": rounded(lower), "upper": rounded(upper)} if stated == confidence else {})
