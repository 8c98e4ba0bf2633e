"""Rows of the plan: its items as snapshots by date, moves between states, notes, costs, and what was committed.

Belongs here: columns, units and what null means. Does not belong here: what a status means (policy and rules of ``plan``).
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.feeds.base import Row, cell

_ITEM = ("task_id", "stage_code", "stage_id", "code", "id")
_PHASE = ("epic_id", "epic", "phase", "phase_no")
_AT = ("at", "timestamp", "committed_at", "time", "created_at")


class PlanItems(
    Row,
    feed="plan_items",
    folder="plan",
    key=("plan", "kind", "item_id", "date"),
    dated=("instant", "date"),
    of=("item_id", "record_id"),
    place="plan",
):
    """One phase, milestone, stage or task as one snapshot of the plan states it; every snapshot is kept."""

    instant: dt.datetime | None = cell(
        "Instant of the snapshot, UTC", also=("at", "committed_at", "snapshot_at"), null="only its day is known"
    )
    plan: str = cell("Name of the plan; the file's folder below plan/ where no column says it", default="")
    kind: Literal["plan", "phase", "milestone", "stage", "task"] = cell(
        "What it is", also=("item_kind", "type"), words={"epic": "phase", "story": "task", "subtask": "task"}, default="task"
    )
    item_id: str | None = cell(
        "The plan's code for it, such as T1.2.3; not unique where the plan repeats codes", also=_ITEM, null="no code"
    )
    record_id: str | None = cell("Identifier in the plan store", also=("airtable_id",), null="the source has none")
    title: str | None = cell("Title", also=("name", "stage_id", "summary"), null="no title", is_free=True)
    status: str | None = cell("Status in the plan's own word", also=("state",), null="not set")
    phase_id: str | None = cell("Phase (or epic) it is part of", also=_PHASE, null="it is a phase, or none is named")
    parent_id: str | None = cell("Milestone, stage or phase directly above it", also=("milestone_id", "milestone", "parent"), null="none")
    position: int | None = cell("Place in the plan's own order, from 1", also=("record_score",), null="the source has no order")
    domain: str | None = cell("Area of work", null="not stated")
    owner: str | None = cell("Role that owns it", also=("assigned_to", "assignee", "responsible"), null="nobody is named")
    priority: str | None = cell("Priority in the plan's own word", null="not stated")
    autonomy_level: str | None = cell("Who may decide, in the plan's own words, such as 2 or Level 2 - Budget Approved", null="not stated")
    dependencies: str | None = cell(
        "Items it waits for, separated by commas", also=("depends_on", "blocked_by"), null="none, or not stated"
    )
    exit_criteria: int | None = cell(
        "Exit criteria", unit="criteria", also=("exit_criteria_count", "n_exit_criteria"), null="not stated", ge=0
    )
    estimated_cost: float | None = cell(
        "Estimated cost, in the currency of the row", also=("estimated_cost_usd", "estimated_budget", "budget"), null="no estimate", ge=0
    )
    realised_cost: float | None = cell(
        "Realised cost, in the currency of the row", also=("realized_cost", "actual_cost", "realised_cost_usd"), null="not recorded", ge=0
    )
    currency: str = cell("Currency of both costs", default="USD")
    estimated_hours: float | None = cell("Estimated effort", unit="hours", null="no estimate", ge=0)
    actual_hours: float | None = cell("Effort spent", unit="hours", null="not recorded", ge=0)
    duration: str | None = cell("Planned duration as written, such as 3 days", also=("estimated_duration",), null="not stated")
    planned_start: dt.date | None = cell("Planned first day", also=("start_date", "start"), null="not planned")
    planned_end: dt.date | None = cell("Planned last day", also=("due_date", "due_by", "target_date", "due"), null="not planned")
    actual_start: dt.date | None = cell("Day work began", also=("started_at", "started_on"), null="not begun, or not recorded")
    actual_end: dt.date | None = cell(
        "Day it was done", also=("completed_at", "completed_on", "completion_date"), null="not done, or not recorded"
    )
    created_at: dt.datetime | None = cell("Instant the record was made", also=("created", "createdtime"), null="not recorded")
    commit: str | None = cell("Revision the snapshot was taken at", also=("git_sha", "sha"), null="not from a repository")


class PlanTransitions(
    Row,
    feed="plan_transitions",
    folder="plan",
    key=("plan", "item_id", "instant", "kind"),
    dated=("instant",),
    of=("from_status", "to_status"),
    place="plan",
):
    """One change of one item: it came, went, or changed its status."""

    instant: dt.datetime = cell("Instant of the change, UTC", also=_AT)
    plan: str = cell("Name of the plan; the file's folder below plan/ where no column says it", default="")
    item_id: str = cell("The plan's code of the item", also=_ITEM)
    kind: Literal["added", "removed", "status"] = cell("What changed", words={"status_change": "status"}, default="status")
    from_status: str | None = cell("Status before, in the plan's own word", also=("from", "old_status"), null="it was new, or not set")
    to_status: str | None = cell("Status after, in the plan's own word", also=("to", "new_status"), null="it was removed, or not set")
    phase_id: str | None = cell("Phase (or epic) of the item", also=_PHASE, null="not stated")
    parent_id: str | None = cell("Milestone or stage of the item", also=("milestone_id", "milestone"), null="not stated")
    domain: str | None = cell("Area of work", null="not stated")
    dependencies: int | None = cell("Items it waits for", unit="items", also=("n_dependencies",), null="not stated", ge=0)
    exit_criteria: int | None = cell("Exit criteria", unit="criteria", also=("n_exit_criteria",), null="not stated", ge=0)
    actor: str | None = cell("Role that made the change", also=("changed_by", "author"), null="not recorded")
    commit: str | None = cell("Revision that brought the change", also=("git_sha", "sha"), null="not from a repository")


class PlanNotes(Row, feed="plan_notes", folder="plan", key=("plan", "item_id", "instant", "text"), dated=("instant",), place="plan"):
    """One dated note on the plan or on one of its items."""

    instant: dt.datetime = cell("Instant of the note, UTC", also=(*_AT, "createdtime"))
    plan: str = cell("Name of the plan; the file's folder below plan/ where no column says it", default="")
    kind: Literal["note", "learning", "decision", "issue"] = cell(
        "What it is: a learning says what worked or did not", default="note", words={"lesson": "learning"}
    )
    item_id: str | None = cell("Item it is about", also=("task_id", "stage_code"), null="a phase, or the whole plan")
    phase_id: str | None = cell("Phase it is about", also=("phase", "epic_id"), null="not stated")
    author: str | None = cell("Role that wrote it", also=("created_by", "owner"), null="not recorded")
    text: str = cell("The note", also=("note", "notes", "body", "comment"), is_free=True)
    record_id: str | None = cell("Identifier in the plan store", null="the source has none")


class CostEntries(
    Row,
    feed="cost_entries",
    folder="costs",
    key=("plan", "item", "kind", "item_id", "record_id", "date"),
    dated=("date",),
    is_single=True,
    place="plan",
):
    """One amount: spent, estimated or budgeted; also a figure that a cost report states beside its amounts."""

    plan: str = cell("Name of the plan or account", also=("account", "project"), default="")
    item: str = cell("What the amount is for", also=("category", "service", "description", "name"))
    kind: Literal["realised", "estimated", "budget", "reported"] = cell(
        "What it is: reported is a total or share that a report states, and no entry to be added up",
        also=("basis", "entry_kind"),
        words={"realized": "realised", "actual": "realised", "spent": "realised", "estimate": "estimated", "budgeted": "budget"},
        default="realised",
    )
    amount: float = cell("The amount, in the unit of the row", also=("value", "cost", "usd", "cost_usd", "amount_usd"))
    unit: str = cell("Currency of the amount, or what else it is in", also=("currency",), default="USD")
    item_id: str | None = cell("Item of the plan it belongs to", also=("task_id", "stage_code"), null="not booked on an item")
    phase_id: str | None = cell("Phase of the plan it belongs to", also=("phase", "epic_id"), null="not booked on a phase")
    record_id: str | None = cell("Identifier in the books", null="the source has none")


class Commits(Row, feed="commits", folder="commits", key=("repository", "commit"), dated=("instant",), is_single=True, place="repository"):
    """One commit of a repository."""

    instant: dt.datetime = cell("Instant of the commit, UTC", also=("at", "committed_at", "timestamp", "authored_at", "time"))
    repository: str = cell("Name of the repository; the file's folder below commits/ where no column says it", also=("repo",), default="")
    commit: str = cell("Its hash", also=("sha", "hash", "oid"))
    author: str | None = cell(
        "Role of the author, or a hash of the name; never a name or an address", also=("author_role",), null="not told"
    )
    message: str = cell("Message", also=("subject", "title"), is_free=True)
    files: str | None = cell("Paths it touches, one a line", also=("paths", "changed_files"), null="not listed", is_free=True)
    file_count: int | None = cell("Files it touches", unit="files", also=("n_files",), null="not counted", ge=0)
    tags: str | None = cell("Tags that point at it, separated by commas", also=("tag",), null="none")
    is_merge: bool | None = cell("Whether it merges", also=("merge",), null="not stated")
