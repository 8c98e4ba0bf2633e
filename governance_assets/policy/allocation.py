"""What an allocator may propose, how it is judged, and which scenarios are shown."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, model_validator

from governance_assets.policy.base import Section, refuse_repeats, setting

_CURRENCY = re.compile("[A-Z]{3}")


class ChannelBounds(Section):
    """Weekly spend that a channel may get, in the currency of the tenant."""

    channel: str = Field(min_length=1, description="Name of the channel")
    tenant: str | None = Field(default=None, description="Whose channel; every tenant's when not named")
    lower: float = Field(default=0.0, ge=0, description="Least weekly spend")
    upper: float | None = Field(default=None, ge=0, description="Most weekly spend; none when not named")


class GroupBounds(Section):
    """Weekly spend that some channels together may get; groups are nested or apart."""

    name: str = Field(min_length=1, description="Name of the group")
    channels: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1, description="Its channels")
    tenant: str | None = Field(default=None, description="Whose channels; every tenant's that has them all when not named")
    lower: float = Field(default=0.0, ge=0, description="Least weekly spend of all together")
    upper: float | None = Field(default=None, ge=0, description="Most weekly spend of all together; none when not named")


class AllocationPolicy(Section):
    """What an allocator may propose, how it is judged, and which scenarios are shown."""

    max_spend_change: float = setting(
        0.35, unit="fraction", gt=0, lt=1, source="A31 R", why="a larger change of a channel's spend leaves what the data have seen"
    )
    min_platform_spend: float = setting(
        200.0,
        unit="currency a week",
        ge=0,
        source="A31 R",
        why="below it a platform no longer learns whom to show what; not for spend in a unit that is no currency, such as scaled",
    )
    max_reach: float = setting(
        1.0, unit="ratio", gt=0, source="P", why="steady spend above the largest week seen is the model's word alone"
    )
    budget_changes: tuple[Annotated[float, Field(gt=-1)], ...] = setting(
        (-0.2, -0.1, 0.0, 0.1, 0.2),
        unit="fraction",
        min_length=1,
        source="B24 P",
        why="scenarios of the budget, relative to what is spent now",
    )
    recommended_change: float = setting(
        0.0, unit="fraction", gt=-1, source="A32 P", why="the scenario that is judged: the same money, better spent"
    )
    worth: float | None = setting(
        None,
        unit="currency a unit",
        source="A32",
        why="what one unit of the target earns; with it a scenario of free budget is added",
        gt=0,
    )
    frozen: tuple[str, ...] = setting((), unit="channels", source="A31", why="channels, or tenant/channel, that keep what they have")
    bounds: tuple[ChannelBounds, ...] = setting((), unit="bounds", source="A31", why="contracts and minimum buys of single channels")
    groups: tuple[GroupBounds, ...] = setting((), unit="groups", source="A31", why="budgets that belong to several channels together")
    horizon_weeks: int = setting(13, unit="weeks", ge=1, source="A32 P", why="a plan holds for a quarter, then the model is refitted")
    confidence: float = setting(0.90, unit="fraction", gt=0.5, lt=1, source="P", why="level of the intervals of curves and of lift")
    min_lift_probability: float = setting(
        0.80,
        unit="probability",
        gt=0,
        lt=1,
        source="A32 P",
        why="four to one that moving money helps at all, by draws it was not chosen on",
    )
    curve_points: int = setting(25, unit="points", ge=5, le=200, source="P", why="a curve that is smooth to the eye")
    curve_reach: float = setting(
        1.25, unit="ratio", gt=0, source="P", why="a little beyond the largest week, to see where a curve flattens"
    )

    def floor(self, unit: str | None) -> float | None:
        """The least spend of a platform, where ``unit`` is a currency (three capitals, as in EUR); None for any other unit.

        >>> AllocationPolicy().floor("EUR"), AllocationPolicy().floor("scaled")
        (200.0, None)
        """
        return self.min_platform_spend if unit is not None and _CURRENCY.fullmatch(unit) else None

    @model_validator(mode="after")
    def _recommended_is_a_scenario(self) -> AllocationPolicy:
        refuse_repeats(self.budget_changes)
        if self.recommended_change not in self.budget_changes:
            raise ValueError(f"recommended_change {self.recommended_change} is not among the budget_changes")
        return self
