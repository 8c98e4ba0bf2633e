"""Models of weekly series: what is left out, what is refused, and predictions from earlier weeks alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from governance_assets.stats.explained_share import fold_spread, r_squared
from governance_assets.stats.media_baselines import BASELINES
from governance_assets.stats.media_series import MediaSeries, designs, fitted, predictions
from governance_assets_tests.mmm_data import monday

TRAIN, WEEKS = 60, 70


@pytest.fixture
def known() -> MediaSeries:
    rng = np.random.default_rng(4)
    spend = {name: rng.gamma(2.0, 50.0, WEEKS) for name in ("search", "video")}
    price = 10 + rng.normal(0, 1, WEEKS)
    target = 500 + 0.8 * spend["search"] - 20 * price + rng.normal(0, 5, WEEKS)
    return MediaSeries(tuple(map(monday, range(WEEKS))), target, spend, spend, {"price": price})


@pytest.mark.parametrize("engine", ["bayes", "bayes_logistic", "bayes_wide", *BASELINES])
def test_no_later_target_enters_a_prediction(known: MediaSeries, engine: str) -> None:
    other = replace(known, target=np.where(np.arange(WEEKS) < TRAIN, known.target, 1e6))
    means = []
    for series in (known, other):
        made = designs(series, TRAIN, engine, 1)
        found = fitted(made, seed=1, chains=2, draws=40) if engine.startswith("bayes") else None
        means.append(predictions(made, found, engine, [TRAIN + 1, TRAIN + 4])[1].mean)
    np.testing.assert_array_equal(means[0], means[1])
    assert 0 < means[0].mean() < 2 * known.target.max()


@pytest.mark.parametrize("engine", ["bayes", "bayes_wide"])
def test_how_many_later_weeks_are_known_changes_nothing(known: MediaSeries, engine: str) -> None:
    parts = [{name: values[: TRAIN + 2] for name, values in part.items()} for part in (known.exposure, known.cost, known.controls)]
    shorter = MediaSeries(known.weeks[: TRAIN + 2], known.target[: TRAIN + 2], *parts)
    means = []
    for series in (known, shorter):
        made = designs(series, TRAIN, engine, 1)
        means.append(predictions(made, fitted(made, seed=1, chains=2, draws=40), engine, [TRAIN + 1])[0].mean)
    np.testing.assert_array_equal(means[0], means[1])


def test_the_wide_engine_follows_a_level_that_moved(known: MediaSeries) -> None:
    """A step of a fifth in the middle of training: the wide engine's predictions are nearer, and both know their errors."""
    moved = replace(known, target=known.target + 120 * (np.arange(WEEKS) >= 27))
    misses = {}
    for engine in ("bayes", "bayes_wide"):
        made = designs(moved, TRAIN, engine, 0)
        ahead = predictions(made, fitted(made, seed=1, chains=4, draws=100), engine, range(TRAIN, WEEKS))
        misses[engine] = np.mean([abs(np.median(each.mean) - moved.target[TRAIN + n]) for n, each in enumerate(ahead)])
    assert misses["bayes_wide"] < 0.6 * misses["bayes"]


def test_what_never_varied_in_training_is_left_out(known: MediaSeries) -> None:
    late = np.where(np.arange(WEEKS) < TRAIN, 0.0, 1.0)
    made = designs(replace(known, exposure={**known.exposure, "audio": late}, controls={"price": late}), TRAIN, "ridge", 1)
    assert made.left_out == ("audio", "price")
    assert [channel.name for channel in made.short.channels] == ["search", "video"]


def test_a_design_without_channels_or_with_missing_controls_is_refused(known: MediaSeries) -> None:
    with pytest.raises(ValueError, match="channels is empty"):
        designs(replace(known, exposure={}), TRAIN, "bayes", 1)
    hole = known.controls["price"].copy()
    hole[3] = np.nan
    with pytest.raises(ValueError, match="missing"):
        designs(replace(known, controls={"price": hole}), TRAIN, "bayes", 1)


def test_shares_that_cannot_be_told() -> None:
    assert np.isnan(r_squared([1.0], [1.0]))
    assert np.isnan(r_squared([2.0, 2.0], [1.0, 3.0]))
    assert np.isnan(fold_spread([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 2))
    assert fold_spread([9.0, 1.0, 2.0, 1.0, 2.0], [0.0, 1.0, 2.0, 1.0, 2.0], 2) == 0.0
