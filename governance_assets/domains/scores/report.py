"""The page of scores, and the headline figure of its artifacts.

Belongs here: choosing, sorting and wording of recorded figures. Does not belong here: computing or judging them, or markup.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_DIGITS = 3
_SHOWN = 0.8
_MOST_SERIES = 12
_RULES = {"every_task_is_observed": "observed", "levels_are_complete": "levels"}
_INTRO = (
    "Every forecast is scored when its truth is known, and again when that is revised. A task without an observation keeps its row and has "
    "no score. The interval score adds what the truth misses an interval by to the interval's width; lower is better."
)


def page(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model: intervals of each evaluation set, and what the scores rest on, for the newest recorded week."""
    intervals = _told_apart(tables["interval_scores"])
    overall = intervals.filter(_all(intervals, stratum="overall"))
    sections = [_interval_section(overall, evaluation_set) for evaluation_set in _distinct(overall["evaluation_set"])]
    sections.append(_ground_section(findings))
    weeks = tables["forecast_scores"]["week"]
    newest = pc.max(weeks).as_py() if len(weeks) else None
    reach = f"Newest week: {newest}." if newest else "No week is recorded yet."
    return {"title": "Scores", "intro": f"{_INTRO}\n\n{reach} As of {as_of.date()}.", "sections": sections}


def headline_of_scores(rows: pa.Table) -> tuple[str, float | None, str | None]:
    """Mean weighted interval score of the week's observed tasks."""
    return "mean_wis", _rounded(pc.mean(rows["wis"]).as_py()), None


def _interval_section(overall: pa.Table, evaluation_set: str) -> dict[str, Any]:
    """The interval that is nearest to the one people know best."""
    here = overall.filter(_all(overall, evaluation_set=evaluation_set))
    nominal = min(_distinct(here["nominal"]), key=lambda level: (abs(level - _SHOWN), level))
    rows = here.filter(pc.equal(here["nominal"], nominal))
    newest = rows.filter(pc.equal(rows["week"], pc.max(rows["week"]))).sort_by("model_id").to_pylist()
    table = {
        "columns": ["model", "interval score", "width", "tasks", "observed"],
        "rows": [(row["model_id"], _rounded(row["score"]), _rounded(row["width"]), row["n"], row["n_scored"]) for row in newest],
        "note": "Means over the tasks of the newest week, in the unit of the target.",
    }
    text = f"The central {nominal:.0%} interval, week by week."
    return {"title": f"Intervals: {evaluation_set}", "text": text, "plot": _plot(rows, nominal), "table": table}


def _plot(rows: pa.Table, nominal: float) -> dict[str, Any]:
    series = []
    for model in _distinct(rows["model_id"])[:_MOST_SERIES]:
        own = rows.filter(_all(rows, model_id=model)).sort_by("week")
        series.append({"name": model, "x": own["week"].to_pylist(), "y": [_rounded(value) for value in own["score"].to_pylist()]})
    return {"kind": "lines", "title": f"Score of the central {nominal:.0%} interval", "x_label": "week", "series": series}


def _ground_section(findings: pa.Table) -> dict[str, Any]:
    """Observations and levels of the newest judged week."""
    chosen = findings.filter(pc.is_in(findings["rule"], pa.array(list(_RULES))))
    newest = pc.max(chosen["partition_key"]).as_py() if chosen.num_rows else None
    rows = chosen.filter(pc.equal(chosen["partition_key"], newest)).to_pylist() if newest else []
    rows.sort(key=lambda row: (row["rule"], row["subject"]))
    columns = ["what", "of", {"name": "verdict", "kind": "verdict"}, "tasks that lack it"]
    table_rows = [(_RULES[row["rule"]], row["subject"], row["outcome"], row["value"]) for row in rows]
    text = f"Week {newest}." if newest else "Nothing is judged yet."
    return {"title": "What scores rest on", "text": text, "table": {"columns": columns, "rows": table_rows}}


def _all(rows: pa.Table, **wanted: str) -> pa.Array:
    mask = None
    for column, value in wanted.items():
        holds = pc.equal(rows[column], value)
        mask = holds if mask is None else pc.and_(mask, holds)
    return mask


def _distinct(values: pa.ChunkedArray) -> list[Any]:
    return sorted(pc.unique(values).to_pylist())


def _told_apart(rows: pa.Table) -> pa.Table:
    """The rows with a model's samples named apart from its quantiles: they are two forecasts of one model."""
    is_sample = pc.equal(rows["forecast_type"], "sample")
    named = pc.if_else(is_sample, pc.binary_join_element_wise(rows["model_id"], "samples", " · "), rows["model_id"])
    return rows.set_column(rows.column_names.index("model_id"), "model_id", named)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}") if abs(value) < 1 else round(value, _DIGITS)
