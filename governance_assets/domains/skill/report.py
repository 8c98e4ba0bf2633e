"""The page of skill, and the headline figure of its artifacts.

Belongs here: choosing, sorting and wording of recorded figures. Does not belong here: computing or judging them, or markup.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_DIGITS = 3
_MOST_SERIES = 12
_INTRO = (
    "Scores of different tasks do not compare: some weeks and places are hard for everybody. Here models are compared two by two on the "
    "tasks they share, and each with all others by the geometric mean of those ratios."
)


def page(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model: one section an evaluation set, for the newest recorded week."""
    rows = _told_apart(tables["relative_skill"])
    chosen = rows.filter(_all(rows, stratum="overall", window="since_start", comparison="tournament"))
    sections = [_section(chosen, evaluation_set) for evaluation_set in _distinct(chosen["evaluation_set"])]
    newest = pc.max(rows["week"]).as_py() if rows.num_rows else None
    reach = f"Newest week: {newest}." if newest else "No week is recorded yet."
    return {"title": "Skill", "intro": f"{_INTRO}\n\n{reach} As of {as_of.date()}.", "sections": sections}


def headline_of_skill(rows: pa.Table) -> tuple[str, float | None, str | None]:
    """The best scaled relative skill of the newest week, over all tasks."""
    chosen = rows.filter(_all(rows, stratum="overall", window="since_start", comparison="tournament"))
    return "best_scaled_relative_skill", _rounded(pc.min(chosen["scaled_relative_skill"]).as_py()), None


def _section(rows: pa.Table, evaluation_set: str) -> dict[str, Any]:
    here = rows.filter(_all(rows, evaluation_set=evaluation_set))
    newest = here.filter(pc.equal(here["week"], pc.max(here["week"]))).to_pylist()
    newest.sort(key=lambda row: (row["score"], _last(row["scaled_relative_skill"]), row["model_id"]))
    baselines = sorted({row["compared_with"] for row in newest if row["compared_with"]})
    table = {
        "columns": ["score", "model", "relative skill", "against the baseline", "tasks", "pairs left out"],
        "rows": [
            (
                row["score"].replace("_", " "),
                row["model_id"],
                _rounded(row["relative_skill"]),
                _rounded(row["scaled_relative_skill"]),
                row["n_shared"],
                row["n_pairs_left_out"],
            )
            for row in newest
        ],
        "note": "Geometric mean of the ratios of summed scores on shared tasks, over all recorded weeks; below 1 is better."
        + (f" Baseline: {', '.join(baselines)}." if baselines else " No baseline is named."),
    }
    text = "Lower is better; 1 is as good as all models together."
    return {"title": f"Skill: {evaluation_set}", "text": text, "plot": _plot(here, newest), "table": table}


def _plot(rows: pa.Table, newest: list[dict[str, Any]]) -> dict[str, Any]:
    """Relative skill by week, of the models that are best now."""
    scores = {row["score"] for row in newest}
    score = next(name for name in ("wis", "crps", "ae_median") if name in scores)
    series = []
    for model in [row["model_id"] for row in newest if row["score"] == score][:_MOST_SERIES]:
        own = rows.filter(_all(rows, model_id=model, score=score)).sort_by("week")
        y = [_rounded(value) for value in own["relative_skill"].to_pylist()]
        series.append({"name": model, "x": own["week"].to_pylist(), "y": y})
    return {
        "kind": "lines",
        "title": f"Relative skill by {score.replace('_', ' ')}",
        "subtitle": "since start",
        "x_label": "week",
        "series": series,
        "references": [{"value": 1.0, "label": "all models"}],
    }


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


def _last(value: float | None) -> float:
    return float("inf") if value is None else value


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}") if abs(value) < 1 else round(value, _DIGITS)
