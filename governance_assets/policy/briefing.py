"""What the packet before a review contains, and who may change the playbook."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, model_validator

from governance_assets.policy.base import Section, refuse_repeats, setting


class AgendaItem(Section):
    """A part of the review's agenda."""

    title: str = Field(min_length=1, description="What it is about")
    minutes: int = Field(ge=1, description="Minutes it takes")
    role: str = Field(min_length=1, description="Role that leads it")


class Squad(Section):
    """A squad, the role that answers for its telemetry, and the feeds it delivers."""

    name: str = Field(min_length=1, description="Name of the squad")
    role: str = Field(min_length=1, description="Role that answers for its telemetry")
    feeds: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1, description="Feeds it delivers")


class BriefingPolicy(Section):
    """The packet read before a review, and change control of the playbook."""

    agenda: tuple[AgendaItem, ...] = setting(
        (
            AgendaItem(title="Opening: commitments and open actions", minutes=5, role="facilitator"),
            AgendaItem(title="Telemetry walk-through: variance highlights", minutes=20, role="facilitator"),
            AgendaItem(title="Experience against promised capabilities", minutes=10, role="design_systems_partner"),
            AgendaItem(title="Decisions", minutes=15, role="director"),
            AgendaItem(title="Actions: owners, days, reruns, plan", minutes=10, role="modelling_lead"),
        ),
        unit="minutes",
        min_length=1,
        source="A39",
        why="five parts of the playbook; together they fill the kickoff",
    )
    squads: tuple[Squad, ...] = setting(
        (
            Squad(name="forecasting", role="modelling_lead", feeds=("quantile_forecasts", "sample_forecasts", "observations")),
            Squad(name="media", role="modelling_lead", feeds=("media_weekly",)),
            Squad(name="allocator", role="modelling_lead", feeds=("allocator_proposals",)),
            Squad(name="quality", role="data_quality_steward", feeds=("critic_results", "test_runs")),
        ),
        unit="feeds",
        min_length=1,
        source="A53 P",
        why="the playbook names squads and no feeds; a feed of which nothing ever landed is left out",
    )
    max_telemetry_age_days: int = setting(
        14, unit="days", ge=1, source="A53 P", why="two weekly deliveries before the packet is due; one may be late"
    )
    playbook_pattern: str = setting(
        r"(^|/)[^/]*playbook[^/]*\.md$", unit="regular expression", source="A46 P", why="finds the playbook among the files of evidence"
    )
    archive_pattern: str = setting(
        r"(^|/)archive/", unit="regular expression", source="A46", why="superseded text is kept there and never deleted"
    )
    approver: str = setting("director", unit="role", min_length=1, source="A46", why="a structural change needs the director")

    @model_validator(mode="after")
    def _complete(self) -> BriefingPolicy:
        refuse_repeats([one.name for one in self.squads])
        for pattern in (self.playbook_pattern, self.archive_pattern):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern}: not a regular expression ({error})") from None
        return self
