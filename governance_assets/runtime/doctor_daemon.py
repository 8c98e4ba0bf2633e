"""Do Dagster's daemons live, do our schedules and sensors tick, does its queue move.

Belongs here: checks of the doctor that ask the Dagster instance. Does not belong here: everything else it looks at (``doctor.py``),
or turning failing ticks into alerts (``alerts/ticks.py``): those are sent by the very daemon that is looked at here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus
from dagster._utils.schedules import reverse_cron_string_iterator

from governance_assets.finding import Finding, Rule
from governance_assets.pages.wording import count
from governance_assets.policy import AlertsPolicy
from governance_assets.runtime.alerts.observations import shortened
from governance_assets.runtime.automation import schedules, sensors

START = "Start `governance ui`: its daemon runs as long as it does"
ALIVE = Rule("daemon_is_alive", "each of Dagster's daemons has reported lately and without an error", START, unit="seconds")
SENSOR = Rule("sensor_ticks", "the sensor is on, and its last tick was good and lies at most two intervals back", START, unit="seconds")
SCHEDULE = Rule("schedule_ticks", "the schedule is on, and neither its last tick failed nor its last two were missed", START)
QUEUE = Rule(
    "queue_moves",
    "no run waits or starts for longer than the policy allows",
    "See the runs in Dagster's UI: free a slot, or stop what blocks them",
    unit="minutes",
)
_LEAST_INTERVAL_S = 30
"""Dagster's daemon goes round its sensors this often at worst, however short an interval they ask for."""
_WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]
_ENDED = [TickStatus.FAILURE, TickStatus.SUCCESS, TickStatus.SKIPPED]

Check = tuple[Rule, str, Callable[[], Iterable[Finding]]]


def daemon_checks(policy: AlertsPolicy, instance: dg.DagsterInstance, now: dt.datetime) -> Iterator[Check]:
    """Every check of the daemon, to be made one by one."""
    yield ALIVE, "dagster", partial(_alive, policy, instance, now)
    for sensor in sensors():
        yield SENSOR, sensor.name, partial(_sensor_ticks, sensor, instance, now)
    for schedule in schedules():
        yield SCHEDULE, schedule.name, partial(_schedule_ticks, schedule, instance, now)
    yield QUEUE, "queue", partial(_moves, policy, instance, now)


def _alive(policy: AlertsPolicy, instance: dg.DagsterInstance, now: dt.datetime) -> Iterator[Finding]:
    beats = instance.get_daemon_heartbeats()
    for name in instance.get_required_daemon_types():
        subject = name.lower().replace("_", " ")
        if name not in beats:
            yield ALIVE.judge(subject, False, why="it has never reported")
            continue
        age = now.timestamp() - beats[name].timestamp
        errors = beats[name].errors or []
        told = f"its last error: {shortened(errors[0].message)}" if errors else ""
        yield ALIVE.judge(subject, age <= policy.daemon_silence_s and not errors, age, policy.daemon_silence_s, told)


def _sensor_ticks(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, now: dt.datetime) -> Iterator[Finding]:
    limit = 2.0 * max(sensor.minimum_interval_seconds or 0, _LEAST_INTERVAL_S)
    state, why = _state(instance, sensor.name)
    tick = _last_tick(instance, state) if state is not None else None
    if why or tick is None:
        yield SENSOR.judge(sensor.name, False, why=why or "it has never ticked")
        return
    age = now.timestamp() - (tick.end_timestamp or tick.timestamp)
    problem = _failure(tick)
    yield SENSOR.judge(sensor.name, age <= limit and not problem, age, limit, problem)


def _schedule_ticks(schedule: dg.ScheduleDefinition, instance: dg.DagsterInstance, now: dt.datetime) -> Iterator[Finding]:
    state, why = _state(instance, schedule.name)
    if state is None or why:
        yield SCHEDULE.judge(schedule.name, False, why=why)
        return
    tick = _last_tick(instance, state)
    _, before = islice(reverse_cron_string_iterator(now.timestamp(), str(schedule.cron_schedule), schedule.execution_timezone), 2)
    since = getattr(state.instigator_data, "start_timestamp", None) or 0.0
    if tick is None and since > before.timestamp():
        yield SCHEDULE.judge(schedule.name, None, why="its first tick is not due, or has just been; look again after it")
    elif tick is None or tick.timestamp < before.timestamp():
        told = f"its last tick was {_shown(tick.timestamp)}" if tick is not None else "it has never ticked"
        yield SCHEDULE.judge(schedule.name, False, why=f"{told}, one was due {_shown(before.timestamp())}")
    else:
        yield SCHEDULE.judge(schedule.name, not _failure(tick), why=_failure(tick) or f"its last tick was {_shown(tick.timestamp)}")


def _state(instance: dg.DagsterInstance, name: str) -> tuple[Any, str]:
    """The newest state that the daemon keeps of a sensor or schedule, and why it does not tick, if so."""
    states = [state for state in instance.all_instigator_state() if state.instigator_name == name]
    if not states:
        return None, "the daemon has never seen it"
    # One code location may have been loaded under several names; the one that is in use ticked last.
    state = max(states, key=lambda one: getattr(_last_tick(instance, one), "timestamp", 0.0))
    return state, "somebody has stopped it" if state.status == InstigatorStatus.STOPPED else ""


def _last_tick(instance: dg.DagsterInstance, state: Any) -> Any:
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1, statuses=_ENDED)
    return ticks[0] if ticks else None


def _failure(tick: Any) -> str:
    if tick.status != TickStatus.FAILURE:
        return ""
    return f"its last tick failed: {shortened(tick.error.message) if tick.error is not None else 'Dagster gives no reason'}"


def _moves(policy: AlertsPolicy, instance: dg.DagsterInstance, now: dt.datetime) -> Iterator[Finding]:
    waiting = instance.get_run_records(dg.RunsFilter(statuses=_WAITING))
    longest = max(((now - record.create_timestamp).total_seconds() / 60 for record in waiting), default=0.0)
    yield QUEUE.judge(
        "queue", longest <= policy.max_queue_minutes, longest, policy.max_queue_minutes, count(len(waiting), "run") + " waiting"
    )


def _shown(timestamp: float) -> str:
    return f"{dt.datetime.fromtimestamp(timestamp, dt.UTC):%Y-%m-%d %H:%M} UTC"
