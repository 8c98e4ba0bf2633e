"""What people do with alerts on the command line, on a history with a few open incidents."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from governance_assets.cli import main
from governance_assets.policy import AlertsPolicy
from governance_assets.policy.alerts import ChannelPolicy, Route
from governance_assets.runtime.alerts import desk
from governance_assets.runtime.alerts.channels import DeliveryError
from governance_assets.runtime.alerts.drain import Drainer
from governance_assets.runtime.alerts.transitions import NewAlert
from governance_assets.runtime.commit_lock import HistoryError
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace
from governance_assets_tests.campaigns import workload

PRESENT = dt.datetime(2025, 11, 20, 8, 0, tzinfo=dt.UTC)
RULE = {"rule": "coverage_holds", "partition_key": "2025-11-10", "outcome": "fail", "origin": "finding", "owner": "modelling_lead"}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Three open incidents; the first ones of a frozen installation."""
    for name in ("GOVERNANCE_HOME", "GOVERNANCE_TELEMETRY", "GOVERNANCE_AS_OF", "DAGSTER_HOME"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
        monkeypatch.delenv(name)
    telemetry = tmp_path / "telemetry"
    telemetry.mkdir()
    (telemetry / "governance.yaml").write_text("clock:\n  as_of: 2025-11-20T08:00:00Z\n")
    settings = Settings.from_environment({"GOVERNANCE_HOME": str(tmp_path / "home"), "GOVERNANCE_TELEMETRY": str(telemetry)})
    with Workspace(settings) as made:
        new = [failing("team-a"), failing("team-b", severity="warn"), failing("store", rule="ledger_intact")]
        made.history.record_alerts(lambda rows: new, workload.provenance("test", 1))
        yield made


def failing(subject: str, **given: Any) -> NewAlert:
    standard: dict[str, Any] = {"kind": "failing", "artifact": "metrics", "severity": "error", "message": f"{subject} fails"}
    return NewAlert(subject=subject, **RULE | standard | given)


def governance(workspace: Workspace, *arguments: str) -> Result:
    located = ["--home", str(workspace.settings.home), "--telemetry", str(workspace.settings.telemetry)]
    return CliRunner().invoke(main, ["alerts", arguments[0], *located, *arguments[1:]])


def listed(workspace: Workspace, *more: str) -> list[dict[str, Any]]:
    done = governance(workspace, "list", "--format", "json", *more)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def incident(workspace: Workspace, subject: str) -> str:
    return str(next(one["incident"] for one in listed(workspace) if one["subject"] == subject))


def test_the_list_has_the_most_urgent_first_and_what_is_on_its_way(workspace: Workspace):
    found = listed(workspace)
    assert [(one["priority"], one["subject"]) for one in found] == [("P0", "store"), ("P1", "team-a"), ("P2", "team-b")]
    assert found[1] | {"since": "", "incident": ""} == {
        "incident": "",
        "priority": "P1",
        "severity": "error",
        "artifact": "metrics",
        "rule": "coverage_holds",
        "subject": "team-a",
        "partition": "2025-11-10",
        "since": "",
        "owner": "modelling_lead",
        "note": "",
        "pending": 0,
        "dead": 0,
    }
    assert "3 open incidents" in governance(workspace, "list").output


def test_a_drain_from_the_command_line_prints_what_it_did_and_a_second_sends_nothing(workspace: Workspace):
    first = governance(workspace, "drain")
    assert first.exit_code == 0, first.output
    assert "alerts: 6 sent, 0 pending, 0 dead" in first.output
    assert "FAIL metrics: coverage_holds — team-a (2025-11-10)" in first.output
    lines = (workspace.settings.home / "alerts" / "alerts.jsonl").read_text().splitlines()
    assert {json.loads(line)["lines"][0]["subject"] for line in lines} == {"team-a", "team-b", "store"}
    assert governance(workspace, "drain").output.endswith("\nalerts: 0 sent, 0 pending, 0 dead\n")


def test_an_acknowledgement_and_a_waiver_are_history(workspace: Workspace):
    name = incident(workspace, "team-a")
    noted = governance(workspace, "ack", name[:6], "--by", "modelling_lead", "--reason", "being mended")
    assert noted.output == f"acknowledged: {name} metrics coverage_holds team-a\n"
    waived = governance(workspace, "waive", name, "--by", "programme_owner", "--reason", "accepted", "--until", "2025-11-30")
    assert waived.exit_code == 0, waived.output
    rows = [row for row in workspace.history.alerts().to_pylist() if row["incident"] == name]
    assert [(row["kind"], row["by"], row["reason"], row["origin"], row["is_sent"]) for row in rows[1:]] == [
        ("acknowledged", "modelling_lead", "being mended", "person", False),
        ("waived", "programme_owner", "accepted", "person", False),
    ]
    assert rows[2]["until"] == dt.datetime(2025, 11, 30, 23, 59, 59, 999999, tzinfo=dt.UTC)
    (shown,) = (one["note"] for one in listed(workspace) if one["incident"] == name)
    assert shown == "waived by programme_owner until 2025-11-30 23:59: accepted; acknowledged by modelling_lead: being mended"
    assert "no longer waived" in governance(workspace, "unwaive", name, "--by", "programme_owner", "--reason", "over").output
    assert next(one["note"] for one in listed(workspace) if one["incident"] == name) == "acknowledged by modelling_lead: being mended"


@pytest.mark.parametrize(
    ("prefix", "until", "sentence"),
    [
        ("", "2025-12-01", "no incident begins with ''"),
        ("zz", "2025-12-01", "no incident begins with 'zz'"),
        ("whole", "2025-11-19", "--until 2025-11-19 is over; name a day after 2025-11-20"),
        ("whole", "2025-11-20T08:00Z", "is over"),
    ],
)
def test_a_waiver_that_cannot_be_is_refused_with_the_next_step(workspace: Workspace, prefix: str, until: str, sentence: str):
    given = incident(workspace, "team-a") if prefix == "whole" else prefix
    with pytest.raises(HistoryError) as refused:
        desk.waive(workspace, given, "modelling_lead", "why", until)
    assert sentence in str(refused.value)
    assert workspace.history.alerts().num_rows == 3


def test_a_prefix_of_several_incidents_a_closed_one_and_an_empty_reason_are_refused(workspace: Workspace):
    name = incident(workspace, "team-a")
    known = desk.incidents(workspace.history.alerts().to_pylist())
    twins = [known[0], type(known[0])(**vars(known[1]) | {"id": known[0].id[:4] + "f" * 12})]
    with pytest.raises(HistoryError, match="is not one but 2"):
        desk.find(twins, known[0].id[:4])
    with pytest.raises(HistoryError, match="--reason is empty"):
        desk.acknowledge(workspace, name, "modelling_lead", " ", None)
    with pytest.raises(HistoryError, match="is not waived"):
        desk.unwaive(workspace, name, "modelling_lead", "over")
    ended = failing("team-a", kind="recovered", outcome="pass", incident=name)
    workspace.history.record_alerts(lambda rows: [ended], workload.provenance("test", 1))
    with pytest.raises(HistoryError, match="is closed since"):
        desk.acknowledge(workspace, name, "modelling_lead", "too late", None)
    assert len(listed(workspace)) == 2


def test_a_waiver_needs_its_end(workspace: Workspace):
    done = governance(workspace, "waive", incident(workspace, "team-a"), "--by", "modelling_lead", "--reason", "why")
    assert done.exit_code == 2
    assert "--until" in done.output


def test_a_channel_can_be_tried(workspace: Workspace):
    done = governance(workspace, "test", "file")
    assert done.exit_code == 0
    assert done.output.startswith("channel file (file) took the test message ")
    sent = json.loads((workspace.settings.home / "alerts" / "alerts.jsonl").read_text())
    assert (sent["kind"], sent["key"] in done.output) == ("test", True)
    unknown = governance(workspace, "test", "pager")
    assert unknown.exit_code == 1
    assert "no channel of the policy is named pager; known are console, file" in unknown.output
    (workspace.settings.home / "alerts" / "alerts.jsonl").unlink()
    (workspace.settings.home / "alerts" / "alerts.jsonl").mkdir()
    assert governance(workspace, "test", "file").exit_code == 1


def test_dead_letters_are_listed_counted_and_revived(workspace: Workspace):
    class Gone:
        name = "far"

        def send(self, message: object) -> None:
            raise DeliveryError("the address is gone", is_permanent=True)

    policy = AlertsPolicy(channels=(ChannelPolicy(name="far", kind="webhook"),), routes=(Route(channels=("far",)),))
    drainer = Drainer(workspace.history, policy, workspace.settings.home, {}, build=lambda *_: Gone())
    assert drainer.drain("test").dead > 0
    letters = listed(workspace, "--undelivered")
    assert {one["last_error"] for one in letters if one["state"] == "dead"} == {"the address is gone"}
    assert {one["dead"] for one in listed(workspace)} != {0}
    assert "undelivered messages" in governance(workspace, "list").output
    assert desk.revive(workspace) == len([one for one in letters if one["state"] == "dead"])
