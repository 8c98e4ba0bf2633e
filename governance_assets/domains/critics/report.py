"""The page of critics and the headline figures of their artifacts.

Belongs here: choosing, sorting and wording of recorded rows. Does not belong here: judging them, or markup.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_INTRO = (
    "Critics look for reasons to disbelieve: models against weeks they have not seen, proposals against guardrails, test batches in their "
    "order, and every critic against what is said of it elsewhere. A critic that was skipped has not passed."
)
_STATUS = {
    "pass": "pass",
    "attention": "warn",
    "degraded": "fail",
    "failed": "fail",
    "skipped": "not_judged",
    "unknown": "unknown",
}
_OUTCOMES = {"pass": "pass", "fail": "fail", "unknown": "unknown", "not_run": "not_judged"}
_ORDER = ("degraded", "failed", "attention", "skipped", "unknown", "pass")
_SUITE_WEEKS = 26
_MOST_MERGES = 50

Row = Mapping[str, Any]


def page(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model: the board of critics, then what each found, for the newest recorded week."""
    sections = [
        _board(tables["critic_summary"]),
        _criticisms("Modelling reality", tables["modeling_reality_critic"], "No media-mix model is backtested yet."),
        _criticisms("Allocator", tables["allocator_critic"], "No proposal of an allocator has arrived."),
        _suites(tables["integrity_suite"]),
        _merges(tables["merge_coverage"]),
        _operations(tables["performance_benchmarks"]),
    ]
    return {"title": "Critics", "intro": f"{_INTRO}\n\nAs of {as_of.date()}.", "sections": sections}


def headline_of_critic(rows: pa.Table) -> tuple[str, int, None]:
    """How many CRITICAL findings there are."""
    return "critical", sum(row["level"] == "CRITICAL" and row["outcome"] == "fail" for row in rows.to_pylist()), None


def headline_of_suite(rows: pa.Table) -> tuple[str, str | None, None]:
    """Verdict of the newest run."""
    runs = sorted(rows.to_pylist(), key=lambda row: (str(row["ran_at"] or row["run"]), row["run"]))
    return "newest_run", runs[-1]["verdict"] if runs else None, None


def headline_of_summary(rows: pa.Table) -> tuple[str, int, None]:
    """How many critics are degraded or failed."""
    return "unwell_critics", sum(row["status"] in ("degraded", "failed") for row in rows.to_pylist()), None


def headline_of_benchmarks(rows: pa.Table) -> tuple[str, float | None, str]:
    """Share of operations that succeed."""
    whole = next((row for row in rows.to_pylist() if row["service"] == "all"), None)
    return "success_rate", whole["success_rate"] if whole else None, "fraction"


def headline_of_merges(rows: pa.Table) -> tuple[str, float | None, str]:
    """Share of merges that are covered, of those that can be judged."""
    judged = [row["is_covered"] for row in rows.to_pylist() if row["is_covered"] is not None]
    return "merges_covered", sum(judged) / len(judged) if judged else None, "fraction"


def _merges(merges: pa.Table) -> dict[str, Any]:
    title = "Merges"
    if not merges.num_rows:
        return {"title": title, "text": "No merge has arrived among the commits."}
    newest = pc.max(merges["quarter"]).as_py()
    rows = merges.filter(pc.equal(merges["quarter"], newest)).sort_by([("merged_at", "descending"), ("commit", "ascending")]).to_pylist()
    words = {True: "pass", False: "fail", None: "not_judged"}
    bare = sum(row["is_covered"] is False for row in rows)
    return {
        "title": title,
        "text": f"{newest}: {len(rows)} merges, {bare} of them without a batch that they need.",
        "table": {
            "columns": ["merged", "repository", "commit", {"name": "covered", "kind": "verdict"}, "ran", "missing"],
            "rows": [
                (str(row["merged_at"].date()), row["repository"], row["commit"], words[row["is_covered"]], row["batches"], row["missing"])
                for row in rows[:_MOST_MERGES]
            ],
            "note": f"Shown are the newest {min(len(rows), _MOST_MERGES)} of {len(rows)} merges.",
        },
    }


def _board(summary: pa.Table) -> dict[str, Any]:
    week = _newest(summary)
    if week is None:
        return {"title": "Board", "text": "No critic has run or reported yet."}
    rows = sorted(_of_week(summary, week), key=lambda row: (_ORDER.index(row["status"]), row["critic"]))
    tally = ", ".join(f"{sum(row['status'] == word for row in rows)} {word}" for word in _ORDER if any(r["status"] == word for r in rows))
    torn = [f"{row['critic']}: {row['contradiction']}." for row in rows if row["contradiction"]]
    deferred = [row["critic"] for row in rows if row["is_deferred"]]
    parts = [f"Week of {week}: {tally}."]
    parts += ["Contradictions: " + " ".join(torn)] if torn else []
    parts += [f"Deferred because critics are over their budget: {', '.join(deferred)}."] if deferred else []
    columns = [
        "critic",
        {"name": "verdict", "kind": "verdict"},
        "status",
        "it says",
        "judged",
        "profile",
        "failed checks",
        "tokens",
        "cost",
    ]
    cells = [
        (
            row["critic"],
            _STATUS[row["status"]],
            row["status"],
            row["stated"],
            row["judged_on"],
            row["profile"],
            row["n_failed"],
            row["week_tokens"],
            row["week_cost"],
            row["rerun_due_on"],
        )
        for row in rows
    ]
    return {
        "title": "Board",
        "text": "\n\n".join(parts),
        "plot": _over_time(summary),
        "table": {
            "columns": [*columns, "rerun due"],
            "rows": cells,
            "note": "Tokens and cost (USD) are those of the week. A critic that is degraded or failed is rerun every month until resolved.",
        },
    }


def _over_time(summary: pa.Table) -> dict[str, Any]:
    counted: dict[str, dict[dt.date, int]] = {"pass": {}, "attention": {}, "degraded or failed": {}, "skipped or unknown": {}}
    names = {
        "degraded": "degraded or failed",
        "failed": "degraded or failed",
        "skipped": "skipped or unknown",
        "unknown": "skipped or unknown",
    }
    weeks = sorted(set(summary["week"].to_pylist()))
    for row in summary.select(["week", "status"]).to_pylist():
        own = counted[names.get(row["status"], row["status"])]
        own[row["week"]] = own.get(row["week"], 0) + 1
    series = [{"name": name, "x": weeks, "y": [float(own.get(week, 0)) for week in weeks]} for name, own in counted.items() if own]
    return {"kind": "lines", "title": "Critics by status", "x_label": "week", "series": series}


def _criticisms(title: str, table: pa.Table, nothing: str) -> dict[str, Any]:
    week = _newest(table)
    if week is None:
        return {"title": title, "text": nothing}
    grave = {"CRITICAL": 0, "WARNING": 1, "INFO": 2}
    order = {"fail": 0, "unknown": 1, "pass": 2, "not_run": 3}
    rows = sorted(_of_week(table, week), key=lambda row: (order[row["outcome"]], grave[row["level"]], row["subject"], row["check"]))
    failed = {level: sum(row["level"] == level and row["outcome"] == "fail" for row in rows) for level in grave}
    text = f"Week of {week}, profile {rows[0]['profile']}: {failed['CRITICAL']} critical findings, {failed['WARNING']} warnings."
    shown = [row for row in rows if row["outcome"] != "pass" and not (row["level"] == "INFO" and row["outcome"] == "fail")]
    passed = len(rows) - len(shown)
    cells = [
        (row["subject"], row["check"].replace("_", " "), row["level"], _OUTCOMES[row["outcome"]], row["evidence"], row["remedy"])
        for row in shown
    ]
    columns = ["subject", "check", "level", {"name": "verdict", "kind": "verdict"}, "evidence", "remedy"]
    section: dict[str, Any] = {"title": title, "text": f"{text} {passed} further checks pass or only inform."}
    return section | ({"table": {"columns": columns, "rows": cells}} if cells else {})


def _suites(suites: pa.Table) -> dict[str, Any]:
    runs = sorted(suites.to_pylist(), key=lambda row: (row["week"], str(row["ran_at"] or row["run"]), row["run"]))[-_SUITE_WEEKS:]
    if not runs:
        return {"title": "Test batches", "text": "No batch of tests has arrived."}
    cells = [
        (row["run"], row["ran_at"], row["verdict"], row["first_failure"], row["n_passed"], row["n_batches"], row["outcomes"])
        for row in reversed(runs)
    ]
    columns = ["run", "at", {"name": "verdict", "kind": "verdict"}, "first failure", "passed", "batches", "outcomes in order"]
    return {"title": "Test batches", "text": "The newest runs first.", "table": {"columns": columns, "rows": cells}}


def _operations(benchmarks: pa.Table) -> dict[str, Any]:
    week = _newest(benchmarks)
    if week is None:
        return {"title": "Operations", "text": "No timed operation has arrived."}
    rows = sorted(_of_week(benchmarks, week), key=lambda row: (row["service"] == "all", row["service"]))
    names = ("service", "n_runs", "success_rate", "mean_s", "p95_s", "max_s", "largest_queue", "tokens", "cost")
    columns = [
        *("service", "operations", {"name": "success", "unit": "fraction"}),
        *({"name": name, "unit": "s"} for name in ("mean", "p95", "longest")),
        *("queue", "tokens", {"name": "cost", "unit": "USD"}),
    ]
    return {
        "title": "Operations",
        "text": f"Up to the end of the week of {week}.",
        "table": {"columns": columns, "rows": [tuple(row[name] for name in names) for row in rows]},
    }


def _newest(rows: pa.Table) -> dt.date | None:
    return pc.max(rows["week"]).as_py() if rows.num_rows else None


def _of_week(rows: pa.Table, week: dt.date) -> list[Row]:
    return list(rows.filter(pc.equal(rows["week"], week)).to_pylist())
