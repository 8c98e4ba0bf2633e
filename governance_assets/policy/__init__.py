"""Every number somebody could dispute: one frozen section per domain, overridden by ``governance.yaml``.

Belongs here: thresholds, weights, windows, SLAs, roles, each with unit, bounds, reason and source.
Does not belong here: reading the file (``runtime/settings.py``) or applying a value (a domain's ``rules.py``).

A source is an inventory id (``B16``), followed by ``R`` when the value comes from the origin repository or by ``P`` when
it is this project's proposal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, ValidationError

from governance_assets.policy.alerts import AlertsPolicy
from governance_assets.policy.allocation import AllocationPolicy
from governance_assets.policy.assessment import AssessmentPolicy
from governance_assets.policy.base import PolicyError, Section
from governance_assets.policy.briefing import BriefingPolicy
from governance_assets.policy.calendar import CalendarPolicy
from governance_assets.policy.calibration import CalibrationPolicy
from governance_assets.policy.clock import ClockPolicy
from governance_assets.policy.critics import CriticsPolicy
from governance_assets.policy.cycle import CyclePolicy
from governance_assets.policy.intake import IntakePolicy
from governance_assets.policy.issues import IssuesPolicy
from governance_assets.policy.milestones import MilestonesPolicy
from governance_assets.policy.mmm import MmmPolicy
from governance_assets.policy.model_risk import ModelRiskPolicy
from governance_assets.policy.overrides import extra, refusals, without_units
from governance_assets.policy.plan import PlanPolicy
from governance_assets.policy.registry import RegistryPolicy
from governance_assets.policy.review import ReviewPolicy
from governance_assets.policy.skill import SkillPolicy
from governance_assets.policy.sources import SourcesPolicy
from governance_assets.policy.variance import VariancePolicy


class Policy(Section):
    """The whole policy, one section per domain."""

    clock: ClockPolicy = Field(default_factory=ClockPolicy)
    calendar: CalendarPolicy = Field(default_factory=CalendarPolicy)
    alerts: AlertsPolicy = Field(default_factory=AlertsPolicy)
    sources: SourcesPolicy = Field(default_factory=SourcesPolicy)
    intake: IntakePolicy = Field(default_factory=IntakePolicy)
    calibration: CalibrationPolicy = Field(default_factory=CalibrationPolicy)
    skill: SkillPolicy = Field(default_factory=SkillPolicy)
    mmm: MmmPolicy = Field(default_factory=MmmPolicy)
    allocation: AllocationPolicy = Field(default_factory=AllocationPolicy)
    plan: PlanPolicy = Field(default_factory=PlanPolicy)
    issues: IssuesPolicy = Field(default_factory=IssuesPolicy)
    milestones: MilestonesPolicy = Field(default_factory=MilestonesPolicy)
    registry: RegistryPolicy = Field(default_factory=RegistryPolicy)
    critics: CriticsPolicy = Field(default_factory=CriticsPolicy)
    variance: VariancePolicy = Field(default_factory=VariancePolicy)
    review: ReviewPolicy = Field(default_factory=ReviewPolicy)
    briefing: BriefingPolicy = Field(default_factory=BriefingPolicy)
    cycle: CyclePolicy = Field(default_factory=CyclePolicy)
    assessment: AssessmentPolicy = Field(default_factory=AssessmentPolicy)
    model_risk: ModelRiskPolicy = Field(default_factory=ModelRiskPolicy)


def policy_from(overrides: Mapping[str, Any] | None) -> Policy:
    """The policy with ``overrides`` applied.

    A number may carry its unit as ``"14 days"``; the unit must be the declared one. Raises PolicyError naming the path
    of every key that is unknown, out of bounds or in another unit.
    """
    if overrides is None:
        return Policy()
    if not isinstance(overrides, Mapping):
        raise PolicyError(
            f"governance.yaml: found {type(overrides).__name__}, expected sections; write `calibration:` and its keys below it"
        )
    problems: list[str] = []
    plain = without_units(Policy, overrides, "", problems)
    try:
        policy = Policy.model_validate(plain)
    except ValidationError as error:
        problems += refusals(error)
    if problems:
        raise PolicyError("; ".join(problems))
    return policy


def digest(policy: Policy) -> str:
    """SHA-256 of every value of the policy that a verdict can depend on, in a fixed order."""
    return hashlib.sha256(judging_text(policy).encode()).hexdigest()


def judging_text(policy: Policy) -> str:
    """The values that judge, as canonical JSON. How an alert is sent or telemetry is fetched judges nothing: a new channel or
    repository makes no verdict stale."""
    judging = policy.model_dump(mode="json", exclude={"alerts": AlertsPolicy.DELIVERY, "sources": SourcesPolicy.FETCHING})
    return json.dumps(judging, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def catalogue(policy: Policy) -> Iterator[dict[str, str]]:
    """One entry a value: path, value, unit, bounds, source and reason."""
    for name, section in policy:
        for key, field in type(section).model_fields.items():
            told = extra(field)
            yield {
                "path": f"{name}.{key}",
                "value": json.dumps(section.model_dump(mode="json")[key], ensure_ascii=False),
                "unit": str(told.get("unit", "")),
                "bounds": ", ".join(text for mark in field.metadata if (text := _bound(mark))),
                "source": str(told.get("source", "")),
                "why": field.description or "",
            }


_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def _bound(mark: Any) -> str:
    """A bound in signs, a pattern as it is, nothing for a mark that only converts."""
    if pattern := getattr(mark, "pattern", None):
        return f"matches {pattern}"
    return next((f"{sign} {getattr(mark, name)}" for name, sign in _SIGNS.items() if hasattr(mark, name)), "")
