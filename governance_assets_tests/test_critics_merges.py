"""Whether tests ran after each merge: which runs belong to it, which it needs, and the share that is covered."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema, conform, violations
from governance_assets.domains.critics import facts_merges, report, rules
from governance_assets.domains.critics.contracts import MergeCoverage
from governance_assets.policy import CriticsPolicy, PolicyError, policy_from

POLICY = CriticsPolicy()
NOON = dt.datetime(2025, 10, 6, 12, tzinfo=dt.UTC)


def commit(name: str, hours: float = 0, **more: Any) -> dict[str, Any]:
    at = NOON + dt.timedelta(hours=hours)
    return {"repository": "code", "commit": name, "instant": at, "is_merge": True, "files": None} | more


def ran(batch: str, hours: float, commit: str | None = None, status: str = "pass") -> dict[str, Any]:
    return {"batch": batch, "instant": NOON + dt.timedelta(hours=hours), "commit": commit, "status": status}


def covered(commits: list[dict[str, Any]], runs: list[dict[str, Any]], quarter: str = "2025-Q4") -> list[dict[str, Any]]:
    rows = conform(MergeCoverage, facts_merges.merge_coverage(commits, runs, [quarter], POLICY))
    assert violations(MergeCoverage, rows) == []
    return list(rows.to_pylist())


LATER = commit("later", 100, is_merge=False)


@pytest.mark.parametrize(
    ("runs", "missing", "is_covered"),
    [
        ([ran("python", 1), ran("calibration", 2)], "", True),
        ([ran("python", 1, status="fail"), ran("calibration", 2)], "", True),  # a run that fails has run
        ([ran("python", 1, status="skipped"), ran("calibration", 2)], "python", False),
        ([ran("python", 23.9), ran("calibration", 24)], "calibration", False),
        ([ran("python", -0.1), ran("calibration", 0)], "python", False),
        ([ran("python", 90, "abc123"), ran("calibration", 1)], "", True),  # later, but of this very commit
        ([ran("python", 1, "abc123def456"), ran("calibration", 1, "ABC1")], "", True),
        ([ran("python", 1, "fff"), ran("calibration", 1)], "python", False),
        ([], "python,calibration", False),
    ],
)
def test_runs_of_a_merge(runs: list[dict[str, Any]], missing: str, is_covered: bool) -> None:
    (row,) = covered([commit("abc123"), LATER], runs)
    assert (row["missing"], row["is_covered"]) == (missing, is_covered)


def test_a_run_without_a_commit_belongs_to_the_newest_merge_before_it() -> None:
    first, second = covered([commit("a"), commit("b", 1), LATER], [ran("python", 2), ran("calibration", 2)])
    assert (first["is_covered"], second["is_covered"]) == (False, True)


def test_a_merge_whose_hours_are_not_over_is_not_judged_yet() -> None:
    assert covered([commit("a"), commit("x", 23.9, is_merge=False)], [])[0]["is_covered"] is None
    assert covered([commit("a"), commit("x", 24, is_merge=False)], [])[0]["is_covered"] is False
    assert covered([commit("a"), commit("x", 23, is_merge=False)], [ran("python", 1), ran("calibration", 1)])[0]["is_covered"] is True


def test_what_a_merge_touches_decides_what_it_needs() -> None:
    assert facts_merges.required("src/web/app.ts\nREADME.md", POLICY) == ["python", "calibration", "web"]
    assert facts_merges.required("cobweb/x\nstats/a.py", POLICY) == ["python", "calibration", "metrics_sanity"]
    assert facts_merges.required("", POLICY) == ["python", "calibration"]


def test_commits_that_merge_nothing_and_other_quarters_are_left_out() -> None:
    assert covered([commit("a", is_merge=False), commit("b", is_merge=None)], []) == []
    assert covered([commit("a")], [], "2025-Q3") == []
    assert covered([], []) == []


def row(name: str, is_covered: bool | None) -> dict[str, Any]:
    told = {"quarter": "2025-Q4", "repository": "code", "commit": name, "merged_at": NOON, "batches": ""}
    return told | {"missing": "" if is_covered else "python", "is_covered": is_covered}


@pytest.mark.parametrize(
    ("states", "limit", "expected"),
    [
        ([True, True], 1.0, "pass"),
        ([True, False], 1.0, "fail"),
        ([True, False], 0.5, "pass"),
        ([True, False], 0.51, "fail"),
        ([True, None], 1.0, "pass"),
        ([None], 1.0, "not_applicable"),
        ([], 1.0, "not_applicable"),
    ],
)
def test_the_share_of_merges_that_are_covered(states: list[bool | None], limit: float, expected: str) -> None:
    table = pa.Table.from_pylist([row(str(n), state) for n, state in enumerate(states)], schema=arrow_schema(MergeCoverage))
    (finding,) = rules.judge_merge_coverage(table, CriticsPolicy(min_merge_coverage=limit), "2025-Q4")
    assert finding.outcome == expected
    judged = [state for state in states if state is not None]
    assert report.headline_of_merges(table)[1] == (sum(judged) / len(judged) if judged else None)


def test_the_page_lists_merges_newest_first_and_says_when_there_are_none() -> None:
    table = pa.Table.from_pylist(
        [row("a", False), row("b", True) | {"merged_at": NOON + dt.timedelta(1)}], schema=arrow_schema(MergeCoverage)
    )
    section = report._merges(table)
    assert [(cells[2], cells[3]) for cells in section["table"]["rows"]] == [("b", "pass"), ("a", "fail")]
    assert "2 merges, 1 of them" in section["text"]
    assert report._merges(table.slice(0, 0))["text"] == "No merge has arrived among the commits."


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(PolicyError, match="no regular expression"):
        policy_from({"critics": {"merge_suites": [{"batch": "web", "paths": "("}]}})
