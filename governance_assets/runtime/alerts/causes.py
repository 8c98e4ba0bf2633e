"""Which changes of state have one cause, judged by which artifact rests on which.

Belongs here: the grouping of what is told together. Does not belong here: whether it is told now (``plan.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance_assets.runtime.alerts.incidents import Incident
from governance_assets.runtime.alerts.transitions import key_of

SEVERITIES = ("error", "warn", "info")
OPENING = ("failing", "worse", "unknown")
CHANGES = (*OPENING, "recovered")
_CALM = ("recovered", "reminder", "notice")


@dataclass(frozen=True)
class Item:
    """Rows that are told together: what happened to one subject since it was last told about, in order."""

    rows: tuple[Mapping[str, Any], ...]

    @property
    def last(self) -> Mapping[str, Any]:
        return self.rows[-1]

    @property
    def is_change(self) -> bool:
        return self.last["kind"] in CHANGES

    @property
    def is_opening(self) -> bool:
        return self.last["kind"] in OPENING

    @property
    def severity(self) -> str:
        """That of the present state: what failed and recovered before anybody was told is information."""
        return loudness(self.last)


@dataclass(frozen=True)
class Group:
    """Items of one message: the first one has caused the others, or ``root`` has caused all."""

    items: tuple[Item, ...]
    root: Incident | None = None


@dataclass(frozen=True)
class _Cause:
    """Something that can stand behind others: an open incident, or one that has just ended."""

    is_open: bool
    artifact: str
    severity: str
    since: dt.datetime
    incident: str

    @property
    def place(self) -> tuple[int, dt.datetime, str]:
        return SEVERITIES.index(self.severity), self.since, self.incident


def loudness(row: Mapping[str, Any]) -> str:
    """The severity that a row counts with: what calms or reminds is information."""
    return "info" if row["kind"] in _CALM else str(row["severity"])


def worst(severities: Iterable[str]) -> str:
    """The loudest of ``severities``."""
    return min(severities, key=SEVERITIES.index, default="info")


def closure(upstream: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Everything that an artifact rests on, near or far, from what each one reads."""
    found: dict[str, frozenset[str]] = {}
    for name in upstream:
        seen: set[str] = set()
        ahead = list(upstream[name])
        while ahead:
            one = ahead.pop()
            if one not in seen:
                seen.add(one)
                ahead += upstream.get(one, ())
        found[name] = frozenset(seen - {name})
    return found


def groups(items: Sequence[Item], incidents: Mapping[str, Incident], upstream: Mapping[str, frozenset[str]]) -> Iterator[Group]:
    """The items by common cause; an item without one leads those that it caused."""
    above = closure(upstream)
    causes = list(_causes(items, incidents))
    led: dict[tuple[bool, str], list[Item]] = {}
    alone = []
    for item in items:
        cause = _cause_of(item, causes, above)
        if cause is None:
            alone.append(item)
        else:
            led.setdefault((cause.is_open, cause.incident), []).append(item)
    for item in alone:
        caused = led.pop((item.is_opening, item.last["incident"]), []) if item.is_change else []
        yield Group((item, *sorted(caused, key=_place)))
    for (_, incident), caused in led.items():  # the cause was told before, or waits
        yield Group(tuple(sorted(caused, key=_place)), incidents[incident])


def _causes(items: Sequence[Item], incidents: Mapping[str, Incident]) -> Iterator[_Cause]:
    for one in incidents.values():
        if one.is_open:
            yield _Cause(True, one.artifact, one.severity, one.opened_at, one.id)
    for row in (item.last for item in items if item.is_change and not item.is_opening):
        yield _Cause(False, row["artifact"], row["severity"], row["since"], row["incident"])


def _cause_of(item: Item, causes: Sequence[_Cause], above: Mapping[str, frozenset[str]]) -> _Cause | None:
    """The furthest cause upstream of ``item``; of several the loudest, then the oldest."""
    upstream = above.get(item.last["artifact"], frozenset())
    if not item.is_change or not upstream:
        return None
    possible = [one for one in causes if one.is_open == item.is_opening and one.artifact in upstream]
    artifacts = {one.artifact for one in possible}
    furthest = [one for one in possible if not above.get(one.artifact, frozenset()) & artifacts]
    return min(furthest, key=lambda one: one.place, default=None)


def _place(item: Item) -> tuple[Any, ...]:
    return (SEVERITIES.index(item.severity), *key_of(item.last), item.last["alert"])
