"""How far a key figure may move, where components of the risk take their status from, and when what critics ask for is due."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from governance_assets.policy.base import Section, refuse_repeats, setting


class ComponentSource(Section):
    """The critics that give a component of the risk its status, the first that has one counts."""

    component: str = Field(min_length=1, description="Component of the risk score")
    critics: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1, description="Critics, in order")


class VariancePolicy(Section):
    """Key figures, components of the risk and recommended actions of a quarter."""

    min_quarters: int = setting(3, unit="quarters", ge=2, source="A50 P", why="a spread of fewer values says nothing")
    max_sigmas: float = setting(
        1.0, unit="robust sigmas", gt=0, source="A40 P", why="what moved further than quarters usually do is a high variance"
    )
    mad_factor: float = setting(
        1.4826, unit="ratio", gt=0, source="A50 P", why="makes the median absolute deviation that of a normal distribution"
    )
    sources: tuple[ComponentSource, ...] = setting(
        (
            ComponentSource(component="modeling_reality_critic", critics=("modeling_reality_critic",)),
            ComponentSource(component="allocator_critic", critics=("allocator_critic",)),
            ComponentSource(component="data_quality", critics=("data_quality", "integrity_suite")),
            ComponentSource(component="mmm_backtest", critics=("mmm_backtest",)),
        ),
        unit="components",
        min_length=1,
        source="A23 A37 P",
        why="without a critic of data quality the suite of tests speaks for it; without one of backtests the backtests do",
    )
    due_days_critical: int = setting(7, unit="days", ge=1, source="C27 A47 P", why="as a major fault")
    due_days_warning: int = setting(14, unit="days", ge=1, source="C28 A47 P", why="as a minor one")

    @model_validator(mode="after")
    def _once(self) -> VariancePolicy:
        refuse_repeats([one.component for one in self.sources])
        return self
