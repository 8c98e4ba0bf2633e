"""Columns of relative skill."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field


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
