"""Whether decisions are approved, overrides accounted for, challenges answered and quarters attested to.

Belongs here: pass or fail of what ``facts.py`` matched. Does not belong here: who said what and when, or days and roles (``policy/``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from governance_assets.finding import Finding, Rule
from governance_assets.policy import ModelRiskPolicy

Row = dict[str, Any]

DECISION_IS_APPROVED = Rule(
    name="decision_is_approved",
    requirement="the deciding role approved it in time, as it is recorded",
    remedy="Put a row with this subject and digest among the approvals of the telemetry folder; model_risk/to_sign.csv has it ready",
    unit="days",
    sources="C60 C79",
)
SIGNER_IS_AUTHENTICATED = Rule(
    name="signer_is_authenticated",
    requirement="the approval says how its signer was authenticated",
    remedy="Sign the commit or the file that brings the approval, and name that under authenticated_by; until then it is asserted only",
    severity="warn",
    sources="C60",
)
APPROVAL_NAMES_ITS_CONTENT = Rule(
    name="approval_names_its_content",
    requirement="the approval names the digest of what it approves",
    remedy="Copy the digest of model_risk/to_sign.csv into the approval: else it would also hold for what is restated later",
    severity="warn",
    sources="C60",
)
ADJUSTMENTS_ARE_IN_THE_PLAN = Rule(
    name="adjustments_are_in_the_plan",
    requirement="the plan was adjusted within the days allowed after the approval",
    remedy="Bring the approved scope, estimates and dates into the plan store; status alone is no adjustment",
    unit="items",
    sources="C60",
)
OVERRIDE_IS_ACCOUNTED_FOR = Rule(
    name="override_is_accounted_for",
    requirement="an override says what it sets aside, by which role, why, and until when",
    remedy="Restate the decision with what is missing",
    sources="C80",
)
OVERRIDER_IS_ENTITLED = Rule(
    name="overrider_is_entitled",
    requirement="the overriding role is one that may override",
    remedy="Have the decision taken by one of model_risk.overriding_roles, or name the role there",
    sources="C80",
)
OVERRIDE_IS_SHORT = Rule(
    name="override_is_short",
    requirement="an override holds for no longer than the limit",
    remedy="Shorten it, or change the policy: `governance policy diff` lists what that would flip",
    severity="warn",
    unit="days",
    sources="P",
)
OUTCOME_IS_RECORDED = Rule(
    name="outcome_is_recorded",
    requirement="what came of an override is recorded soon after it ended",
    remedy="Restate the decision with its outcome: was the override right?",
    unit="days",
    sources="P",
)
CHALLENGE_IS_ANSWERED = Rule(
    name="challenge_is_answered",
    requirement="a challenge is answered in time",
    remedy="Add response, responded_by and verdict to the challenge",
    unit="days",
    sources="P",
)
CHALLENGE_IS_INDEPENDENT = Rule(
    name="challenge_is_independent",
    requirement="who answers a challenge is not who raised it, and both are named",
    remedy="Have another role answer it",
    severity="warn",
    sources="P",
)
CRITICISM_IS_ANSWERED = Rule(
    name="criticism_is_answered",
    requirement="a critical check that fails has a challenge with a response",
    remedy="Record in the challenges what is done about it, or why it stands; artifact, rule and subject name the check",
    severity="warn",
    sources="A44 P",
)
OWNER_HAS_ATTESTED = Rule(
    name="owner_has_attested",
    requirement="the owner of models attested to the quarter in time",
    remedy="Put a row of kind attestation with this role and cycle among the approvals; model_risk/to_sign.csv has it ready",
    sources="P",
)
ATTESTATION_IS_AUTHENTICATED = Rule(
    name="attestation_is_authenticated",
    requirement="the attestation says how its signer was authenticated",
    remedy="Sign the commit or the file that brings it, and name that under authenticated_by",
    severity="warn",
    sources="C60",
)

POLICY_CHANGE_IS_APPROVED = Rule(
    name="policy_change_is_approved",
    requirement="a change of the policy is approved by the deciding role",
    remedy="See with `governance policy diff` what it flips, then add an approval of kind change with the digest of the policy",
    severity="warn",
    sources="P",
)


def judge_decision_approvals(rows: pa.Table, policy: ModelRiskPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Approval of each decision and item, its signer, its content, and what became of it in the plan."""
    if not rows.num_rows:
        return [DECISION_IS_APPROVED.not_applicable(partition_key, "nothing needed approval")]
    return [finding for row in rows.to_pylist() for finding in _approval(row)]


def _approval(row: Row) -> Iterator[Finding]:
    subject, state, days, allowed = row["subject"], row["state"], row["days_taken"], (row["due_on"] - row["decided_on"]).days
    others = f"; approved by {row['given_by_others']}, which does not count" if row["given_by_others"] else ""
    if state == "pending":
        is_late = row["judged_on"] > row["due_on"]
        yield DECISION_IS_APPROVED.judge(subject, False if is_late else None, days, allowed, f"pending, due {row['due_on']}{others}")
        return
    why = {"rejected": row["reason"] or "rejected", "outdated": "what is recorded now is not what was approved"}.get(state, "")
    yield DECISION_IS_APPROVED.judge(subject, state in ("approved", "asserted"), days, allowed, why)
    yield SIGNER_IS_AUTHENTICATED.judge(subject, row["authenticated_by"] is not None, why=row["authenticated_by"] or "asserted")
    if row["content_sha256"] is not None:
        yield APPROVAL_NAMES_ITS_CONTENT.judge(subject, row["stated_sha256"] is not None)
    if row["adjust_by"] is not None:
        yield _adjusted(row)


def _adjusted(row: Row) -> Finding:
    subject, items, adjust_by = row["subject"], row["adjusted_items"], row["adjust_by"]
    if items:
        return ADJUSTMENTS_ARE_IN_THE_PLAN.judge(subject, True, items, 1)
    if row["judged_on"] <= adjust_by:
        return ADJUSTMENTS_ARE_IN_THE_PLAN.not_applicable(subject, f"the days allowed are not over: by {adjust_by}")
    if items is None:
        return ADJUSTMENTS_ARE_IN_THE_PLAN.judge(subject, None, why="no version of the plan landed from both before and after the approval")
    return ADJUSTMENTS_ARE_IN_THE_PLAN.judge(subject, False, items, 1, f"by {adjust_by}")


def judge_override_register(rows: pa.Table, policy: ModelRiskPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether each override is accounted for, entitled, short, and its outcome known in time."""
    if not rows.num_rows:
        return [OVERRIDE_IS_ACCOUNTED_FOR.not_applicable(partition_key, "no override was in force")]
    return [finding for row in rows.to_pylist() for finding in _override(row, policy)]


def _override(row: Row, policy: ModelRiskPolicy) -> Iterator[Finding]:
    subject = row["override"]
    lacking = [name for name in ("sets_aside", "overrider", "reason", "expires_on") if not row[name]]
    yield OVERRIDE_IS_ACCOUNTED_FOR.judge(subject, not lacking, why=f"missing: {', '.join(lacking)}" if lacking else "")
    if row["overrider"] is None:
        yield OVERRIDER_IS_ENTITLED.judge(subject, None, why="no role is named")
    else:
        yield OVERRIDER_IS_ENTITLED.judge(subject, row["overrider"] in policy.overriding_roles, why=row["overrider"])
    if row["expires_on"] is None:
        yield OVERRIDE_IS_SHORT.judge(subject, None, None, policy.max_override_days, "it has no end")
    else:
        days = (row["expires_on"] - row["decided_on"]).days
        yield OVERRIDE_IS_SHORT.judge(subject, days <= policy.max_override_days, days, policy.max_override_days)
    if row["state"] == "in_force":
        yield OUTCOME_IS_RECORDED.not_applicable(subject, "it is in force")
    elif row["state"] == "closed":
        yield OUTCOME_IS_RECORDED.judge(subject, True)
    else:
        days = row["days_expired"]
        yield OUTCOME_IS_RECORDED.judge(subject, days <= policy.outcome_days, days, policy.outcome_days)


def judge_challenge_log(rows: pa.Table, policy: ModelRiskPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether each challenge is answered, in time and by another, and each critical failure has an answered challenge."""
    if not rows.num_rows:
        return [CHALLENGE_IS_ANSWERED.not_applicable(partition_key, "nothing was challenged, and no critical check failed")]
    return [finding for row in rows.to_pylist() for finding in _challenge(row, policy)]


def _challenge(row: Row, policy: ModelRiskPolicy) -> Iterator[Finding]:
    about = " ".join(part for part in (row["artifact_name"], row["rule"], row["subject"]) if part)
    if row["is_critical"]:
        yield CRITICISM_IS_ANSWERED.judge(about, row["response"] is not None, why="" if row["response"] else row["evidence"])
    if not row["challenge_id"]:
        return
    subject, days = row["challenge_id"], row["days_taken"]
    is_late = days > policy.response_days
    in_time = None if row["response"] is None and not is_late else not is_late
    yield CHALLENGE_IS_ANSWERED.judge(subject, in_time, days, policy.response_days, "" if row["response"] else "not answered yet")
    if row["response"] is None:
        yield CHALLENGE_IS_INDEPENDENT.not_applicable(subject, "it is not answered")
    else:
        roles = row["challenged_by"], row["responded_by"]
        told = f"raised by {roles[0] or 'nobody named'}, answered by {roles[1] or 'nobody named'}"
        yield CHALLENGE_IS_INDEPENDENT.judge(subject, None not in roles and roles[0] != roles[1], why=told)


def judge_owner_attestations(rows: pa.Table, policy: ModelRiskPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether each role attested to each quarter in time, and how its signer was authenticated."""
    if not rows.num_rows:
        return [OWNER_HAS_ATTESTED.not_applicable(partition_key, "nobody owns a governed model")]
    return [finding for row in rows.to_pylist() for finding in _attestation(row)]


def _attestation(row: Row) -> Iterator[Finding]:
    subject, state = f"{row['role']} for {row['cycle']}", row["state"]
    if state == "pending":
        yield OWNER_HAS_ATTESTED.not_applicable(subject, f"it is due {row['due_on']}")
        return
    is_in_time = row["given_on"] is not None and row["given_on"] <= row["due_on"]
    why = {"missing": f"it was due {row['due_on']}", "refused": row["reason"] or "refused"}.get(state, f"due {row['due_on']}")
    yield OWNER_HAS_ATTESTED.judge(subject, state in ("attested", "asserted") and is_in_time, why=why)
    if state in ("attested", "asserted"):
        yield ATTESTATION_IS_AUTHENTICATED.judge(subject, state == "attested", why=row["authenticated_by"] or "asserted")


def judge_policy_changes(rows: pa.Table, policy: ModelRiskPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """One verdict on each change of the policy."""
    changed = [row for row in rows.to_pylist() if row["state"] != "first"]
    if not changed:
        return [POLICY_CHANGE_IS_APPROVED.not_applicable("the policy", "it never changed")]
    return [
        POLICY_CHANGE_IS_APPROVED.judge(f"policy {row['policy_sha256']}", row["state"] in ("approved", "asserted"), why=_in_force(row))
        for row in changed
    ]


def _in_force(row: Row) -> str:
    return f"{row['state']}, authenticated by {row['authenticated_by'] or 'nothing'}, in force since {row['first_judged_at']:%Y-%m-%d}"
