"""Ten years of the governance calendar with a daemon that is down on random days: everything happens once, and what is late is told.

``make ten-years`` runs it at full length. Time is simulated: at random hours the daemon looks, as Dagster's would, at its schedules (of
missed ticks the newest counts), at what is stale, at health, and at what time has brought. The artifacts that prove an activity are there
without rows; each fails for random weeks. What should have come of it is worked out here from days and hours alone.
"""

from __future__ import annotations

import argparse
import datetime as dt
import inspect
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

import dagster as dg
import pyarrow as pa

import governance_assets.definitions  # noqa: F401  (declares the artifacts that prove activities)
from governance_assets.contract import WHOLE, empty
from governance_assets.policy import Policy, policy_from
from governance_assets.runtime import automation, calendar
from governance_assets.runtime.alerts.sweep import sweep
from governance_assets.runtime.artifact import DECLARATIONS, Declaration, materialize
from governance_assets.runtime.history import History
from governance_assets.runtime.partitions import from_dagster
from governance_assets.runtime.periods import partition_closes, period_of, periods_between
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import ORIGIN_TAG, Workspace

DAY = dt.timedelta(days=1)
START = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
ACTIVITIES = {"repository_sync": "repository_sync", "plan_update": "plan_dashboard", "issue_review": "issue_report"}
ACTIVITIES |= {"assessment": "scorecard_360"}
HEALTH = "operational_health"
_SHOWN = 20
_MINUTES = dt.timedelta(minutes=5)
_MOMENT = dt.timedelta(minutes=1)
"""What is recorded in one look is recorded within it: the history moves its clock on with each entry."""


@dataclass
class Outcome:
    """What was simulated, what came of it, and every fault in words."""

    days: int = 0
    down: int = 0
    looks: int = 0
    reminders: Counter[str] = field(default_factory=Counter)
    periods: int = 0
    late: int = 0
    escalated: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """When the daemon looks, and in which hours each artifact cannot be made."""

    looks: tuple[dt.datetime, ...]
    down_days: int
    broken: dict[str, tuple[tuple[dt.datetime, dt.datetime], ...]]

    @classmethod
    def random(cls, days: int, up: float, chance: random.Random) -> Plan:
        """The daemon looks once on a share ``up`` of the days, at times not at all for up to two months; artifacts break now and then."""
        down: set[int] = {day for day in range(1, days) if chance.random() >= up}
        for _ in range(days // 180):
            first = chance.randrange(1, days)
            down.update(range(first, first + chance.randrange(5, 60)))
        minute = dt.timedelta(minutes=1)
        looks = [START + day * DAY + chance.randrange(24 * 60) * minute for day in range(days) if day not in down]
        broken = {}
        for name in ACTIVITIES.values():
            begins = [START + chance.randrange(days) * DAY for _ in range(max(days // 120, 1))]
            broken[name] = tuple((begin, begin + chance.randrange(1, 40) * DAY) for begin in begins)
        return cls(tuple(looks), len(down & set(range(days))), broken)

    def is_broken(self, name: str, now: dt.datetime) -> bool:
        """Whether an artifact cannot be made at an instant."""
        return any(begin <= now < end for begin, end in self.broken[name])


class Daemon:
    """The installation with its clock in our hands."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.plan, self.now, self.last = plan, START, START - DAY
        settings = Settings.from_environment({"GOVERNANCE_HOME": str(folder), "GOVERNANCE_TELEMETRY": str(folder)})
        self.workspace = Workspace(settings, Policy())
        (folder / "history").mkdir(parents=True)
        self.workspace.history = History.open(settings.history, now=lambda: self.now)
        self.schedules = automation.review_schedules()
        self.asked: set[str] = set()

    def look(self, now: dt.datetime) -> None:
        """Everything that a daemon does, once: runs, minutes later a look at health, and minutes later at what time has brought."""
        self._move(now)
        for entry in self.schedules:
            self._tick(entry)
        for work in self._stale():
            self._make(work.names, periods_between(work.grain, work.first, work.last), "sensor")
        self._move(now + _MINUTES)
        materialize([DECLARATIONS[HEALTH]], self.workspace, "health", [WHOLE], {ORIGIN_TAG: "schedule"})
        self._move(now + 2 * _MINUTES)
        sweep(self.workspace)
        self.last = now

    def _move(self, now: dt.datetime) -> None:
        self.now = self.workspace.as_of = now
        self.workspace.policy = policy_from({"clock": {"as_of": now.isoformat()}, "alerts": {"status_artifacts": []}})

    def _stale(self) -> Iterator[automation.Work]:
        tried: set[str] = set()
        while work := automation.next_work(self.workspace, tried=tried):
            for one in work:
                tried.add(one.digest)
                yield one

    def _tick(self, schedule: dg.ScheduleDefinition) -> None:
        """The newest tick since the last look: without a set of partitions Dagster evaluates no older one."""
        known = {one.id: one for one in calendar.schedules(Policy().calendar)}[schedule.name]
        days = [self.now.date() - n * DAY for n in range((self.now.date() - self.last.date()).days + 1)]
        due = [event.due_at for day in days if known.is_due(day) and self.last < (event := known.event(day)).due_at <= self.now]
        if due:
            request = schedule(dg.build_schedule_context(scheduled_execution_time=max(due)))
            if isinstance(request, dg.RunRequest) and request.run_key not in self.asked:
                self.asked.add(str(request.run_key))
                grain = automation._REVIEWS[schedule.name]
                names = tuple(one.name for one in automation.of_grain(grain))
                self._make(names, [from_dagster(grain, str(request.partition_key))], "schedule")

    def _make(self, names: Iterable[str], keys: Iterable[str], origin: str) -> None:
        made = [DECLARATIONS[name] for name in names if not self.plan.is_broken(name, self.now)]
        if made:
            materialize(made, self.workspace, origin, list(keys), {ORIGIN_TAG: origin})


def stand_ins() -> dict[str, Declaration]:
    """The artifacts that prove an activity, without rows and without inputs, and the one that looks at them."""
    found = {}
    for name in ACTIVITIES.values():
        rows = empty(DECLARATIONS[name].contract)

        def compute(rows: pa.Table = rows) -> pa.Table:
            return rows

        compute.__signature__ = inspect.Signature()  # type: ignore[attr-defined]  # it takes no input
        found[name] = replace(DECLARATIONS[name], compute=compute, inputs={}, judge=None, judge_gap=None, plots=None, headline=None)
    return found | {HEALTH: DECLARATIONS[HEALTH]}


def campaign(folder: Path, days: int, up: float, seed: int) -> Outcome:
    """Simulate so many days and hold what is recorded against what the days and hours ask for."""
    plan = Plan.random(days, up, random.Random(seed))
    outcome = Outcome(days=days, down=plan.down_days, looks=len(plan.looks))
    ours = stand_ins()
    with mock.patch.dict(DECLARATIONS, ours, clear=True):
        daemon = Daemon(folder, plan)
        states = []
        try:
            for now in plan.looks:
                daemon.look(now)
                states.append((now + _MINUTES, {row["activity"]: row for row in daemon.workspace.history.rows(HEALTH).to_pylist()}))
            check_reminders(daemon, plan, outcome)
            check_periods(daemon, plan, outcome)
            check_escalations(daemon, states, outcome)
        finally:
            daemon.workspace.close()
    return outcome


# ---------------------------------------------------------------- what should have come of it


def check_reminders(daemon: Daemon, plan: Plan, outcome: Outcome) -> None:
    """Each reminder once, sent when somebody looked within a day of it, else recorded as missed."""
    alerts = Policy().alerts
    rows = [row for row in daemon.workspace.history.alerts().to_pylist() if row["rule"] == "reminder"]
    counted = Counter(row["subject"] for row in rows)
    kinds = {row["subject"]: row["kind"] for row in rows}
    begin = plan.looks[0] + 2 * _MINUTES - dt.timedelta(days=alerts.lookback_days)
    for event in calendar.reminders(begin, plan.looks[-1] + 2 * _MINUTES, alerts.reminders, Policy().calendar):
        seen = min(look + 2 * _MINUTES for look in plan.looks if look + 2 * _MINUTES >= event.due_at)
        expected = "reminder" if seen - event.due_at <= dt.timedelta(hours=alerts.max_reminder_age_hours) else "quiet"
        outcome.reminders[expected] += 1
        if counted.pop(event.id, 0) != 1 or kinds[event.id] != expected:
            outcome.faults.append(f"{event.id}: found {kinds.get(event.id)}, expected {expected} once")
    outcome.faults += [f"{name}: a reminder of nothing" for name in counted]


def check_periods(daemon: Daemon, plan: Plan, outcome: Outcome) -> None:
    """Each period is recorded once after it has closed, at the first look at which its artifact could be made."""
    ledger = daemon.workspace.history.ledger().to_pylist()
    for name in ACTIVITIES.values():
        grain = DECLARATIONS[name].contract.grain
        closed: dict[str, list[dt.datetime]] = defaultdict(list)
        for row in ledger:
            if row["artifact"] == name and not row["is_open"]:
                closed[row["partition_key"]].append(row["recorded_at"])
        first = min(row["partition_key"] for row in ledger if row["artifact"] == name)
        for key in periods_between(grain, first, period_of(grain, plan.looks[-1].date())):
            closes = partition_closes(grain, key)
            assert closes is not None
            possible = [look for look in plan.looks if look >= closes and not plan.is_broken(name, look)]
            found = closed.pop(key, [])
            outcome.periods += bool(possible)
            if len(found) != min(len(possible), 1) or (found and abs(found[0] - possible[0]) > _MOMENT):
                outcome.faults.append(f"{name} {key}: closed records {[str(one) for one in found]}, expected one at {possible[:1]}")
        outcome.faults += [f"{name} {key}: a record of a period that never closed" for key in closed]


def check_escalations(daemon: Daemon, states: list, outcome: Outcome) -> None:
    """An activity is missing exactly while its newest overdue event has no record; each stretch tells its role once; late ones say so."""
    rows = [row for row in daemon.workspace.history.alerts().to_pylist() if row["rule"] == "activity_took_place"]
    ledger = daemon.workspace.history.ledger().to_pylist()
    known = {one.id: one for one in calendar.schedules(Policy().calendar)}
    for activity, name in ACTIVITIES.items():
        records = [(row["partition_key"], row["recorded_at"]) for row in ledger if row["artifact"] == name and row["revision"] is not None]
        stretches, was_missing = 0, False
        for now, by_activity in states:
            event = calendar.last_overdue(known[activity], now)
            row = by_activity[activity]
            if event is None or row["state"] in ("not_applicable", "unknown"):
                continue
            period, begins = _period(event, name), event.due_at.replace(hour=0, minute=0)
            when = min((at for key, at in records if key == period and at >= begins), default=None)
            is_missing = when is None or when > now
            if is_missing != (row["state"] == "missing"):
                outcome.faults.append(f"{activity} at {now}: {row['state']}, recorded {when}")
            if not is_missing and when is not None and event.overdue_at is not None and row["was_late"] != (when > event.overdue_at):
                outcome.faults.append(f"{activity} at {now}: was_late {row['was_late']}, recorded {when}, overdue {event.overdue_at}")
            outcome.late += bool(row["was_late"])
            stretches += is_missing and not was_missing
            was_missing = is_missing
        told = [row for row in rows if row["subject"] == activity and row["kind"] == "escalated" and "activity" not in str(row["by"])]
        missed = next(one for one in Policy().alerts.missed if one.activity == activity)
        of_role = [row for row in told if row["step"] == missed.text]
        outcome.escalated[activity] = len(of_role)
        if len(of_role) != stretches or len({row["incident"] for row in of_role}) != len(of_role):
            outcome.faults.append(f"{activity}: {len(of_role)} escalations to {missed.role}, expected {stretches}, one an incident")


def _period(event: calendar.Event, name: str) -> str:
    """The period of which the artifact proves an event: the half-month before an issue review, else the one of its day."""
    day = event.due_at.date() - (DAY if event.id.startswith("issue_review/") else dt.timedelta())
    return period_of(DECLARATIONS[name].contract.grain, day)


def main() -> int:
    """The campaign at full length, unless told otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=3652)
    parser.add_argument("--up", type=float, default=0.75, help="share of days on which the daemon is up")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = campaign(Path(folder), asked.days, asked.up, asked.seed)
    print(f"{outcome.days} days, the daemon down on {outcome.down} of them, {outcome.looks} looks")
    print(f"reminders: {outcome.reminders['reminder']} sent, {outcome.reminders['quiet']} recorded as missed")
    print(f"periods recorded once after their close: {outcome.periods}; looks at which a late record was told as late: {outcome.late}")
    print(f"escalations: {', '.join(f'{n} of {name}' for name, n in outcome.escalated.items())}")
    print(f"{len(outcome.faults)} faults")
    print("\n".join(outcome.faults[:_SHOWN]))
    return bool(outcome.faults)


if __name__ == "__main__":
    raise SystemExit(main())
