"""Changes of a plan written back: to a file and to Airtable's interface as documented, each once, whatever breaks in between."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from governance_assets.policy import PlanPolicy
from governance_assets.policy.plan import PlanStore
from governance_assets.runtime import plan_store
from governance_assets.runtime.plan_store import APPLIED, CHANGES, FOLDER, PlanStoreError, apply, pending
from governance_assets_tests.channel_samples import SECRET, Answer, Receiver, Request, no_proxy, receiver

__all__ = ["no_proxy", "receiver"]
pytestmark = pytest.mark.usefixtures("no_proxy")

TOKEN = {"AIRTABLE_TOKEN": SECRET}


def change(key: str, kind: str = "adjustment", **more: Any) -> dict[str, Any]:
    told = {"change_key": key, "week": dt.date(2025, 10, 6), "kind": kind, "plan": "p", "item_key": "rec1", "record_id": "rec1"}
    return told | {"old_value": "10.00", "new_value": "15.00", "owner": None, "due_by": None, "reason": "r"} | more


ACTION = change(
    "b", "action", item_key=None, record_id=None, old_value=None, new_value="=do it", owner="architect", due_by=dt.date(2025, 11, 1)
)
CRITERION = change("c", "criterion", item_key=None, record_id=None, old_value=None, new_value="R² of m: 0.9")
ALL = [change("a"), ACTION, CRITERION]


def rows(home: Path) -> list[dict[str, str]]:
    with (home / FOLDER / CHANGES).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def quiet(text: str) -> None:
    """Say nothing."""


def test_a_file_takes_each_change_once(tmp_path: Path) -> None:
    assert [one.store for one in pending(ALL, PlanPolicy(), tmp_path)] == ["plan/changes.csv"] * 3
    assert not (tmp_path / FOLDER).exists()
    said: list[str] = []
    assert apply(ALL, PlanPolicy(), tmp_path, {}, said.append) == 3
    assert said[0] == "plan/changes.csv: a adjustment rec1: 10.00 to 15.00 (r)"
    assert [(row["change_key"], row["new_value"]) for row in rows(tmp_path)] == [("a", "15.00"), ("b", "'=do it"), ("c", "R² of m: 0.9")]
    assert apply([*ALL, change("d")], PlanPolicy(), tmp_path, {}, quiet) == 1
    assert [row["change_key"] for row in rows(tmp_path)] == ["a", "b", "c", "d"]


def test_a_change_that_was_written_and_not_recorded_stands_once(tmp_path: Path) -> None:
    apply(ALL, PlanPolicy(), tmp_path, {}, quiet)
    log = tmp_path / FOLDER / APPLIED
    log.write_text("\n".join(log.read_text().splitlines()[:2]) + '\n{"change_key": "c", "at')  # the last line broke off
    assert [one.change["change_key"] for one in pending(ALL, PlanPolicy(), tmp_path)] == ["c"]
    assert apply(ALL, PlanPolicy(), tmp_path, {}, quiet) == 1
    assert len(rows(tmp_path)) == 3
    assert pending(ALL, PlanPolicy(), tmp_path) == []


class Base:
    """The writing half of Airtable's interface: update by record, upsert by a key field."""

    def __init__(self, server: Receiver) -> None:
        self.records: dict[str, dict[str, dict[str, Any]]] = {"Stages": {"rec1": {"Estimated Cost": 10.0}}, "Tasks": {}, "Notes": {}}
        self.faults: list[Answer] = []
        server.respond = self._respond
        self.policy = PlanPolicy(store=(PlanStore(plan="p", base="appPlan1", endpoint=server.url),))

    def _respond(self, request: Request) -> Answer:
        if self.faults:
            return self.faults.pop(0)
        assert request.headers["Authorization"] == f"Bearer {SECRET}"
        assert request.method == "PATCH"
        _, _, base, table, *record = request.path.split("?")[0].split("/")
        assert base == "appPlan1"
        body, known = json.loads(request.body), self.records[table]
        if record:
            known[record[0]].update(body["fields"])
            return self._json({"id": record[0], "createdTime": "2025-10-01T00:00:00.000Z", "fields": known[record[0]]})
        (key,) = body["performUpsert"]["fieldsToMergeOn"]
        done: dict[str, Any] = {"records": [], "createdRecords": [], "updatedRecords": []}
        for given in body["records"]:
            old = next((id for id, fields in known.items() if fields[key] == given["fields"][key]), None)
            id = old or f"rec{table}{len(known)}"
            known.setdefault(id, {}).update(given["fields"])
            done["records"].append({"id": id, "createdTime": "2025-10-01T00:00:00.000Z", "fields": known[id]})
            done["updatedRecords" if old else "createdRecords"].append(id)
        return self._json(done)

    def _json(self, answer: dict[str, Any]) -> Answer:
        return Answer(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})


def test_airtable_takes_estimates_actions_and_criteria_once(receiver: Receiver, tmp_path: Path) -> None:
    base = Base(receiver)
    assert apply(ALL, base.policy, tmp_path, TOKEN, quiet) == 3
    wanted = {
        "Stages": {"rec1": {"Estimated Cost": 15.0}},
        "Tasks": {"recTasks0": {"Change Key": "b", "Name": "=do it", "Assigned To": "architect", "Due Date": "2025-11-01"}},
        "Notes": {"recNotes0": {"Change Key": "c", "Name": "R² of m: 0.9"}},
    }
    assert base.records == wanted
    asked = len(receiver.requests)
    assert apply(ALL, base.policy, tmp_path, TOKEN, quiet) == 0
    assert len(receiver.requests) == asked
    (tmp_path / FOLDER / APPLIED).unlink()  # the record is lost: everything is written again, and stands once
    assert apply(ALL, base.policy, tmp_path, TOKEN, quiet) == 3
    assert base.records == wanted


def test_a_refusal_stops_keeps_what_was_written_and_leaks_no_token(receiver: Receiver, tmp_path: Path) -> None:
    base = Base(receiver)
    base.faults = [Answer(200, b'{"id": "rec1", "createdTime": "2025-10-01T00:00:00.000Z", "fields": {}}'), Answer(422, SECRET.encode())]
    with pytest.raises(PlanStoreError, match="Airtable appPlan1 refused b") as caught:
        apply(ALL, base.policy, tmp_path, TOKEN, quiet)
    assert SECRET not in str(caught.value)
    assert [one["change_key"] for one in plan_store.applied(tmp_path)] == ["a"]
    assert apply(ALL, base.policy, tmp_path, TOKEN, quiet) == 2


def test_without_a_token_or_a_record_nothing_is_written(receiver: Receiver, tmp_path: Path) -> None:
    base = Base(receiver)
    with pytest.raises(PlanStoreError, match="set AIRTABLE_TOKEN"):
        apply(ALL, base.policy, tmp_path, {}, quiet)
    with pytest.raises(PlanStoreError, match="has no record"):
        apply([change("a", record_id=None)], base.policy, tmp_path, TOKEN, quiet)
    assert receiver.requests == []
    assert plan_store.applied(tmp_path) == []
