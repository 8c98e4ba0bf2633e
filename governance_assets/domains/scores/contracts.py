"""Columns of the scores of forecasts and of their intervals, and what tells the scored tasks apart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Literal

from governance_assets.contract import Contract, field
from governance_assets.stats.sql_text import literal, quoted

TASK = ("model_id", "target", "reference_date", "horizon", "location", "target_end_date")
"""Columns that name the task of a landed forecast and its model; strata follow."""
DATES = ("reference_date", "target_end_date")
CELL = "location and horizon"
"""What stands for a task's location and horizon together."""


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


def task_columns(strata: Iterable[str]) -> dict[str, str]:
    """Columns a task of ``forecast_scores`` can be told apart by, each with SQL that gives it as text, null where the task lacks it.

    ``strata`` are the keys of the column of that name.
    """
    text = {name: f"{quoted(name)}::VARCHAR" for name in ("location", "horizon", *DATES)} | {"target": "nullif(target, '')"}
    text |= {name: f"((strata::JSON)::MAP(VARCHAR, VARCHAR))[{literal(name)}]" for name in strata}
    return text | {CELL: "location || ' ' || coalesce(horizon::VARCHAR, '')"}
