"""Whether forecasts can be scored, and scored alike: observations and levels.

Belongs here: pass or fail of what ``facts.py`` found.
Does not belong here: computing figures, and the limits themselves (``policy/``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.finding import Finding, Rule
from governance_assets.stats.rank_coverage import has_median, is_symmetric

EVERY_TASK_IS_OBSERVED = Rule(
    name="every_task_is_observed",
    requirement="every forecast target has exactly one observed value",
    remedy="Send the missing observations, or name the target in both feeds where several match; scores leave these tasks out",
    severity="warn",
    unit="tasks",
    sources="B15",
)
LEVELS_ARE_COMPLETE = Rule(
    name="levels_are_complete",
    requirement="all forecasts of a target state the same quantile levels, with the median, in pairs round it",
    remedy="Have the model state one full set of levels; means over different sets do not compare",
    severity="warn",
    unit="tasks",
    sources="B15",
)


def judge_forecast_scores(rows: pa.Table, policy: None, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether the week's tasks can be scored, and scored alike."""
    return [every_task_is_observed(rows, partition_key), *levels_are_complete(rows)]


def every_task_is_observed(rows: pa.Table, week: str) -> Finding:
    """All forecasts of the week have their truth; unknown while none has."""
    subject = f"week {week}"
    if not rows.num_rows:
        return EVERY_TASK_IS_OBSERVED.not_applicable(subject, "no forecast has a target in this week")
    missing = rows["observed"].null_count
    if missing == rows.num_rows:
        return EVERY_TASK_IS_OBSERVED.judge(subject, None, missing, 0, "no observation of this week has arrived")
    return EVERY_TASK_IS_OBSERVED.judge(subject, missing == 0, missing, 0)


def levels_are_complete(rows: pa.Table) -> list[Finding]:
    """One finding a model that states quantiles: how many of its tasks have an odd set of levels. The next week can mend it."""
    stated = rows.filter(pc.equal(rows["forecast_type"], "quantile"))
    counted = stated.group_by(["model_id", "target", "levels"]).aggregate([([], "count_all")]).sort_by([("model_id", "ascending")])
    findings = []
    for model_id in _distinct(counted["model_id"]):
        sets = [row for row in counted.to_pylist() if row["model_id"] == model_id]
        odd = sum(row["count_all"] for row in sets if _is_odd(row, sets))
        findings.append(LEVELS_ARE_COMPLETE.judge(model_id, odd == 0, odd, 0))
    return findings


def _is_odd(row: Mapping[str, Any], sets: Iterable[Mapping[str, Any]]) -> bool:
    """Whether these tasks lack the median, have a level without partner, or state other levels than most tasks of their target."""
    levels = [float(level) for level in row["levels"].split(",")]
    usual = max((s for s in sets if s["target"] == row["target"]), key=lambda s: (s["count_all"], s["levels"]))
    return not has_median(levels) or not is_symmetric(levels) or row["levels"] != usual["levels"]


def _distinct(values: pa.ChunkedArray) -> list[Any]:
    return sorted(pc.unique(values).to_pylist())
