"""Assets of the briefing: the packet before each review, and the versions of the playbook."""

import datetime as dt

import pyarrow as pa

from governance_assets.domains.briefing import contracts, facts, report, rules
from governance_assets.policy import BriefingPolicy, CalendarPolicy
from governance_assets.runtime.artifact import LandedPast, Past, Run, Same, Within, artifact


@artifact(contracts.PrereadPacket, judge=rules.judge_preread_packet, headline=report.headline_of_packet)
def preread_packet(
    run: Run,
    policy: BriefingPolicy,
    calendar: CalendarPolicy,
    variance_bundle: Past,
    kpi_deltas: Same,
    decision_log: Same,
    action_register: Same,
    critic_summary: Past,
    plan_progress: Within,
) -> pa.Table:
    """One row is one entry of the packet for the review after the quarter."""
    given = variance_bundle, kpi_deltas, decision_log, action_register, critic_summary, plan_progress
    known = facts.Known(*(run.rows(each) for each in given), landed=_landed(run, policy))
    return facts.preread_packet(known, run.periods, run.as_of, policy, calendar)


def _landed(run: Run, policy: BriefingPolicy) -> dict[str, list[tuple[dt.date, dt.date]]]:
    """The weeks of every squad's feeds by their manifests, as they stand: what lands later changes no closed packet."""
    feeds = {feed for squad in policy.squads for feed in squad.feeds}
    manifests = {feed: run.workspace.history.rows(feed).to_pylist() for feed in sorted(feeds)}
    return {feed: facts.weeks_of(files) for feed, files in manifests.items()}


@artifact(contracts.PlaybookVersions, judge=rules.judge_playbook_versions, headline=report.headline_of_playbook)
def playbook_versions(run: Run, policy: BriefingPolicy, evidence_files: LandedPast, approvals: LandedPast) -> pa.Table:
    """One row is one version of the playbook in force in the quarter."""
    evidence, given = (run.rows(each) for each in (evidence_files, approvals))
    return facts.playbook_versions(evidence, given, run.periods, run.as_of, policy)
