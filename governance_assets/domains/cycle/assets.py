"""Assets of the review's cycle: its checklist, and the governance calendar."""

import pyarrow as pa

from governance_assets.domains.cycle import contracts, facts, report, rules
from governance_assets.policy import CalendarPolicy, CyclePolicy
from governance_assets.runtime.artifact import LandedPast, Past, Run, artifact


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
) -> pa.Table:
    """One row is one item of the quarter's review."""
    given = review_kickoff, decision_log, action_register, variance_bundle, critic_summary, review_events
    record = facts.Record(*(facts.rows_of(run.connection, each.if_any) for each in given))
    return facts.review_checklist(record, run.periods, run.as_of, policy, calendar)


@artifact(contracts.GovernanceCalendar, headline=report.headline_of_calendar)
def governance_calendar(run: Run, calendar: CalendarPolicy) -> pa.Table:
    """One row is one event of three quarters."""
    return facts.governance_calendar(run.as_of, calendar)
