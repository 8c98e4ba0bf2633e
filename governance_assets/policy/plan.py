"""What a plan's words mean, what its lines are held against, and where it is written back and published to."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from governance_assets.policy.base import Section, refuse_repeats, setting

State = Literal["todo", "in_progress", "blocked", "done"]
Base = Literal["declared", "budget_entries", "plan", "phases", "items"]


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression ({error})") from None
    return value


Pattern = Annotated[str, AfterValidator(_pattern)]


class StateWords(Section):
    """A state and what plans call it; letter case, dashes and underscores apart."""

    state: State = Field(description="State")
    words: tuple[str, ...] = Field(min_length=1, description="Words for it")


class DeclaredTotal(Section):
    """A total of a plan that a document states."""

    source: str = Field(min_length=1, description="The document")
    amount: float = Field(gt=0, description="The total, in the plan's currency")


class PlanTerms(Section):
    """What one plan is held against."""

    plan: str = Field(description="Name of the plan")
    phases: int | None = Field(default=None, ge=1, description="Phases it has; unset where nobody says")
    low_days: float | None = Field(default=None, gt=0, description="Shortest estimate of its whole duration, days; unset for its own dates")
    high_days: float | None = Field(default=None, gt=0, description="Longest estimate of its whole duration, days")
    start: dt.date | None = Field(default=None, description="First day; unset for the earliest start that the plan tells")
    base: Base | None = Field(default=None, description="Which total is the budget; unset for the first that is there")
    totals: tuple[DeclaredTotal, ...] = Field(default=(), description="Totals that documents state; the first is the declared one")

    @model_validator(mode="after")
    def _both_ends(self) -> PlanTerms:
        if (self.low_days is None) != (self.high_days is None) or (self.low_days or 0) > (self.high_days or 0):
            raise ValueError("low_days and high_days are given together, the shorter first")
        return self


class PlanStore(Section):
    """The Airtable base that changes of a plan are written to."""

    plan: str = Field(description="Name of the plan")
    base: str = Field(pattern=r"^app[A-Za-z0-9]+$", description="Id of the base")
    stages: str = Field(default="Stages", min_length=1, description="Table of the items whose estimates change")
    tasks: str = Field(default="Tasks", min_length=1, description="Table that action items are added to")
    notes: str = Field(default="Notes", min_length=1, description="Table that measured criteria are added to")
    estimate_field: str = Field(default="Estimated Cost", min_length=1, description="Field of the estimate")
    text_field: str = Field(default="Name", min_length=1, description="Field of what is to be done, or noted")
    owner_field: str = Field(default="Assigned To", min_length=1, description="Field of the role that does it")
    due_field: str = Field(default="Due Date", min_length=1, description="Field of the day it is due")
    key_field: str = Field(default="Change Key", min_length=1, description="Text field that keeps a change from being written twice")
    token_env: str = Field(default="AIRTABLE_TOKEN", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Variable with the access token")
    endpoint: str = Field(default="https://api.airtable.com", pattern=r"^https?://\S+$", description="Address of the API")


def _relative(path: str) -> str:
    if path.startswith(("/", "-")) or ".." in path.split("/") or "\\" in path:
        raise ValueError("expected a path below the repository, with forward slashes")
    return path


RelativePath = Annotated[str, Field(min_length=1), AfterValidator(_relative)]


class SyncTarget(Section):
    """A repository that the documents of the plan are published to."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Name it is told by")
    repository: str = Field(min_length=1, description="Path or address, bare or not; relative paths count from the telemetry folder")
    branch: str = Field(default="main", pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", description="Branch that is written to")
    docs: RelativePath = Field(default="docs/governance", description="Folder of the documents; nothing else in it is touched")
    readme: RelativePath = Field(default="README.md", description="File with the status section")
    changelog: RelativePath = Field(default="CHANGELOG.md", description="File with the weekly section")
    tag_prefix: str = Field(default="", pattern=r"^([A-Za-z0-9][A-Za-z0-9._/-]*)?$", description="Tags completed phases; empty for none")
    code: tuple[RelativePath, ...] = Field(default=(), description="Training and inference code that must match the registered versions")

    @field_validator("repository")
    @classmethod
    def _no_secret(cls, value: str) -> str:
        if re.search(r"://[^/@]*:[^/@]*@", value):
            raise ValueError("an address with a password; let git's own credential helper give it")
        if value.startswith("-") or "::" in value:
            raise ValueError("no address of a repository; expected a path or an https, ssh or file address")
        return value


class PlanPolicy(Section):
    """The plan: its states, its four lines, its adjustments, and where it is written to."""

    states: tuple[StateWords, ...] = setting(
        (
            StateWords(state="todo", words=("todo", "to do", "pending", "planned", "not started", "open", "backlog", "ready", "new")),
            StateWords(
                state="in_progress",
                words=("in progress", "started", "doing", "active", "under review", "in review", "needs review", "needs improvement"),
            ),
            StateWords(state="blocked", words=("blocked", "on hold", "waiting", "paused")),
            StateWords(state="done", words=("done", "complete", "completed", "closed", "finished", "accepted")),
        ),
        unit="words",
        min_length=2,
        source="C11 P",
        why="work is to do, in progress or done; blocked work stands still; any other word is an unknown label",
    )
    work_kinds: tuple[Literal["stage", "task", "milestone"], ...] = setting(
        ("stage", "task", "milestone"),
        unit="kinds",
        min_length=1,
        source="C17 P",
        why="the first kind that a plan has is what it is counted in",
    )
    plans: tuple[PlanTerms, ...] = setting(
        (), unit="plans", source="C17 C18 C20", why="what is expected of a plan stands in its documents: phases, days, budget"
    )
    stale_days: float = setting(14.0, unit="days", gt=0, source="C05 P", why="two weekly updates were missed")
    note_days: float = setting(7.0, unit="days", gt=0, source="C13", why="every weekly update leaves a note")
    max_discrepancy: float = setting(
        0.01, unit="fraction", ge=0, source="C19", why="totals of one plan that differ by more are different plans"
    )
    max_share_error: float = setting(
        0.0005, unit="fraction", gt=0, source="C18 P", why="a published share has one decimal of a per cent: half of its last digit"
    )
    reported_budget: Pattern = setting(
        r"(monthly_|total_)?budget", unit="regular expression", source="C18 P", why="which figure of a cost report is the budget"
    )
    reported_spend: Pattern = setting(
        r"current_month_spend|(total_|actual_)?spend|spent", unit="regular expression", source="C18 P", why="which is the amount spent"
    )
    reported_share: Pattern = setting(
        r"utili[sz]ation(_published)?", unit="regular expression", source="C18 P", why="which is the share that the report states itself"
    )
    r2_metric: str = setting("r2", unit="metric", source="C21", why="name of the metric in the runs telemetry")
    r2_target: float = setting(0.95, unit="fraction", le=1, source="C21", why="lower end of the target")
    r2_target_high: float = setting(0.99, unit="fraction", le=1, source="C21", why="upper end of the target")
    trend_observations: int = setting(4, unit="observations", ge=2, source="C21", why="the trend arrow looks at the last four")
    trend_slope: float = setting(0.005, unit="per observation", ge=0, source="C21 P", why="a smaller slope is flat")
    min_done: int = setting(1, unit="items", ge=1, source="C14", why="done items with both costs that an adjustment needs in its phase")
    max_factor: float = setting(
        3.0, unit="ratio", gt=1, source="C14 P", why="a phase that costs three times, or a third of, its estimates is planned anew"
    )
    store: tuple[PlanStore, ...] = setting(
        (), unit="stores", source="C93", why="without one the changes of a plan are written to a file below the home"
    )
    repositories: tuple[SyncTarget, ...] = setting((), unit="repositories", source="C01 P", why="nothing is published unless it is named")
    author: str = setting(
        "governance", unit="name", min_length=1, pattern=r"^[^<>\n]+$", source="C01 P", why="name on the commits of a sync"
    )
    email: str = setting(
        "governance@localhost", unit="address", pattern=r"^[^<>\s]+$", source="C01 P", why="address on the commits of a sync"
    )
    fresh_hours: float = setting(24.0, unit="hours", gt=0, source="C03", why="documents follow the plan within a day")
    drift_days: float = setting(7.0, unit="days", gt=0, source="C05", why="a weekly sync was missed")
    readme_days: float = setting(7.0, unit="days", gt=0, source="C04", why="the status section is written every week")

    @model_validator(mode="after")
    def _consistent(self) -> PlanPolicy:
        refuse_repeats([each.state for each in self.states])
        refuse_repeats([word for each in self.states for word in each.words])
        refuse_repeats([each.plan for each in self.plans])
        refuse_repeats([each.plan for each in self.store])
        refuse_repeats([each.name for each in self.repositories])
        if self.r2_target_high < self.r2_target:
            raise ValueError("r2_target_high must not be below r2_target")
        if self.drift_days * 24 < self.fresh_hours:
            raise ValueError("drift_days must not be shorter than fresh_hours: drift is the graver")
        return self

    @property
    def drift_hours(self) -> float:
        """``drift_days`` in hours."""
        return self.drift_days * 24

    @property
    def done_words(self) -> frozenset[str]:
        """Words of a status that is done, in lower case."""
        return frozenset(word for each in self.states if each.state == "done" for word in each.words)

    def terms(self, plan: str) -> PlanTerms:
        """What a plan is held against; nothing where the policy does not name it."""
        return next((each for each in self.plans if each.plan == plan), PlanTerms(plan=plan))
