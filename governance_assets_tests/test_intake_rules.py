"""Verdicts on what arrived: at, below and above each limit, and every outcome."""

from __future__ import annotations

import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema, conform, empty
from governance_assets.domains.intake import facts, rules
from governance_assets.domains.intake.contracts import QuantileForecasts, RejectedRecords
from governance_assets.finding import Finding
from governance_assets.policy import IntakePolicy

POLICY = IntakePolicy(max_rejected_share=0.1)


def file(origin: str = "a.csv", rows: int = 90, rejected: int = 0, sha256: str | None = None) -> dict[str, object]:
    return {
        "file_sha256": sha256 or origin, "context": "", "origin": origin, "copies": 1, "shape": "long", "file_bytes": 1,
        "landed_path": "p", "landed_sha256": "s", "rows": rows, "rejected_rows": rejected, "unused_rows": 0, "first_date": None,
        "last_date": None, "weeks": "", "week_digests": "", "strata": "",
    }  # fmt: skip


def manifest(*files: dict[str, object]) -> pa.Table:
    return conform(QuantileForecasts, pa.Table.from_pylist(list(files), arrow_schema(QuantileForecasts)))


def judged(rule: str, rows: pa.Table, past: pa.Table | None = None) -> list[Finding]:
    return [finding for finding in rules.judge_manifest(rows, POLICY, "all", past) if finding.rule == rule]


@pytest.mark.parametrize(("rejected", "outcome"), [(0, "pass"), (9, "pass"), (10, "pass"), (11, "fail"), (90, "fail")])
def test_few_rows_refused(rejected: int, outcome: str) -> None:
    first, *worst = judged("few_rows_refused", manifest(file(rows=100 - rejected, rejected=rejected)))
    assert first.outcome == outcome
    assert first.severity == "error"
    assert first.value == pytest.approx(rejected / 100)
    assert [finding.subject for finding in worst] == (["a.csv"] if outcome == "fail" else [])


def test_one_bad_file_among_many_good_ones_is_named() -> None:
    first, *worst = judged("few_rows_refused", manifest(file("a.csv", 10_000), file("b.csv", 1, 1)))
    assert first.outcome == "pass"
    assert [(finding.subject, finding.outcome, finding.value) for finding in worst] == [("b.csv", "fail", 0.5)]


def test_something_arrived() -> None:
    assert judged("something_arrived", manifest(file()))[0].outcome == "pass"
    assert judged("something_arrived", manifest(file(rows=0)))[0].outcome == "fail"
    assert judged("something_arrived", empty(QuantileForecasts))[0].outcome == "not_applicable"
    assert judged("few_rows_refused", empty(QuantileForecasts))[0].outcome == "not_applicable"


def test_no_file_vanished() -> None:
    now = manifest(file("a.csv"), file("renamed.csv", sha256="b"))
    assert judged("no_file_vanished", now)[0].outcome == "pass"
    assert judged("no_file_vanished", now, empty(QuantileForecasts))[0].outcome == "pass"
    assert judged("no_file_vanished", now, manifest(file("a.csv", sha256="older"), file("b.csv", sha256="b")))[0].outcome == "pass"
    for past in (None, empty(QuantileForecasts)):
        assert judged("no_file_vanished", empty(QuantileForecasts), past)[0].outcome == "not_applicable"
    assert judged("no_file_vanished", empty(QuantileForecasts), now)[0].outcome == "fail"
    gone = judged("no_file_vanished", now, manifest(file("a.csv"), file("c.csv")))[0]
    assert (gone.outcome, gone.severity, gone.value) == ("fail", "warn", 1)
    assert "c.csv" in gone.message


def refused(scope: str, name: str = "a.csv", record: int = 1) -> dict[str, object]:
    return {
        "file": name, "record": record, "file_sha256": "s", "feed": None, "scope": scope, "row": None, "column": None,
        "found": "an empty file", "expected": "e", "next_step": "n", "rows": 0,
    }  # fmt: skip


def records(*rows: dict[str, object]) -> pa.Table:
    return conform(RejectedRecords, pa.Table.from_pylist(list(rows), arrow_schema(RejectedRecords)))


def test_every_file_readable() -> None:
    assert [finding.outcome for finding in rules.judge_rejected(empty(RejectedRecords), POLICY, "all")] == ["pass"]
    assert [finding.outcome for finding in rules.judge_rejected(records(refused("row"), refused("task", record=2)), POLICY, "all")] == [
        "pass"
    ]
    (finding,) = rules.judge_rejected(records(refused("row"), refused("file", "b.csv")), POLICY, "all")
    assert (finding.outcome, finding.severity, finding.subject) == ("fail", "error", "b.csv")
    assert "an empty file" in finding.message


def test_facts_of_nothing_are_zero() -> None:
    assert facts.refused_share(empty(QuantileForecasts)) == 0
    assert facts.total(empty(QuantileForecasts), "rows") == 0
    assert rules.headline(manifest(file(rows=7), file("b.csv", rows=5))) == ("landed rows", 12, None)
