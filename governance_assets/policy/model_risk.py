"""How long approvals, attestations, challenges and overrides may take, and who may override."""

from __future__ import annotations

from pydantic import model_validator

from governance_assets.policy.base import Section, refuse_repeats, setting


class ModelRiskPolicy(Section):
    """Approvals, overrides, challenges and attestations. Informed by the guidance SR 26-2; meeting these values proves no compliance."""

    approval_days: int = setting(
        14, unit="days", ge=0, source="C60 C74 P", why="a decision that nobody approved is as late as an assessment that was never held"
    )
    approval_level: int = setting(
        3, unit="level", ge=1, source="C79", why="results of items of this autonomy level stay pending until the deciding role approves"
    )
    attestation_days: int = setting(
        30,
        unit="days",
        ge=0,
        source="P",
        why="counted from the quarter's end: its figures are final after a few days, and read in a few more",
    )
    attesting_roles: tuple[str, ...] = setting(
        (), unit="roles", source="P", why="attest besides the owners of governed models, whom the registry names; none more"
    )
    overriding_roles: tuple[str, ...] = setting(
        ("programme_owner", "director", "architect", "modelling_lead"),
        unit="roles",
        min_length=1,
        source="C80 P",
        why="roles that answer for the outcome may set a verdict aside",
    )
    max_override_days: int = setting(
        91, unit="days", ge=1, source="P", why="what must hold for longer than a quarter is a change of the policy, not an override"
    )
    outcome_days: int = setting(
        30, unit="days", ge=0, source="P", why="counted from its end: a month later it can be told whether the override was right"
    )
    response_days: int = setting(14, unit="days", ge=0, source="P", why="half a month: the next issue review can look at the response")

    @model_validator(mode="after")
    def _roles_once(self) -> ModelRiskPolicy:
        refuse_repeats(self.attesting_roles)
        refuse_repeats(self.overriding_roles)
        return self
