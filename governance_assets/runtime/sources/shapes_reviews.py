"""Shapes of reviews and results: variance bundles, stored backtests and calibrations, reports of test runs, cost reports.

Belongs here: turning them into records. Does not belong here: whether a figure reproduces, or what a status is worth.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.runtime.sources.columns import plain
from governance_assets.runtime.sources.documents import Item
from governance_assets.runtime.sources.outcome import Context, Table

UNSTATED = "not stated"
"""Unit of a figure whose file names none."""
_FRACTIONS = ("coverage", "relative_mae_improvement", "nominal_coverage")
_STATUS = ("status", "outcome", "result", "conclusion")
_EXIT = ("exit_code", "exitcode", "returncode", "code")
_TOLD = ("status", "notes", "issues")


def _lines(value: Any) -> str | None:
    if isinstance(value, list):
        return "\n".join(str(each) for each in value) or None
    return None if value is None else str(value)


# ---------------------------------------------------------------- bundles


def is_bundle(whole: Any) -> bool:
    """Whether this is the bundle of the quarterly review."""
    return isinstance(whole, dict) and isinstance(whole.get("variance_reports"), list)


def bundle(whole: Any, context: Context) -> dict[str, list[Item]]:
    """Its reports by component, the figures they publish, the actions they ask for, and the kickoff."""
    found: dict[str, list[Item]] = {"variance_reports": [], "model_runs": [], "actions": [], "review_events": []}
    for position, report in enumerate(whole["variance_reports"], 1):
        if not isinstance(report, dict):
            found["variance_reports"].append((position, report))
            continue
        components = report.get("variance_summary") if isinstance(report.get("variance_summary"), dict) else {}
        for name, component in (components or {"": {}}).items():
            told = component if isinstance(component, dict) else {"status": component}
            found["variance_reports"].append((position, _component(report, position, name, told)))
            found["model_runs"] += [(position, each) for each in _published(report, name, told)]
        actions = report.get("recommended_actions")
        for number, action in enumerate(actions if isinstance(actions, list) else [], 1):
            known = action if isinstance(action, dict) else {"summary": action}
            own = {
                "action_id": f"{report.get('cycle')}-{position}-{number}",
                "instant": report.get("generated_at"),
                "cycle": report.get("cycle"),
            }
            found["actions"].append((position, {**own, **known}))
    kickoff = whole.get("kickoff_event")
    if isinstance(kickoff, dict):
        more = {name: whole.get(name) for name in ("cadence", "last_reviewed_at", "next_review_at")}
        found["review_events"].append((1, {"kind": "kickoff", "cycle": _quarter(kickoff.get("start")), **kickoff, **more}))
    return found


def _component(report: dict[str, Any], position: int, name: str, told: dict[str, Any]) -> dict[str, Any]:
    return {
        "instant": report.get("generated_at"),
        "cycle": report.get("cycle"),
        "position": position,
        "component": name,
        "status": told.get("status"),
        "notes": told.get("notes"),
        "issues": _lines(told.get("issues")),
        "risk_score": report.get("risk_score"),
        "git_revision": report.get("git_revision"),
        "source_commands": _lines(report.get("source_commands")),
        "highlights": _lines(report.get("highlights")),
        "fields": sorted(report),
        **{key: value for key, value in told.items() if key not in _TOLD},
    }


def _published(report: dict[str, Any], name: str, told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for metric, value in told.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield {
                "instant": report.get("generated_at"),
                "model_id": name,
                "metric": metric,
                "value": value,
                "unit": UNSTATED,
                "commit": report.get("git_revision"),
                "source": "published",
            }


def _quarter(start: Any) -> str | None:
    found = re.match(r"(\d{4})-(\d{2})", str(start))
    return f"{found[1]}-Q{(int(found[2]) - 1) // 3 + 1}" if found else None


# ---------------------------------------------------------------- stored figures


def is_backtest(whole: Any) -> bool:
    """Whether this is a stored backtest: windows with what came true and what was predicted."""
    windows = whole.get("windows") if isinstance(whole, dict) else None
    return (
        isinstance(windows, list) and isinstance(whole.get("metrics"), dict) and all(isinstance(w, dict) and "actual" in w for w in windows)
    )


def backtest(whole: Any, context: Context) -> dict[str, list[Item]]:
    """Its published metrics, and of every window the actual value and what each model predicted."""
    items: list[Item] = []
    shared = {"instant": whole.get("generated_at"), "series": _dataset(whole)}
    for metric, value in whole["metrics"].items():
        name, _, model = metric.rpartition("_")
        of_model = {"model_id": model, "metric": name} if model in ("mmm", "baseline") else {"model_id": "mmm", "metric": metric}
        items.append(
            (1, {**shared, **of_model, "value": value, "unit": _unit(metric), "n": whole.get("window_count"), "source": "published"})
        )
    for number, window in enumerate(whole["windows"], 1):
        span = {"window_start": window.get("train_start"), "window_end": window.get("holdout"), "split": "test", "n": 1}
        for column, value in window.items():
            model = column.removesuffix("_prediction")
            if column == "actual" or model != column:
                what = {"model_id": "observed", "metric": "actual"} if column == "actual" else {"model_id": model, "metric": "prediction"}
                items.append((number, {**shared, **span, **what, "value": value, "unit": UNSTATED, "source": "published"}))
    return {"model_runs": items}


def _dataset(whole: dict[str, Any]) -> str:
    metadata = whole.get("metadata")
    return str(metadata.get("dataset") or "") if isinstance(metadata, dict) else ""


def _unit(metric: str) -> str:
    return "fraction" if metric in _FRACTIONS else UNSTATED


def is_calibration(whole: Any) -> bool:
    """Whether this is a stored record of a calibration."""
    metrics = whole.get("metrics") if isinstance(whole, dict) else None
    return isinstance(metrics, dict) and isinstance(metrics.get("overall_coverage"), dict)


def calibration(whole: Any, context: Context) -> dict[str, list[Item]]:
    """Its published metrics, over all and by horizon; the unit of an error is not stated."""
    shared = {"instant": whole.get("generated_at"), "model_id": "forecast_calibration", "source": "published"}
    found: list[dict[str, Any]] = []
    for name, value in whole["metrics"].items():
        metric = name.removeprefix("overall_").removesuffix("_by_horizon")
        if isinstance(value, dict) and "coverage" in value:
            found.append({"metric": metric, "value": value["coverage"], "unit": "fraction", "n": value.get("total")})
        elif isinstance(value, dict):
            found += [{"metric": metric, "horizon": horizon, **_of_horizon(metric, each)} for horizon, each in value.items()]
        elif isinstance(value, int | float):
            found.append({"metric": metric, "value": value, "unit": _unit(metric)})
    if "calibration_status" in whole:
        found[0]["calibration_status"] = whole["calibration_status"]
    return {"model_runs": [(number, {**shared, **each}) for number, each in enumerate(found, 1)]}


def _of_horizon(metric: str, value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"value": value.get("coverage"), "unit": "fraction", "n": value.get("total")}
    return {"value": value, "unit": _unit(metric)}


# ---------------------------------------------------------------- tests


def junit(root: ElementTree.Element) -> list[Item]:
    """Every test suite of a JUnit file that holds cases, in order."""
    suites = [suite for suite in root.iter("testsuite") if suite.find("testcase") is not None or suite.find("testsuite") is None]
    return [(number, _suite(suite, number)) for number, suite in enumerate(suites, 1)]


def _suite(suite: ElementTree.Element, position: int) -> dict[str, Any]:
    cases = suite.findall("testcase")
    bad = [(case, each) for case in cases for each in (*case.findall("failure"), *case.findall("error"))]
    failed, errors, skipped = (sum(case.find(kind) is not None for case in cases) for kind in ("failure", "error", "skipped"))
    is_counted = bool(cases) or suite.get("tests") is None
    total = len(cases) if is_counted else suite.get("tests")
    failed, errors = (failed, errors) if is_counted else (suite.get("failures"), suite.get("errors"))
    status = "error" if _positive(errors) else "fail" if _positive(failed) else "skipped" if cases and skipped == len(cases) else "pass"
    return {
        "instant": suite.get("timestamp"),
        "batch": suite.get("name") or "suite",
        "position": position,
        "status": status,
        "cases": total,
        "passed": len(cases) - len({id(case) for case, _ in bad}) - skipped if cases else None,
        "failed": failed,
        "errors": errors,
        "skipped": skipped if cases else suite.get("skipped"),
        "first_failure": f"{_case(bad[0][0])}: {bad[0][1].get('message') or ''}".rstrip(": ") if bad else None,
        "duration": suite.get("time"),
    }


def _positive(count: Any) -> bool:
    return str(count or "0").strip() not in ("0", "")


def _case(case: ElementTree.Element) -> str:
    return ".".join(part for part in (case.get("classname"), case.get("name")) if part)


def is_report(whole: Any) -> bool:
    """Whether this is a JSON report of a test run: a summary of outcomes."""
    return (
        isinstance(whole, dict) and isinstance(whole.get("summary"), dict) and bool(whole["summary"].keys() & {"passed", "failed", "total"})
    )


def report(whole: Any, context: Context) -> dict[str, list[Item]]:
    """One batch, with the first test that did not pass."""
    summary, tests = whole["summary"], whole.get("tests")
    bad = (
        next((test for test in tests if isinstance(test, dict) and test.get("outcome") in ("failed", "error")), None)
        if isinstance(tests, list)
        else None
    )
    is_bad = _positive(summary.get("failed")) or _positive(summary.get("error")) or _positive(whole.get("exitcode"))
    return {
        "test_runs": [
            (
                1,
                {
                    "instant": whole.get("created") or whole.get("timestamp"),
                    "batch": whole.get("name") or context.name,
                    "status": "fail" if is_bad else "pass",
                    "exit_code": whole.get("exitcode"),
                    "cases": summary.get("total"),
                    "passed": summary.get("passed"),
                    "failed": summary.get("failed"),
                    "errors": summary.get("error"),
                    "skipped": summary.get("skipped"),
                    "first_failure": bad.get("nodeid") or bad.get("name") if bad else None,
                    "duration": whole.get("duration"),
                    "command": whole.get("command"),
                },
            )
        ]
    }


def with_status(item: Any) -> Any:
    """A record of a command with its status, where only its exit code says it."""
    if not isinstance(item, dict):
        return item
    spelled = {plain(str(name)): value for name, value in item.items()}
    code = next((spelled[name] for name in _EXIT if name in spelled), None)
    if code is None or any(name in spelled for name in _STATUS):
        return item
    return {**item, "status": "pass" if str(code).strip() == "0" else "fail"}


def arranged(table: Table, context: Context) -> Table:
    """A table of results with its status, where only exit codes say it; a cost report's figures as reported ones."""
    spelled = [plain(name) for name in table.names]
    if context.folder == "tests" and not _any(spelled, _STATUS) and _any(spelled, _EXIT):
        codes = table.columns[next(spelled.index(name) for name in _EXIT if name in spelled)]
        is_zero = pc.equal(pc.utf8_trim_whitespace(pc.fill_null(codes, "")), "0")
        return _with(table, "status", pc.if_else(is_zero, "pass", "fail"))
    if {"item", "value", "unit"} <= set(spelled) and not _any(spelled, ("kind", "basis")):
        return _with(table, "kind", pa.chunked_array([pa.repeat("reported", len(table.rows))]))
    return table


def _any(spelled: Iterable[str], names: Iterable[str]) -> bool:
    return bool(set(spelled) & set(names))


def _with(table: Table, name: str, values: pa.ChunkedArray) -> Table:
    table.names = [*table.names, name]
    table.columns = [*table.columns, values]
    return table
