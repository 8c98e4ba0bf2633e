"""The plan of milestones: phases, deliverables, roles and durations, and the words of states."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from governance_assets.policy.base import Section, refuse_repeats, setting

STATES = ("Planned", "In Progress", "Under Review", "Accepted")


class PlannedMilestone(Section):
    """One milestone of the plan."""

    id: str = Field(min_length=1, description="Its code, such as P0.M1")
    name: str = Field(min_length=1, description="Name")
    phase: str = Field(min_length=1, description="Phase it belongs to")
    accountable: str | None = Field(default=None, description="Accountable role")
    supporting: tuple[str, ...] = Field(default=(), description="Roles that support it")
    working_days: float | None = Field(default=None, gt=0, description="Target duration")
    deliverables: tuple[str, ...] = Field(
        default=(), description="Files or folders, below the milestone's own folder unless they name another"
    )


class PlannedPhase(Section):
    """One phase of the plan, which ends at its exit gate."""

    id: str = Field(min_length=1, description="Its code, such as P0")
    name: str = Field(min_length=1, description="Name")
    starts_on: dt.date | None = Field(default=None, description="Planned first day")
    ends_on: dt.date | None = Field(default=None, description="Planned last day, by which its gate is passed")
    approval: str | None = Field(default=None, description="Subject of the approval that its gate needs besides the milestones")


class StateWord(Section):
    """A word of a source for a state of a milestone."""

    word: str = Field(min_length=1, description="Word of the source")
    state: str = Field(description="State it means")


class MilestonesPolicy(Section):
    """What is planned, and what a claim must show. The plan is empty until a team declares one."""

    phases: tuple[PlannedPhase, ...] = setting(
        (), unit="phases", source="D62 P", why="phases in their order; data/examples/milestones.yaml has those of four plans"
    )
    milestones: tuple[PlannedMilestone, ...] = setting(
        (), unit="milestones", source="D12 D13 P", why="the milestones that there ought to be"
    )
    words: tuple[StateWord, ...] = setting(
        tuple(
            StateWord(word=word, state=state)
            for state, words in (
                ("Planned", ("planned", "pending", "todo", "to do", "backlog", "not started")),
                ("In Progress", ("in progress", "in_progress", "started", "active", "blocked")),
                ("Under Review", ("under review", "under_review", "review", "in review")),
                ("Accepted", ("accepted", "done", "completed", "complete", "closed")),
            )
            for word in words
        ),
        unit="words",
        source="D03 B05 P",
        why="roadmaps have their own words for the four states; a blocked milestone is in progress",
    )

    def state(self, word: str | None) -> str | None:
        """The state a source's word means; the word itself when it means none."""
        return None if word is None else next((one.state for one in self.words if one.word == word.strip().lower()), word)

    def model_post_init(self, context: object) -> None:
        """Codes and words stand once, states and phases are known."""
        refuse_repeats([one.id for one in self.phases])
        refuse_repeats([one.id for one in self.milestones])
        refuse_repeats([one.word for one in self.words])
        if strange := sorted({one.state for one in self.words} - {*STATES}):
            raise ValueError(f"found the state {', '.join(strange)}; expected {', '.join(STATES)}")
        if strange := sorted({one.phase for one in self.milestones} - {one.id for one in self.phases}):
            raise ValueError(f"milestones name the phase {', '.join(strange)}; declare it under phases")
