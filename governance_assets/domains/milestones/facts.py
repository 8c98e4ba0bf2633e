"""What a change of a milestone's state is, and which evidence vanished.

Belongs here: pure functions over rows of ``milestone_events`` and ``evidence_files``. Does not belong here: verdicts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Move = Literal["start", "step", "rework", "no_op", "skip", "back", "left_accepted", "unknown_state"]
STATES = ("Planned", "In Progress", "Under Review", "Accepted")


def move_of(before: str | None, after: str | None, states: Sequence[str] = STATES) -> Move:
    """Kind of a change of state (D03, B36): only start, step and rework are allowed.

    >>> move_of("Under Review", "In Progress"), move_of("Accepted", "Accepted"), move_of("Planned", "Accepted")
    ('rework', 'no_op', 'skip')
    """
    if after not in states or (before is not None and before not in states):
        return "unknown_state" if after is None or before != after else "no_op"
    to = states.index(after)
    if before is None:
        return "start" if to == 0 else "skip"
    since = states.index(before)
    if to == since:
        return "no_op"
    if since == len(states) - 1:
        return "left_accepted"
    if to > since:
        return "step" if to == since + 1 else "skip"
    return "rework" if (before, after) == ("Under Review", "In Progress") else "back"


class Vanished(NamedTuple):
    """Evidence that came and went: when, and the hours it lay there."""

    path: str
    added: dt.datetime
    deleted: dt.datetime
    hours: float


def vanished(events: Iterable[tuple[dt.datetime, str, str]]) -> list[Vanished]:
    """Files whose last event is their removal (D10), from (instant, change, path), in the order they first came."""
    first: dict[str, dt.datetime] = {}
    last: dict[str, tuple[dt.datetime, str]] = {}
    for instant, change, path in sorted(events):
        if change == "added":
            first.setdefault(path, instant)
        last[path] = (instant, change)
    gone = [(first[path], path, instant) for path, (instant, change) in last.items() if change == "deleted" and path in first]
    return [Vanished(path, added, deleted, (deleted - added) / dt.timedelta(hours=1)) for added, path, deleted in sorted(gone)]
