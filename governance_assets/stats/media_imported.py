"""What a media-mix engine made elsewhere says, in the terms of ours, so that the same rules judge it.

Belongs here: the shape of an imported result and what follows from it. Does not belong here: reading files
(``runtime/sources/engine_results.py``).

An import holds what the other engine saved and no more: intervals it does not state are NaN, and weeks it was trained on are no forecast.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Flags, Floats
from governance_assets.stats.media_baselines import PARTS
from governance_assets.stats.media_forecast import Prediction
from governance_assets.stats.shift_watch import standardised_errors


@dataclass(frozen=True)
class ImportedResult:
    """One saved run of another engine.

    ``source`` names the engine and, where the files tell, the model among its candidates. ``roi`` (channels, 3) is lower end, middle and
    upper end in units of the target for one of cost, ``predicted`` (weeks, 3) the same of the target, both NaN where not stated;
    ``confidence`` is the probability inside. ``weeks`` are first days; ``observed`` (weeks,) is NaN where the file has none.
    """

    source: str
    channels: tuple[str, ...]
    roi: Floats
    weeks: tuple[dt.date, ...]
    predicted: Floats
    observed: Floats
    confidence: float

    def ahead_of(self, trained_until: dt.date) -> Flags:
        """Which weeks begin after the last day of training, (weeks,): only these are forecasts a backtest may judge."""
        return np.array([week > trained_until for week in self.weeks], dtype=np.bool_)

    def prediction(self) -> Prediction:
        """Every week as a normal with the stated middle and interval, so that samples, CRPS and log density come as for our engines.

        Raises ValueError when no interval is stated: a point has no predictive distribution.
        """
        lower, middle, upper = self.predicted.T
        if not np.isfinite(self.predicted).all():
            raise ValueError(f"{self.source} states no interval for {int(np.isnan(upper - lower).sum())} of {len(self.weeks)} weeks")
        return normal_prediction(middle, lower, upper, self.confidence)


def normal_prediction(middle: Any, lower: Any, upper: Any, confidence: float) -> Prediction:
    """Normals with the stated middles and intervals of probability ``confidence``, one a week; (weeks,) each or numbers for one week.

    An interval that is not symmetric gives its width alone. Raises ValueError for an empty interval.
    """
    centre, low, high = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (middle, lower, upper))
    # A standardised error of 1 lies one standard deviation above the middle.
    deviation = 1 / standardised_errors(centre + 1, centre, low, high, confidence)
    return Prediction(np.repeat(centre[None], PARTS, axis=0), np.repeat(deviation[None], PARTS, axis=0))
