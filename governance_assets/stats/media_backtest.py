"""Backtests of media-mix engines: refit as weeks come in, predict what follows, score.

Belongs here: windows, and running an engine over them. Does not belong here: limits and verdicts (policy, rules), single fits.

All engines of a backtest share one design: transformed series are computed once, and a window adds only the weeks that are new.
The scale is set by the first window (``prepare(..., scale_weeks=...)``), so nothing of later weeks is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from governance_assets.stats.arrays import Counts, Floats
from governance_assets.stats.forecast_errors import ForecastErrors, forecast_errors
from governance_assets.stats.media_baselines import Baseline
from governance_assets.stats.media_design import Design
from governance_assets.stats.media_fit import BURN, CHAINS, DRAWS, ChainState, Window, extended, fit, window
from governance_assets.stats.media_forecast import Prediction, predict
from governance_assets.stats.media_results import Diagnostics, diagnose, roi_draws
from governance_assets.stats.sample_scores import CrpsEstimator

# Sweeps until a chain that starts where the last window's ended has taken in the new weeks.
WARM_BURN = 24


@dataclass(frozen=True)
class Backtest:
    """Predictions of one engine, one row a predicted week: (cases,) or (cases, M).

    ``train`` weeks were known when week ``week`` was predicted. ``samples`` of the predictive distribution and ``log_density`` at the
    observed value are in units of the target.
    """

    engine: str
    train: Counts
    week: Counts
    observed: Floats
    samples: Floats
    log_density: Floats

    def errors(self, confidence: float = 0.9, estimator: CrpsEstimator = "fair") -> ForecastErrors:
        """Means over all cases."""
        return forecast_errors(self.observed, self.samples, log_density=self.log_density, confidence=confidence, estimator=estimator)


@dataclass(frozen=True)
class Refit:
    """What one refit said besides its predictions: draws of ROI (draws, channels), and its diagnostics if asked for."""

    train: int
    roi: Floats
    diagnostics: Diagnostics | None


@dataclass(frozen=True)
class BayesBacktest:
    """A backtest of the Bayesian model with its refits, one a window."""

    predictions: Backtest
    refits: tuple[Refit, ...]


def expanding_windows(weeks: int, refits: int, horizon: int = 1, step: int = 1) -> list[int]:
    """Training lengths of ``refits`` windows, ``step`` weeks apart, the last followed by ``horizon`` weeks that end at ``weeks``.

    >>> expanding_windows(100, 3, horizon=2)
    [96, 97, 98]
    """
    last = weeks - horizon
    trains = [last - step * back for back in reversed(range(refits))]
    if refits < 1 or horizon < 1 or step < 1 or trains[0] < 1:
        raise ValueError(f"{refits} refits, {step} weeks apart, before {horizon} weeks need more than the {weeks} weeks there are")
    return trains


def backtest_bayes(
    design: Design,
    trains: Sequence[int],
    horizon: int = 1,
    *,
    seed: int,
    engine: str = "bayes",
    chains: int = CHAINS,
    burn: int = BURN,
    draws: int = DRAWS,
    with_diagnostics: bool = False,
) -> BayesBacktest:
    """Refit the Bayesian model on the first ``trains[0]``, ``trains[1]``, … weeks and predict the ``horizon`` weeks after each.

    ``trains`` rise. The first refit starts from the prior, each later one where the chains of the one before stopped. Raises
    ValueError when ``trains`` do not rise or reach beyond the target.
    """
    _check_trains(design, trains, horizon)
    parts, refits = [], []
    training: Window | None = None
    state: ChainState | None = None
    for number, train in enumerate(trains):
        training = window(design, train) if training is None else extended(training, train)
        warm = min(burn, WARM_BURN) if state is not None else burn
        found = fit(training, seed=_seed(seed, number), chains=chains, burn=warm, draws=draws, start=state)
        state = found.state
        parts.append(_cases(engine, design, train, horizon, predict(found, np.arange(train, train + horizon)), _seed(seed, number)))
        refits.append(Refit(train, roi_draws(found), diagnose(found) if with_diagnostics else None))
    return BayesBacktest(_joined(engine, parts), tuple(refits))


def backtest_baseline(design: Design, trains: Sequence[int], horizon: int, name: str, baseline: Baseline, *, seed: int) -> Backtest:
    """The same windows by a baseline of ``media_baselines``."""
    _check_trains(design, trains, horizon)
    parts = []
    for number, train in enumerate(trains):
        predicted = baseline(design, train, np.arange(train, train + horizon))
        parts.append(_cases(name, design, train, horizon, predicted, _seed(seed, number)))
    return _joined(name, parts)


def _check_trains(design: Design, trains: Sequence[int], horizon: int) -> None:
    rising = all(before < after for before, after in zip(trains, trains[1:], strict=False))
    if not trains or not rising or trains[0] < 1 or horizon < 1 or trains[-1] + horizon > len(design.target):
        raise ValueError(
            f"trains are {list(trains)} with a horizon of {horizon}; expected rising lengths that leave the horizon "
            f"within the {len(design.target)} weeks of the target"
        )


def _seed(seed: int, number: int) -> int:
    """A seed of its own for each window, the same however many windows there are."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _cases(engine: str, design: Design, train: int, horizon: int, predicted: Prediction, seed: int) -> Backtest:
    weeks = np.arange(train, train + horizon)
    observed = design.target[weeks] * design.target_scale
    return Backtest(engine, np.full(horizon, train), weeks, observed, predicted.samples(seed), predicted.log_density(observed))


def _joined(engine: str, parts: Sequence[Backtest]) -> Backtest:
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in ("train", "week", "observed", "samples", "log_density")]
    return Backtest(engine, *columns)
