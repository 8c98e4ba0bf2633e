"""Writing changes of the plan back: to an Airtable base, or to a file of changes below the home.

Belongs here: writing each change once, and the record of what was written. Does not belong here: which changes there are (the domain's
``plan_changes``).

Written changes are recorded, one line each, after they were written. A run that ends in between writes its last change again: a new
estimate is then the same estimate, and a record that is added is found by its key, so that it stands there once.
"""

from __future__ import annotations

import csv
import datetime as dt
import importlib.util
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from governance_assets.policy import PlanPolicy
from governance_assets.policy.plan import PlanStore
from governance_assets.runtime import clock
from governance_assets.runtime.alerts.channels import foreign
from governance_assets.runtime.commit_lock import file_lock
from governance_assets.runtime.sources.live import web

FOLDER = "plan"
CHANGES, APPLIED = "changes.csv", "applied.jsonl"
_COLUMNS = ("change_key", "week", "kind", "plan", "item_key", "record_id", "old_value", "new_value", "owner", "due_by", "reason")
_TIMEOUT_S = 30.0

Change = Mapping[str, Any]


class PlanStoreError(Exception):
    """A plan store that cannot be written to; the message says why."""


class Store(Protocol):
    """Where changes go."""

    name: str

    def write(self, change: Change) -> None:
        """Write one change; writing it twice leaves what writing it once does. Raises PlanStoreError."""


@dataclass(frozen=True)
class Pending:
    """A change that was not written yet, and where it would go."""

    change: Change
    store: str


def pending(changes: Sequence[Change], policy: PlanPolicy, home: Path) -> list[Pending]:
    """The changes that no record says were written, each with the name of its store."""
    known = {one["change_key"] for one in applied(home)}
    return [Pending(change, _entry_name(policy, change)) for change in changes if change["change_key"] not in known]


def applied(home: Path) -> list[dict[str, Any]]:
    """What was written, oldest first. A last line that breaks off was never finished and is left out."""
    path = home / FOLDER / APPLIED
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def apply(changes: Sequence[Change], policy: PlanPolicy, home: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> int:
    """Write what is pending and record it, change by change; how many were written. Raises PlanStoreError at the first that fails."""
    (home / FOLDER).mkdir(parents=True, exist_ok=True)
    with file_lock(home / FOLDER / "apply.lock", _TIMEOUT_S):
        todo = pending(changes, policy, home)
        stores = {each.plan: _Airtable(each, environment) for each in policy.store}
        for one in todo:
            store: Store = stores.get(one.change["plan"]) or stores.get("") or _File(home)
            store.write(one.change)
            _record(home, one, clock.now())
            say(f"{store.name}: {told(one.change)}")
    return len(todo)


def told(change: Change) -> str:
    """A change as one line."""
    item = f" {change['item_key']}" if change["item_key"] else ""
    before = f"{change['old_value']} to " if change["old_value"] is not None else ""
    due = f", due {change['due_by']}" if change["due_by"] else ""
    return f"{change['change_key']} {change['kind']}{item}: {before}{change['new_value']}{due} ({change['reason']})"


def _entry_name(policy: PlanPolicy, change: Change) -> str:
    entry = next((each for each in policy.store if each.plan in (change["plan"], "")), None)
    return f"Airtable {entry.base}" if entry else f"{FOLDER}/{CHANGES}"


def _record(home: Path, one: Pending, now: dt.datetime) -> None:
    line = json.dumps({"change_key": one.change["change_key"], "at": now.isoformat(), "store": one.store}, sort_keys=True)
    path = home / FOLDER / APPLIED
    broken = path.is_file() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n" if broken else f"{line}\n")
        file.flush()
        os.fsync(file.fileno())


class _File:
    """A table of changes for a person, or another program, to take over."""

    def __init__(self, home: Path) -> None:
        self.name = f"{FOLDER}/{CHANGES}"
        self._path = home / FOLDER / CHANGES

    def write(self, change: Change) -> None:
        """Add the change, unless a row has its key."""
        if self._path.is_file():
            with self._path.open(encoding="utf-8", newline="") as file:
                if any(row["change_key"] == change["change_key"] for row in csv.DictReader(file)):
                    return
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore")
        if not self._path.is_file():
            writer.writeheader()
        writer.writerow({name: _safe(change[name]) for name in _COLUMNS})
        with self._path.open("a", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())


def _safe(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


class _Airtable:
    """A base: estimates are set on their record, actions and criteria are added under their key."""

    def __init__(self, entry: PlanStore, environment: Mapping[str, str]) -> None:
        self.name, self._entry = f"Airtable {entry.base}", entry
        self._token = environment.get(entry.token_env, "")
        if not self._token:
            raise PlanStoreError(f"{self.name} is not configured: set {entry.token_env} to a personal access token")
        if importlib.util.find_spec("pyairtable") is None:
            raise PlanStoreError("the package pyairtable is not installed; install governance-assets[airtable]")
        from pyairtable import Api

        self._api = Api(self._token, timeout=(_TIMEOUT_S, _TIMEOUT_S), endpoint_url=web.safe_endpoint(entry.endpoint, True))

    def write(self, change: Change) -> None:
        """Set the estimate, or add the record."""
        import requests

        try:
            for table, record, fields in self._calls(change):
                if record is not None:
                    self._api.table(self._entry.base, table).update(record, fields)
                else:
                    keyed = {"fields": {self._entry.key_field: change["change_key"], **fields}}
                    self._api.table(self._entry.base, table).batch_upsert([keyed], key_fields=[self._entry.key_field])
        except requests.exceptions.RequestException as error:
            raise PlanStoreError(f"{self.name} refused {change['change_key']}: {foreign(str(error), (self._token,))}") from None

    def _calls(self, change: Change) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
        entry = self._entry
        if change["kind"] == "adjustment":
            if change["record_id"] is None:
                raise PlanStoreError(f"{change['item_key']} has no record in {self.name}: its telemetry comes from elsewhere")
            yield entry.stages, change["record_id"], {entry.estimate_field: float(change["new_value"])}
        elif change["kind"] == "action":
            told = {entry.text_field: change["new_value"], entry.owner_field: change["owner"], entry.due_field: change["due_by"]}
            yield entry.tasks, None, {name: str(value) for name, value in told.items() if value is not None}
        else:
            yield entry.notes, None, {entry.text_field: change["new_value"]}
