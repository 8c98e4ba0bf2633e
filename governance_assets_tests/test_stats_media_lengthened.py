"""Designs that reach further: predictions as those of a design of all weeks, fits untouched by what comes later."""

from __future__ import annotations

import numpy as np
import pytest

from governance_assets.stats.arrays import Floats
from governance_assets.stats.media_design import Design, prepare
from governance_assets.stats.media_fit import fit, window
from governance_assets.stats.media_forecast import predict
from governance_assets.stats.media_lengthened import lengthened, reaching
from governance_assets.stats.media_model import Channel, Column
from governance_assets.stats.media_priors import half_normal

TRAIN, WEEKS = 60, 66


def data() -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(1)
    spend = rng.gamma(2.0, 50.0, (2, WEEKS))
    columns = np.array([np.ones(WEEKS), rng.random(WEEKS), np.linspace(0, 1.1, WEEKS)])
    return 300 + spend.sum(axis=0) / 4 + 20 * columns[1] + rng.normal(0, 5, WEEKS), spend, columns


def design_of(weeks: int) -> Design:
    target, spend, columns = data()
    return prepare(
        target[:TRAIN],
        [Channel(f"channel {place}", values[:weeks]) for place, values in enumerate(spend)],
        [
            Column("intercept", columns[0][:weeks]),
            Column("promotion", columns[1][:weeks], half_normal(1.0)),
            Column("trend", columns[2][:weeks]),
        ],
        scale_weeks=TRAIN,
    )


def test_predictions_are_those_of_a_design_of_all_weeks() -> None:
    _, spend, columns = data()
    short, whole = design_of(TRAIN), design_of(WEEKS)
    longer = lengthened(short, list(spend), list(columns))
    np.testing.assert_allclose(longer.series, whole.series, atol=1e-12)
    np.testing.assert_array_equal(longer.columns, whole.columns)
    found = fit(short, seed=2, chains=2, burn=30, draws=40)
    ours = predict(reaching(found, longer), np.arange(TRAIN, WEEKS))
    theirs = predict(reaching(found, whole), np.arange(TRAIN, WEEKS))
    np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-10)
    np.testing.assert_allclose(ours.deviation, theirs.deviation, rtol=1e-10)
    assert window(short, TRAIN).weeks == TRAIN


def test_series_that_begin_otherwise_are_refused() -> None:
    _, spend, columns = data()
    short = design_of(TRAIN)
    with pytest.raises(ValueError, match="do not begin"):
        lengthened(short, list(spend + 1), list(columns))
    with pytest.raises(ValueError, match="1 channels and 3 columns"):
        lengthened(short, list(spend[:1]), list(columns))
    with pytest.raises(ValueError, match="3 channels|2 columns"):
        lengthened(short, list(spend), list(columns[:2]))
