"""Shapes of plans: Airtable records, nested roadmaps, exported tables.

Belongs here: turning them into records of the plan's feeds. Does not belong here: what a status means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from governance_assets.runtime.sources.columns import plain
from governance_assets.runtime.sources.documents import Item
from governance_assets.runtime.sources.outcome import Context, Table

_KINDS = ("phase", "stage", "task", "milestone", "plan")
_CODES = (("task", ("task_id",)), ("stage", ("stage_code", "stage_id")), ("milestone", ("milestone_id",)), ("phase", ("phase_id", "phase")))


def with_kind(item: Any, context: Context) -> Any:
    """A record of a plan with its kind, where its columns or its file's name say it."""
    if not isinstance(item, dict):
        return item
    kind, code = _kind([*map(str, item)], context)
    return (
        item
        if kind is None
        else {("item_id" if plain(str(name)) == code else name): value for name, value in item.items()} | {"kind": kind}
    )


def arranged(table: Table, context: Context) -> Table:
    """A table of a plan with its kind as a column; the code of a phase becomes the code of the item."""
    kind, code = _kind(table.names, context)
    if kind is None:
        return table
    table.names = ["item_id" if plain(name) == code else name for name in table.names]
    return _with(table, "kind", kind)


def _kind(names: Sequence[str], context: Context) -> tuple[str | None, str | None]:
    """What the rows are, and which column is their code where the code's name is that of a parent; None where a column says it."""
    known = {plain(name) for name in names}
    if known & {"kind", "item_kind", "type", "from_status", "to_status", "text", "note", "body"}:
        return None, None
    for kind, codes in _CODES:
        if code := next((name for name in codes if name in known), None):
            return kind, code if kind in ("phase", "milestone") else None
    if "plan_id" in known:
        return "plan", "plan_id"
    stem = context.name.lower()
    named = next((kind for kind in _KINDS if kind in stem), None)
    return (named, None) if known & {"item_id", "id", "code", "record_id"} else (None, None)


def _with(table: Table, name: str, value: str) -> Table:
    table.names = [*table.names, name]
    table.columns = [*table.columns, pa.chunked_array([pa.repeat(value, len(table.rows))])]
    return table


# ---------------------------------------------------------------- Airtable


def is_airtable(whole: Any) -> bool:
    """Whether these are records with an id and fields, as a list or as a page of one."""
    records = _records(whole)
    return bool(records) and all(isinstance(each, dict) and isinstance(each.get("fields"), dict) and "id" in each for each in records[:3])


def _records(whole: Any) -> list[Any]:
    if isinstance(whole, dict) and isinstance(whole.get("records"), list):
        return list(whole["records"])
    if isinstance(whole, list) and whole and all(isinstance(page, dict) and isinstance(page.get("records"), list) for page in whole):
        return [record for page in whole for record in page["records"]]
    return whole if isinstance(whole, list) else []


def airtable(whole: Any, context: Context) -> dict[str, list[Item]]:
    """Records of phases, stages, tasks, notes or costs, by the name of the file or the columns they have."""
    stem = context.name.lower()
    feed = "plan_notes" if "note" in stem else "cost_entries" if "cost" in stem else "plan_items"
    items: list[Item] = []
    for number, record in enumerate(_records(whole), 1):
        if not isinstance(record, dict) or not isinstance(record.get("fields"), dict):
            items.append((number, record))
            continue
        fields = {plain(str(name)): value for name, value in record["fields"].items()}
        item = {**fields, "record_id": record.get("id"), "createdtime": record.get("createdTime")}
        items.append((number, with_kind(item, context) if feed == "plan_items" else item))
    return {feed: items}


# ---------------------------------------------------------------- roadmaps


def is_roadmap(whole: Any) -> bool:
    """Whether this is a nested roadmap."""
    return isinstance(whole, dict) and isinstance(whole.get("epics"), list)


def roadmap(whole: Any, context: Context) -> dict[str, list[Item]]:
    """Epics as phases, milestones and tasks of one snapshot; dependencies as a list or below ``depends_on``."""
    items: list[Item] = []
    stated = {} if context.as_of else {"as_of": whole.get("last_updated") or whole.get("updated_at")}

    def add(each: Any, kind: str, parents: dict[str, Any]) -> Any:
        if not isinstance(each, dict):
            items.append((len(items) + 1, str(each)))
            return {}
        known = {name: value for name, value in each.items() if name not in ("milestones", "tasks", "id", "dependencies", "exit_criteria")}
        criteria = each.get("exit_criteria")
        counted = {"exit_criteria": len(criteria)} if isinstance(criteria, list) else {}
        own = {"item_id": each.get("id"), "kind": kind, "dependencies": _dependencies(each.get("dependencies")), "position": len(items) + 1}
        items.append((len(items) + 1, {**known, **counted, **own, **parents, **stated}))
        return each

    for epic in whole["epics"]:
        of_epic = add(epic, "phase", {})
        phase = {"phase_id": of_epic.get("id")}
        for task in _list(of_epic.get("tasks")):
            add(task, "task", {**phase, "parent_id": of_epic.get("id")})
        for milestone in _list(of_epic.get("milestones")):
            of_milestone = add(milestone, "milestone", {**phase, "parent_id": of_epic.get("id")})
            for task in _list(of_milestone.get("tasks")):
                add(task, "task", {**phase, "parent_id": of_milestone.get("id")})
    return {"plan_items": items}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dependencies(value: Any) -> Any:
    if isinstance(value, dict):
        value = [each for part in value.values() for each in (part if isinstance(part, list) else [part])]
    return value or None
