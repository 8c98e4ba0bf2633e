"""From verdicts to changes of state: when a failure opens, worsens or closes an incident.

Belongs here: the state of each (artifact, rule, subject) and what a further verdict makes of it. Does not belong here: where
rows are stored (``runtime/recorder.py``), open incidents as people see them (``incidents.py``) or sending (``drain.py``).

A subject has at most one open incident. A failure opens it, later failing partitions keep it open, and a pass closes it when
its partition is not earlier than the one that failed last. What ended long ago opens nothing: a backfill is no news.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from governance_assets.finding import Finding
from governance_assets.policy import AlertsPolicy
from governance_assets.runtime.tables import storable

Kind = Literal[
    "failing",
    "worse",
    "recovered",
    "unknown",
    "quiet",
    "escalated",
    "acknowledged",
    "waived",
    "unwaived",
    "waiver_expired",
    "reminder",
    "notice",
]
Origin = Literal["finding", "dagster", "clock", "person"]
Key = tuple[str, str, str]
"""Artifact, rule and subject."""

STATE_KINDS = ("failing", "worse", "recovered", "unknown", "quiet")
"""The kinds of row that say in which state a subject is; the others are said about its incident."""
_RANKS = {"pass": 0, "not_applicable": 0, "unknown": 1, "fail": 2, "error": 3}
SEVERITIES = ("error", "warn", "info")
"""From the loudest on."""


@dataclass(frozen=True)
class Alerting:
    """When a verdict is news: the present instant, and the limits of the policy."""

    now: dt.datetime
    max_age: dt.timedelta
    unknown_after: dt.timedelta
    worse_ratio: float

    @classmethod
    def by(cls, policy: AlertsPolicy, now: dt.datetime) -> Alerting:
        """As ``policy`` has it, at the instant ``now``."""
        return cls(now, dt.timedelta(days=policy.max_partition_age_days), dt.timedelta(days=policy.unknown_after_days), policy.worse_ratio)

    def is_old(self, ended_at: dt.datetime | None) -> bool:
        """Whether a partition that ended at ``ended_at`` (None for one without end) is too old to be news."""
        return ended_at is not None and self.now - ended_at > self.max_age


@dataclass(frozen=True)
class Evaluation:
    """The verdicts on one partition of one artifact, as one ledger entry gave them.

    Unless ``is_complete``, as for rows that were refused, nothing follows from what it does not say.
    """

    artifact: str
    partition_key: str
    ended_at: dt.datetime | None
    findings: Sequence[Finding]
    owner: str
    entry: int
    run_id: str
    is_complete: bool


@dataclass(frozen=True)
class NewAlert:
    """A row of the table of alerts but for what is assigned under the commit lock: its number and instant.

    ``incident`` and ``since`` are given when an incident is open; else the row opens one of its own.
    """

    kind: Kind
    artifact: str
    rule: str
    subject: str
    partition_key: str
    outcome: str
    severity: str
    message: str
    origin: Origin
    remedy: str = ""
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    sources: str = ""
    owner: str = ""
    entry: int | None = None
    run_id: str = ""
    incident: str | None = None
    since: dt.datetime | None = None
    is_sent: bool = True
    step: str | None = None
    by: str | None = None
    reason: str | None = None
    until: dt.datetime | None = None

    def row(self, alert: int, recorded_at: dt.datetime) -> dict[str, Any]:
        """The row with its number and instant."""
        incident = incident_id(self.artifact, self.rule, self.subject, alert) if self.incident is None else self.incident
        return vars(self) | {"alert": alert, "recorded_at": recorded_at, "incident": incident, "since": self.since or recorded_at}


@dataclass(frozen=True)
class State:
    """What the rows say of one subject: its open incident, if any, and the partition it was last judged for.

    ``told`` is the outcome that was told last, with its severity, value and limit; ``since`` is when the incident opened,
    ``changed_at`` when the outcome changed.
    """

    incident: str
    since: dt.datetime | None
    partition_key: str
    outcome: str
    told: str
    severity: str
    value: float | None
    limit: float | None
    changed_at: dt.datetime

    @property
    def is_open(self) -> bool:
        return bool(self.incident)


def incident_id(artifact: str, rule: str, subject: str, alert: int) -> str:
    """The name of the incident that the row numbered ``alert`` opens."""
    return hashlib.sha256("\0".join((artifact, rule, subject, str(alert))).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def key_of(row: Mapping[str, Any]) -> Key:
    """Whose state a row tells."""
    return row["artifact"], row["rule"], row["subject"]


def states_after(rows: Iterable[Mapping[str, Any]]) -> dict[Key, State]:
    """The state of every subject after ``rows``, which stand in their order."""
    states: dict[Key, State] = {}
    for row in rows:
        if row["kind"] in STATE_KINDS:
            states[key_of(row)] = state_after(states.get(key_of(row)), row)
    return states


def state_after(known: State | None, row: Mapping[str, Any]) -> State:
    """The state of a subject after one more ``row`` of it."""
    is_told = row["kind"] in ("failing", "worse", "unknown") or known is None
    is_closed = row["kind"] == "recovered" or (row["kind"] == "quiet" and not row["incident"])
    changed = row["recorded_at"] if known is None or known.outcome != row["outcome"] else known.changed_at
    return State(
        incident="" if is_closed else row["incident"],
        since=None if is_closed else row["since"],
        partition_key=row["partition_key"],
        outcome=row["outcome"],
        told=row["outcome"] if is_told or known is None else known.told,
        severity=row["severity"] if is_told or known is None else known.severity,
        value=row["value"] if is_told or known is None else known.value,
        limit=row["limit"] if is_told or known is None else known.limit,
        changed_at=changed,
    )


def transitions(
    evaluations: Iterable[Evaluation],
    states: MutableMapping[Key, State],
    alerting: Alerting,
    assign: Callable[[NewAlert], Mapping[str, Any]],
    was_failing: Callable[[Key, str], bool],
) -> None:
    """Go through ``evaluations``, partition by partition, and hand every change of state to ``assign``.

    ``assign`` numbers a row and returns it; ``states`` follows. ``was_failing`` tells whether the verdict that a partition had
    before was a failure: a failure that was there already is no news once a later partition has closed its incident.
    """
    for evaluation in sorted(evaluations, key=lambda one: (one.artifact, one.partition_key)):
        judged = _worst_by_subject(evaluation)
        for key, finding in judged.items():
            new = _change(evaluation, key, finding, states.get(key), alerting, was_failing)
            if new is not None:
                states[key] = state_after(states.get(key), assign(new))
        for key, new in _no_longer_judged(evaluation, judged, states):
            states[key] = state_after(states[key], assign(new))


def _worst_by_subject(evaluation: Evaluation) -> dict[Key, Finding]:
    worst: dict[Key, Finding] = {}
    for finding in evaluation.findings:
        key = (evaluation.artifact, storable(finding.rule), storable(finding.subject))
        if key not in worst or _rank(finding) > _rank(worst[key]):
            worst[key] = finding
    return worst


def _rank(finding: Finding) -> tuple[int, int]:
    return _RANKS[finding.outcome], -SEVERITIES.index(finding.severity)


def _change(
    evaluation: Evaluation,
    key: Key,
    finding: Finding,
    state: State | None,
    alerting: Alerting,
    was_failing: Callable[[Key, str], bool],
) -> NewAlert | None:
    if finding.is_failure:
        return _after_failure(evaluation, key, finding, state, alerting, was_failing)
    if finding.outcome == "unknown":
        return _after_unknown(evaluation, finding, state, alerting)
    if state is None or evaluation.partition_key < state.partition_key or state.outcome in ("pass", "not_applicable"):
        return None
    if not state.is_open:
        return _row(evaluation, finding, "quiet", incident="", is_sent=False)
    return replace(_row(evaluation, finding, "recovered", incident=state.incident, since=state.since), severity="info")


def _after_failure(
    evaluation: Evaluation,
    key: Key,
    finding: Finding,
    state: State | None,
    alerting: Alerting,
    was_failing: Callable[[Key, str], bool],
) -> NewAlert | None:
    is_old = alerting.is_old(evaluation.ended_at)
    if state is None or not state.is_open:
        is_known = state is not None and evaluation.partition_key < state.partition_key and was_failing(key, evaluation.partition_key)
        return None if is_old or is_known else _row(evaluation, finding, "failing")
    if evaluation.partition_key < state.partition_key or is_old:
        return None
    if _is_worse(finding, state, alerting.worse_ratio):
        return _row(evaluation, finding, "worse", incident=state.incident, since=state.since)
    if evaluation.partition_key > state.partition_key or state.outcome != finding.outcome:
        return _row(evaluation, finding, "quiet", incident=state.incident, since=state.since, is_sent=False)
    return None


def _after_unknown(evaluation: Evaluation, finding: Finding, state: State | None, alerting: Alerting) -> NewAlert | None:
    if alerting.is_old(evaluation.ended_at) or (state is not None and evaluation.partition_key < state.partition_key):
        return None
    incident = state.incident if state is not None else ""
    since = state.since if state is not None else None
    if state is None or state.outcome != "unknown":
        return _row(evaluation, finding, "quiet", incident=incident, since=since, is_sent=False)
    if not state.is_open and alerting.now - state.changed_at >= alerting.unknown_after:
        return replace(_row(evaluation, finding, "unknown"), severity="warn")
    return None


def _no_longer_judged(evaluation: Evaluation, judged: Mapping[Key, Finding], states: Mapping[Key, State]) -> Iterator[tuple[Key, NewAlert]]:
    """Open incidents of the artifact that its newest verdicts say nothing about.

    When the same partition is judged again, the subject is gone and its incident over; when a later one is, the outcome is
    unknown from then on. A subject that names its own partition is not expected in another one.
    """
    for key, state in list(states.items()):
        if not evaluation.is_complete or key[0] != evaluation.artifact or not state.is_open or key in judged:
            continue
        if evaluation.partition_key == state.partition_key:
            yield key, _unjudged(evaluation, key, state, "recovered", "not_applicable", "is gone: it is judged no more")
        elif evaluation.partition_key > state.partition_key and state.partition_key not in key[2] and state.outcome != "unknown":
            yield key, _unjudged(evaluation, key, state, "quiet", "unknown", "is no longer judged")


def _unjudged(evaluation: Evaluation, key: Key, state: State, kind: Kind, outcome: str, what: str) -> NewAlert:
    return NewAlert(
        kind=kind,
        artifact=key[0],
        rule=key[1],
        subject=key[2],
        partition_key=evaluation.partition_key,
        outcome=outcome,
        severity="info" if kind == "recovered" else state.severity,
        message=f"{key[2]} {what}",
        origin="finding",
        owner=evaluation.owner,
        entry=evaluation.entry,
        run_id=evaluation.run_id,
        incident=state.incident,
        since=state.since,
        is_sent=kind == "recovered",
    )


def _is_worse(finding: Finding, state: State, ratio: float) -> bool:
    if _RANKS[finding.outcome] > _RANKS[state.told] or SEVERITIES.index(finding.severity) < SEVERITIES.index(state.severity):
        return True
    distances = [abs(one.value - one.limit) if one.value is not None and one.limit is not None else math.nan for one in (finding, state)]
    return distances[0] > distances[1] * (1 + ratio)  # never true of a figure that is missing


def _row(
    evaluation: Evaluation,
    finding: Finding,
    kind: Kind,
    *,
    incident: str | None = None,
    since: dt.datetime | None = None,
    is_sent: bool = True,
) -> NewAlert:
    return NewAlert(
        kind=kind,
        artifact=evaluation.artifact,
        rule=storable(finding.rule),
        subject=storable(finding.subject),
        partition_key=evaluation.partition_key,
        outcome=finding.outcome,
        severity=finding.severity,
        value=finding.value,
        limit=finding.limit,
        unit=finding.unit,
        message=storable(finding.message),
        remedy=storable(finding.remedy),
        sources=finding.sources,
        owner=evaluation.owner,
        origin="finding",
        entry=evaluation.entry,
        run_id=evaluation.run_id,
        incident=incident,
        since=since,
        is_sent=is_sent,
    )
