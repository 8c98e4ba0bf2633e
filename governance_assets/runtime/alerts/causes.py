"""Which changes of state have one cause, judged by which artifact rests on which.

Belongs here: the grouping of what is told together. Does not belong here: whether it is told now (``plan.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance_assets.contract import WHOLE
from governance_assets.runtime.alerts.incidents import Incident
from governance_assets.runtime.alerts.transitions import SEVERITIES, key_of

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
    """Items of one message: the first has caused the others, or ``root`` has caused all; else one run has brought them all."""

    items: tuple[Item, ...]
    root: Incident | None = None
    is_caused_by_first: bool = False


@dataclass(frozen=True)
class _Cause:
    """Something that can stand behind others: an open incident, or one that has just ended."""

    is_open: bool
    artifact: str
    partition_key: str
    severity: str
    since: dt.datetime
    incident: str

    def can_stand_behind(self, item: Item) -> bool:
        """A cause began no later than what it causes, and is as loud: a warning makes no error, and no week breaks the one before."""
        first = item.rows[0]["partition_key"]
        is_in_time = WHOLE in (self.partition_key, first) or self.partition_key <= first
        return is_in_time and SEVERITIES.index(self.severity) <= SEVERITIES.index(str(item.last["severity"]))

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
    alone: list[Item] = []
    for item in items:
        cause = _cause_of(item, causes, above)
        if cause is None:
            alone.append(item)
        else:
            led.setdefault((cause.is_open, cause.incident), []).append(item)
    together: dict[tuple[Any, ...], list[Item]] = {}
    for item in alone:
        caused = led.pop((item.is_opening, item.last["incident"]), []) if item.is_change else []
        if caused:
            yield Group((item, *sorted(caused, key=_place)), is_caused_by_first=True)
        else:
            together.setdefault(_brought_by(item), []).append(item)
    yield from (Group(tuple(sorted(brought, key=_place))) for brought in together.values())
    for (_, incident), caused in led.items():  # the cause was told before, or waits
        yield Group(tuple(sorted(caused, key=_place)), incidents[incident])


def _brought_by(item: Item) -> tuple[Any, ...]:
    """Changes of one artifact in one direction, in one run, are told together; everything else by itself."""
    row = item.last
    return (row["artifact"], row["run_id"], item.is_opening) if item.is_change and row["run_id"] else (row["alert"],)


def _causes(items: Sequence[Item], incidents: Mapping[str, Incident]) -> Iterator[_Cause]:
    for one in incidents.values():
        if one.is_open:
            yield _Cause(True, one.artifact, one.first_partition_key, one.severity, one.opened_at, one.id)
    for row in (item.last for item in items if item.is_change and not item.is_opening):
        yield _Cause(False, row["artifact"], row["partition_key"], row["severity"], row["since"], row["incident"])


def _cause_of(item: Item, causes: Sequence[_Cause], above: Mapping[str, frozenset[str]]) -> _Cause | None:
    """The furthest cause upstream of ``item``; of several the loudest, then the oldest."""
    upstream = above.get(item.last["artifact"], frozenset())
    if not item.is_change or not upstream:
        return None
    possible = [one for one in causes if one.is_open == item.is_opening and one.artifact in upstream and one.can_stand_behind(item)]
    artifacts = {one.artifact for one in possible}
    furthest = [one for one in possible if not above.get(one.artifact, frozenset()) & artifacts]
    return min(furthest, key=lambda one: one.place, default=None)


def _place(item: Item) -> tuple[Any, ...]:
    return (SEVERITIES.index(item.severity), *key_of(item.last), item.last["alert"])
