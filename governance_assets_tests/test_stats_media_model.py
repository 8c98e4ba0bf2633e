"""Declarations of a model: refusals in a sentence, and columns made from dates."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from governance_assets.stats.media_columns import events, holidays, intercept, trend, yearly_season
from governance_assets.stats.media_design import prepare
from governance_assets.stats.media_model import Channel, Column, LiftTest
from governance_assets.stats.media_priors import beta, half_normal

WEEKS = 40
RANDOM = np.random.default_rng(0)
TARGET, SPEND = 5 + RANDOM.random(WEEKS), RANDOM.random(WEEKS)


def changed(values: np.ndarray, week: int, value: float) -> np.ndarray:
    copy = values.copy()
    copy[week] = value
    return copy


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": []}, "at least one channel"),
        ({"target": changed(TARGET, 3, np.nan)}, r"target is missing or infinite in week 3 of 40 \(1 such weeks\)"),
        ({"target": np.full(WEEKS, 2.0)}, "target is 2 in all 40 training weeks"),
        ({"target": TARGET[:5]}, "train is 5 weeks, expected 8"),
        ({"target": np.r_[TARGET, 1.0]}, "spend must reach at least as far"),
        ({"channels": [Channel("tv", changed(SPEND, 7, -2.0))]}, "spend of tv is -2 in week 7; spend cannot be negative"),
        ({"channels": [Channel("tv", changed(SPEND, 7, np.nan))]}, "spend of tv is missing or infinite in week 7"),
        ({"channels": [Channel("tv", np.zeros(WEEKS))]}, "spend of tv is zero in all 40 training weeks; leave the channel out"),
        ({"channels": [Channel("tv", np.full(WEEKS, 3.0))]}, "a constant channel cannot be told from the intercept"),
        ({"channels": [Channel("tv", SPEND), Channel("radio", SPEND[:-1])]}, "spend of radio has shape"),
        ({"channels": [Channel("tv", SPEND), Channel("tv", SPEND)]}, "the name tv stands for two"),
        ({"channels": [Channel("tv", SPEND, beta(1, 1))]}, "the prior of tv is beta"),
        ({"channels": [Channel("tv", SPEND, cost=-SPEND)]}, "cost of tv has missing, infinite or negative weeks"),
        ({"channels": [Channel(f"c{n}", SPEND) for n in range(13)]}, r"40 parameters \(13 channels, 0 columns\) for 40 training weeks"),
        ({"columns": [Column("price", changed(SPEND, 9, np.inf))]}, "column price is missing or infinite in week 9"),
        ({"columns": [Column("price", SPEND, beta(1, 1))]}, "the prior of price is beta"),
        ({"noise": beta(1, 1)}, "the prior of the noise is beta"),
        ({"noise": -1.0}, "noise is -1.0, expected a positive standard deviation"),
        ({"lifts": [LiftTest("radio", 1, 1, 1, 1)]}, "a lift test names the channel radio, the model has tv"),
        ({"lifts": [LiftTest("tv", 1, 1, 1, 0)]}, "expected spend not negative before and after, a change and a positive error"),
        ({"lifts": [LiftTest("tv", 1, -2, 1, 1)]}, "expected spend not negative"),
    ],
)
def test_what_no_model_can_use_is_refused(arguments: dict, message: str) -> None:
    given = {"target": TARGET, "channels": [Channel("tv", SPEND)], "columns": []} | arguments
    with pytest.raises(ValueError, match=message):
        prepare(given.pop("target"), given.pop("channels"), given.pop("columns"), **given)


def test_a_channel_that_starts_after_the_first_window_is_refused_for_it() -> None:
    late = np.r_[np.zeros(20), SPEND[20:]]
    prepare(TARGET, [Channel("tv", late)])
    with pytest.raises(ValueError, match="zero in all 20 training weeks"):
        prepare(TARGET, [Channel("tv", late)], scale_weeks=20)


def test_scales_are_those_of_the_training_weeks() -> None:
    design = prepare(TARGET, [Channel("tv", SPEND)], [Column("price", SPEND, half_normal(1)), intercept(WEEKS)], scale_weeks=10)
    assert design.target_scale == TARGET[:10].max()
    assert design.spend_scale[0] == SPEND[:10].max()
    assert (design.bound, design.free) == ((0,), (1,))


def test_columns_from_dates() -> None:
    starts = [dt.date(2024, 1, 1) + dt.timedelta(weeks=week) for week in range(53)]
    season = yearly_season(starts, 2)
    assert [column.name for column in season] == ["sin_1", "cos_1", "sin_2", "cos_2"]
    assert season[0].values[0] == pytest.approx(np.sin(2 * np.pi / 365.25))
    assert trend(5).values.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert holidays(starts, [dt.date(2024, 1, 7), dt.date(2024, 1, 8), dt.date(2024, 1, 9)]).values[:3].tolist() == [1, 2, 0]
    sale = events(starts, {"sale": (dt.date(2024, 1, 5), dt.date(2024, 1, 9))})[0]
    np.testing.assert_allclose(sale.values[:3], [3 / 7, 2 / 7, 0])
    with pytest.raises(ValueError, match="ends on 2024-01-01 before it begins"):
        events(starts, {"sale": (dt.date(2024, 1, 2), dt.date(2024, 1, 1))})
    with pytest.raises(ValueError, match="at least one wave"):
        yearly_season(starts, 0)
