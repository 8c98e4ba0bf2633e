"""What critics hold against models and proposals, how thorough they are, and what they may cost."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from governance_assets.policy.base import Section, refuse_repeats, setting

Level = Literal["CRITICAL", "WARNING", "INFO"]
Profile = Literal["low", "medium", "high"]
Suite = Literal["guardrails", "budget", "lift", "regret", "currency", "age"]


class StructuralCheck(Section):
    """A field of the registry that the version in use must state."""

    name: str = Field(min_length=1, description="Name of the check")
    field: Literal["engine", "features", "priors", "params", "metrics", "data_sha256", "owner_role", "validator_role", "limitations"] = (
        Field(description="Column of model_registry")
    )
    level: Level = Field(description="How grave it is when nothing is stated")
    roadmap_ref: str = Field(default="", description="Item of the plan under which it is mended; empty for none")


class MergeSuite(Section):
    """A batch that a merge needs when it touches certain paths."""

    batch: str = Field(min_length=1, description="Name of the batch")
    paths: str = Field(min_length=1, description="Regular expression that is searched for in each path")

    @field_validator("paths")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return pattern


class BatchCommand(Section):
    """A command that is run as one batch of tests."""

    batch: str = Field(min_length=1, description="Name of the batch")
    command: tuple[str, ...] = Field(min_length=1, description="Program and arguments; no shell reads them")
    timeout_s: float = Field(default=600.0, gt=0, description="Seconds after which it is ended and counts as an error")
    memory_mb: int = Field(default=2048, ge=64, description="Address space it may use, in MiB")


class CriticName(Section):
    """Another name under which results of a critic arrive."""

    name: str = Field(min_length=1, description="As it arrives, in lower case")
    critic: str = Field(min_length=1, description="The critic it is")


class CriticsPolicy(Section):
    """What critics hold against models and proposals, how thorough they are, and what they may cost."""

    profile: Profile = setting("medium", unit="profile", source="A30 P", why="every week; high before a review and for reruns")
    world_class_r2: float = setting(0.60, unit="fraction", le=1, source="A28 R", why="reported, never required")
    structural_checks: tuple[StructuralCheck, ...] = setting(
        (
            StructuralCheck(name="states_its_data", field="data_sha256", level="CRITICAL"),
            StructuralCheck(name="states_its_priors", field="priors", level="WARNING"),
            StructuralCheck(name="states_its_limits", field="limitations", level="WARNING"),
            StructuralCheck(name="is_owned", field="owner_role", level="CRITICAL"),
            StructuralCheck(name="is_validated_by_somebody", field="validator_role", level="WARNING"),
        ),
        unit="checks",
        source="A26 P",
        why="what a sceptic asks of a model before looking at its figures",
    )

    suites: tuple[Suite, ...] = setting(
        ("guardrails", "budget", "lift", "regret", "currency", "age"),
        unit="suites",
        min_length=1,
        source="A30 P",
        why="in this order; the first that fails ends the run",
    )
    suites_low: int = setting(1, unit="suites", ge=1, source="A30", why="the first alone")
    suites_medium: int = setting(4, unit="suites", ge=1, source="A30", why="those that judge the proposal itself")
    suites_high: int = setting(6, unit="suites", ge=1, source="A30", why="all of them")
    max_budget_change: float = setting(0.01, unit="fraction", ge=0, source="P", why="a proposal moves a budget and does not make one")
    max_regret: float = setting(0.10, unit="fraction", ge=0, source="A32 P", why="expected regret over expected profit")
    max_proposal_weeks: int = setting(4, unit="weeks", ge=1, source="P", why="older proposals rest on curves that have moved")

    batches: tuple[str, ...] = setting(
        ("python", "web", "service", "metrics_sanity", "calibration"),
        unit="batches",
        min_length=1,
        source="A37",
        why="order in which batches count; the first that fails fails the suite; others follow by their position",
    )
    commands: tuple[BatchCommand, ...] = setting(
        (), unit="commands", source="A37", why="what `governance batches` runs itself; nothing unless it is named here"
    )

    merge_batches: tuple[Annotated[str, Field(min_length=1)], ...] = setting(
        ("python", "calibration"), unit="batches", source="B28 P", why="what must run after every merge: the code, and what it predicts"
    )
    merge_suites: tuple[MergeSuite, ...] = setting(
        (
            MergeSuite(batch="web", paths=r"(^|/)(web|ui|pages|templates)/"),
            MergeSuite(batch="metrics_sanity", paths=r"(^|/)(metrics|stats)/"),
        ),
        unit="batches",
        source="B28 P",
        why="batches that a merge needs for what it touches; names of folders as most repositories have them",
    )
    merge_hours: int = setting(24, unit="hours", ge=1, source="B28 P", why="a day after a merge its author still remembers it")
    min_merge_coverage: float = setting(1.0, unit="fraction", ge=0, le=1, source="B28", why="after each merge, says the plan")

    names: tuple[CriticName, ...] = setting(
        (
            CriticName(name="modelingreality", critic="modeling_reality_critic"),
            CriticName(name="modeling_reality", critic="modeling_reality_critic"),
            CriticName(name="allocator", critic="allocator_critic"),
        ),
        unit="names",
        source="A26 A30",
        why="names under which the origin recorded them",
    )
    contradiction_days: int = setting(
        7, unit="days", ge=0, source="A25 P", why="a pass and a worse status of the same critic this close together contradict each other"
    )
    max_weekly_tokens: int = setting(2_000_000, unit="tokens", ge=0, source="A45 P", why="what critics may use in a week")
    max_weekly_cost: float = setting(50.0, unit="USD", ge=0, source="A45 P", why="a tenth of what the whole programme may cost in a month")
    flagged: tuple[Annotated[str, Field(min_length=1)], ...] = setting(
        ("modeling_reality_critic", "allocator_critic", "integrity_suite"),
        unit="critics",
        min_length=1,
        source="A45 P",
        why="run even over budget; all others are deferred and listed",
    )
    timeout_budget_s: float = setting(30.0, unit="seconds", gt=0, source="A36", why="limit of one operation in the origin")
    min_success_rate: float = setting(0.90, unit="fraction", ge=0, le=1, source="A36 P", why="one run in ten may fail")

    @model_validator(mode="after")
    def _is_whole(self) -> CriticsPolicy:
        checks, names = [one.name for one in self.structural_checks], [one.name for one in self.names]
        commands = [one.batch for one in self.commands]
        for given in (checks, names, commands, self.suites, self.batches, self.merge_batches, self.flagged):
            refuse_repeats(given)
        if not self.suites_low <= self.suites_medium <= self.suites_high:
            raise ValueError("a higher profile must not run fewer suites")
        return self

    def run_suites(self) -> tuple[Suite, ...]:
        """The suites that the profile runs, in order."""
        count = {"low": self.suites_low, "medium": self.suites_medium, "high": self.suites_high}[self.profile]
        return self.suites[:count]
