"""The policies that have judged: what each changed, and whether it was approved."""

from __future__ import annotations

import datetime as dt
import json

import pyarrow as pa
import pytest

from governance_assets.contract import conform, violations
from governance_assets.domains.model_risk import facts_policies, rules
from governance_assets.domains.model_risk.contracts import PolicyChanges
from governance_assets.policy import ModelRiskPolicy
from governance_assets.runtime.tables import LEDGER

POLICY = ModelRiskPolicy()
A, B = "a" * 64, "b" * 64
TEXTS = {A: json.dumps({"mmm": {"windows": [4, 8], "level": 0.9}}), B: json.dumps({"mmm": {"windows": [4, 8], "level": 0.8}})}


def judged() -> pa.Table:
    """A ledger of three entries, two of them by the second policy."""
    at = [dt.datetime(2025, 9, day, tzinfo=dt.UTC) for day in (1, 20, 10)]
    rows = [dict.fromkeys(LEDGER.names) | {"policy_sha256": one, "recorded_at": when} for one, when in zip((A, B, B), at, strict=True)]
    return pa.Table.from_pylist(rows, schema=LEDGER)


def approval(**more: object) -> dict:
    row = {"date": dt.date(2025, 9, 12), "role": "Programme Owner", "verdict": "approved", "sha256": f"sha256:{B.upper()}"}
    return row | {"authenticated_by": "signed_commit", "reason": None} | more


@pytest.mark.parametrize(
    ("given", "state", "outcome"),
    [
        ([], "pending", "fail"),
        ([approval()], "approved", "pass"),
        ([approval(authenticated_by=None)], "asserted", "pass"),
        ([approval(), approval(verdict="rejected")], "rejected", "fail"),
        ([approval(role="architect")], "pending", "fail"),
        ([approval(sha256=None)], "pending", "fail"),
    ],
)
def test_a_change_waits_for_the_approval_of_its_digest(given: list[dict], state: str, outcome: str) -> None:
    table = facts_policies.policy_changes(judged(), TEXTS.get, given, "programme_owner")
    assert violations(PolicyChanges, conform(PolicyChanges, table)) == []
    first, second = table.to_pylist()
    assert (first["state"], first["changes"], first["previous_sha256"]) == ("first", "", None)
    assert (second["state"], second["changes"], second["previous_sha256"]) == (state, "mmm.level: 0.9 → 0.8", A)
    assert second["first_judged_at"] == dt.datetime(2025, 9, 10, tzinfo=dt.UTC)
    assert [one.outcome for one in rules.judge_policy_changes(table, POLICY, "all")] == [outcome]


def test_one_policy_needs_no_approval_and_a_lost_text_is_told() -> None:
    alone = facts_policies.policy_changes(judged().slice(0, 1), TEXTS.get, [], "programme_owner")
    assert [one.outcome for one in rules.judge_policy_changes(alone, POLICY, "all")] == ["not_applicable"]
    unknown = facts_policies.policy_changes(judged(), {A: TEXTS[A]}.get, [], "programme_owner")
    assert unknown["changes"].to_pylist()[1] == "the text of one of the two is not kept"
