"""Ticks of sensors and schedules, as things that were seen.

Belongs here: which ticks failed. Does not belong here: what becomes of them (``observations.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus

from governance_assets.runtime.alerts.observations import TICKS, Seen, shortened

_ENDED = [TickStatus.FAILURE, TickStatus.SUCCESS, TickStatus.SKIPPED]


def seen_in_ticks(instance: dg.DagsterInstance, since: Mapping[str, float], first: float) -> tuple[list[Seen], dict[str, float]]:
    """The ticks that ended after ``since``, an instant for each sensor and schedule, else after ``first``; and the newest instants."""
    seen, newest = [], dict(since)
    for state in instance.all_instigator_state():
        after = since.get(state.selector_id, first)
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=after, statuses=_ENDED)
        seen += [_tick(tick, state) for tick in ticks]
        newest[state.selector_id] = max([after, *(tick.timestamp for tick in ticks)])
    return seen, newest


def _tick(tick: InstigatorTick, state: Any) -> Seen:
    name, what = state.instigator_name, state.instigator_type.value.lower()
    is_good = tick.status != TickStatus.FAILURE
    error = tick.error
    while error is not None and error.cause is not None:
        error = error.cause
    told = shortened(error.message) if error is not None else "Dagster gives no reason"
    return Seen(
        artifact=name,
        rule=TICKS,
        subject=name,
        at=dt.datetime.fromtimestamp(tick.timestamp, dt.UTC),
        outcome="pass" if is_good else "error",
        message=f"the {what} {name} ticks" if is_good else f"the {what} {name} could not be evaluated: {told}",
        remedy=f"Mend what the error names; Dagster's UI has its text on the page of {name}",
    )
