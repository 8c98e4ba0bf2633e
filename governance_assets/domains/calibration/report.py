"""The page of calibration, the headline figures of its artifacts, and the plots shown beside a materialization.

Belongs here: choosing, sorting and wording of recorded figures. Does not belong here: computing or judging them, or markup.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Plot = dict[str, Any]

_COVERAGE = "interval_coverage_"
_DRIFT = "coverage_drift_"
_WINDOWS = ("trailing_26", "trailing_52", "trailing_13", "since_start")
_GATE = {"coverage_allows_release": "coverage", "mape_allows_release": "MAPE", "bias_allows_release": "bias"}
_ORDER = ("fail", "inconclusive", "pass", "not_enough_data", "not_judged")
_MOST_SERIES = 12
_DIGITS = 3
_INTRO = (
    "A forecast states how sure it is. Here its statements are held against what happened: an 80 % interval should hold the truth "
    "in 80 of 100 cases. Verdicts rest on an interval around each coverage that allows for weeks resembling their neighbours; "
    "where it reaches across a limit the verdict stays open."
)


def page(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model: sections with text, plots and tables, for the newest recorded week."""
    metrics = _pooled(_told_apart(tables["calibration_metrics"]))
    curves = _told_apart(tables["calibration_curve"])
    sections = []
    for evaluation_set in _distinct(metrics["evaluation_set"]):
        here = metrics.filter(pc.equal(metrics["evaluation_set"], evaluation_set))
        sections += [
            _coverage_section(here, evaluation_set),
            _curve_section(curves, evaluation_set),
            _score_section(here, evaluation_set),
        ]
    sections.append(_gate_section(findings))
    weeks = tables["calibration_metrics"]["week"]
    newest = pc.max(weeks).as_py() if len(weeks) else None
    reach = f"Newest week: {newest}." if newest else "No week is recorded yet."
    return {"title": "Calibration", "intro": f"{_INTRO}\n\n{reach} As of {as_of.date()}.", "sections": sections}


def headline_of_metrics(rows: pa.Table) -> tuple[str, float | None, str | None]:
    """Coverage of the nominal interval of the model in the middle."""
    metrics = _pooled(rows)
    nominal = _nominal(metrics)
    window = _window(metrics)
    chosen = metrics.filter(_all(metrics, metric=f"{_COVERAGE}{nominal}", window=window))
    value = pc.quantile(chosen["value"], 0.5)[0].as_py() if chosen.num_rows else None
    return f"median_coverage_{nominal}" if nominal else "median_coverage", _rounded(value), "fraction"


def metric_plots(rows_of: Callable[[str], pa.Table]) -> dict[str, Plot]:
    """The plots beside a materialization of the metrics: coverage over time, of the first evaluation set."""
    metrics = _pooled(_told_apart(rows_of("calibration_metrics")))
    sets = _distinct(metrics["evaluation_set"])
    if not sets or not _nominal(metrics):
        return {}
    here = metrics.filter(pc.equal(metrics["evaluation_set"], sets[0]))
    return {"coverage_over_time": _coverage_plot(here, _ranked(here)[:_MOST_SERIES])}


def curve_plots(rows_of: Callable[[str], pa.Table]) -> dict[str, Plot]:
    """The plots beside a materialization of the curves: reliability, of the first evaluation set."""
    curves = _told_apart(rows_of("calibration_curve"))
    sets = _distinct(curves["evaluation_set"])
    if not sets:
        return {}
    points = _newest_curve(curves, sets[0])
    return {"reliability": _reliability_plot(points, _distinct(points["model_id"])[:_MOST_SERIES])}


# ---------------------------------------------------------------- sections


def _coverage_section(metrics: pa.Table, evaluation_set: str) -> dict[str, Any]:
    nominal, window = _nominal(metrics), _window(metrics)
    title = f"Coverage: {evaluation_set}"
    if not nominal:
        return {"title": title, "text": "No model states a central interval with the policy's nominal coverage."}
    rows = _newest(metrics.filter(_all(metrics, metric=f"{_COVERAGE}{nominal}", window=window))).to_pylist()
    rows.sort(key=lambda row: (_ORDER.index(row["verdict"]), row["model_id"], row["forecast_type"]))
    drift = {
        (row["model_id"], row["forecast_type"]): row
        for row in _newest(metrics.filter(_all(metrics, metric=f"{_DRIFT}{nominal}", window="since_start"))).to_pylist()
    }
    table = {
        "columns": [
            "model",
            {"name": "verdict", "kind": "verdict"},
            *({"name": name, "unit": "fraction"} for name in ("coverage", "from", "to")),
            "weeks",
            "status",
            {"name": "interval holds the truth", "unit": "fraction"},
            {"name": "change", "unit": "fraction"},
        ],
        "rows": [_coverage_row(row, drift.get((row["model_id"], row["forecast_type"]))) for row in rows],
        "note": f"Share of observed values inside the central {nominal} % interval over the window {_spoken(window)}. “Interval holds the "
        "truth” is how often such an interval did in simulation. “Change” is the coverage of recent weeks less that of all before.",
    }
    text = f"Share inside the central {nominal} % interval, {_spoken(window)}; {_count(rows)}."
    return {"title": title, "text": text, "plot": _coverage_plot(metrics, _ranked(metrics)), "table": table}


def _coverage_row(row: Mapping[str, Any], drift: Mapping[str, Any] | None) -> tuple[Any, ...]:
    figures = tuple(_rounded(row[name]) for name in ("value", "lower", "upper"))
    change = _rounded(drift["value"]) if drift else None
    status = (row["status"] or "").replace("_", " ")
    return (row["model_id"], row["verdict"], *figures, row["n_weeks"], status, _rounded(row["interval_simulated_coverage"]), change)


def _curve_section(curves: pa.Table, evaluation_set: str) -> dict[str, Any]:
    points = _newest_curve(curves, evaluation_set)
    models = _distinct(points["model_id"])
    text = (
        "On the diagonal every interval holds as much as it promises. The histogram is flat when observed values fall evenly over "
        "the forecast distribution."
    )
    plots = [_reliability_plot(points, models), *(_pit_plot(points, model) for model in models[:_MOST_SERIES])] if models else []
    return {"title": f"Reliability: {evaluation_set}", "text": text, "plots": plots}


def _score_section(metrics: pa.Table, evaluation_set: str) -> dict[str, Any]:
    return {"title": f"Scores: {evaluation_set}", "text": "Lower scores are better.", "plot": _score_plot(metrics)}


def _gate_section(findings: pa.Table) -> dict[str, Any]:
    chosen = findings.filter(pc.is_in(findings["rule"], pa.array(list(_GATE))))
    newest = pc.max(chosen["partition_key"]).as_py() if chosen.num_rows else None
    rows = chosen.filter(pc.equal(chosen["partition_key"], newest)).to_pylist() if newest else []
    found = {(row["subject"], row["rule"]): row for row in rows}
    columns: list[Any] = ["model and evaluation set"]
    for word in _GATE.values():
        columns += [{"name": word, "unit": "fraction"}, {"name": f"{word} verdict", "kind": "verdict"}]
    table_rows = []
    for subject in sorted({row["subject"] for row in rows}):
        cells = [found.get((subject, rule), {}) for rule in _GATE]
        table_rows.append((subject, *(part for cell in cells for part in (_rounded(cell.get("value")), cell.get("outcome", "unknown")))))
    limits = sorted({f"{_GATE[row['rule']]} limit {_rounded(row['limit'])}" for row in rows if row["limit"] is not None})
    text = f"Week {newest}. Limits: {', '.join(limits)}." if newest else "Nothing is judged yet."
    return {"title": "Release gate", "text": text, "table": {"columns": columns, "rows": table_rows}}


# ---------------------------------------------------------------- plots


def _coverage_plot(metrics: pa.Table, models: Sequence[str]) -> Plot:
    nominal, window = _nominal(metrics), _window(metrics)
    series = _over_time(metrics.filter(_all(metrics, metric=f"{_COVERAGE}{nominal}", window=window)), models, with_bounds=True)
    return {
        "kind": "lines",
        "title": f"Coverage of the central {nominal} % interval",
        "subtitle": _spoken(window),
        "unit": "fraction",
        "x_label": "week",
        "series": series,
        "references": [{"value": float(nominal) / 100, "label": "nominal"}],
    }


def _score_plot(metrics: pa.Table) -> Plot:
    score = "wis" if pc.any(pc.equal(metrics["metric"], "wis")).as_py() else "crps"
    rows = metrics.filter(_all(metrics, metric=score, window="trailing_4"))
    name = {"wis": "Weighted interval score", "crps": "Continuous ranked probability score"}[score]
    return {
        "kind": "lines",
        "title": name,
        "subtitle": _spoken("trailing_4"),
        "x_label": "week",
        "series": _over_time(rows, _ranked(metrics), with_bounds=False),
    }


def _reliability_plot(points: pa.Table, models: Sequence[str]) -> Plot:
    intervals = points.filter(pc.equal(points["kind"], "interval"))
    series = []
    for model in models:
        rows = intervals.filter(pc.equal(intervals["model_id"], model)).sort_by("nominal")
        if rows.num_rows:
            series.append({"name": model} | _points(rows, "nominal", "observed", with_bounds=True))
    return {
        "kind": "reliability",
        "title": "Stated and observed coverage",
        "unit": "fraction",
        "x_label": "stated coverage",
        "above": "too wide",
        "below": "too narrow",
        "series": series,
    }


def _pit_plot(points: pa.Table, model: str) -> Plot:
    rows = points.filter(_all(points, kind="pit", model_id=model)).sort_by("nominal")
    return {
        "kind": "bars",
        "title": f"Where observed values fall: {model}",
        "x_label": "probability integral transform",
        "series": [{"name": model} | _points(rows, "nominal", "observed", with_bounds=False)],
        "references": [{"value": 1.0, "label": "calibrated"}],
    }


def _over_time(rows: pa.Table, models: Sequence[str], with_bounds: bool) -> list[dict[str, Any]]:
    series = []
    for model in models:
        own = rows.filter(pc.equal(rows["model_id"], model)).sort_by("week")
        if own.num_rows:
            series.append({"name": model} | _points(own, "week", "value", with_bounds))
    return series


def _points(rows: pa.Table, x: str, y: str, with_bounds: bool) -> dict[str, Any]:
    made = {"x": rows[x].to_pylist(), "y": [_rounded(value) for value in rows[y].to_pylist()]}
    if with_bounds:
        made |= {end: [_rounded(value) for value in rows[end].to_pylist()] for end in ("lower", "upper")}
    return made


# ---------------------------------------------------------------- choosing


def _pooled(metrics: pa.Table) -> pa.Table:
    return metrics.filter(_all(metrics, stratum="overall", average="micro"))


def _nominal(metrics: pa.Table) -> str:
    """The policy's nominal coverage in per cent, as the name of the drift metric tells it; empty when no model states it."""
    names = [name for name in _distinct(metrics["metric"]) if name.startswith(_DRIFT)]
    return names[-1].removeprefix(_DRIFT) if names else ""


def _window(metrics: pa.Table) -> str:
    known = set(_distinct(metrics["window"]))
    return next((window for window in _WINDOWS if window in known), _WINDOWS[-1])


def _ranked(metrics: pa.Table) -> list[str]:
    """Models by verdict in the newest week, worst first, then by name."""
    rows = _newest(metrics.filter(_all(metrics, metric=f"{_COVERAGE}{_nominal(metrics)}", window=_window(metrics)))).to_pylist()
    rank = {row["model_id"]: _ORDER.index(row["verdict"]) for row in rows}
    return sorted(_distinct(metrics["model_id"]), key=lambda model: (rank.get(model, len(_ORDER)), model))


def _newest(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.equal(rows["week"], pc.max(rows["week"]))) if rows.num_rows else rows


def _newest_curve(curves: pa.Table, evaluation_set: str) -> pa.Table:
    return _newest(curves.filter(_all(curves, evaluation_set=evaluation_set, window="since_start")))


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


def _count(rows: Sequence[Mapping[str, Any]]) -> str:
    counted = [(sum(row["verdict"] == verdict for row in rows), verdict.replace("_", " ")) for verdict in _ORDER]
    return ", ".join(f"{n} {verdict}" for n, verdict in counted if n) or "no model"


def _spoken(window: str) -> str:
    return f"last {window.removeprefix('trailing_')} weeks" if window.startswith("trailing_") else window.replace("_", " ")


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}") if abs(value) < 1 else round(value, _DIGITS)
