"""Columns of calibration metrics and curves."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field


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
