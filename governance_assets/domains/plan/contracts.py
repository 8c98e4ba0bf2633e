"""Columns of the plan's weeks: moves, scope, phases, the four lines, adjustments, what happened, and what is written back."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field

_PLAN = "Name of the plan; empty where the telemetry names none"


class PlanMoves(
    Contract, artifact="plan_moves", grain="week", key=("week", "plan", "change", "from_status", "to_status"), owner="coordination"
):
    """One kind of move of a plan's items in the week: how many changed from one status to another, and whether that is in order."""

    week: dt.date = field("Monday of the week")
    plan: str = field(_PLAN)
    change: Literal["forward", "pause", "resume", "none", "skip", "backward", "out_of_done", "unknown_label"] = field(
        "What the move is: only forward, pause and resume are in order"
    )
    from_status: str = field("Status before, in the plan's own word; empty where it was not set")
    to_status: str = field("Status after, in the plan's own word; empty where it was not set")
    moves: int = field("Moves of this kind", unit="moves", ge=1)
    items: int = field("Items that made them", unit="items", ge=1)
    misstated: int = field("Moves that name another status before than the item's last change left it in", unit="moves", ge=0)
    examples: str = field("Some of the items, separated by commas")


class PlanProgress(Contract, artifact="plan_progress", grain="week", key=("week", "plan"), owner="coordination"):
    """The scope of one plan at the end of the week, what is done of it, and what the week added, took away and finished."""

    week: dt.date = field("Monday of the week")
    plan: str = field(_PLAN)
    source: Literal["transitions", "snapshots"] = field(
        "What it is counted from: every recorded change, or the difference of two snapshots"
    )
    items: int = field("Items in the plan", unit="items", ge=0)
    todo: int = field("Items to do", unit="items", ge=0)
    in_progress: int = field("Items in progress", unit="items", ge=0)
    blocked: int = field("Items that stand still", unit="items", ge=0)
    done: int = field("Items done", unit="items", ge=0)
    unknown: int = field("Items without a status, or with one that is no known word", unit="items", ge=0)
    added: int | None = field("Items that came in the week", unit="items", ge=0, null="the first snapshot: nothing to compare it with")
    removed: int | None = field("Items that went in the week", unit="items", ge=0, null="likewise")
    completed: int | None = field("Times an item of the plan became done in the week", unit="items", ge=0, null="likewise")
    reopened: int | None = field("Times a done item became something else", unit="items", ge=0, null="likewise")
    snapshot_date: dt.date | None = field("Day of the newest snapshot", null="there is none")
    snapshot_items: int | None = field("Items in that snapshot; those with one code count once", unit="items", ge=0, null="there is none")


class PlanPhases(Contract, artifact="plan_phases", grain="week", key=("week", "plan", "phase_id"), owner="coordination"):
    """One phase of a plan at the end of the week, by the newest snapshot: its state, its items, its dates and its costs."""

    week: dt.date = field("Monday of the week")
    plan: str = field(_PLAN)
    phase_id: str = field("Phase; empty for items that name none")
    title: str | None = field("Title of the phase", null="the plan gives none")
    position: int = field("Place in the plan's order, from 1", ge=1)
    state: Literal["todo", "in_progress", "complete", "unknown"] = field(
        "complete when all its items are done, todo when none is done or in progress; by its own status where it has no items"
    )
    items: int = field("Items of the phase", unit="items", ge=0)
    done: int = field("Items done", unit="items", ge=0)
    in_progress: int = field("Items in progress", unit="items", ge=0)
    estimated_cost: float | None = field("Sum of its items' estimates, in the plan's currency", null="no item has one")
    realised_cost: float | None = field("Sum of its items' realised costs, in the plan's currency", null="no item has one")
    planned_start: dt.date | None = field("First planned day of it or its items", null="not planned")
    planned_end: dt.date | None = field("Last planned day of it or its items", null="not planned")
    actual_start: dt.date | None = field("First day of work on it or its items", null="not begun, or not recorded")
    actual_end: dt.date | None = field("Day its last item was done", null="not complete, or not recorded")
    last_note: dt.date | None = field("Day of the newest note on it or one of its items", null="it has none")
    note_age_days: int | None = field("Days from that note to the last day judged", unit="days", ge=0, null="it has none")
    is_newly_complete: bool = field("Whether it is complete now and was not a week before")


class PlanDashboard(Contract, artifact="plan_dashboard", grain="week", key=("week", "plan", "line", "name"), owner="coordination"):
    """One figure of the weekly dashboard: of the lines phases, budget, timeline and R², and of the records they rest on."""

    week: dt.date = field("Monday of the week")
    plan: str = field(f"{_PLAN}; R² belongs to no plan")
    line: Literal["phases", "budget", "timeline", "r2", "records"] = field("Line of the dashboard")
    name: str = field("Figure; of r2 the model")
    value: float | None = field("The figure, in the unit of the row", null="the facts for it are missing")
    unit: str = field("Unit of the row")
    lower: float | None = field("Lower end of an estimate, or of a target", null="a single figure")
    upper: float | None = field("Upper end of it", null="a single figure")
    arrow: Literal["up", "down", "flat"] | None = field("Direction of the last observations", null="too few, or no series")
    text: str = field("Where the figure comes from, or what it says")


class EstimateAdjustments(Contract, artifact="estimate_adjustments", grain="week", key=("week", "plan", "item_key"), owner="coordination"):
    """One item that is not done, with the estimate that the done items of its phase suggest."""

    week: dt.date = field("Monday of the week")
    plan: str = field(_PLAN)
    item_key: str = field("Record of the plan store, else the item's code, else its title")
    item_id: str | None = field("The plan's code for it", null="no code")
    record_id: str | None = field("Identifier in the plan store", null="the source has none")
    title: str | None = field("Title", null="no title")
    phase_id: str = field("Phase whose done items it follows")
    original_estimate: float = field("Estimate in the first snapshot that has one, in the plan's currency", ge=0)
    present_estimate: float = field("Estimate in the newest snapshot, in the plan's currency", ge=0)
    factor: float = field("Realised over original estimate, summed over the phase's done items that have both", unit="ratio", ge=0)
    new_estimate: float = field("The original estimate times the factor, to the cent, in the plan's currency", ge=0)
    done_items: int = field("Done items the factor rests on", unit="items", ge=1)
    reason: str = field("The sums behind the factor")


class WeeklyChangelog(Contract, artifact="weekly_changelog", grain="week", key=("week", "section", "place", "ref"), owner="coordination"):
    """One line of what happened in the week: an item completed, a commit, a learning, or a decision with its reasons."""

    week: dt.date = field("Monday of the week")
    section: Literal["completed", "commit", "learning", "decision"] = field("What it is")
    place: str = field("Plan or repository")
    ref: str = field("Item, commit, or number of the note")
    instant: dt.datetime | None = field("Instant, UTC", null="only the week is known, by the difference of two snapshots")
    text: str = field("Title, first line of the message, or the note")


class PlanChanges(Contract, artifact="plan_changes", grain="week", key=("week", "change_key"), owner="coordination"):
    """One change that the plan store should take over: a proposal until `governance plan apply` is told to write it."""

    week: dt.date = field("Monday of the week")
    change_key: str = field("Digest of what is changed and why: the same change has the same key in every week, and is written once")
    kind: Literal["adjustment", "action", "criterion"] = field(
        "A new estimate, an action item to add, or a measured success criterion to note"
    )
    plan: str = field(_PLAN)
    item_key: str | None = field("Item that is changed", null="a record is added")
    record_id: str | None = field("Its identifier in the plan store", null="a record is added, or the source has no identifiers")
    old_value: str | None = field("What stands there", null="a record is added")
    new_value: str = field("What shall stand there, or the text of the new record")
    owner: str | None = field("Role that acts", null="no action")
    due_by: dt.date | None = field("Day by which it is due", null="no action, or no day is known")
    reason: str = field("Why, with the artifact it comes from")


class RepositorySync(Contract, artifact="repository_sync", grain="week", key=("week", "repository", "kind", "path"), owner="coordination"):
    """One thing that a sync of a repository would write, tag or refuse, as the repository stood at the end of the week."""

    week: dt.date = field("Monday of the week")
    repository: str = field("Name of the repository in the policy")
    kind: Literal["document", "readme", "changelog", "tag", "model", "repository"] = field(
        "What it is; a model is a registered version, held against the code"
    )
    path: str = field("Path in the repository, tag, or model and version; of the repository as a whole, its name")
    state: Literal["current", "create", "update", "conflict", "unknown"] = field(
        "current when nothing is to be written; conflict when a person changed what a sync would write; unknown when it could not be read"
    )
    drift_hours: float | None = field(
        "Hours since the oldest change of the plan that the repository does not show",
        unit="hours",
        ge=0,
        null="not the repository, or unknown",
    )
    written_at: dt.datetime | None = field("Instant it was last written by a commit, UTC", null="never, or unknown")
    age_days: float | None = field("Days from that commit to the end of the week, or to the present", unit="days", ge=0, null="likewise")
    commit: str | None = field("Commit that was looked at", null="unknown")
    text: str = field("What would change, or why it is refused")
