"""What the quarterly review needs before, in and after its meeting, and who owes it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from governance_assets.policy.base import Section, refuse_repeats, setting


class PhaseOwner(Section):
    """Who owes the items of one phase of the review."""

    phase: str = Field(min_length=1, description="Phase")
    owner: str = Field(min_length=1, description="Role")


class CyclePolicy(Section):
    """Phases of the quarterly review and the evidence that closes their items."""

    owners: tuple[PhaseOwner, ...] = setting(
        (
            PhaseOwner(phase="preread", owner="modelling_lead"),
            PhaseOwner(phase="telemetry_sweep", owner="facilitator"),
            PhaseOwner(phase="product_sync", owner="design_systems_partner"),
            PhaseOwner(phase="review_session", owner="director"),
            PhaseOwner(phase="post_review", owner="squad_leads"),
            PhaseOwner(phase="quarter_close", owner="facilitator"),
        ),
        unit="roles",
        source="A08 A10 A13 A15 A16 A17",
        why="the playbook's checklist names one owner a phase",
    )
    swept_critics: tuple[Annotated[str, Field(min_length=1)], ...] = setting(
        ("modeling_reality_critic", "allocator_critic"),
        unit="critics",
        min_length=1,
        source="A10 A12",
        why="the critics that the playbook has rerun before each review",
    )
    sync_kinds: tuple[Annotated[str, Field(min_length=1)], ...] = setting(
        ("product_sync", "design_sync", "sync"),
        unit="kinds of review events",
        min_length=1,
        source="A13 P",
        why="words under which a session that compares claims with model state is recorded",
    )

    def owner(self, phase: str) -> str:
        """The role that owes the items of ``phase``."""
        return next((one.owner for one in self.owners if one.phase == phase), "modelling_lead")

    def model_post_init(self, context: object) -> None:
        """Each phase and critic stands once."""
        refuse_repeats([one.phase for one in self.owners])
        refuse_repeats(self.swept_critics)
