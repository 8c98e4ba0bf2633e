"""Milestones, their evidence and the exit gates: what is proved, claimed and refuted."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

import governance_assets.definitions  # noqa: F401  (declares the artifacts)
from governance_assets.contract import arrow_schema, conform, violations
from governance_assets.domains.milestones import contracts, facts, report, rules
from governance_assets.policy import Policy, PolicyError, policy_from
from governance_assets.runtime.artifact import DECLARATIONS, materialize
from governance_assets.runtime.periods import period
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace
from governance_assets_tests.conftest import write_csv

Q1, Q2 = period("quarter", "2025-Q1"), period("quarter", "2025-Q2")
NOW = dt.datetime(2026, 1, 5, 8, tzinfo=dt.UTC)
PLAN = policy_from(
    {
        "milestones": {
            "phases": [
                {"id": "P0", "name": "first", "starts_on": "2025-01-06", "ends_on": "2025-01-31", "approval": "exit gate P0"},
                {"id": "P1", "name": "second", "starts_on": "2025-02-03", "ends_on": "2025-06-30"},
            ],
            "milestones": [
                {"id": "P0.M1", "name": "inventory", "phase": "P0", "accountable": "lead", "working_days": 5, "deliverables": ["list.md"]},
                {"id": "P1.M1", "name": "matrix", "phase": "P1", "working_days": 3},
            ],
        }
    }
).milestones
SHA = "a" * 64


def at(day: str, hour: int = 10) -> dt.datetime:
    return dt.datetime.combine(dt.date.fromisoformat(day), dt.time(hour), dt.UTC)


def event(milestone: str, day: str, before: str | None, after: str, actor: str | None = "lead") -> dict[str, Any]:
    return {"milestone_id": milestone, "instant": at(day), "date": None, "from_state": before, "to_state": after, "actor": actor}


def file(path: str, day: str, change: str = "added", **changed: Any) -> dict[str, Any]:
    row = dict.fromkeys(
        (
            "version",
            "sha256",
            "recorded_sha256",
            "is_match",
            "has_metadata",
            "has_author",
            "has_date",
            "has_inputs",
            "has_commit",
            "commit",
            "command_count",
        )
    )
    return row | {"instant": at(day, 9), "date": None, "path": path, "milestone_id": path.split("/")[0], "change": change} | changed


WHOLE = {
    "sha256": SHA,
    "recorded_sha256": SHA,
    "has_metadata": True,
    "has_author": True,
    "has_date": True,
    "has_inputs": True,
    "has_commit": True,
}
ACCEPTED = [
    event("P0.M1", "2025-01-06", "Planned", "In Progress"),
    event("P0.M1", "2025-01-09", "In Progress", "Under Review"),
    event("P0.M1", "2025-01-10", "Under Review", "Accepted"),
]
LIST = file("P0.M1/list.md", "2025-01-09", **WHOLE)


def index(*files: dict[str, Any], commits: tuple[str, ...] = (), until=Q1) -> list[dict[str, Any]]:
    found = facts.evidence_index(files, [{"commit": one} for one in commits], [until], NOW, PLAN)
    return checked(contracts.EvidenceIndex, found)


def status(events: list[dict[str, Any]], *files: dict[str, Any], until=Q1, policy=PLAN) -> dict[str, dict[str, Any]]:
    found = facts.milestone_status(events, index(*files, until=until), [until], NOW, policy)
    return {row["milestone_id"]: row for row in checked(contracts.MilestoneStatus, found)}


def checked(contract: Any, table: pa.Table) -> list[dict[str, Any]]:
    assert not violations(contract, conform(contract, table))
    return table.to_pylist()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (WHOLE, "verified"),
        ({"sha256": SHA, "recorded_sha256": "b" * 64}, "differs"),
        ({"recorded_sha256": SHA, "is_match": True}, "claimed"),
        ({"recorded_sha256": SHA, "is_match": False}, "differs"),
        ({"recorded_sha256": SHA}, "not_read"),
        ({"sha256": SHA}, "not_recorded"),
    ],
)
def test_a_checksum_is_verified_only_where_bytes_were_read(changed: dict[str, Any], expected: str) -> None:
    (row,) = index(file("P0.M1/list.md", "2025-01-09", **changed))
    assert row["checksum"] == expected


def test_evidence_that_vanished_is_told_with_its_hours() -> None:
    gone = index(
        LIST, file("P0.M1/list.md", "2025-01-10", "deleted"), file("P9.M9/other.md", "2025-01-10", commit="abc"), commits=("abcdef",)
    )
    by_path = {row["path"]: row for row in gone}
    assert by_path["P0.M1/list.md"]["hours_present"] == 24
    other = by_path["P9.M9/other.md"]
    assert (other["is_planned"], other["is_commit_known"], other["missing_metadata"]) == (False, True, None)
    found = {(f.rule, f.subject): f.outcome for f in rules.judge_evidence_index(_table(contracts.EvidenceIndex, gone), PLAN, "2025-Q1")}
    assert found["evidence_stays", "P0.M1/list.md"] == "fail"
    assert found["checksum_holds", "P0.M1/list.md"] == "pass"
    assert found["metadata_is_complete", "P0.M1/list.md"] == "pass"
    assert found["metadata_is_complete", "P9.M9/other.md"] == "unknown"
    assert found["is_in_plan", "P9.M9/other.md"] == "fail"
    assert found["commit_exists", "P9.M9/other.md"] == "pass"
    assert index(LIST, file("P0.M1/list.md", "2025-04-10", "deleted"))[0]["vanished_at"] is None, "not yet at the end of the quarter"


@pytest.mark.parametrize(
    ("files", "proof", "told"),
    [
        ([LIST], "proved", "verified: P0.M1/list.md"),
        ([], "refuted", "no evidence of list.md"),
        ([file("P0.M1/list.md", "2025-01-11", **WHOLE)], "refuted", "after the acceptance"),
        ([LIST, file("P0.M1/list.md", "2025-02-01", "deleted")], "refuted", "was removed"),
        ([LIST | {"recorded_sha256": "b" * 64}], "refuted", "another SHA-256"),
        ([LIST | {"has_inputs": False, "has_commit": False}], "refuted", "metadata without inputs, commit"),
        ([file("P0.M1/list.md", "2025-01-09", recorded_sha256=SHA, is_match=True)], "claimed", "not verified"),
        ([file("P0.M1/other/list.md", "2025-01-09", **WHOLE)], "proved", "verified"),
        ([file("P0.M1/a_list.md", "2025-01-09", **WHOLE)], "refuted", "no evidence of list.md"),
    ],
)
def test_an_acceptance_counts_when_it_is_proved(files: list[dict[str, Any]], proof: str, told: str) -> None:
    row = status(ACCEPTED, *files)["P0.M1"]
    assert row["proof"] == proof
    assert told in row["why"]
    judged = rules.judge_milestone_status(_table(contracts.MilestoneStatus, [row]), PLAN, "2025-Q1")
    expected = {"proved": "pass", "claimed": "unknown", "refuted": "fail"}[proof]
    assert {f.outcome for f in judged if f.rule == "accepted_is_proved"} == {expected}


def test_words_of_roadmaps_and_jumps_to_done_are_told() -> None:
    """M0.1 stands in the record as tasks that were added as done (B02, B05)."""
    row = status([event("M0.1", "2025-01-06", None, "done", None)])["M0.1"]
    assert (row["state"], row["is_planned"], row["owner"], row["proof"], row["wrong_moves"]) == ("Accepted", False, None, "refuted", 1)
    assert row["wrong_moves_told"] == "2025-01-06 nothing to done: skip"
    found = {f.rule: f.outcome for f in rules.judge_milestone_status(_table(contracts.MilestoneStatus, [row]), PLAN, "2025-Q1")}
    assert found == {"is_in_plan": "fail", "moves_are_allowed": "fail", "owner_is_assigned": "fail", "accepted_is_proved": "fail"}
    assert status([event("M0.1", "2025-01-06", "pending", "parked")])["M0.1"]["state"] == "unknown"


@pytest.mark.parametrize(("accepted", "days", "outcome"), [("2025-01-09", 4, "pass"), ("2025-01-10", 5, "pass"), ("2025-01-13", 6, "fail")])
def test_overrun_counts_working_days(accepted: str, days: int, outcome: str) -> None:
    row = status([*ACCEPTED[:2], event("P0.M1", accepted, "Under Review", "Accepted")], LIST)["P0.M1"]
    assert row["elapsed_days"] == days
    judged = rules.judge_milestone_status(_table(contracts.MilestoneStatus, [row]), PLAN, "2025-Q1")
    assert {f.outcome for f in judged if f.rule == "within_duration"} == {outcome}


def gates(events: list[dict[str, Any]], approvals: list[dict[str, Any]], *files: dict[str, Any], until=Q1) -> dict[str, dict[str, Any]]:
    found = facts.exit_gates(list(status(events, *files, until=until).values()), approvals, [until], NOW, PLAN)
    return {row["phase"]: row for row in checked(contracts.ExitGates, found)}


def approval(day: str, verdict: str = "approved") -> dict[str, Any]:
    return {"instant": at(day), "date": None, "subject": "exit gate P0", "verdict": verdict}


LATER = [event("P1.M1", "2025-01-20", "Planned", "In Progress", None)]


@pytest.mark.parametrize(
    ("approvals", "later", "passed", "in_time", "order"),
    [
        ([approval("2025-01-15")], LATER, at("2025-01-15"), "pass", "pass"),
        ([approval("2025-01-20")], LATER, at("2025-01-20"), "pass", "pass"),
        ([approval("2025-01-21")], LATER, at("2025-01-21"), "pass", "fail"),
        ([approval("2025-01-31")], [], at("2025-01-31"), "pass", "pass"),
        ([approval("2025-02-01")], [], at("2025-02-01"), "fail", "pass"),
        ([], [], None, "fail", "pass"),
        ([approval("2025-01-15", "rejected")], LATER, None, "fail", "fail"),
    ],
)
def test_a_gate_needs_proofs_and_approval_before_later_work(approvals: Any, later: Any, passed: Any, in_time: str, order: str) -> None:
    row = gates([*ACCEPTED, *later], approvals, LIST)["P0"]
    assert row["passed_at"] == passed
    found = {f.rule: f.outcome for f in rules.judge_exit_gates(_table(contracts.ExitGates, [row]), PLAN, "2025-Q1")}
    assert (found["gate_is_passed_in_time"], found["no_work_before_the_gate"], found["roles_are_covered"]) == (in_time, order, "pass")


def test_a_phase_that_is_not_over_is_not_late_and_its_roles_are_asked_for() -> None:
    row = gates(ACCEPTED, [], LIST)["P1"]
    found = {f.rule: f.outcome for f in rules.judge_exit_gates(_table(contracts.ExitGates, [row]), PLAN, "2025-Q1")}
    assert found == {"no_work_before_the_gate": "pass", "roles_are_covered": "fail"}


def test_nothing_told_is_nothing_judged() -> None:
    empty = {
        contract: arrow_schema(contract).empty_table()
        for contract in (contracts.EvidenceIndex, contracts.MilestoneStatus, contracts.ExitGates)
    }
    judges = (rules.judge_evidence_index, rules.judge_milestone_status, rules.judge_exit_gates)
    for judge, table in zip(judges, empty.values(), strict=True):
        assert {f.outcome for f in judge(table, PLAN, "2025-Q1")} == {"not_applicable"}
    assert status([]) == {}
    page = report.page({contract.artifact: table for contract, table in empty.items()}, pa.table({}), NOW)
    assert all("Nothing is recorded yet." in section["text"] for section in page["sections"])


def test_the_page_shows_gates_proofs_and_evidence() -> None:
    events, evidence = [*ACCEPTED, *LATER], index(LIST)
    tables = {
        "evidence_index": _table(contracts.EvidenceIndex, evidence),
        "milestone_status": _table(contracts.MilestoneStatus, list(status(events, LIST).values())),
        "exit_gates": _table(contracts.ExitGates, list(gates(events, [approval("2025-01-15")], LIST).values())),
    }
    first, milestones, plotted, files = report.page(tables, pa.table({}), NOW)["sections"]
    assert first["text"].startswith("1 of 2 gates passed in 2025-Q1")
    assert milestones["table"]["rows"][0][0] == "pass"
    assert [series["y"] for series in plotted["plot"]["series"]] == [[2], [1], [1]]
    assert files["table"]["rows"][0][0] == "pass"
    assert report.headline_of_milestones(tables["milestone_status"]) == ("accepted and proved", "1 of 1", None)
    assert report.headline_of_gates(tables["exit_gates"]) == ("gates passed", "1 of 2", None)


def test_a_plan_is_refused_with_the_reason() -> None:
    with pytest.raises(PolicyError, match="milestones name the phase P7; declare it under phases"):
        policy_from({"milestones": {"milestones": [{"id": "P7.M1", "name": "x", "phase": "P7"}]}})


def test_the_example_is_a_plan() -> None:
    text = (Path(__file__).parents[1] / "data" / "examples" / "milestones.yaml").read_text(encoding="utf-8")
    plan = policy_from(yaml.safe_load(text)).milestones
    assert [phase.id for phase in plan.phases] == ["M0", *(f"P{number}" for number in range(7))]
    assert len(plan.milestones) == 3 + 16
    assert {one.phase for one in plan.milestones} == {phase.id for phase in plan.phases}
    assert Policy().milestones.milestones == ()


def test_the_sample_shows_what_was_planted(tmp_path: Path) -> None:
    sample = Path(__file__).parents[1] / "data" / "sample"
    telemetry = tmp_path / "telemetry"
    for name in ("milestones", "evidence", "commits"):
        shutil.copytree(sample / name, telemetry / name)
    shutil.copyfile(sample / "governance.yaml", telemetry / "governance.yaml")
    settings = Settings.from_environment({"GOVERNANCE_HOME": str(tmp_path / "home"), "GOVERNANCE_TELEMETRY": str(telemetry)})
    truth = json.loads((sample / "truth.json").read_text(encoding="utf-8"))["plan"]
    rows = recorded(settings)
    assert {row["milestone_id"]: row["proof"] for row in rows["milestone_status"]} == truth["milestones"]
    assert [row["milestone_id"] for row in rows["milestone_status"] if row["wrong_moves"]] == [truth["milestone_accepted_without_review"]]
    assert [row["path"] for row in rows["evidence_index"] if row["vanished_at"]] == [truth["evidence_that_vanished"]]
    differs = [row["path"] for row in rows["evidence_index"] if row["checksum"] == "differs"]
    assert differs == [truth["evidence_that_differs_from_its_checksum"]]
    assert [row["phase"] for row in rows["exit_gates"] if row["passed_at"]] == ["P1", "P4"]


def test_recorded_evidence_proves_nothing(shared_data, tmp_path: Path) -> None:
    """D07, D10, D14 on the record: checksums without bytes are claims, no metadata is complete, what went is found."""
    telemetry = tmp_path / "telemetry"
    for name in ("checksums.csv", "evidence_metadata.csv", "evidence_events.csv"):
        target = telemetry / "evidence" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        lines = shared_data(f"milestones/{name}").read_text(encoding="utf-8").splitlines()
        if name == "checksums.csv":  # the list states no instant; it was committed on this day
            lines = [f"{line},{extra}" for line, extra in zip(lines, ["at", *["2025-11-01T00:23:15+03:30"] * len(lines)], strict=False)]
        target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_csv(telemetry / "milestones" / "none.csv", [{"at": "2025-10-22T10:00:00Z", "milestone_id": "M0.1", "from": "", "to": "done"}])
    (telemetry / "governance.yaml").write_text("clock:\n  as_of: 2026-01-05T08:00:00Z\n", encoding="utf-8")
    settings = Settings.from_environment({"GOVERNANCE_HOME": str(tmp_path / "home"), "GOVERNANCE_TELEMETRY": str(telemetry)})
    rows = recorded(settings)
    checksums = [row for row in rows["evidence_index"] if row["quarter"] == "2025-Q4"]
    assert sum(row["checksum"] == "claimed" for row in checksums) == 90
    assert sum(row["checksum"] == "verified" for row in checksums) == 0
    described = [row for row in checksums if row["missing_metadata"] is not None]
    assert described
    assert all(row["missing_metadata"] for row in described), "0 of 20 are complete"
    assert sum(row["vanished_at"] is not None for row in checksums) > 0
    (claimed,) = [row for row in rows["milestone_status"] if row["milestone_id"] == "M0.1" and row["quarter"] == "2025-Q4"]
    assert (claimed["state"], claimed["proof"]) == ("Accepted", "refuted")


def recorded(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """The artifacts of the fourth quarter of 2025, made from landed files."""
    made = ("evidence_index", "milestone_status", "exit_gates")
    with Workspace(settings) as opened:
        materialize(
            [DECLARATIONS[name] for name in ("evidence_files", "milestone_events", "commits", "approvals")], opened, "run", ["all"], {}
        )
        for name in made:
            materialize([DECLARATIONS[name]], opened, "run", ["2025-Q4"], {})
        return {name: opened.history.rows(name).to_pylist() for name in made}


def _table(contract: Any, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=arrow_schema(contract))
