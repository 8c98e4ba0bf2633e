"""Every verdict of model risk, with a row just before, at and after each limit."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema, empty
from governance_assets.domains.model_risk import contracts, rules
from governance_assets.policy import ModelRiskPolicy

POLICY = ModelRiskPolicy(max_override_days=91, outcome_days=30, response_days=14)
DECIDED, DUE = dt.date(2025, 9, 26), dt.date(2025, 10, 10)


def judged(judge: object, contract: type, row: dict) -> list[str]:
    table = pa.Table.from_pylist([dict.fromkeys(contract.model_fields) | row], schema=arrow_schema(contract))
    return [f"{one.rule} {one.outcome}" for one in judge(table, POLICY, "2025-Q4")]


APPROVAL = {"subject": "scorecard_360 2025-Q3", "decided_on": DECIDED, "due_on": DUE, "judged_on": dt.date(2025, 12, 31), "days_taken": 3}
APPROVAL |= {"given_by_others": "", "content_sha256": "ab"}
GIVEN = {"state": "approved", "authenticated_by": "signed_commit", "stated_sha256": "ab"}
YES = ["decision_is_approved pass", "signer_is_authenticated pass", "approval_names_its_content pass"]


@pytest.mark.parametrize(
    ("changed", "outcomes"),
    [
        ({"state": "pending", "judged_on": DUE}, ["decision_is_approved unknown"]),
        ({"state": "pending", "judged_on": DUE + dt.timedelta(1)}, ["decision_is_approved fail"]),
        (GIVEN, YES),
        (GIVEN | {"content_sha256": None, "stated_sha256": None}, YES[:2]),
        (GIVEN | {"state": "asserted", "authenticated_by": None}, [YES[0], "signer_is_authenticated fail", YES[2]]),
        (GIVEN | {"stated_sha256": None}, [*YES[:2], "approval_names_its_content fail"]),
        (GIVEN | {"state": "rejected"}, ["decision_is_approved fail", *YES[1:]]),
        (GIVEN | {"state": "outdated"}, ["decision_is_approved fail", *YES[1:]]),
        (GIVEN | {"adjust_by": DUE, "adjusted_items": 1}, [*YES, "adjustments_are_in_the_plan pass"]),
        (GIVEN | {"adjust_by": DUE, "adjusted_items": 0}, [*YES, "adjustments_are_in_the_plan fail"]),
        (GIVEN | {"adjust_by": DUE, "adjusted_items": None}, [*YES, "adjustments_are_in_the_plan unknown"]),
        (GIVEN | {"adjust_by": DUE, "adjusted_items": 0, "judged_on": DUE}, [*YES, "adjustments_are_in_the_plan not_applicable"]),
        (GIVEN | {"adjust_by": DUE, "adjusted_items": 0, "judged_on": DUE + dt.timedelta(1)}, [*YES, "adjustments_are_in_the_plan fail"]),
    ],
)
def test_approvals(changed: dict, outcomes: list[str]) -> None:
    assert judged(rules.judge_decision_approvals, contracts.DecisionApprovals, APPROVAL | changed) == outcomes


OVERRIDE = {"override": "O-1", "sets_aside": "x", "overrider": "director", "reason": "season", "decided_on": DECIDED, "state": "in_force"}
OVERRIDE |= {"expires_on": DECIDED + dt.timedelta(91)}
FINE = ["override_is_accounted_for pass", "overrider_is_entitled pass", "override_is_short pass", "outcome_is_recorded not_applicable"]


@pytest.mark.parametrize(
    ("changed", "place", "outcome"),
    [
        ({}, 0, "pass"),
        ({"sets_aside": None}, 0, "fail"),
        ({"reason": None}, 0, "fail"),
        ({"overrider": "analyst"}, 1, "fail"),
        ({"expires_on": DECIDED + dt.timedelta(90)}, 2, "pass"),
        ({"expires_on": DECIDED + dt.timedelta(92)}, 2, "fail"),
        ({"state": "expired", "days_expired": 29}, 3, "pass"),
        ({"state": "expired", "days_expired": 30}, 3, "pass"),
        ({"state": "expired", "days_expired": 31}, 3, "fail"),
        ({"state": "closed"}, 3, "pass"),
    ],
)
def test_overrides(changed: dict, place: int, outcome: str) -> None:
    found = judged(rules.judge_override_register, contracts.OverrideRegister, OVERRIDE | changed)
    assert found == [f"{one.split()[0]} {outcome}" if n == place else one for n, one in enumerate(FINE)]


def test_an_override_without_role_or_end_is_not_judged_by_them() -> None:
    found = judged(rules.judge_override_register, contracts.OverrideRegister, OVERRIDE | {"overrider": None, "expires_on": None})
    assert [one.split()[1] for one in found] == ["fail", "unknown", "unknown", "not_applicable"]


CHALLENGE = {"artifact_name": "mmm_backtest", "rule": "", "subject": "", "challenge_id": "C-1", "is_critical": False, "evidence": ""}
CHALLENGE |= {"challenged_by": "director", "response": "it holds", "responded_by": "modelling_lead", "days_taken": 14}


@pytest.mark.parametrize(
    ("changed", "outcomes"),
    [
        ({}, ["challenge_is_answered pass", "challenge_is_independent pass"]),
        ({"days_taken": 13}, ["challenge_is_answered pass", "challenge_is_independent pass"]),
        ({"days_taken": 15}, ["challenge_is_answered fail", "challenge_is_independent pass"]),
        ({"response": None}, ["challenge_is_answered unknown", "challenge_is_independent not_applicable"]),
        ({"response": None, "days_taken": 15}, ["challenge_is_answered fail", "challenge_is_independent not_applicable"]),
        ({"responded_by": "director"}, ["challenge_is_answered pass", "challenge_is_independent fail"]),
        ({"responded_by": None}, ["challenge_is_answered pass", "challenge_is_independent fail"]),
        ({"is_critical": True}, ["criticism_is_answered pass", "challenge_is_answered pass", "challenge_is_independent pass"]),
        ({"is_critical": True, "challenge_id": "", "response": None}, ["criticism_is_answered fail"]),
    ],
)
def test_challenges(changed: dict, outcomes: list[str]) -> None:
    assert judged(rules.judge_challenge_log, contracts.ChallengeLog, CHALLENGE | changed) == outcomes


@pytest.mark.parametrize(
    ("changed", "outcomes"),
    [
        ({"state": "pending"}, ["owner_has_attested not_applicable"]),
        ({"state": "missing"}, ["owner_has_attested fail"]),
        ({"state": "refused", "given_on": DUE}, ["owner_has_attested fail"]),
        ({"state": "attested", "given_on": DUE}, ["owner_has_attested pass", "attestation_is_authenticated pass"]),
        ({"state": "asserted", "given_on": DUE}, ["owner_has_attested pass", "attestation_is_authenticated fail"]),
        ({"state": "attested", "given_on": DUE + dt.timedelta(1)}, ["owner_has_attested fail", "attestation_is_authenticated pass"]),
    ],
)
def test_attestations(changed: dict, outcomes: list[str]) -> None:
    row = {"role": "modelling_lead", "cycle": "2025-Q3", "due_on": DUE} | changed
    assert judged(rules.judge_owner_attestations, contracts.OwnerAttestations, row) == outcomes


@pytest.mark.parametrize(
    ("judge", "contract"),
    [
        (rules.judge_decision_approvals, contracts.DecisionApprovals),
        (rules.judge_override_register, contracts.OverrideRegister),
        (rules.judge_challenge_log, contracts.ChallengeLog),
        (rules.judge_owner_attestations, contracts.OwnerAttestations),
    ],
)
def test_nothing_to_judge_is_said(judge: object, contract: type) -> None:
    assert [one.outcome for one in judge(empty(contract), POLICY, "2025-Q4")] == ["not_applicable"]
