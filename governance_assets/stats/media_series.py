"""A tenant's weekly series made into a media-mix model, and predictions of its engines week by week.

Belongs here: the usual model of such series (channels, trend, season, controls), fitted to a number of first weeks.
Does not belong here: which engines and weeks (policy), windows of predictions (``windowed_errors``).

Every prediction is that of one week from a fit to earlier weeks alone; it comes out the same whatever else is asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from governance_assets.stats.arrays import Floats
from governance_assets.stats.media_baselines import BASELINES
from governance_assets.stats.media_columns import COLUMN_PRIOR, STEP_WEEKS, level_steps, yearly_season
from governance_assets.stats.media_curves import WIDE, Curve, CurvePriors
from governance_assets.stats.media_design import Design, prepare
from governance_assets.stats.media_fit import Fit, fit
from governance_assets.stats.media_forecast import Prediction, predict
from governance_assets.stats.media_lengthened import lengthened, reaching
from governance_assets.stats.media_model import Channel, Column
from governance_assets.stats.media_refine import refined

# ``bayes_wide`` also has longer and later carry-over and a level that may move: for intervals of ROI that hold when the world is
# another than the model's (``benchmarks/media_coverage.py``), at a few times the time of ``bayes``.
BAYES: dict[str, tuple[Curve, ...]] = {
    "bayes": ("logistic", "hill"),
    "bayes_logistic": ("logistic",),
    "bayes_wide": WIDE.curves,
}
# Weeks after training within which the level may step; the columns must not depend on how many later weeks are known.
_STEPS_AHEAD = 13
_WEEKS_A_YEAR = 52


@dataclass(frozen=True)
class MediaSeries:
    """What is known of a tenant, (weeks,) each: ``exposure`` is what drives the response of a channel, ``cost`` what it costs."""

    weeks: tuple[dt.date, ...]
    target: Floats
    exposure: Mapping[str, Floats]
    cost: Mapping[str, Floats]
    controls: Mapping[str, Floats]


@dataclass(frozen=True)
class FittedWeeks:
    """The engines' common designs on the first ``train`` weeks, short to fit and long to predict, and who was left out."""

    train: int
    left_out: tuple[str, ...]
    short: Design
    long: Design


def curves_of(engine: str) -> tuple[Curve, ...]:
    """The curves of an engine's design; engines with the same ones can share it."""
    return BAYES.get(engine, ("logistic", "hill"))


def designs(known: MediaSeries, train: int, engine: str, season_order: int) -> FittedWeeks:
    """Designs for one engine; what never varied in the training weeks is left out. ValueError for data no model can use."""
    is_wide = curves_of(engine) == WIDE.curves
    curves = WIDE if is_wide else CurvePriors(curves=curves_of(engine))
    used, controls = varying(known.exposure, train), varying(known.controls, train)
    columns = model_columns(known.weeks, controls, train, season_order) + (_steps(len(known.weeks), train) if is_wide else [])
    channels = [Channel(name, values[:train], curves=curves, cost=known.cost.get(name, values)[:train]) for name, values in used.items()]
    short = prepare(
        known.target[:train],
        channels,
        [Column(column.name, np.asarray(column.values)[:train], column.prior) for column in columns],
        scale_weeks=train,
    )
    short = refined(short, seed=train, rounds=1) if is_wide else short
    left_out = sorted((known.exposure.keys() - used.keys()) | (known.controls.keys() - controls.keys()))
    long = lengthened(short, list(used.values()), [np.asarray(column.values) for column in columns])
    return FittedWeeks(train, tuple(left_out), short, long)


def varying(series: Mapping[str, Floats], train: int) -> dict[str, Floats]:
    """Those of the series that vary in the first ``train`` weeks: what does not tells a model nothing."""
    return {name: values for name, values in series.items() if np.ptp(values[:train]) != 0}


def fitted(made: FittedWeeks, *, seed: int, chains: int, draws: int) -> Fit:
    """Posterior draws of a Bayesian engine, ready to predict all weeks."""
    return reaching(fit(made.short, seed=seed, chains=chains, draws=draws), made.long)


def predictions(made: FittedWeeks, found: Fit | None, engine: str, weeks: Sequence[int]) -> list[Prediction]:
    """What an engine predicts of each of ``weeks``, counted from 0; ``found`` is the fit of a Bayesian engine."""
    if found is not None:
        return [predict(found, [week]) for week in weeks]
    # A baseline is fitted whenever it predicts: once for all weeks.
    every = BASELINES[engine](made.long, made.train, np.asarray(weeks))
    return [Prediction(every.mean[:, [place]], every.deviation[:, [place]]) for place in range(len(weeks))]


def _steps(weeks: int, train: int) -> list[Column]:
    """The steps of a level that moves in training and for some weeks after it, over ``weeks``."""
    count = (train + _STEPS_AHEAD - 1) // STEP_WEEKS
    every = level_steps(max(weeks, train + _STEPS_AHEAD))[:count]
    return [Column(column.name, np.asarray(column.values)[:weeks], column.prior) for column in every]


def model_columns(weeks: Sequence[dt.date], controls: Mapping[str, Floats], train: int, season_order: int) -> list[Column]:
    """Intercept, trend in years, season, and controls by their largest training value."""
    years = np.arange(len(weeks)) / _WEEKS_A_YEAR
    found = [Column("intercept", np.ones(len(weeks)), COLUMN_PRIOR), Column("trend", years, COLUMN_PRIOR)]
    found += yearly_season(weeks, season_order) if season_order else []
    return found + [Column(f"control {name}", values / np.abs(values[:train]).max(), COLUMN_PRIOR) for name, values in controls.items()]
