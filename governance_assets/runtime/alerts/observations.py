"""What was seen in Dagster, and which changes of state it makes.

Belongs here: one form for evaluations of checks, crashed assets, dead runs and failing ticks, and when they open or close an
incident. Does not belong here: reading Dagster (``runs.py``, ``ticks.py``) or committing (``reconcile.py``).

Rows of origin ``dagster`` say in ``since`` when the incident began and in ``until`` when it was seen worse or recovered. Nothing
that happened up to the newest of these instants is news of its subject: however often, and by however many, Dagster is read,
each change of state is recorded once.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from governance_assets.runtime.alerts.transitions import STATE_KINDS, Alerting, Key, NewAlert, State, key_of, state_after
from governance_assets.runtime.commit_lock import without_secrets

MATERIALIZES = "materializes"
RUN_FINISHES = "run_finishes"
TICKS = "ticks"
_LONGEST_MESSAGE = 300
_START = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_SEVERITIES = ("info", "warn", "error")


@dataclass(frozen=True)
class Seen:
    """One thing that happened in Dagster at the instant ``at``, good or bad, and to whom.

    ``ended_at`` is when the partition that it is about ended, None when it has none.
    """

    artifact: str
    rule: str
    subject: str
    at: dt.datetime
    outcome: Literal["pass", "fail", "error"]
    message: str
    severity: Literal["warn", "error"] = "error"
    remedy: str = ""
    partition_key: str = ""
    ended_at: dt.datetime | None = None
    run_id: str = ""
    owner: str = ""

    @property
    def key(self) -> Key:
        """Whose state it tells."""
        return self.artifact, self.rule, self.subject

    @property
    def is_good(self) -> bool:
        return self.outcome == "pass"


def changes(seen: Iterable[Seen], rows: Iterable[Mapping[str, Any]], alerting: Alerting) -> list[NewAlert]:
    """What to append to ``rows``, which are all there are, after what was ``seen``; in this order, or numbers would not fit."""
    known = _Known()
    for row in rows:
        known.follow(row)
    new = []
    for one in sorted(seen, key=lambda one: one.at):
        alert = known.change(one, alerting)
        if alert is not None:
            new.append(alert)
            known.follow(alert.row(known.last + 1, one.at))
    return new


class _Known:
    """The states of all subjects, the instants up to which they are told, and the number of the newest row."""

    def __init__(self) -> None:
        self.last = 0
        self._states: dict[Key, State] = {}
        self._told: dict[Key, dt.datetime] = {}

    def follow(self, row: Mapping[str, Any]) -> None:
        """Learn one more row."""
        self.last = int(row["alert"])
        if row["kind"] in STATE_KINDS:
            key = key_of(row)
            self._states[key] = state_after(self._states.get(key), row)
            if row["origin"] == "dagster":
                self._told[key] = max(self._told.get(key, _START), row["until"] or row["since"])

    def change(self, one: Seen, alerting: Alerting) -> NewAlert | None:
        """The row that ``one`` makes, if it is news."""
        state = self._states.get(one.key)
        if one.at <= self._told.get(one.key, _START):
            return None
        if state is None or not state.is_open:
            return None if one.is_good or alerting.is_old(one.ended_at) else _row(one, "failing", None)
        if one.is_good:
            return _row(one, "recovered", state)
        is_worse = _SEVERITIES.index(one.severity) > _SEVERITIES.index(state.severity)
        return _row(one, "worse", state) if is_worse else None


def _row(one: Seen, kind: Literal["failing", "worse", "recovered"], state: State | None) -> NewAlert:
    return NewAlert(
        kind=kind,
        artifact=one.artifact,
        rule=one.rule,
        subject=one.subject,
        partition_key=one.partition_key,
        outcome=one.outcome,
        severity="info" if kind == "recovered" else one.severity,
        message=one.message,
        origin="dagster",
        remedy=one.remedy,
        owner=one.owner,
        run_id=one.run_id,
        incident=state.incident if state else None,
        since=state.since if state else one.at,
        until=one.at if state else None,
    )


def shortened(text: str) -> str:
    """The first line of ``text`` that says something, without what looks like a secret, cut to a length that can be read."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    for pattern, replacement in _SECRETS:
        line = pattern.sub(replacement, line)
    line = without_secrets(line)
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[: _LONGEST_MESSAGE - 1]}…"


_SECRETS = (
    (re.compile(r"://[^/@\s]+@"), "://***@"),
    (re.compile(r"(?i)\b((?:authorization\W+)?bearer\s+)\S+"), r"\1***"),
    (
        re.compile(
            r"(?i)\b([\w.-]*(?:password|passwd|passphrase|pwd|secret|token|credential|signature|api[_-]?key|access[_-]?key)[\w.-]*"
            r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+"
        ),
        r"\1***",
    ),
    (re.compile(r"https://hooks\.\S+"), "https://hooks.***"),
    (re.compile(r"\b(?:xox[a-z]|gh[a-z]|AKIA|ASIA)[-_]?[A-Za-z0-9-]{12,}"), "***"),
    (re.compile(r"\b[A-Za-z0-9+_-]{40,}={0,2}(?![\w/])"), "***"),
)
"""What looks like a secret: users of addresses, named values, webhooks, tokens by their beginning, long runs of random letters."""


def ended_at(partition_key: str) -> dt.datetime | None:
    """When the partition of a key that begins with a date ended at the latest; None when the key tells no date.

    A key that is a day may stand for a day or a week, so it counts as a week.
    """
    found = re.match(r"(\d{4})-(\d{2})(-(\d{2}))?(?!\d)", partition_key)
    if found is None:
        return None
    try:
        first = dt.datetime(int(found[1]), int(found[2]), int(found[4] or 1), tzinfo=dt.UTC)
        return first + (dt.timedelta(days=7) if found[4] else dt.timedelta(days=31))
    except (ValueError, OverflowError):
        return None  # thirteen months, or past the end of time: no date
