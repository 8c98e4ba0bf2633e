"""Columns of the scores of forecasts, of their calibration and of their relative skill."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field


class ForecastScores(
    Contract,
    artifact="forecast_scores",
    grain="week",
    key=("week", "model_id", "forecast_type", "target", "reference_date", "horizon", "location", "target_end_date", "strata"),
    owner="modelling_lead",
):
    """One forecast of one model for one task, scored; the week is that of the target date."""

    week: dt.date = field("Monday of the week of the target date")
    model_id: str = field("Model that made the forecast")
    forecast_type: Literal["quantile", "sample"] = field("How the forecast is stated")
    target: str = field("What is forecast; empty when the telemetry names no target")
    reference_date: dt.date = field("Date the forecast refers to as its start")
    horizon: int | None = field("Steps ahead, in the hub's own unit", null="the telemetry has no horizon")
    location: str = field("Place the forecast is for; empty when the telemetry names none")
    target_end_date: dt.date = field("Date whose value is forecast")
    strata: str = field("Further task columns as a JSON object with sorted keys and text values; {} when none")
    observed: float | None = field("Observed value, in the unit of the target", null="not observed yet, or withdrawn")
    levels: str = field("Quantile levels of the forecast, ascending, separated by commas; for samples those of the policy")
    n_below: int | None = field("Quantiles strictly below the observed value", unit="quantiles", ge=0, null="not observed")
    n_at_or_below: int | None = field("Quantiles at or below the observed value", unit="quantiles", ge=0, null="not observed")
    pit_lower: float | None = field(
        "Lower end of the probability integral transform: probability below the observed value",
        unit="fraction",
        ge=0,
        le=1,
        null="not observed",
    )
    pit_upper: float | None = field(
        "Upper end of it: probability at or below the observed value; the truth lies evenly between",
        unit="fraction",
        ge=0,
        le=1,
        null="not observed",
    )
    median: float | None = field("Predicted median, in the unit of the target", null="the forecast has no median")
    nominal_width: float | None = field(
        "Width of the central interval with the policy's nominal coverage", ge=0, null="the forecast lacks one of its two levels"
    )
    wis: float | None = field(
        "Weighted interval score: twice the mean pinball loss; lower is better", ge=0, null="not observed, or stated as samples"
    )
    overprediction: float | None = field(
        "What intervals above the observed value add to the WIS (of samples: to the CRPS)", ge=0, null="not observed, or levels do not pair"
    )
    underprediction: float | None = field(
        "What intervals below the observed value add to the WIS (of samples: to the CRPS)", ge=0, null="not observed, or levels do not pair"
    )
    dispersion: float | None = field(
        "What the width of the intervals adds to the WIS (of samples: CRPS of the median)", ge=0, null="not observed, or levels do not pair"
    )
    bias: float | None = field(
        "+1 all mass above, −1 all mass below the observed value, in steps of the levels",
        unit="fraction",
        ge=-1,
        le=1,
        null="not observed, or all levels on one side of the median",
    )
    ae_median: float | None = field("Absolute error of the median", ge=0, null="not observed, or no median")
    error_median: float | None = field("Median minus observed", null="not observed, or no median")
    absolute_percentage_error: float | None = field(
        "Absolute error of the median over the absolute observed value",
        unit="fraction",
        ge=0,
        null="not observed, no median, or observed zero",
    )
    crps: float | None = field(
        "Continuous ranked probability score of the empirical distribution of the samples: quantile-decomposition (qd) estimator",
        ge=0,
        null="stated as quantiles, or not observed",
    )
    dss: float | None = field(
        "Dawid–Sebastiani score of the samples: squared standardised error plus the logarithm of the variance (divisor n)",
        null="stated as quantiles, not observed, or no spread",
    )
    n_samples: int | None = field("Samples of the forecast", unit="samples", ge=1, null="stated as quantiles")


class IntervalScores(
    Contract,
    artifact="interval_scores",
    grain="week",
    key=("week", "model_id", "forecast_type", "evaluation_set", "stratum", "stratum_value", "nominal"),
    owner="modelling_lead",
):
    """Width and interval score of one central interval of one model, averaged over the tasks of one week."""

    week: dt.date = field("Monday of the week of the target dates")
    model_id: str = field("Model")
    forecast_type: Literal["quantile", "sample"] = field("How the forecasts are stated")
    evaluation_set: str = field("Named filter from the policy")
    stratum: str = field("overall, or the column the tasks are split by")
    stratum_value: str = field("Value of that column as text; empty for overall")
    nominal: float = field("Nominal coverage of the interval", unit="fraction", gt=0, lt=1)
    width: float = field("Mean width, in the unit of the target", ge=0)
    score: float | None = field(
        "Mean interval score: width and, outside, 2 / (1 − nominal) times the miss", ge=0, null="no task is observed"
    )
    n: int = field("Tasks with both ends of the interval", unit="tasks", ge=1)
    n_scored: int = field("Those that are observed", unit="tasks", ge=0)


class CalibrationMetrics(
    Contract,
    artifact="calibration_metrics",
    grain="week",
    key=("week", "model_id", "forecast_type", "evaluation_set", "window", "stratum", "stratum_value", "average", "metric"),
    owner="modelling_lead",
):
    """One metric of one model over one window of weeks that ends with this week."""

    week: dt.date = field("Monday of the last week of the window")
    model_id: str = field("Model")
    forecast_type: Literal["quantile", "sample"] = field("How the forecasts are stated")
    evaluation_set: str = field("Named filter from the policy")
    window: str = field("week, trailing_4, trailing_13, trailing_26, trailing_52, quarter_to_date or since_start")
    stratum: str = field("overall, or the column the tasks are split by")
    stratum_value: str = field("Value of that column as text; empty for overall")
    average: Literal["micro", "macro"] = field("micro: mean over tasks; macro: mean of the means of the location × horizon cells")
    metric: str = field(
        "Name of the metric; interval_coverage_80 is the share inside the central 80 % interval, coverage_drift_80 its change"
    )
    value: float | None = field("The metric, in the unit of the target or as a fraction", null="no task has what it needs")
    lower: float | None = field("Lower end of its interval", null="no interval is computed, or too few weeks")
    upper: float | None = field("Upper end of its interval", null="no interval is computed, or too few weeks")
    n: int = field("Tasks in the window, those without an observation included", unit="tasks", ge=0)
    n_scored: int = field("Tasks that entered the value", unit="tasks", ge=0)
    n_weeks: int = field("Weeks of reference dates with an observed task: one value each enters the interval", unit="weeks", ge=0)
    interval_simulated_coverage: float | None = field(
        "How often such an interval covered the truth in simulation with this many weeks and this dependence",
        unit="fraction",
        ge=0,
        le=1,
        null="no interval",
    )
    verdict: Literal["pass", "fail", "inconclusive", "not_enough_data", "not_judged"] = field("Verdict by the interval, not by the point")
    status: str | None = field(
        "Point status: undercautious, well_calibrated or overcautious", null="the policy sets no nominal for this metric"
    )


class CalibrationCurve(
    Contract,
    artifact="calibration_curve",
    grain="week",
    key=("week", "model_id", "forecast_type", "evaluation_set", "window", "kind", "nominal"),
    owner="modelling_lead",
):
    """One point of a reliability curve, or one bin of a PIT histogram."""

    week: dt.date = field("Monday of the last week of the window")
    model_id: str = field("Model")
    forecast_type: Literal["quantile", "sample"] = field("How the forecasts are stated")
    evaluation_set: str = field("Named filter from the policy")
    window: str = field("Name of the window of weeks")
    kind: Literal["interval", "quantile", "pit"] = field(
        "Coverage of a central interval, share at or below a quantile, or density of a PIT bin"
    )
    nominal: float = field("Nominal coverage, level of the quantile, or middle of the PIT bin", unit="fraction", ge=0, le=1)
    observed: float | None = field("Observed share, or density of the bin (1 when calibrated)", ge=0, null="no task is observed")
    lower: float | None = field("Lower end of the interval of the share", null="too few weeks")
    upper: float | None = field("Upper end of the interval of the share", null="too few weeks")
    n: int = field("Tasks that entered", unit="tasks", ge=0)


class RelativeSkill(
    Contract,
    artifact="relative_skill",
    grain="week",
    key=(
        "week",
        "forecast_type",
        "evaluation_set",
        "window",
        "stratum",
        "stratum_value",
        "score",
        "comparison",
        "model_id",
        "compared_with",
    ),
    owner="modelling_lead",
):
    """One model's score against one other model, or against all of them, on shared tasks."""

    week: dt.date = field("Monday of the last week of the window")
    forecast_type: Literal["quantile", "sample"] = field("How the forecasts are stated")
    evaluation_set: str = field("Named filter from the policy")
    window: str = field("Name of the window of weeks")
    stratum: str = field("overall, or the column the tasks are split by")
    stratum_value: str = field("Value of that column as text; empty for overall")
    score: Literal["wis", "ae_median", "crps"] = field("Score that is compared")
    comparison: Literal["pairwise", "tournament"] = field("Against one model, or the geometric mean over all models")
    model_id: str = field("Model")
    compared_with: str = field("The other model; the baseline for a tournament, empty when there is none")
    ratio: float | None = field(
        "Summed score over the other's on shared tasks; below 1 is better", ge=0, null="a tournament, no shared task, or 0/0"
    )
    relative_skill: float | None = field(
        "Geometric mean of the ratios against all models, itself included", ge=0, null="pairwise, or no valid pair"
    )
    scaled_relative_skill: float | None = field("Relative skill over the baseline's", ge=0, null="pairwise, or no baseline in the set")
    n_shared: int = field("Shared tasks of the pair, or the model's own tasks", unit="tasks", ge=0)
    n_pairs_left_out: int = field("Pairs left out: no shared task, or 0/0", unit="pairs", ge=0)
