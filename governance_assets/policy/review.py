"""How the quarterly review counts risk, whom it needs, and when an action counts as closed."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from governance_assets.policy.base import Section, refuse_repeats, setting


class StatusWord(Section):
    """A word in which a report states the status of a component, and what it weighs."""

    word: str = Field(min_length=1, description="The word, in lower case")
    severity: float = Field(ge=0, le=1, description="What it weighs in the risk score")


class RiskComponent(Section):
    """A component of the risk score and the words its status may be stated in."""

    name: str = Field(min_length=1, description="Name of the component in a report")
    words: tuple[str, ...] = Field(min_length=1, description="Words allowed")


class RequiredRole(Section):
    """A role that must take part in the review."""

    role: str = Field(min_length=1, description="Name of the role")
    words: str = Field(min_length=1, description="Regular expression that finds it among the participants, letter case apart")

    @field_validator("words")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression ({error})") from None
        return value


_CRITIC = ("pass", "attention", "degraded")


class ReviewPolicy(Section):
    """The variance bundle, the kickoff and the register of actions."""

    severities: tuple[StatusWord, ...] = setting(
        (
            StatusWord(word="pass", severity=0),
            StatusWord(word="stable", severity=0),
            StatusWord(word="attention", severity=0.5),
            StatusWord(word="degraded", severity=1),
            StatusWord(word="failed", severity=1),
        ),
        unit="words",
        min_length=1,
        source="A23 A25 P",
        why="the one recorded report has attention, degraded, stable and failed: a mean of 0.625, and it says 0.62",
    )
    components: tuple[RiskComponent, ...] = setting(
        (
            RiskComponent(name="modeling_reality_critic", words=_CRITIC),
            RiskComponent(name="allocator_critic", words=_CRITIC),
            RiskComponent(name="mmm_backtest", words=("pass", "stable", "attention", "degraded", "failed")),
            RiskComponent(name="data_quality", words=("pass", "attention", "failed")),
        ),
        unit="components",
        min_length=1,
        source="A23 A25",
        why="a fixed list: a component that a report leaves out is unknown, and does not make the mean smaller",
    )
    escalate_at: float = setting(
        0.7, unit="fraction", ge=0, le=1, source="A24 R", why="the origin's telemetry schema names it; held against the unrounded score"
    )
    required_fields: tuple[str, ...] = setting(
        ("cycle", "generated_at", "source_commands", "highlights", "risk_score", "git_revision"),
        unit="fields",
        source="A21",
        why="without them a report can be neither placed nor reproduced",
    )
    revision_pattern: str = setting(
        r"[0-9a-f]{40}([0-9a-f]{24})?",
        unit="regular expression",
        source="A22 P",
        why="a whole Git revision, SHA-1 or SHA-256; a short one may come to mean two",
    )
    required_roles: tuple[RequiredRole, ...] = setting(
        (
            RequiredRole(role="modelling lead", words=r"modell?ing lead"),
            RequiredRole(role="director", words=r"\bdirector\b"),
            RequiredRole(role="data-quality steward", words=r"data[- ]quality steward"),
            RequiredRole(role="design-systems partner", words=r"design[- ]systems? partner"),
            RequiredRole(role="product operations", words=r"product[- ]op"),
        ),
        unit="roles",
        source="A06",
        why="the facilitator, the sixth, has a column of their own",
    )
    closing_words: str = setting(
        r"done|closed|complete[d]?|resolved|cancelled",
        unit="regular expression",
        source="A48 P",
        why="lists without a day of closing tell an end only by a status in words",
    )

    @model_validator(mode="after")
    def _complete(self) -> ReviewPolicy:
        refuse_repeats([one.word for one in self.severities])
        refuse_repeats([one.name for one in self.components])
        known = {one.word for one in self.severities}
        if strange := sorted({word for one in self.components for word in one.words} - known):
            raise ValueError(f"components use words without a severity: {', '.join(strange)}")
        for pattern in (self.closing_words, self.revision_pattern):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern}: not a regular expression ({error})") from None
        return self
