"""When everything is due."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import Field, model_validator

from governance_assets.policy.base import Section, TimeOfDay, Weekday, Workday, refuse_repeats, setting


class SprintMilestone(Section):
    """A milestone of the sprint, due on a day counted from its start."""

    name: str = Field(min_length=1, description="Id of the milestone")
    day: int = Field(ge=0, description="Days after the start of the sprint")


class SprintWindow(Section):
    """A stretch of days of the sprint, both ends included."""

    name: str = Field(min_length=1, description="What is done in it")
    first_day: int = Field(ge=0, description="Days after the start of the sprint")
    last_day: int = Field(ge=0, description="Days after the start of the sprint")

    @model_validator(mode="after")
    def _in_order(self) -> SprintWindow:
        if self.last_day < self.first_day:
            raise ValueError(f"window {self.name} ends before it begins")
        return self


class PhaseWeeks(Section):
    """The weeks of a phase of the programme, both ends included, counted from week 0."""

    name: str = Field(min_length=1, description="Id of the phase")
    first_week: int = Field(ge=0, description="Weeks after the start of the programme")
    last_week: int = Field(ge=0, description="Weeks after the start of the programme")


def _phases(*weeks: tuple[int, int]) -> tuple[PhaseWeeks, ...]:
    return tuple(PhaseWeeks(name=f"P{number}", first_week=first, last_week=last) for number, (first, last) in enumerate(weeks))


class CalendarPolicy(Section):
    """When things are due. All times are UTC; a deadline that is a day ends with that day."""

    day_end: TimeOfDay = setting(
        "23:59", unit="UTC time", source="B01 P", why="the last minute that still counts as the day a thing is due"
    )
    holidays: tuple[dt.date, ...] = setting(
        (), unit="dates", source="P", why="days that are no business days although they fall on Monday to Friday; none is named"
    )

    kickoff_weekday: Workday = setting(
        "wednesday", unit="weekday", source="A01 P", why="mid-week leaves room to rebook inside the same review week"
    )
    kickoff_time: TimeOfDay = setting("18:00", unit="UTC time", source="A01 P", why="the hour of the one recorded kickoff")
    kickoff_minutes: int = setting(60, unit="minutes", ge=1, source="A03", why="the agenda adds up to an hour")
    rebook_business_days: int = setting(
        5, unit="business days", ge=1, source="A05", why="a missed kickoff is rebooked within a working week"
    )
    preread_days: int = setting(7, unit="days", ge=1, le=60, source="A08", why="readers get a week")
    sweep_days: int = setting(5, unit="days", ge=1, le=60, source="A10", why="variances are archived in time to be read")
    sweep_tick_days: tuple[Annotated[int, Field(ge=1, le=60)], ...] = setting(
        (7, 5, 3), unit="days", min_length=1, source="A11", why="a sweep that fails on the first day has two more chances"
    )
    sweep_tick_time: TimeOfDay = setting("06:00", unit="UTC time", source="A11", why="after the nightly jobs, before the working day")
    telemetry_max_age_days: int = setting(
        10,
        unit="days",
        ge=1,
        le=60,
        source="A12 P",
        why="a sweep run on time is five to seven days old at the kickoff and must still count",
    )
    product_sync_days: int = setting(3, unit="days", ge=1, le=60, source="A13", why="claims are compared once the sweep is in")
    post_review_days: int = setting(3, unit="days", ge=0, le=60, source="A16", why="decisions reach the roadmap while they are remembered")
    quarter_close_time: TimeOfDay = setting("18:00", unit="UTC time", source="A17", why="end of the last day, with hours left to act")
    review_reminder_time: TimeOfDay = setting(
        "08:00", unit="UTC time", source="A08 A10 A13 A16 A17 C38 P", why="on the day itself, with the working day left to act"
    )
    interim_rerun_time: TimeOfDay = setting("06:00", unit="UTC time", source="A40", why="the hour of the telemetry sweep")

    backtest_time: TimeOfDay = setting("00:00", unit="UTC time", source="A34 R P", why="the nightly workflow of the origin")
    holdout_time: TimeOfDay = setting("02:00", unit="UTC time", source="B06 P", why="after ingestion")
    calibration_append_time: TimeOfDay = setting("06:30", unit="UTC time", source="B20 P", why="after the night's runs and the sweep")
    sprint_start: dt.date = setting(
        dt.date(2025, 10, 20), unit="date", source="B01 P", why="the day the sprint plan was prepared is its day 0"
    )
    sprint_milestones: tuple[SprintMilestone, ...] = setting(
        tuple(SprintMilestone(name=f"M0.{day}", day=day) for day in (1, 2, 3)),
        unit="days",
        source="B02 B03 B04",
        why="one milestone on each of the first three days",
    )
    sprint_windows: tuple[SprintWindow, ...] = setting(
        (
            SprintWindow(name="design", first_day=0, last_day=1),
            SprintWindow(name="implementation", first_day=1, last_day=4),
            SprintWindow(name="qa", first_day=4, last_day=5),
        ),
        unit="days",
        source="B27",
        why="design is signed off before code, and checked after it; each shares a day with the next",
    )

    sync_weekday: Weekday = setting("monday", unit="weekday", source="C01", why="the week starts from what is recorded")
    sync_time: TimeOfDay = setting("09:00", unit="UTC time", source="C01", why="start of the working day")
    sync_hours: int = setting(2, unit="hours", ge=1, source="C01", why="planned length of the sync")
    sync_overdue_days: int = setting(3, unit="days", ge=1, source="C71", why="later than this the sync is escalated")
    plan_update_weekday: Weekday = setting("friday", unit="weekday", source="C09", why="the week is closed with its learnings")
    plan_update_time: TimeOfDay = setting("16:00", unit="UTC time", source="C09", why="end of the working week")
    plan_update_hours: int = setting(1, unit="hours", ge=1, source="C09", why="planned length of the update")
    plan_update_reminder_time: TimeOfDay = setting("15:00", unit="UTC time", source="C10", why="an hour's notice on the same day")
    plan_update_overdue_days: int = setting(7, unit="days", ge=1, source="C72", why="later than this the update is escalated")
    issue_review_time: TimeOfDay = setting("10:00", unit="UTC time", source="C22", why="on the 1st and the 15th, weekends not shifted")
    issue_review_hours: int = setting(3, unit="hours", ge=1, source="C22", why="planned length of the review")
    issue_reminder_time: TimeOfDay = setting("10:00", unit="UTC time", source="C23 P", why="a day's notice")
    issue_review_overdue_cycles: int = setting(1, unit="cycles", ge=1, source="C73", why="a review missed by a cycle is escalated")

    assessment_time: TimeOfDay = setting("09:00", unit="UTC time", source="C38 P", why="start of the full day, the quarter's last Friday")
    assessment_hours: int = setting(8, unit="hours", ge=1, source="C38", why="a full working day")
    assessment_reminder_days: int = setting(
        21, unit="days", ge=1, le=60, source="C39 P", why="counted from the quarter's end it would come after the process has to start"
    )
    assessment_stages: tuple[Annotated[str, Field(min_length=1)], ...] = setting(
        ("collection", "analysis", "deliverables"),
        unit="weeks",
        min_length=1,
        max_length=8,
        source="C40 P",
        why="one work week each; the last one ends with the assessment, so the first starts the Monday 18 days before it",
    )
    assessment_overdue_days: int = setting(14, unit="days", ge=1, source="C74", why="later than this the assessment is escalated as urgent")
    adjustment_days: int = setting(7, unit="days", ge=1, le=60, source="C60", why="approved adjustments reach the plan within a week")
    cadence_start: dt.date | None = setting(
        None,
        unit="date",
        source="C85 C86 C87 P",
        why="the day the cadence was taken up; its first-week and first-month dates count from it",
    )

    steering_weekday: Weekday = setting("monday", unit="weekday", source="D01 P", why="the plan says weekly and names no day")
    steering_time: TimeOfDay = setting("14:00", unit="UTC time", source="D01 P", why="after the sync of the same day")
    status_time: TimeOfDay = setting("09:00", unit="UTC time", source="D02 P", why="start of each working day")
    programme_start: dt.date | None = setting(
        None, unit="date", source="D62 P", why="first day of week 0; the plan names weeks and no date, so unset means no phase dates"
    )
    phases: tuple[PhaseWeeks, ...] = setting(
        _phases((0, 1), (2, 2), (3, 5), (6, 8), (9, 11), (12, 18), (19, 24)),
        unit="weeks",
        source="D62",
        why="weeks of the seven phases as planned",
    )

    @model_validator(mode="after")
    def _consistent(self) -> CalendarPolicy:
        if max(self.sweep_tick_days) < self.sweep_days:
            raise ValueError("no day of sweep_tick_days is early enough for sweep_days")
        if self.telemetry_max_age_days < self.sweep_days:
            raise ValueError("telemetry_max_age_days is below sweep_days: a sweep done on time would count as stale")
        if not self.preread_days >= self.sweep_days >= self.product_sync_days:
            raise ValueError("preread_days, sweep_days and product_sync_days must not ascend")
        expected = 0
        for phase in self.phases:
            if phase.first_week != expected or phase.last_week < phase.first_week:
                raise ValueError(f"phase {phase.name} must start in week {expected} and not end before it starts")
            expected = phase.last_week + 1
        for names in ([m.name for m in self.sprint_milestones], [w.name for w in self.sprint_windows], [p.name for p in self.phases]):
            refuse_repeats(names)
        refuse_repeats(self.assessment_stages)
        return self
