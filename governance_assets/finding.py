"""The one verdict type: what was judged, how it came out, and what to do about it.

Belongs here: the shape and wording of a verdict. Does not belong here: any rule (a domain's ``rules.py``) or how a
verdict becomes a Dagster check (``runtime/checks.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Outcome = Literal["pass", "fail", "not_applicable", "unknown", "error"]
Severity = Literal["warn", "error"]

MATCHES_CONTRACT = "matches_contract"
"""The rule that every artifact has: its rows are as its contract says."""
OUTCOMES: tuple[Outcome, ...] = ("pass", "fail", "not_applicable", "unknown", "error")


class Finding(BaseModel):
    """One verdict on one subject under one rule."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rule: str = Field(description="Name of the rule, a statement that must be true")
    subject: str = Field(description="What was judged: a model, a file, a week")
    outcome: Outcome = Field(description="pass, fail, not_applicable (no subject), unknown (facts missing) or error (we broke)")
    severity: Severity = Field(description="warn or error: what a failure means")
    value: float | None = Field(default=None, description="The figure judged; null when there is none, or none that is finite")
    limit: float | None = Field(default=None, description="The limit it was held against; null when there is none")
    unit: str | None = Field(default=None, description="Unit of value and limit; null when there is none")
    message: str = Field(description="Subject, verb, requirement, then value and limit")
    remedy: str = Field(description="The next step for whoever reads it")
    sources: str = Field(default="", description="Inventory ids the rule stands for, separated by blanks")

    @property
    def is_failure(self) -> bool:
        """Whether this verdict must not pass in silence: it failed, or could not be reached because we broke."""
        return self.outcome in ("fail", "error")


@dataclass(frozen=True)
class Rule:
    """A statement that must be true, with what a failure means and what to do then."""

    name: str
    requirement: str
    remedy: str
    severity: Severity = "error"
    unit: str | None = None
    sources: str = ""

    def judge(self, subject: str, holds: bool | None, value: float | None = None, limit: float | None = None, why: str = "") -> Finding:
        """Pass, fail, or unknown when ``holds`` is None (then ``why`` says which facts are missing).

        A value that is not a number is unknown whatever ``holds`` says: every comparison with it is false.
        """
        if value is not None and math.isnan(value):
            return self.finding(subject, "unknown", None, limit, why or "the figure is not a number")
        outcome: Outcome = "unknown" if holds is None else "pass" if holds else "fail"
        return self.finding(subject, outcome, value, limit, why)

    def not_applicable(self, subject: str, why: str) -> Finding:
        """There is no subject to judge."""
        return self.finding(subject, "not_applicable", None, None, why)

    def finding(self, subject: str, outcome: Outcome, value: float | None, limit: float | None, why: str = "") -> Finding:
        """Build the finding and its sentence."""
        return Finding(
            rule=self.name,
            subject=subject,
            outcome=outcome,
            severity=self.severity,
            value=_finite(value),
            limit=_finite(limit),
            unit=self.unit,
            message=_sentence(self, subject, outcome, value, limit, why),
            remedy=self.remedy,
            sources=self.sources,
        )


def worst(findings: Iterable[Finding]) -> Outcome:
    """The outcome to show for many findings: error, fail, unknown, pass, in that order; not_applicable if none applied."""
    seen = {finding.outcome for finding in findings}
    for outcome in ("error", "fail", "unknown", "pass"):
        if outcome in seen:
            return outcome
    return "not_applicable"


_VERBS: dict[Outcome, str] = {
    "pass": "meets",
    "fail": "misses",
    "unknown": "cannot be judged against",
    "not_applicable": "is not subject to",
    "error": "could not be judged, because of an error of ours, against",
}


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _sentence(rule: Rule, subject: str, outcome: Outcome, value: float | None, limit: float | None, why: str) -> str:
    scale, unit = (100, " %") if rule.unit == "fraction" else (1, f" {rule.unit}" if rule.unit else "")
    shown = [None if figure is None else figure * scale for figure in (value, limit)]
    texts = [None if figure is None else _number(figure) for figure in shown]
    if value != limit and texts[0] == texts[1]:  # a miss by a hair must not read as a tie
        texts = [None if figure is None else repr(float(figure)) for figure in shown]
    figures = [f"{name} {text}{unit}" for name, text in zip(("value", "limit"), texts, strict=True) if text is not None]
    tail = f" ({', '.join(figures)})" if figures else ""
    return f"{subject} {_VERBS[outcome]} “{rule.requirement}”{tail}" + (f": {why}" if why else "")


def _number(value: float) -> str:
    value += 0.0  # no minus sign before a zero
    # 9,999.99 in four digits would be 1e+04
    return f"{value:,.0f}" if 9999.5 <= abs(value) < 1e15 else f"{value:.4g}"
