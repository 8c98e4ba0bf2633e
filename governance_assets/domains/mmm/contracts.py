"""Columns of the predictions of media-mix engines and of their backtests."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field

_NOT_SCORED = "no week of the window is predicted and observed"
_NO_INTERVAL = f"{_NOT_SCORED}, or some prediction states no interval"


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
    engine: str = field("Engine that made the prediction: one of the policy, or that of a saved run")
    source: Literal["primary", "fallback", "alternative", "baseline", "imported"] = field(
        "The judged engine, the engine that stands in for it because it made no prediction this week, another one, a baseline, or a saved "
        "run made elsewhere"
    )
    run: str | None = field("Saved run that predicts the week: the newest of its engine that was trained before", null="fitted here")
    train_weeks: int = field(
        "Weeks the engine was fitted to, up to its refit: all from the tenant's first, or the last so many", unit="weeks", ge=0
    )
    steps_ahead: int = field("Weeks from the last fitted week to this one", unit="weeks", ge=1)
    observed: float | None = field("The target, in its own unit", null="not observed yet")
    median: float | None = field("Predicted median, in the unit of the target", null="no prediction was made; see problem")
    lower: float | None = field("Lower end of the central predictive interval", null="no prediction was made, or without an interval")
    upper: float | None = field("Upper end of the central predictive interval", null="no prediction was made, or without an interval")
    crps: float | None = field(
        "Continuous ranked probability score of the predictive samples, fair estimator, in the unit of the target",
        null="no prediction was made, or without an interval, or not observed",
    )
    log_density: float | None = field(
        "Logarithm of the predictive density at the observed value, per unit of the target",
        null="no prediction was made, or without an interval, or not observed",
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
    engine: str = field("Engine of the policy, or of a saved run")
    source: str = field("What it is: primary, fallback, alternative, baseline or imported, as of the week itself")
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
    crps: float | None = field("Mean continuous ranked probability score", null=_NO_INTERVAL)
    coverage: float | None = field(
        "Share of observed values inside the central predictive interval", unit="fraction", ge=0, le=1, null=_NO_INTERVAL
    )
    elpd: float | None = field("Sum of log predictive densities: the leave-future-out ELPD of the window", null=_NO_INTERVAL)
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
    inbox: Literal["first", "moved"] | None = field(
        "Judged engine and window: the line is told because it is the first with an improvement, or because that moved by the policy's "
        "limit or more",
        null="another engine or window, or nothing to tell",
    )
    least_mape_ratio: float | None = field(
        "MAPE of a baseline over that of the engine, of the baseline that comes closest",
        ge=0,
        null="no baseline shares a week, or a MAPE is 0",
    )
    shift_score: float | None = field(
        "Judged engine: log-likelihood ratio of a shift of its errors that began the week before, against none",
        null="another engine, fewer than 26 errors before the last two weeks, or no error this week",
    )
    shift_limit: float | None = field("What the ratio must exceed to be no chance, at the policy's run length", null="no score")
    shift_size: float | None = field(
        "Mean of the last two errors less the centre of those before, in residual standard deviations", null="no score"
    )


_NO_CURVE = "a control, or nothing was drawn"
_NOT_DRAWN = "left out of the refit, or nothing was drawn; see problem"
_NO_COST = "a control, a channel without cost, or nothing was drawn"
_NO_EARLIER = "no earlier refit has the figure, or this one has not"
_CONFOUNDING = "model-implied, assuming no unmeasured confounding"


class MediaDraws(
    Contract,
    artifact="media_draws",
    grain="quarter",
    key=("quarter", "tenant", "part", "name", "draw"),
    owner="modelling_lead",
):
    """One posterior draw of one channel or control, of the refitted engine on all weeks up to the end of the quarter.

    A channel responds ``height · curve(exposure / scale)`` a week, its exposure carried over first; the logistic curve is
    (1 − e^(−rate·x)) / (1 + e^(−rate·x)), the Hill curve x^slope / (half^slope + x^slope), the power curve
    x^exponent.
    """

    quarter: str = field("Quarter at whose end, or so far, the engine was refitted")
    tenant: str = field("Whose media are modelled")
    part: Literal["channel", "control"] = field("What is drawn")
    name: str = field("Channel, control or event; empty when nothing was drawn")
    draw: int = field("Number of the kept draw, chain after chain, from 0", ge=0)
    chain: int = field("Chain it comes from, from 0", ge=0)
    engine: str = field("Engine that was fitted")
    last_week: dt.date = field("Monday of the last week it was fitted to")
    train_weeks: int = field("Weeks it was fitted to", unit="weeks", ge=0)
    curve: str | None = field("logistic, hill or power", null=_NO_CURVE)
    rate: float | None = field("Rate of the logistic curve", null="not a logistic curve")
    half: float | None = field("Half-saturation of the Hill curve, as a share of scale", null="not a Hill curve")
    slope: float | None = field("Exponent of the Hill curve", null="not a Hill curve")
    exponent: float | None = field("Exponent of the power curve", null="not a power curve")
    scale: float | None = field("Weekly exposure at which the curve's argument is 1: the largest of the training weeks", null=_NO_CURVE)
    carryover: float | None = field("Share of the effect that is kept from week to week", unit="fraction", ge=0, le=1, null=_NO_CURVE)
    delay: int | None = field("Weeks until the effect peaks", unit="weeks", ge=0, null=_NO_CURVE)
    carryover_weeks: int | None = field("Weeks over which exposure is carried, its own included", unit="weeks", ge=1, null=_NO_CURVE)
    height: float | None = field(
        "Of a channel the weekly response where the curve reaches 1, of a control that to one unit of it, in the unit of the target",
        null="nothing was drawn",
    )
    left_out: str = field("Channels and controls that never varied in training and were left out, separated by commas")
    problem: str | None = field("Why nothing was drawn", null="the engine was fitted")


class MediaContributions(
    Contract,
    artifact="media_contributions",
    grain="quarter",
    key=("quarter", "tenant", "week", "part", "name"),
    owner="modelling_lead",
):
    """What one channel or control brought in one week, as the refit of the quarter sees it; assumes no unmeasured confounding."""

    quarter: str = field("Quarter at whose end, or so far, the engine was refitted")
    tenant: str = field("Whose media are modelled")
    week: dt.date = field("Monday of one of the last weeks of training; the policy says how many are kept")
    part: Literal["channel", "control"] = field("What brought it")
    name: str = field("Channel, control or event")
    contribution: float = field("Median over draws of what it brought, carry-over of earlier weeks included, in the unit of the target")
    lower: float = field("Lower end of its central interval")
    upper: float = field("Upper end of it")


class RefitStability(
    Contract,
    artifact="refit_stability",
    grain="quarter",
    key=("quarter", "tenant", "part", "name"),
    owner="modelling_lead",
):
    """What one refit says of one channel or control, and how far that is from the refit before; assumes no unmeasured confounding."""

    quarter: str = field("Quarter at whose end, or so far, the engine was refitted")
    tenant: str = field("Whose media are modelled")
    part: Literal["channel", "control"] = field("What the figures are of")
    name: str = field("Channel, control or event; empty when nothing was drawn for the tenant")
    engine: str = field("Engine that was fitted")
    last_week: dt.date = field("Monday of the last week it was fitted to")
    train_weeks: int = field("Weeks it was fitted to", unit="weeks", ge=0)
    is_left_out: bool = field("Whether the refit has no estimate of it: it never varied, or is no longer in the telemetry")
    is_paid: bool = field("Whether the channel's cost is known")
    currency: str | None = field("Unit of its cost as declared; scaled, say, where it is no money", null="a control, or without cost")
    expected_sign: str | None = field("Sign, + or -, that media.yaml declares for its effect", null="it declares none")
    spend: float | None = field("Cost of all training weeks, in the currency of the tenant", ge=0, null=_NO_COST)
    current_spend: float | None = field("Mean weekly cost of the policy's recent weeks", ge=0, null=_NO_COST)
    largest_spend: float | None = field("Largest weekly cost of the training weeks", ge=0, null=_NO_COST)
    exposure_per_cost: float | None = field(
        "Exposure that one unit of cost bought in the recent weeks, else in all training weeks; 1 where spend itself is the exposure",
        ge=0,
        null=_NO_COST,
    )
    roi: float | None = field(f"Median return on investment: contribution over cost of all training weeks; {_CONFOUNDING}", null=_NO_COST)
    roi_lower: float | None = field("Lower end of its central interval", null=_NO_COST)
    roi_upper: float | None = field("Upper end of it", null=_NO_COST)
    contribution: float | None = field("Median of what it brought over all training weeks, in the unit of the target", null=_NOT_DRAWN)
    contribution_lower: float | None = field("Lower end of its central interval", null=_NOT_DRAWN)
    contribution_upper: float | None = field("Upper end of it", null=_NOT_DRAWN)
    contribution_share: float | None = field(
        "That median over the sum of the target's absolute values", unit="fraction", null=f"{_NOT_DRAWN}; or the target is 0 throughout"
    )
    elasticity: float | None = field(
        "Channel: relative rise of the mean recent target for a relative rise of current exposure. Control: the same for a rise by one "
        "standard deviation of its training weeks. Median",
        null=f"{_NOT_DRAWN}; or the recent target is 0",
    )
    elasticity_lower: float | None = field("Lower end of the policy's interval for signs", null=_NOT_DRAWN)
    elasticity_upper: float | None = field("Upper end of it", null=_NOT_DRAWN)
    multiple: float | None = field(
        "By how much least squares, which no prior holds to a sign, would multiply the channel's response: 1 agrees with the model",
        null="a control, or nothing was drawn, or other columns explain the same",
    )
    multiple_lower: float | None = field("Lower end of the policy's interval for signs; weeks taken as independent", null="no multiple")
    multiple_upper: float | None = field("Upper end of it", null="no multiple")
    optimal_share: float | None = field(
        "Median over draws of the channel's share in each draw's own best split of current spend, no channel above its largest week",
        unit="fraction",
        ge=0,
        le=1,
        null=f"{_NO_COST}; or nothing is spent now",
    )
    optimal_share_lower: float | None = field("Lower end of its central interval", unit="fraction", null="no optimal share")
    optimal_share_upper: float | None = field("Upper end of it", unit="fraction", null="no optimal share")
    r_hat: float | None = field("Split R-hat of the contribution over chains: 1 when they agree", ge=0, null=f"{_NOT_DRAWN}; or one chain")
    previous_quarter: str | None = field("Quarter of the refit before that has it", null="there is none")
    roi_move: float | None = field(
        "Change of the median ROI against that refit, relative to it", unit="fraction", null=f"{_NO_EARLIER}; or it was 0"
    )
    is_roi_inside: bool | None = field("Whether the median ROI lies inside the interval stated then", null=_NO_EARLIER)
    contribution_move: float | None = field("Change of the contribution share", unit="fraction", null=_NO_EARLIER)
    optimal_move: float | None = field("Change of the optimal share", unit="fraction", null=_NO_EARLIER)
    has_sign_flipped: bool | None = field(
        "Whether the effect of a control, or the multiple of a channel, changed its sign although one of both intervals excluded 0",
        null=_NO_EARLIER,
    )
    has_vanished: bool | None = field(
        "Whether it had a contribution share of the policy's least or more and now is left out or below it",
        null="no earlier refit has a contribution share, or nothing was drawn",
    )
    problem: str | None = field("Why nothing was drawn for the tenant", null="the engine was fitted")


class SavedRuns(
    Contract,
    artifact="saved_runs",
    key=("tenant", "engine", "run", "trained_until", "channel"),
    owner="modelling_lead",
):
    """What one saved run of an engine elsewhere says of one channel, or, without a channel, of the weeks it predicts."""

    tenant: str = field("Whose media it models")
    engine: str = field("Engine that made it")
    run: str = field("What tells it from other runs; empty when the file does not say")
    trained_until: dt.date = field("A day of the last week it was fitted to")
    channel: str = field("Channel, in the run's own spelling; empty for its weeks")
    weeks: int = field("Weeks it predicts, training included", unit="weeks", ge=0)
    weeks_ahead: int = field("Of these the weeks after its training: only they are forecasts", unit="weeks", ge=0)
    weeks_with_interval: int = field("Of the weeks ahead those with an interval", unit="weeks", ge=0)
    confidence: float = field("Probability inside its intervals", unit="fraction", gt=0, lt=1)
    roi: float | None = field("Return on the channel, middle of what the run states; assumes no unmeasured confounding", null="no channel")
    roi_lower: float | None = field("Lower end of its interval", null="not stated")
    roi_upper: float | None = field("Upper end of it", null="not stated")


class PublishedFigures(
    Contract,
    artifact="published_figures",
    key=("model_id", "metric", "series", "instant"),
    owner="modelling_lead",
):
    """One figure that a report published of a backtest, and what the stored windows give."""

    instant: dt.datetime = field("Instant it was published")
    model_id: str = field("Model, or component of a review, it was published for")
    metric: str = field("Its metric, as published")
    series: str = field("What it was measured on; empty when the report does not say")
    published: float = field("The published value")
    recomputed: float | None = field(
        "The same metric from the newest windows stored at that instant or before", null="no such windows, or they do not give this metric"
    )
    windows: int = field("Windows it was recomputed from", unit="windows", ge=0)
    stored_at: dt.datetime | None = field("Instant of those windows", null="there are none")
    difference: float | None = field("Published over recomputed value, less 1", unit="fraction", null="nothing recomputed, or it is 0")
