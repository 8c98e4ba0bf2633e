"""The governance calendar: every event of a quarter, and the cron strings of those that recur.

Belongs here: the list of what is due, meets, reminds or runs. Does not belong here: the date rules (``runtime/due_dates.py``),
the clock (``runtime/clock.py``) or what runs when a date comes (``runtime/automation.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from governance_assets.policy import CalendarPolicy
from governance_assets.runtime import due_dates
from governance_assets.runtime.due_dates import at
from governance_assets.runtime.periods import (
    DAY,
    WEEK,
    WEEKDAYS,
    half_month_of,
    is_business_day,
    next_quarter,
    previous_quarter,
    quarter_end,
    quarter_of,
    quarter_start,
    quarters_between,
    utc_day,
)

Kind = Literal["job", "meeting", "deadline", "reminder", "window"]
Cadence = Literal["daily", "weekly", "half_monthly", "monthly", "quarterly", "once"]

_SPRINT_IDS = {"M0.1": ("B01", "B02"), "M0.2": ("B01", "B03"), "M0.3": ("B01", "B04")}
_EXIT_GATE_IDS = {"P0": "D18", "P1": "D23", "P2": "D33", "P3": "D45", "P4": "D51", "P5": "D55", "P6": "D61"}
_SETUP = ("automation of the plan store", "repository workflows", "operations dashboard", "training", "first sync, dry run")
_FIRST_MONTH = ("first sync", "first plan update", "first issue review", "every stage validated")


@dataclass(frozen=True)
class Event:
    """One entry of the calendar.

    ``due_at`` is when to act: a deadline's last minute, a window's opening. The window is what the event covers or how
    long it lasts, its end the first instant after it; None for a bare instant. An event that is still missing after
    ``overdue_at`` is escalated.
    """

    id: str
    name: str
    due_at: dt.datetime
    window_start: dt.datetime | None
    window_end: dt.datetime | None
    kind: Kind
    inventory_ids: tuple[str, ...]
    cadence: Cadence
    overdue_at: dt.datetime | None = None


@dataclass(frozen=True)
class Schedule:
    """Something that recurs at one time of day: the days it is due on, and the cron string that ticks then.

    A gated cron string ticks on further days, because cron cannot say which; ``is_due`` tells them apart. Cron reads a
    day of the month together with a weekday as "either", so no string here restricts both.
    """

    id: str
    name: str
    kind: Kind
    cadence: Cadence
    time: str
    cron_days: str
    is_due: Callable[[dt.date], bool]
    inventory_ids: tuple[str, ...]
    is_gated: bool = False
    hours: int = 0
    covers: Callable[[dt.date], tuple[dt.date, dt.date]] | None = None
    overdue_at: Callable[[dt.date], dt.datetime] | None = None
    key: Callable[[dt.date], str] = dt.date.isoformat

    @property
    def cron(self) -> str:
        """The cron string, UTC."""
        hour, minute = self.time.split(":")
        return f"{int(minute)} {int(hour)} {self.cron_days}"

    def event(self, day: dt.date) -> Event:
        """The event of ``day``, which must be due."""
        due = at(day, self.time)
        start = end = None
        if self.covers is not None:
            start, end = (_midnight(edge) for edge in self.covers(day))
        elif self.hours:
            start, end = due, due + dt.timedelta(hours=self.hours)
        overdue = None if self.overdue_at is None else self.overdue_at(day)
        return Event(f"{self.id}/{self.key(day)}", self.name, due, start, end, self.kind, self.inventory_ids, self.cadence, overdue)


def schedules(policy: CalendarPolicy) -> tuple[Schedule, ...]:
    """Everything that recurs, by cadence."""
    return (*_daily(policy), *_weekly(policy), *_monthly(policy), *_quarterly(policy))


def governance_calendar(quarter: str, policy: CalendarPolicy) -> list[Event]:
    """Every event that is due in ``quarter``, in order of time; each event is due in exactly one quarter."""
    return _events(quarter_start(quarter), quarter_end(quarter), policy)


def upcoming(as_of: dt.datetime, days: int, policy: CalendarPolicy) -> list[Event]:
    """Every event that is due from ``as_of`` on and before ``days`` days have passed, in order of time."""
    first, end = utc_day(as_of), as_of + days * DAY
    return [event for event in _events(first, utc_day(end) + DAY, policy) if as_of <= event.due_at < end]


def reminders(after: dt.datetime, until: dt.datetime, ids: Collection[str], policy: CalendarPolicy) -> list[Event]:
    """The events of the schedules ``ids`` that are due after ``after`` and up to ``until``, in order of time."""
    wanted = [schedule for schedule in schedules(policy) if schedule.id in ids]
    days = [utc_day(after) + number * DAY for number in range((utc_day(until) - utc_day(after)).days + 1)]
    found = [schedule.event(day) for schedule in wanted for day in days if schedule.is_due(day)]
    return sorted((event for event in found if after < event.due_at <= until), key=lambda event: (event.due_at, event.id))


def last_overdue(schedule: Schedule, present: dt.datetime) -> Event | None:
    """The newest event of ``schedule`` that is escalated unless it took place; None when it is never escalated, or not yet.

    It is looked for as far back as a cadence of a quarter with the longest delay may reach.
    """
    for number in range(_LONGEST_DELAY_DAYS):
        day = utc_day(present) - number * DAY
        if schedule.is_due(day):
            event = schedule.event(day)
            if event.overdue_at is not None and event.overdue_at < present:
                return event
    return None


_LONGEST_DELAY_DAYS = 400


def _events(first: dt.date, end: dt.date, policy: CalendarPolicy) -> list[Event]:
    days = [first + number * DAY for number in range((end - first).days)]
    found = [schedule.event(day) for schedule in schedules(policy) for day in days if schedule.is_due(day)]
    # The dates of a cycle reach into the quarters beside it and never further: policy bounds them at 60 days.
    for quarter in quarters_between(previous_quarter(quarter_of(first)), next_quarter(quarter_of(end))):
        found += [*_review_events(quarter, policy), *_assessment_events(quarter, policy)]
    found += [*_sprint_events(policy), *_phase_events(policy), *_first_events(policy)]
    return sorted((event for event in found if first <= event.due_at.date() < end), key=lambda event: (event.due_at, event.id))


# What recurs


def _daily(policy: CalendarPolicy) -> tuple[Schedule, ...]:
    def every_day(id: str, name: str, time: str, *inventory_ids: str) -> Schedule:
        return Schedule(id, name, "job", "daily", time, "* * *", lambda day: True, inventory_ids)

    return (
        every_day("mmm_backtest", "Nightly backtest of the media-mix models", policy.backtest_time, "A34"),
        every_day("geo_holdout", "Nightly geo-holdout assignment", policy.holdout_time, "B06"),
        every_day("calibration_append", "Pipeline smoke run, calibration into its history", policy.calibration_append_time, "B20", "B21"),
        # Holidays are not asked here: a cron string cannot know them.
        Schedule("daily_status", "Status notes", "reminder", "daily", policy.status_time, "* * 1-5", is_business_day, ("D02",)),
    )


def _weekly(policy: CalendarPolicy) -> tuple[Schedule, ...]:
    def weekly(
        id: str, name: str, kind: Kind, weekday: str, time: str, ids: tuple[str, ...], hours: int = 0, overdue_days: int | None = None
    ) -> Schedule:
        number = WEEKDAYS.index(weekday)
        cron_days = f"* * {(number + 1) % len(WEEKDAYS)}"
        overdue = None if overdue_days is None else lambda day: at(day, time) + overdue_days * DAY
        return Schedule(
            id, name, kind, "weekly", time, cron_days, lambda day: day.weekday() == number, ids, hours=hours, overdue_at=overdue
        )

    sync, update = policy.sync_weekday, policy.plan_update_weekday
    sync_ids, update_ids = ("C01", "C71"), ("C09", "C72")
    return (
        weekly("repository_sync", "Repository sync", "job", sync, policy.sync_time, sync_ids, policy.sync_hours, policy.sync_overdue_days),
        weekly("steering_review", "Steering review", "meeting", policy.steering_weekday, policy.steering_time, ("D01", "D65")),
        weekly("plan_update_reminder", "Plan update is due today", "reminder", update, policy.plan_update_reminder_time, ("C10",)),
        weekly(
            "plan_update",
            "Plan update",
            "job",
            update,
            policy.plan_update_time,
            update_ids,
            policy.plan_update_hours,
            policy.plan_update_overdue_days,
        ),
    )


def _monthly(policy: CalendarPolicy) -> tuple[Schedule, ...]:
    return (
        Schedule(
            id="interim_critics",
            name="Critics rerun for unresolved variances",
            kind="job",
            cadence="monthly",
            time=policy.interim_rerun_time,
            cron_days="1 * *",
            is_due=lambda day: day.day == 1,
            inventory_ids=("A40",),
        ),
        Schedule(
            id="issue_review_reminder",
            name="Issue review is due tomorrow",
            kind="reminder",
            cadence="half_monthly",
            time=policy.issue_reminder_time,
            cron_days="14,L * *",
            is_due=lambda day: _is_review_day(day + DAY),
            inventory_ids=("C23",),
        ),
        Schedule(
            id="issue_review",
            name="Issue review",
            kind="meeting",
            cadence="half_monthly",
            time=policy.issue_review_time,
            cron_days="1,15 * *",
            is_due=_is_review_day,
            inventory_ids=("C22", "C24", "C73"),
            covers=due_dates.issue_window,
            overdue_at=lambda day: due_dates.issue_review_overdue_at(day, policy),
        ),
    )


def _is_review_day(day: dt.date) -> bool:
    return day == half_month_of(day)


def _quarterly(policy: CalendarPolicy) -> tuple[Schedule, ...]:
    return (
        Schedule(
            id="telemetry_sweep",
            name="Telemetry sweep before the review",
            kind="job",
            cadence="quarterly",
            time=policy.sweep_tick_time,
            cron_days="* * *",
            is_due=lambda day: due_dates.is_sweep_day(day, policy),
            inventory_ids=("A10", "A11"),
            is_gated=True,
            covers=lambda day: _reviewed(day, policy),
        ),
        *_review_reminders(policy),
        Schedule(
            id="post_review_check",
            name="Actions and plan checked after the review",
            kind="job",
            cadence="quarterly",
            time=policy.day_end,
            cron_days="* * *",
            is_due=lambda day: due_dates.review_of(day, lambda key: _post_review_day(key, policy)) is not None,
            inventory_ids=("A16",),
            is_gated=True,
            key=quarter_of,
        ),
        Schedule(
            id="assessment_reminder",
            name="Assessment is coming",
            kind="reminder",
            cadence="quarterly",
            time=policy.assessment_time,
            cron_days="* * *",
            is_due=lambda day: day == due_dates.assessment_reminder_day(quarter_of(day), policy),
            inventory_ids=("C39",),
            is_gated=True,
            key=quarter_of,
        ),
        Schedule(
            id="assessment",
            name="Assessment presented",
            kind="meeting",
            cadence="quarterly",
            time=policy.assessment_time,
            cron_days="* 3,6,9,12 L5",
            is_due=lambda day: day == due_dates.last_friday(quarter_of(day)),
            inventory_ids=("C38", "C74"),
            hours=policy.assessment_hours,
            overdue_at=lambda day: at(due_dates.assessment_overdue_day(quarter_of(day), policy), policy.day_end),
            key=quarter_of,
        ),
        Schedule(
            id="quarter_close",
            name="Quarter closed: actions closed or carried over, next packet prepared",
            kind="job",
            cadence="quarterly",
            time=policy.quarter_close_time,
            cron_days="L 3,6,9,12 *",
            is_due=lambda day: quarter_of(day + DAY) != quarter_of(day),
            inventory_ids=("A17", "A18"),
            key=quarter_of,
        ),
    )


def _review_reminders(policy: CalendarPolicy) -> Iterator[Schedule]:
    """A reminder on the day of each deadline round the review, of the quarter's close, and of the assessment."""

    def reminder(id: str, name: str, day_of: Callable[[str], dt.date], cron_days: str, *ids: str) -> Schedule:
        return Schedule(
            id=id,
            name=name,
            kind="reminder",
            cadence="quarterly",
            time=policy.review_reminder_time,
            cron_days=cron_days,
            is_due=lambda day: due_dates.review_of(day, day_of) is not None,
            inventory_ids=ids,
            is_gated=cron_days == _EVERY_DAY,
            key=lambda day: str(due_dates.review_of(day, day_of)),
        )

    def before(due: Callable[[dt.datetime, CalendarPolicy], dt.datetime]) -> Callable[[str], dt.date]:
        return lambda quarter: utc_day(due(due_dates.kickoff(quarter, policy), policy))

    yield reminder("preread_reminder", "Pre-read of the review is due today", before(due_dates.preread_due), _EVERY_DAY, "A08", "A53")
    yield reminder("sweep_reminder", "Telemetry sweep is due today", before(due_dates.sweep_due), _EVERY_DAY, "A10", "A12")
    yield reminder("product_sync_reminder", "Claims against models are due today", before(due_dates.product_sync_due), _EVERY_DAY, "A13")
    yield reminder(
        "post_review_reminder", "Actions and plan are due today", lambda quarter: _post_review_day(quarter, policy), _EVERY_DAY, "A16"
    )
    yield reminder(
        "quarter_close_reminder", "The quarter closes today", lambda quarter: quarter_end(quarter) - DAY, "L 3,6,9,12 *", "A17", "A18"
    )
    yield reminder("assessment_day_reminder", "The assessment is presented today", due_dates.last_friday, "* 3,6,9,12 L5", "C38")


_EVERY_DAY = "* * *"


def _post_review_day(quarter: str, policy: CalendarPolicy) -> dt.date:
    return utc_day(due_dates.post_review_due(due_dates.kickoff(quarter, policy), policy))


def _reviewed(day: dt.date, policy: CalendarPolicy) -> tuple[dt.date, dt.date]:
    """The quarter that the review swept for on ``day`` looks back on."""
    here = quarter_of(day)
    swept = [quarter for quarter in (here, next_quarter(here)) if day in due_dates.sweep_days(due_dates.kickoff(quarter, policy), policy)]
    back = previous_quarter(swept[0])
    return quarter_start(back), quarter_end(back)


# What belongs to the cycle of one quarter


def _review_events(quarter: str, policy: CalendarPolicy) -> list[Event]:
    week = due_dates.review_week(quarter, policy)
    begins = week.kickoff

    def deadline(id: str, name: str, due: dt.datetime, *ids: str, overdue_at: dt.datetime | None = None) -> Event:
        return Event(f"{id}/{quarter}", name, due, None, None, "deadline", ids, "quarterly", overdue_at)

    def lasting(id: str, name: str, due: dt.datetime, start: dt.datetime, end: dt.datetime, kind: Kind, *ids: str) -> Event:
        return Event(f"{id}/{quarter}", name, due, start, end, kind, ids, "quarterly")

    opens, closes = _midnight(week.start), _midnight(week.end + DAY)
    ends = begins + dt.timedelta(minutes=policy.kickoff_minutes)
    preread = due_dates.preread_due(begins, policy)
    return [
        deadline("preread", "Pre-read compiled", preread, "A08", "A09", overdue_at=begins),
        deadline("squad_telemetry", "Telemetry of every squad current", preread, "A53"),
        deadline("sweep_done", "Telemetry sweep done", due_dates.sweep_due(begins, policy), "A10", overdue_at=begins),
        deadline("product_sync", "Claims compared with model state", due_dates.product_sync_due(begins, policy), "A13", "A14"),
        lasting("review_week", "Review week", opens, opens, closes, "window", "A01"),
        lasting("fresh_telemetry", "Telemetry fresh", begins, due_dates.oldest_telemetry(begins, policy), begins, "deadline", "A12", "A43"),
        lasting("kickoff", "Quarterly review", begins, begins, ends, "meeting", "A01", "A03", "A15"),
        deadline("issues_opened", "Implementation issues opened", at(begins.date(), policy.day_end), "A16"),
        deadline("post_review", "Actions opened, roadmap updated", due_dates.post_review_due(begins, policy), "A16"),
        deadline("rebook", "Last new date if the review was missed", due_dates.rebook_deadline(begins, policy), "A05"),
    ]


def _assessment_events(quarter: str, policy: CalendarPolicy) -> list[Event]:
    stages = [
        _window(f"assessment_{name}/{quarter}", f"Assessment: {name}", monday, friday, "quarterly", "C40")
        for name, monday, friday in due_dates.assessment_stages(quarter, policy)
    ]
    due = at(due_dates.last_friday(quarter) + policy.adjustment_days * DAY, policy.day_end)
    return [*stages, Event(f"adjustments/{quarter}", "Adjustments in the plan", due, None, None, "deadline", ("C60",), "quarterly")]


# What happens once


def _sprint_events(policy: CalendarPolicy) -> list[Event]:
    milestones = [
        _once(f"sprint_milestone/{name}", f"Sprint milestone {name}", day, policy, *_SPRINT_IDS.get(name, ("B01",)))
        for name, day in due_dates.sprint_milestones(policy).items()
    ]
    windows = [
        _window(f"sprint_window/{name}", f"Sprint: {name}", first, last, "once", "B27")
        for name, (first, last) in due_dates.sprint_windows(policy).items()
    ]
    return milestones + windows


def _phase_events(policy: CalendarPolicy) -> list[Event]:
    if policy.programme_start is None:
        return []
    found = []
    for name, (first, last) in due_dates.phase_windows(policy.programme_start, policy).items():
        gate = (_EXIT_GATE_IDS[name],) if name in _EXIT_GATE_IDS else ()
        found.append(_window(f"phase/{name}", f"Phase {name}", first, last, "once", "D62"))
        found.append(_once(f"exit_gate/{name}", f"Exit gate {name}", last, policy, "D62", *gate))
    return found


def _first_events(policy: CalendarPolicy) -> list[Event]:
    start = policy.cadence_start
    if start is None:
        return []
    days = [_once(f"setup/{n + 1}", f"Set-up: {name}", start + n * DAY, policy, "C85") for n, name in enumerate(_SETUP)]
    weeks = [
        _once(f"first_month/{n}", f"First month: {name}", start + n * WEEK - DAY, policy, "C86") for n, name in enumerate(_FIRST_MONTH, 1)
    ]
    return [*days, *weeks, _once("first_assessment/1", "First assessment done", quarter_end(quarter_of(start)) - DAY, policy, "C87")]


def _once(id: str, name: str, day: dt.date, policy: CalendarPolicy, *inventory_ids: str) -> Event:
    return Event(id, name, at(day, policy.day_end), None, None, "deadline", inventory_ids, "once")


def _window(id: str, name: str, first: dt.date, last: dt.date, cadence: Cadence, *inventory_ids: str) -> Event:
    opens = _midnight(first)
    return Event(id, name, opens, opens, _midnight(last + DAY), "window", inventory_ids, cadence)


def _midnight(day: dt.date) -> dt.datetime:
    return at(day, "00:00")
