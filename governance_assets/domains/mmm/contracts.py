"""Columns of the predictions of media-mix engines and of their backtests."""

from __future__ import annotations

import datetime as dt

from governance_assets.contract import Contract, field

_NOT_SCORED = "no week of the window is predicted and observed"


class MediaPredictions(
    Contract,
    artifact="media_predictions",
    grain="week",
    key=("week", "tenant", "engine"),
    owner="modelling_lead",
):
    """What one engine, fitted to earlier weeks only, predicted of a tenant's target in one week."""

    week: dt.date = field("Monday of the predicted week")
    tenant: str = field("Whose media are modelled")
    engine: str = field("Engine of the policy that made the prediction")
    train_weeks: int = field("Weeks the engine was fitted to: all from the tenant's first up to its refit", unit="weeks", ge=1)
    steps_ahead: int = field("Weeks from the last fitted week to this one", unit="weeks", ge=1)
    observed: float | None = field("The target, in its own unit", null="not observed yet")
    median: float | None = field("Predicted median, in the unit of the target", null="no prediction was made; see problem")
    lower: float | None = field("Lower end of the central predictive interval", null="no prediction was made")
    upper: float | None = field("Upper end of the central predictive interval", null="no prediction was made")
    crps: float | None = field(
        "Continuous ranked probability score of the predictive samples, fair estimator, in the unit of the target",
        null="no prediction was made, or not observed",
    )
    log_density: float | None = field(
        "Logarithm of the predictive density at the observed value, per unit of the target", null="no prediction was made, or not observed"
    )
    left_out: str = field("Channels and controls that never varied in training and were left out, separated by commas")
    problem: str | None = field("Why the engine made no prediction", null="it made one")


class MmmBacktest(
    Contract,
    artifact="mmm_backtest",
    grain="week",
    key=("week", "tenant", "engine", "window"),
    owner="modelling_lead",
):
    """How one engine predicted one tenant over the weeks of a window that ends with this week."""

    week: dt.date = field("Monday of the last week of the window")
    tenant: str = field("Whose media are modelled")
    engine: str = field("Engine of the policy")
    window: str = field("trailing_ and the number of predicted weeks")
    n: int = field("Weeks that are predicted and observed", unit="weeks", ge=0)
    n_missing: int = field("Weeks of the window that are not", unit="weeks", ge=0)
    mae: float | None = field("Mean absolute error of the median, in the unit of the target", ge=0, null=_NOT_SCORED)
    rmse: float | None = field("Root of the mean squared error of the median", ge=0, null=_NOT_SCORED)
    wmape: float | None = field(
        "Sum of absolute errors over the sum of absolute observed values",
        unit="fraction",
        ge=0,
        null=f"{_NOT_SCORED}, or all observed are 0",
    )
    mape: float | None = field(
        "Mean of absolute errors over absolute observed values, weeks that observed 0 left out",
        unit="fraction",
        ge=0,
        null=f"{_NOT_SCORED}, or all observed are 0",
    )
    n_zero: int = field("Weeks left out of the MAPE because 0 was observed", unit="weeks", ge=0)
    bias: float | None = field("Mean of predicted median less observed", null=_NOT_SCORED)
    crps: float | None = field("Mean continuous ranked probability score", null=_NOT_SCORED)
    coverage: float | None = field(
        "Share of observed values inside the central predictive interval", unit="fraction", ge=0, le=1, null=_NOT_SCORED
    )
    elpd: float | None = field("Sum of log predictive densities: the leave-future-out ELPD of the window", null=_NOT_SCORED)
    r2: float | None = field(
        "Out-of-sample R²: 1 less squared errors over squared deviations from the window's own mean",
        unit="fraction",
        le=1,
        null="fewer than two weeks, or nothing varies",
    )
    validation_r2: float | None = field(
        "The same over as many weeks before the window",
        unit="fraction",
        le=1,
        null="those weeks are not all predicted and observed, or nothing varies",
    )
    fold_r2_std: float | None = field(
        "Standard deviation (divisor n) of R² over the folds of the window", unit="fraction", ge=0, null="fewer than two whole folds"
    )
    mae_improvement: float | None = field(
        "1 less the MAE over that of the policy's baseline, on weeks both predicted",
        unit="fraction",
        le=1,
        null="no such week, or the baseline made no error",
    )
    mae_improvement_change: float | None = field(
        "That less the same figure a week earlier", unit="fraction", null="either of the two is missing"
    )
    least_mape_ratio: float | None = field(
        "MAPE of a baseline over that of the engine, of the baseline that comes closest",
        ge=0,
        null="no baseline shares a week, or a MAPE is 0",
    )
