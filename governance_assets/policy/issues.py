"""How issues are sorted into categories and priorities, and how long each may stay open."""

from __future__ import annotations

import re
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from governance_assets.policy.base import Section, TimeOfDay, Weekday, refuse_repeats, setting

Priority = Literal["P0", "P1", "P2", "P3"]
Category = Literal["data_quality", "model_performance", "infrastructure", "cost_overrun", "timeline_delay"]


class Matching(Section):
    """What an issue must look like for a rule to hold: every pattern given must be found, letter case apart."""

    words: str = Field(default="", description="Regular expression over title, labels, section and text")
    kinds: tuple[Literal["issue", "pull_request", "log_event", "training_job"], ...] = Field(
        default=(), description="What the source holds; empty for anything"
    )
    sources: tuple[str, ...] = Field(default=(), description="Sources; empty for any")

    @field_validator("words")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression ({error})") from None
        return value


class CategoryRule(Matching):
    """A category and what falls into it; the first rule that holds decides."""

    category: Category = Field(description="Category given")


class PriorityRule(Matching):
    """A priority and what gets it; the first rule that holds decides."""

    priority: Priority = Field(description="Priority given")
    is_stated: bool = Field(default=False, description="Whether the words are looked for in the severity, labels and section alone")


class ServiceLevel(Section):
    """How long an issue of one priority may stay open."""

    priority: Priority = Field(description="Priority")
    hours: float = Field(gt=0, description="Hours it may stay open on the clock of service levels")
    is_working_time: bool = Field(default=False, description="Whether only working hours count")
    owner: str = Field(min_length=1, description="Role that acts on it where the issue names nobody")
    action: str = Field(min_length=1, description="What that role is asked to do")
    source: str = Field(default="", description="Inventory ids")


class IssuesPolicy(Section):
    """Triage, service levels and the report of a half-month."""

    categories: tuple[CategoryRule, ...] = setting(
        (
            CategoryRule(category="cost_overrun", words=r"\b(cost|budget|spend|billing|invoice|overrun|quota exceeded)"),
            CategoryRule(
                category="timeline_delay", words=r"\b(delay|delayed|deadline|behind schedule|schedule|milestone|overdue|not started)"
            ),
            CategoryRule(
                category="model_performance",
                words=r"\b(r2|r²|accuracy|drift|forecast|model|prediction|training|calibration|coverage|mape|overfit|hyperparameter|ensemble)",
            ),
            CategoryRule(
                category="data_quality",
                words=r"\b(data|missing|null|nan|duplicat|schema|column|table|row|gap|inconsisten|stale|populated|validation|feature|record)",
            ),
            CategoryRule(category="model_performance", kinds=("training_job",)),
            CategoryRule(category="infrastructure", kinds=("log_event",)),
            CategoryRule(
                category="infrastructure",
                words=r"\b(infrastructure|server|service|endpoint|api|latency|timeout|time-?out|memory|disk|cpu|deploy|container|lambda|"
                r"process|crash|hung|outage|down|permission|credential|certificate|network|pipeline|build|backfill|dependency|test)",
            ),
        ),
        unit="rules",
        min_length=1,
        source="C33 P",
        why="money and dates are named when they matter; what is about models or data follows, machines last",
    )
    priorities: tuple[PriorityRule, ...] = setting(
        (
            PriorityRule(priority="P0", words=r"\b(p0|sev-?0|critical|blocker|emergency)\b", is_stated=True),
            PriorityRule(priority="P1", words=r"\b(p1|sev-?1|high|major|urgent)", is_stated=True),
            PriorityRule(priority="P2", words=r"\b(p2|sev-?2|medium|moderate|normal)", is_stated=True),
            PriorityRule(priority="P3", words=r"\b(p3|sev-?3|low|minor|trivial|cosmetic)", is_stated=True),
            PriorityRule(priority="P0", words=r"system (is )?down|outage|data loss|corrupted beyond"),
            PriorityRule(priority="P1", words=r"\b(broken|crash|fail(ed|s|ure)?|hung|cannot|exception|fatal)\b"),
            PriorityRule(priority="P2", words=r"\b(degrad|slow|warning|minor feature|inconsisten|partial)"),
            PriorityRule(priority="P3", words=r"\b(typo|cosmetic|wording|documentation|readme)"),
        ),
        unit="rules",
        min_length=1,
        source="C26 C27 C28 C29 P",
        why="what the source states comes before what words of the title suggest",
    )
    default_priority: Priority = setting("P3", unit="priority", source="C29 P", why="where nothing tells, nothing is broken")
    levels: tuple[ServiceLevel, ...] = setting(
        (
            ServiceLevel(priority="P0", hours=24, owner="architect", action="restore service, then find the cause", source="C26"),
            ServiceLevel(priority="P1", hours=7 * 24, owner="architect", action="repair the feature", source="C27"),
            ServiceLevel(priority="P2", hours=14 * 24, owner="quality_assurance", action="repair or set the priority anew", source="C28"),
            ServiceLevel(priority="P3", hours=30 * 24, owner="quality_assurance", action="repair or close as not worth it", source="C29"),
        ),
        unit="levels",
        min_length=4,
        source="C26 C27 C28 C29",
        why="a day, a week, a fortnight, a month of 30 days",
    )
    pauses_while_waiting: bool = setting(
        False, unit="flag", source="P", why="a promise to users counts all time; with true the time an issue waits for others does not"
    )
    restarts_on_reopening: bool = setting(
        False,
        unit="flag",
        source="P",
        why="a reopened issue was never resolved: its earlier open time still counts, its closed time does not",
    )
    zone: str = setting("UTC", unit="time zone", source="P", why="working hours are wall times of this zone")
    opens: TimeOfDay = setting("09:00", unit="local time", source="P", why="start of the working day")
    closes: TimeOfDay = setting("17:00", unit="local time", source="P", why="end of the working day")
    weekdays: tuple[Weekday, ...] = setting(
        ("monday", "tuesday", "wednesday", "thursday", "friday"), unit="weekdays", min_length=1, source="P", why="the working week"
    )
    closing_words: str = setting(
        r"\b(resolved|closed|done|fixed|completed?|cancelled|wont ?fix)\b",
        unit="regular expression",
        source="P",
        why="lists without events tell an end only by a status in words",
    )
    waiting_words: str = setting(
        r"\b(waiting|blocked|on hold|pending)\b", unit="regular expression", source="P", why="likewise for an issue that waits"
    )
    debt_days: float = setting(14.0, unit="days", gt=0, source="C36", why="a P0 or P1 older than this is debt, whatever its level says")
    same_within_days: float = setting(
        14.0, unit="days", ge=0, source="C25 P", why="the same words in two sources within a review cycle are one issue seen twice"
    )
    r2_metric: str = setting("r2", unit="metric", source="C30", why="name of the metric that is watched in the runs telemetry")
    baseline_days: int = setting(
        7, unit="days", ge=1, source="C27 C30 C82", why="the baseline is the median of the first days after a version was promoted"
    )
    recent_days: int = setting(7, unit="days", ge=1, source="C30 C82", why="a rolling week is held against the baseline")
    r2_drop_watch: float = setting(0.03, unit="fraction", gt=0, source="C30 C82 R", why="a larger fall is watched, priority P2")
    r2_drop: float = setting(0.05, unit="fraction", gt=0, source="C27 C30", why="a larger fall is a P1")
    latency_slo_ms: float = setting(200.0, unit="milliseconds", gt=0, source="C67", why="the limit of p95; the target is 100")
    latency_quantile: float = setting(0.95, unit="fraction", gt=0, lt=1, source="C67", why="the promise is about the slowest in twenty")
    min_latency_samples: int = setting(30, unit="samples", ge=2, source="D50 P", why="a 95 % quantile of fewer is one or two values")
    report_top: int = setting(5, unit="causes", ge=1, source="C34 P", why="a review can talk about five")

    @model_validator(mode="after")
    def _complete(self) -> IssuesPolicy:
        refuse_repeats([level.priority for level in self.levels])
        if self.r2_drop <= self.r2_drop_watch:
            raise ValueError("r2_drop must exceed r2_drop_watch: the larger fall is the graver")
        if self.closes <= self.opens:
            raise ValueError("closes must come after opens")
        for pattern in (self.closing_words, self.waiting_words):
            re.compile(pattern)
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"zone: found {self.zone!r}, expected a name such as Europe/Berlin") from None
        return self

    def level(self, priority: str) -> ServiceLevel:
        """The service level of a priority."""
        return next(level for level in self.levels if level.priority == priority)
