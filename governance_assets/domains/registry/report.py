"""The page of governed models, their cards, demos and rollout report as Markdown, and the headline figures of their artifacts.

Belongs here: choosing, sorting and wording of recorded rows. Does not belong here: computing or judging them, or writing files.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.pages.wording import ABSENT, figure

Plot = dict[str, Any]
Row = Mapping[str, Any]

_INTRO = (
    "Every governed model with its versions: who answers for it, what it may be used for, when it must be validated, and whether a "
    "challenger may take its place. A challenger is promoted only if it predicts better, its return on media stays where it was between "
    "refits, and its intervals hold what they promise; a smaller error alone promotes nothing."
)
_DECISIONS = {"promote": "warn", "keep": "pass", "unknown": "unknown"}
_MOST_MODELS = 6
_RISKS = ("fail", "error")
_BAR, _REST = "■", "□"


def page(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model: challengers, models, demos, for the newest recorded week."""
    registry = tables["model_registry"]
    week = newest_week(registry)
    sections = [
        _promotion_section(tables["promotion_decisions"]),
        _model_section(_of_week(registry, week), findings, week),
        _demo_section(tables["demo_artifacts"]),
        _feature_section(tables["feature_coverage"]),
    ]
    reach = f"Week of {week}." if week else "No model is registered or seen yet."
    return {"title": "Model registry", "intro": f"{_INTRO}\n\n{reach} As of {as_of.date()}.", "sections": sections}


def documents(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, str]:
    """Files for people by path: a card for each version, a summary for each demo, and the rollout report."""
    registry = tables["model_registry"]
    week = newest_week(registry)
    if week is None:
        return {}
    versions = _of_week(registry, week)
    demos = {row["model_id"]: row["summary"] for row in _of_week(tables["demo_artifacts"], week) if row["summary"]}
    cards = {card_path(row): model_card(row, findings, week) for row in versions}
    summaries = {_summary_path(model): text for model, text in demos.items()}
    return cards | summaries | {"registry/rollout.md": rollout_report(tables, findings, week)}


def newest_week(rows: pa.Table) -> dt.date | None:
    """The newest week of some rows; None when there are none."""
    return pc.max(rows["week"]).as_py() if rows.num_rows else None


def headline_of_retraining(rows: pa.Table) -> tuple[str, int, None]:
    """How many fits were made."""
    return "fits", rows.num_rows - rows.filter(pc.is_valid(rows["problem"])).num_rows, None


def headline_of_registry(rows: pa.Table) -> tuple[str, int, None]:
    """How many models are governed or seen."""
    return "models", len(pc.unique(rows["model_id"])), None


def headline_of_promotions(rows: pa.Table) -> tuple[str, int, None]:
    """How many challengers wait for promotion."""
    return "to_promote", rows.filter(pc.equal(rows["decision"], "promote")).num_rows, None


def headline_of_demos(rows: pa.Table) -> tuple[str, int, None]:
    """How many demos show the newest version."""
    return "current_demos", rows.filter(pc.equal(rows["demo_version"], rows["registered_version"])).num_rows, None


def headline_of_features(rows: pa.Table) -> tuple[str, float | None, str]:
    """Share of catalogued signals that are available."""
    whole = rows.filter(pc.equal(rows["category"], "all"))
    return "coverage", whole["coverage"][0].as_py() if whole.num_rows else None, "fraction"


def promotion_plots(rows_of: Callable[[str], pa.Table]) -> dict[str, Plot]:
    """The plot beside a materialization of the promotions: the challengers of the first model over time."""
    rows = rows_of("promotion_decisions")
    models = sorted(pc.unique(rows["model_id"]).to_pylist())
    return {"incumbent_and_challengers": _race_plot(rows, models[0])} if models else {}


# ---------------------------------------------------------------- texts


def model_card(row: Row, findings: pa.Table, week: dt.date) -> str:
    """The card of one version, Markdown."""
    facts = (
        ("Kind", row["kind"].replace("_", " ")),
        ("Status", row["status"] + (", a fallback engine" if row["is_fallback"] else "")),
        ("Origin", row["origin"]),
        ("Engine", row["engine"]),
        ("Made at", row["created_at"]),
        ("Materiality tier", row["tier"]),
        ("Exposure and purpose", f"{figure(row['exposure'])}, {figure(row['purpose'])}"),
        ("Owner", row["owner_role"]),
        ("Validator", row["validator_role"]),
        ("Approver", row["approver_role"]),
        ("Last validated", row["validated_on"] or "never"),
        ("Validation due", row["validation_due_on"]),
        ("Data digest", row["data_sha256"]),
        ("Code revision", row["git_revision"]),
    )
    told = [f"| {name} | {_cell(value)} |" for name, value in facts]
    parts = [
        f"# {row['model_id']} {row['version']}".rstrip(),
        f"As it stood at the end of the week of {week}.",
        "\n".join(("| | |", "| --- | --- |", *told)),
        f"## Intended use\n\n{row['intended_use'] or 'Not stated.'}",
        f"## Limitations\n\n{row['limitations'] or 'Not stated.'}",
        f"## Metrics\n\n{_json_table(row['metrics'], 'metric')}",
        f"## Parameters\n\n{_json_table(row['params'], 'parameter')}",
        f"## Inputs and priors\n\n{_json_table(row['features'], 'inputs')}\n\n{_json_table(row['priors'], 'prior')}",
        f"## Open findings\n\n{_findings_of(findings, row['model_id'], week)}",
    ]
    return "\n\n".join(parts) + "\n"


def demo_summary(version: Row, fitted: Row) -> str:
    """SUMMARY.md of one tenant's demo: what the fit that is shown says of its channels."""
    returns = json.loads(fitted["roi"])
    channels = [f"| {name} | {_cell(median)} | {_cell(low)} to {_cell(high)} |" for name, (median, low, high) in sorted(returns.items())]
    backtest = json.loads(version["metrics"] or "{}")
    named = (("wMAPE", "wmape"), ("coverage", "coverage"), ("R²", "r2"))
    shares = ", ".join(f"{name} {figure(backtest.get(key), 'fraction')}" for name, key in named)
    parts = [
        f"# {version['model_id']}: {fitted['version']}",
        f"{fitted['engine']}, fitted to {fitted['train_weeks']} weeks from {fitted['first_week']} to {fitted['week']}.",
        "\n".join(("| channel | ROI | interval |", "| --- | --- | --- |", *channels)),
        f"In the newest backtest, over {figure(backtest.get('n'))} weeks: {shares}.",
        "ROI is the model's, over all fitted weeks, and assumes no unmeasured confounding.",
        f"Data {fitted['data_sha256']}",
    ]
    return "\n\n".join(parts) + "\n"


def rollout_report(tables: Mapping[str, pa.Table], findings: pa.Table, week: dt.date) -> str:
    """Incumbent against challengers, outstanding risks and next steps, Markdown."""
    promotions = sorted(_of_week(tables["promotion_decisions"], week), key=lambda row: (row["model_id"], row["challenger"]))
    lines = [
        f"| {row['model_id']} | {_cell(row['incumbent'])} | {row['challenger']} | {figure(row['gain'], 'fraction')} | "
        f"{figure(row['roi_change'], 'fraction')} | {figure(row['coverage'], 'fraction')} | {row['decision']} | {row['reason']} |"
        for row in promotions
    ]
    open_ones = _open(findings, week)
    risks = [f"- **{row['severity']}** {_line(row['message'])}" for row in open_ones]
    steps = list(dict.fromkeys(f"- {row['remedy']} (`{row['rule']}`)" for row in open_ones))
    head = ("| model | incumbent | challenger | gain | ROI change | coverage | decision | why |", "|" + " --- |" * 8)
    parts = [
        f"# Rollout report, week of {week}",
        "## Incumbent against challenger",
        "\n".join((*head, *lines)) if lines else "No challenger is registered.",
        "Gain is in CRPS on the same weeks; ROI change is the largest of a channel between refits; coverage is that of the challenger.",
        "## Outstanding risks",
        "\n".join(risks) or "No finding of the registry fails.",
        "## Next steps",
        "\n".join(steps) or "None.",
    ]
    return "\n\n".join(parts) + "\n"


def card_path(row: Row) -> str:
    """Where the card of a version lies among the documents."""
    return f"registry/cards/{_plain(row['model_id'])}/{_plain(row['version']) or 'unversioned'}.md"


def _summary_path(model: str) -> str:
    return f"registry/demos/{_plain(model)}/SUMMARY.md"


def _plain(name: str) -> str:
    """A name as part of a path: letters, digits, dots, dashes and at signs; nothing that leads elsewhere."""
    return re.sub(r"[^A-Za-z0-9@_-]+|\.(?![A-Za-z0-9])", "-", name).strip("-")


def _cell(value: Any) -> str:
    return _line(figure(value)).replace("|", "\\|")


def _line(text: str) -> str:
    return " ".join(text.split())


def _json_table(text: str | None, heading: str) -> str:
    """A JSON object as a table, anything else as it is."""
    if not text:
        return "Not stated."
    try:
        stated = json.loads(text)
    except ValueError:
        return _line(text)
    if not isinstance(stated, dict) or not stated:
        return _line(text) if stated else "None."
    rows = [f"| {_cell(name)} | {_stated(value)} |" for name, value in sorted(stated.items())]
    return "\n".join((f"| {heading} | value |", "| --- | --- |", *rows))


def _stated(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_cell(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(one)}" for name, one in value.items())
    return _cell(value)


def _findings_of(findings: pa.Table, model: str, week: dt.date) -> str:
    own = [row for row in _open(findings, week) if row["subject"] == model]
    return "\n".join(f"- {_line(row['message'])}. {row['remedy']}." for row in own) or "None fails."


def _open(findings: pa.Table, week: dt.date) -> list[Row]:
    """The failing findings of the registry in a week, the graver first."""
    names = pa.array(["weekly_retraining", "model_registry", "promotion_decisions", "demo_artifacts", "feature_coverage"])
    here = findings.filter(pc.and_(pc.is_in(findings["artifact"], names), pc.equal(findings["partition_key"], str(week))))
    failing = here.filter(pc.is_in(here["outcome"], pa.array(list(_RISKS)))).to_pylist()
    return sorted(failing, key=lambda row: (row["severity"], row["artifact"], row["rule"], row["subject"]))


# ---------------------------------------------------------------- sections


def _promotion_section(promotions: pa.Table) -> dict[str, Any]:
    week = newest_week(promotions)
    if week is None:
        return {"title": "Incumbent against challenger", "text": "No challenger is registered yet."}
    rows = sorted(_of_week(promotions, week), key=lambda row: (row["model_id"], row["challenger"]))
    columns = [
        *("model", "incumbent", "challenger"),
        *({"name": name, "unit": "fraction"} for name in ("gain", "ROI change", "coverage")),
        {"name": "decision", "kind": "verdict"},
        "decided",
        "why",
    ]
    cells = [
        (
            *(row[name] for name in ("model_id", "incumbent", "challenger", "gain", "roi_change", "coverage")),
            _DECISIONS[row["decision"]],
            row["decision"],
            row["reason"],
        )
        for row in rows
    ]
    models = sorted({row["model_id"] for row in rows})[:_MOST_MODELS]
    waiting = sum(row["decision"] == "promote" for row in rows)
    return {
        "title": "Incumbent against challenger",
        "text": f"Week of {week}: {len(rows)} challengers and candidates, {waiting} of them to be promoted.",
        "plots": [_race_plot(promotions, model) for model in models],
        "table": {
            "columns": columns,
            "rows": cells,
            "note": "Gain is 1 less the challenger's CRPS over the incumbent's on the same weeks. ROI change is the largest of a channel "
            "between refits. All three conditions must hold; the rollout report says it for a meeting.",
        },
        "documents": [("Rollout report", "registry/rollout.md")],
    }


def _race_plot(promotions: pa.Table, model: str) -> Plot:
    """Score of the incumbent and of its challengers over time; a method keeps its line from refit to refit."""
    rows = promotions.filter(pc.equal(promotions["model_id"], model)).sort_by("week").to_pylist()
    lines: dict[str, list[tuple[dt.date, float | None]]] = {}
    for row in rows:
        old, new = (name.partition("@")[0] if name else None for name in (row["incumbent"], row["challenger"]))
        if old:
            lines.setdefault(f"{old} (incumbent)", []).append((row["week"], row["incumbent_score"]))
        if new and new != old:
            lines.setdefault(new, []).append((row["week"], row["challenger_score"]))
    series = []
    for name, points in lines.items():
        by_week = dict(points)
        series.append({"name": name, "x": list(by_week), "y": list(by_week.values())})
    return {
        "kind": "lines",
        "title": f"CRPS of incumbent and challengers: {model}",
        "subtitle": "mean over the weeks that both predicted; lower is better",
        "x_label": "week",
        "series": sorted(series, key=lambda line: ("(incumbent)" not in line["name"], line["name"])),
    }


def _model_section(rows: Sequence[Row], findings: pa.Table, week: dt.date | None) -> dict[str, Any]:
    if week is None:
        return {"title": "Models", "text": "Nothing is registered and no predictions have arrived."}
    failing: dict[str, list[Row]] = {}
    for row in _open(findings, week):
        if row["artifact"] == "model_registry":
            failing.setdefault(row["subject"], []).append(row)
    columns = [
        *("model", "version", "status", "engine", "tier", "owner", "validator", "approver", "validated", "due"),
        {"name": "model's verdict", "kind": "verdict"},
    ]
    names = ("status", "engine", "tier", "owner_role", "validator_role", "approver_role", "validated_on", "validation_due_on")
    cells = [
        (row["model_id"], row["version"] or ABSENT, *(row[name] for name in names), _verdict(failing.get(row["model_id"], ())))
        for row in sorted(rows, key=lambda row: (row["model_id"], row["status"], row["version"]))
    ]
    models = {row["model_id"] for row in rows}
    unregistered = sorted(row["model_id"] for row in rows if row["origin"] == "telemetry")
    text = f"{len(models)} models. " + (f"Nobody answers for {', '.join(unregistered)}." if unregistered else "Each is registered.")
    in_use = [row for row in rows if row["status"] != "retired"]
    cards = [(f"Card of {row['model_id']} {row['version']}".rstrip(), card_path(row)) for row in in_use]
    return {"title": "Models", "text": text, "table": {"columns": columns, "rows": cells}, "documents": sorted(cards)}


def _verdict(failing: Sequence[Row]) -> str:
    return "pass" if not failing else "fail" if any(row["severity"] == "error" for row in failing) else "warn"


def _demo_section(demos: pa.Table) -> dict[str, Any]:
    week = newest_week(demos)
    if week is None:
        return {"title": "Demos", "text": "No media-mix model is registered yet."}
    columns = ["model", "registered", "shown", {"name": "current", "kind": "verdict"}, "blocked by"]
    cells = [
        (
            row["model_id"],
            row["registered_version"],
            row["demo_version"],
            "pass" if row["demo_version"] == row["registered_version"] else "fail",
            row["blocked_by"],
        )
        for row in sorted(_of_week(demos, week), key=lambda row: str(row["model_id"]))
    ]
    made = [(f"Demo of {row['model_id']}", _summary_path(row["model_id"])) for row in _of_week(demos, week) if row["summary"]]
    return {"title": "Demos", "text": f"Week of {week}.", "table": {"columns": columns, "rows": cells}, "documents": sorted(made)}


def _feature_section(features: pa.Table) -> dict[str, Any]:
    week = newest_week(features)
    if week is None:
        return {"title": "Features", "text": "No catalogue of features has arrived."}
    rows = sorted(_of_week(features, week), key=lambda row: (row["category"] == "all", row["coverage"], row["category"]))
    whole = rows[-1]
    families = whole["open_families"].replace(",", ", ").replace("_", " ")
    cells = [
        (
            row["category"].replace("_", " "),
            row["available"],
            row["gaps"],
            row["coverage"],
            _BAR * row["available"] + _REST * row["gaps"],
            row["open_signals"].replace(",", ", "),
        )
        for row in rows
    ]
    over_time = features.filter(pc.equal(features["category"], "all")).sort_by("week")
    return {
        "title": "Features",
        "text": f"{whole['available']} of {whole['available'] + whole['gaps']} catalogued signals are available. "
        + (f"Families that are not closed: {families}." if families else "Every named family is closed."),
        "plot": {
            "kind": "lines",
            "title": "Coverage of the feature catalogue",
            "unit": "fraction",
            "x_label": "week",
            "series": [{"name": "available signals", "x": over_time["week"].to_pylist(), "y": over_time["coverage"].to_pylist()}],
        },
        "table": {
            "columns": ["family", "available", "gaps", {"name": "coverage", "unit": "fraction"}, "signals", "open signals"],
            "rows": cells,
        },
    }


def _of_week(rows: pa.Table, week: dt.date | None) -> list[Row]:
    return list(rows.filter(pc.equal(rows["week"], week)).to_pylist()) if week is not None and rows.num_rows else []
