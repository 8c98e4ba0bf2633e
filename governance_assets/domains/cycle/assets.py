"""Assets of the review's cycle: its checklist, what it leaves for the next, and the governance calendar."""

import pyarrow as pa

from governance_assets.domains.cycle import contracts, facts, report, rules
from governance_assets.policy import CalendarPolicy, CyclePolicy, ReviewPolicy
from governance_assets.runtime.artifact import LandedPast, Past, Run, Same, artifact


@artifact(contracts.ReviewChecklist, judge=rules.judge_review_checklist, headline=report.headline_of_checklist)
def review_checklist(
    run: Run,
    policy: CyclePolicy,
    calendar: CalendarPolicy,
    review_kickoff: Past,
    decision_log: Past,
    action_register: Past,
    variance_bundle: Past,
    critic_summary: Past,
    review_events: LandedPast,
    preread_packet: Past,
) -> pa.Table:
    """One row is one item of the quarter's review."""
    given = review_kickoff, decision_log, action_register, variance_bundle, critic_summary, review_events
    ledger = run.workspace.history.ledger(preread_packet.view)
    packets = facts.compiled(ledger, is_simulated=run.workspace.policy.clock.as_of is not None)
    record = facts.Record(*(run.rows(each) for each in given), packets=packets)
    return facts.review_checklist(record, run.periods, run.as_of, policy, calendar)


@artifact(contracts.ContextLedger, judge=rules.judge_context_ledger, headline=report.headline_of_ledger)
def context_ledger(
    run: Run,
    review: ReviewPolicy,
    review_kickoff: Past,
    decision_log: Past,
    action_register: Past,
    variance_bundle: Past,
    review_checklist: Same,
) -> pa.Table:
    """One row is one entry that a review leaves."""
    given = review_kickoff, decision_log, action_register, variance_bundle
    record = facts.Record(*(run.rows(each) for each in given))
    checklist = run.rows(review_checklist)
    return facts.context_ledger(record, checklist, run.periods, run.as_of, review.escalate_at)


@artifact(contracts.GovernanceCalendar, headline=report.headline_of_calendar)
def governance_calendar(run: Run, calendar: CalendarPolicy) -> pa.Table:
    """One row is one event of three quarters."""
    return facts.governance_calendar(run.as_of, calendar)
