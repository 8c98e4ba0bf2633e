"""Verdicts on the review: reports complete and append-only, risk below escalation, kickoff in its week, actions in time.

Belongs here: pass or fail of what ``facts.py`` found. Does not belong here: severities, roles and limits (policy).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from governance_assets.finding import Finding, Rule
from governance_assets.policy import ReviewPolicy

Row = dict[str, Any]

FIELDS_ARE_COMPLETE = Rule(
    name="fields_are_complete",
    requirement="the report has every required field",
    remedy="Add the fields named to the report and deliver it as a new entry",
    unit="fields",
    sources="A19 A21",
)
POINTS_AT_ITS_SOURCE = Rule(
    name="points_at_its_source",
    requirement="the report names the commands it was made with and a whole Git revision",
    remedy="Record both when the report is made: without them nobody can make it again",
    sources="A22",
)
STATUS_IS_A_KNOWN_WORD = Rule(
    name="status_is_a_known_word",
    requirement="the status is one of the words allowed for the component",
    remedy="Use a word of the vocabulary, or add it to review.severities and review.components",
    sources="A25",
)
HAS_NOT_FAILED = Rule(
    name="has_not_failed",
    requirement="the component has not failed",
    remedy="Mend it: of four components one that failed moves the risk score by a quarter only, so it is told on its own",
    sources="A23",
)
RISK_IS_BELOW_ESCALATION = Rule(
    name="risk_is_below_escalation",
    requirement="the risk score is below the limit, unrounded",
    remedy="Escalate to the director and record it in the context ledger",
    unit="fraction",
    sources="A23 A24",
)
STATED_RISK_IS_REPRODUCED = Rule(
    name="stated_risk_is_reproduced",
    requirement="the stated risk score is that of the stated components, to two decimals",
    remedy="Correct the score, or the status of the component it rests on",
    unit="fraction",
    sources="A23",
)
HISTORY_ONLY_GROWS = Rule(
    name="history_only_grows",
    requirement="every report recorded before is still there, unchanged and in its place",
    remedy="Restore the reports named from the record; correct a report by a later one",
    unit="reports",
    sources="A20",
)
IS_IN_THE_FIRST_FULL_WEEK = Rule(
    name="is_in_the_first_full_week",
    requirement="the kickoff is in the first full week of the quarter",
    remedy="Move it, or record why the review is late",
    severity="warn",
    sources="A01",
)
ROLES_ARE_LISTED = Rule(
    name="roles_are_listed",
    requirement="every required role takes part, and somebody facilitates",
    remedy="Invite the roles named",
    severity="warn",
    sources="A06",
)
LASTS_AS_PLANNED = Rule(
    name="lasts_as_planned",
    requirement="the kickoff lasts as long as its agenda",
    remedy="Change its length, or calendar.kickoff_minutes together with the agenda",
    severity="warn",
    unit="minutes",
    sources="A03 A39",
)
IS_REBOOKED_IN_TIME = Rule(
    name="is_rebooked_in_time",
    requirement="a kickoff that was moved is held within the days allowed after the missed start",
    remedy="Rebook it earlier, or record who accepted the delay",
    sources="A04 A05",
)
NEXT_COMES_AFTER_LAST = Rule(
    name="next_comes_after_last",
    requirement="the next review is later than the last one that was held",
    remedy="Plan the kickoff of the next quarter",
    sources="A41",
)
ACTION_IS_IN_TIME = Rule(
    name="action_is_in_time",
    requirement="the action is closed, or not past the day it is due",
    remedy="Close it with its evidence, or agree on a new day with its owner",
    severity="warn",
    unit="days",
    sources="A48",
)
ACTION_IS_COMPLETE = Rule(
    name="action_is_complete",
    requirement="the action names its owner, its day and the items of the plan it belongs to",
    remedy="Complete it in the next version of the file",
    severity="warn",
    sources="A47",
)
OPEN_ACTION_IS_CARRIED_OVER = Rule(
    name="open_action_is_carried_over",
    requirement="an action that is open at the close of the quarter says why it goes on",
    remedy="Close it, or write its carry_over_reason",
    sources="A17 A18",
)
DECISION_IS_ACCOUNTED_FOR = Rule(
    name="decision_is_accounted_for",
    requirement="the decision names the role that took it, the reason, and the items of the plan it touches",
    remedy="Complete it in the next version of the file",
    severity="warn",
    sources="A15 A42",
)
DECISION_HAS_ITS_ACTION = Rule(
    name="decision_has_its_action",
    requirement="an action that names the decision is recorded within the days allowed",
    remedy="Record the action with decision_id, owner and day, or record that nothing follows",
    severity="warn",
    unit="actions",
    sources="A15 A16",
)
DECISION_REACHES_THE_PLAN = Rule(
    name="decision_reaches_the_plan",
    requirement="at least one item of the plan that the decision names was changed after it, within the days allowed",
    remedy="Update the items in the plan, or name the ones that were changed",
    severity="warn",
    unit="items",
    sources="A16 A42",
)


def judge_variance_bundle(rows: pa.Table, policy: ReviewPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Every report of the quarter, its components, and that what was recorded before has stayed."""
    found = [_grows(rows, past, partition_key)]
    if not rows.num_rows:
        return [*found, RISK_IS_BELOW_ESCALATION.not_applicable(partition_key, "no variance report was made in the quarter")]
    parts = rows.to_pylist()
    for report in {row["entry"]: row for row in parts}.values():
        found += _report(report, policy)
    return found + [finding for row in parts if row["is_scored"] for finding in _component(row)]


def _report(report: Row, policy: ReviewPolicy) -> Iterator[Finding]:
    subject, lower, upper = _subject(report), report["risk_lower"], report["risk_upper"]
    missing = report["missing_fields"]
    count = len(missing.split(", ")) if missing else 0
    if report["origin"] == "computed":
        why = "it is made from our own verdicts: its ledger entry has revision, command and inputs (governance explain)"
        yield FIELDS_ARE_COMPLETE.not_applicable(subject, why)
        yield POINTS_AT_ITS_SOURCE.not_applicable(subject, why)
    else:
        yield FIELDS_ARE_COMPLETE.judge(subject, not missing, count, 0, f"missing: {missing}" if missing else "")
        has_source = report["is_revision_whole"] and bool(report["source_commands"])
        yield POINTS_AT_ITS_SOURCE.judge(subject, has_source, why="whether the revision exists in a repository is not looked up")
    if (lower < policy.escalate_at) != (upper < policy.escalate_at):
        why = f"components are unknown: the score is {report['risk_shown']}, the limit lies between"
        yield RISK_IS_BELOW_ESCALATION.judge(subject, None, limit=policy.escalate_at, why=why)
    else:
        yield RISK_IS_BELOW_ESCALATION.judge(
            subject, upper < policy.escalate_at, upper, policy.escalate_at, f"shown {report['risk_shown']}"
        )
    if report["risk_stated"] is None:
        yield STATED_RISK_IS_REPRODUCED.not_applicable(subject, "the report states no score")
    else:
        why = f"computed {report['risk_shown']}"
        yield STATED_RISK_IS_REPRODUCED.judge(subject, report["is_reproduced"], report["risk_stated"], why=why)


def _component(row: Row) -> Iterator[Finding]:
    subject = f"{_subject(row)}: {row['component']}"
    if row["status"] is None:
        yield STATUS_IS_A_KNOWN_WORD.judge(subject, None, why="the report does not state it")
        yield HAS_NOT_FAILED.judge(subject, None, why="the report does not state it")
        return
    why = f"stated {row['status']}; allowed {row['words']}"
    yield STATUS_IS_A_KNOWN_WORD.judge(subject, row["severity"] is not None, why=why)
    has_failed = row["status"].strip().lower() == "failed"
    holds = False if has_failed else None if row["severity"] is None else True
    yield HAS_NOT_FAILED.judge(subject, holds, why=f"stated {row['status']}")


def _grows(rows: pa.Table, past: pa.Table | None, quarter: str) -> Finding:
    if past is None or not past.num_rows:
        return HISTORY_ONLY_GROWS.not_applicable(quarter, "nothing was recorded before")
    before, now = _digests(past), _digests(rows)
    if not before:
        return HISTORY_ONLY_GROWS.not_applicable(
            quarter, "no report that arrived was recorded before; revisions of ours stay in the ledger"
        )
    changed = [str(entry) for entry, digest in before.items() if now.get(entry) != digest]
    why = f"changed or gone: {', '.join(changed)}" if changed else ""
    return HISTORY_ONLY_GROWS.judge(quarter, not changed, len(changed), 0, why)


def _digests(rows: pa.Table) -> dict[int, str]:
    return {row["entry"]: row["content_sha256"] for row in rows.to_pylist() if row["origin"] == "imported"}


def _subject(report: Row) -> str:
    return f"report {report['entry']} of {report['quarter']}"


def judge_review_kickoff(rows: pa.Table, policy: ReviewPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether each kickoff is where it belongs, with whom it needs, for as long as planned."""
    if not rows.num_rows:
        return [IS_IN_THE_FIRST_FULL_WEEK.not_applicable(partition_key, "no kickoff is recorded")]
    return [finding for row in rows.to_pylist() for finding in _kickoff(row)]


def _kickoff(row: Row) -> Iterator[Finding]:
    subject, minutes, last = row["event"], row["duration_minutes"], row["last_reviewed_at"]
    why = f"it starts on {row['starts_at'].date()}; the week is {row['window_start']} to {row['window_end']}"
    yield IS_IN_THE_FIRST_FULL_WEEK.judge(subject, row["is_in_window"], why=why)
    missing = row["missing_roles"]
    yield ROLES_ARE_LISTED.judge(subject, not missing, why=f"missing: {missing}" if missing else "")
    holds = None if minutes is None else minutes == row["planned_minutes"]
    yield LASTS_AS_PLANNED.judge(subject, holds, minutes, row["planned_minutes"], "" if minutes is not None else "no length is stated")
    if row["rebook_by"] is None:
        yield IS_REBOOKED_IN_TIME.not_applicable(subject, "it was not moved, or not recorded as such")
    else:
        yield IS_REBOOKED_IN_TIME.judge(subject, row["starts_at"] <= row["rebook_by"], why=f"by {row['rebook_by']}")
    if last is None:
        yield NEXT_COMES_AFTER_LAST.not_applicable(subject, "no review was held yet")
    else:
        yield NEXT_COMES_AFTER_LAST.judge(subject, row["next_review_at"] > last, why=f"last {last}, next {row['next_review_at']}")


def judge_action_register(rows: pa.Table, policy: ReviewPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether each action is complete, in time, and carried over with a reason."""
    if not rows.num_rows:
        return [ACTION_IS_IN_TIME.not_applicable(partition_key, "no action was open")]
    return [finding for row in rows.to_pylist() for finding in _action(row)]


def _action(row: Row) -> Iterator[Finding]:
    subject, is_open = row["action_id"], row["state"] == "open"
    lacking = [name for name in ("owner", "due_by", "related_items") if not row[name]]
    yield ACTION_IS_COMPLETE.judge(subject, not lacking, why=f"missing: {', '.join(lacking)}" if lacking else "")
    if is_open and row["due_by"] is None:
        yield ACTION_IS_IN_TIME.judge(subject, None, why="no day is stated")
    else:
        yield ACTION_IS_IN_TIME.judge(subject, row["overdue_days"] is None, row["overdue_days"], 0, f"due {row['due_by']}")
    if not row["is_close"]:
        yield OPEN_ACTION_IS_CARRIED_OVER.not_applicable(subject, "the quarter goes on")
    else:
        yield OPEN_ACTION_IS_CARRIED_OVER.judge(subject, not is_open or bool(row["carry_over_reason"]), why=row["carry_over_reason"] or "")


def judge_decision_log(rows: pa.Table, policy: ReviewPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether each decision says by whom and why, and whether something follows from it in time."""
    if not rows.num_rows:
        return [DECISION_IS_ACCOUNTED_FOR.not_applicable(partition_key, "no decision was taken")]
    return [finding for row in rows.to_pylist() for finding in _decision(row)]


def _decision(row: Row) -> Iterator[Finding]:
    subject = row["decision_id"]
    lacking = [name for name in ("decided_by", "rationale", "related_items") if not row[name]]
    yield DECISION_IS_ACCOUNTED_FOR.judge(subject, not lacking, why=f"missing: {', '.join(lacking)}" if lacking else "")
    why = f"by {row['actions_due_on']}"
    if not row["n_actions"] and row["judged_on"] <= row["actions_due_on"]:
        yield DECISION_HAS_ITS_ACTION.not_applicable(subject, f"the days allowed are not over: {why}")
    else:
        yield DECISION_HAS_ITS_ACTION.judge(subject, row["n_actions"] > 0, row["n_actions"], 1, why)
    if not row["n_items"]:
        yield DECISION_REACHES_THE_PLAN.judge(subject, None, why="it names no item of the plan")
    elif not row["n_touched"] and row["judged_on"] <= row["actions_due_on"]:
        yield DECISION_REACHES_THE_PLAN.not_applicable(subject, f"the days allowed are not over: {why}")
    else:
        is_prompt = row["touched_on"] is not None and row["touched_on"] <= row["actions_due_on"]
        first = "none of them changed" if row["touched_on"] is None else f"first on {row['touched_on']}"
        yield DECISION_REACHES_THE_PLAN.judge(subject, is_prompt, row["n_touched"], 1, f"{first}; {why}")
