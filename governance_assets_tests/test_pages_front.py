"""The front page's lines: what domains tell of changes and of what waits for a decision, and what an empty artifact is called."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema
from governance_assets.domains.assessment import report as assessment
from governance_assets.domains.assessment.contracts import Scorecard360
from governance_assets.domains.model_risk import report as model_risk
from governance_assets.domains.model_risk.contracts import DecisionApprovals
from governance_assets.domains.review import report as review
from governance_assets.domains.review.contracts import ActionRegister
from governance_assets.finding import MATCHES_CONTRACT, Rule
from governance_assets.pages.model import ArtifactState

AS_OF = dt.datetime(2026, 1, 5, 8, tzinfo=dt.UTC)
NONE = pa.table({})


def table(contract: type, rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist([dict.fromkeys(contract.model_fields) | row for row in rows], schema=arrow_schema(contract))


def test_the_newest_quarter_that_is_over_is_told_with_the_one_before() -> None:
    cards = [
        {"quarter": "2025-Q3", "decision": "pivot", "alignment": 77.0},
        {"quarter": "2025-Q4", "decision": "adjust_tactics", "alignment": 87.46, "previous_decision": "pivot", "change": 10.5},
        {"quarter": "2026-Q1", "decision": "continue", "alignment": 99.0},
    ]
    told = assessment.changed({"scorecard_360": table(Scorecard360, cards)}, NONE, AS_OF)
    assert told == ["360 of 2025-Q4: adjust tactics, after pivot; alignment 87.5 (+10.5)"]
    first = assessment.changed({"scorecard_360": table(Scorecard360, cards[:1])}, NONE, AS_OF)
    assert first == ["360 of 2025-Q3: pivot; alignment 77.0"]
    undecided = [{"quarter": "2025-Q4", "decision": None}]
    assert assessment.changed({"scorecard_360": table(Scorecard360, undecided)}, NONE, AS_OF) == []


def test_what_waits_for_an_approval_is_to_be_decided_in_its_newest_state() -> None:
    base = {"what": "pivot", "role": "programme_owner", "due_on": dt.date(2025, 10, 14)}
    rows = [
        base | {"quarter": "2025-Q3", "subject": "scorecard_360 2025-Q3", "state": "pending"},
        base | {"quarter": "2025-Q4", "subject": "scorecard_360 2025-Q3", "state": "approved"},
        base | {"quarter": "2025-Q4", "subject": "scorecard_360 2025-Q4", "state": "outdated", "due_on": dt.date(2026, 1, 14)},
        base | {"quarter": "2025-Q4", "subject": "item S1", "state": "pending", "due_on": dt.date(2026, 1, 7)},
        base | {"quarter": "2025-Q4", "subject": "item S2", "state": "rejected"},
    ]
    told = model_risk.to_decide({"decision_approvals": table(DecisionApprovals, rows)}, NONE, AS_OF)
    assert [line.split(":")[0] for line in told] == ["Approve or reject item S1, pivot", "Approve or reject scorecard_360 2025-Q4, pivot"]
    assert told[0].endswith("programme_owner, by 2026-01-07")


def test_overdue_actions_of_the_newest_register_are_to_be_decided() -> None:
    old, new = dt.date(2025, 12, 31), dt.date(2026, 1, 4)
    rows = [
        {"summary": "long ago", "judged_on": old, "overdue_days": 90, "owner": "director"},
        {"summary": "late", "judged_on": new, "overdue_days": 3, "owner": None},
        {"summary": "later", "judged_on": new, "overdue_days": 23, "owner": "data_quality"},
        {"summary": "in time", "judged_on": new, "overdue_days": None, "owner": "director"},
    ]
    assert review.to_decide({"action_register": table(ActionRegister, rows)}, NONE, AS_OF) == [
        "Close or move “later”: data_quality, 23 days overdue",
        "Close or move “late”: nobody owns it, 3 days overdue",
    ]
    assert review.to_decide({"action_register": table(ActionRegister, [])}, NONE, AS_OF) == []


HOLDS = Rule(MATCHES_CONTRACT, "rows are as the contract says", "mend them")
OTHER = Rule("other", "it holds", "mend it")


@pytest.mark.parametrize(
    ("rows", "findings", "verdict"),
    [
        (0, [HOLDS.judge("a", True)], "not_applicable"),
        (0, [HOLDS.judge("a", True), OTHER.not_applicable("a", "nothing came")], "not_applicable"),
        (0, [HOLDS.judge("a", False)], "fail"),
        (0, [HOLDS.judge("a", True), OTHER.judge("a", True)], "pass"),
        (0, [HOLDS.judge("a", True), OTHER.judge("a", None)], "unknown"),
        (1, [HOLDS.judge("a", True)], "pass"),
        (None, [HOLDS.judge("a", False)], "fail"),
    ],
)
def test_an_empty_table_does_not_pass_because_no_row_is_wrong(rows, findings, verdict) -> None:
    assert ArtifactState("a", "intake", partition_key="all", rows=rows, findings=tuple(findings)).verdict == verdict
