"""One incident, wherever a run was started: in the UI, from two command lines, by a sensor, in another code location.

A real `dagster dev` runs on a loopback port with short intervals; nothing but its daemon reconciles and drains. At the end it is
stopped, and the doctor must notice within two intervals.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governance_assets.runtime import clock
from governance_assets.runtime.alerts.incidents import Incident, incidents
from governance_assets.runtime.doctor import doctor
from governance_assets.runtime.instance import opened, prepare
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace
from governance_assets_tests.conftest import make_tiny_telemetry
from governance_assets_tests.dagster_dev import BIN, ROOT, Dev, dagster_dev, wait_for

INTERVAL_S = 5
OURS, THEIRS = "governance_assets.definitions", "governance_assets_tests.foreign_location"
PATIENCE_S = 120


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home, and telemetry with a file that no reader can read: a check of ours fails."""
    folder = tmp_path_factory.mktemp("everywhere")
    telemetry = make_tiny_telemetry(folder / "telemetry")
    (telemetry / "forecasts" / "broken.parquet").write_bytes(b"no parquet")
    policy = telemetry / "governance.yaml"
    intervals = f"alerts:\n  drain_interval_s: {INTERVAL_S}\n  reconcile_interval_s: {INTERVAL_S}\n  suppression_minutes: 0\n"
    at_night_as_by_day = '  quiet_start: "06:00"\n  quiet_end: "06:00"\n'
    policy.write_text(policy.read_text() + intervals + at_night_as_by_day)
    (folder / "trouble").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOVERNANCE_HOME", str(folder / "home"))
        patch.setenv("GOVERNANCE_TELEMETRY", str(telemetry))
        patch.setenv("FOREIGN_TROUBLE", str(folder / "trouble"))
        patch.setenv("DAGSTER_HOME", str(folder / "home" / "dagster"))
        prepare(Settings.from_environment())
        yield folder


def found() -> list[Incident]:
    with Workspace.from_environment() as workspace:
        return incidents(workspace.history.alerts().to_pylist())


def keys(which: list[Incident]) -> list[tuple[str, str]]:
    return sorted((one.artifact, one.rule) for one in which if one.artifact in ("orders", "refunds", "returns"))


def sent(folder: Path) -> list[dict[str, Any]]:
    """What the file channel was given."""
    path = folder / "home" / "alerts" / "alerts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def ended(run_ids: list[str]) -> bool:
    with opened(Settings.from_environment()) as instance:
        return all(instance.get_run_by_id(run_id).is_finished for run_id in run_ids)


def starters() -> set[str]:
    """By what the runs of intake that succeeded were started."""
    with opened(Settings.from_environment()) as instance:
        runs = [run for run in instance.get_runs() if run.job_name == "intake" and run.is_success]
    return {"sensor" if "dagster/sensor_name" in run.tags else run.tags.get("governance/origin", "") or location(run) for run in runs}


def location(run: Any) -> str:
    return "ui" if run.remote_job_origin is not None else "dagster job execute"


def test_each_trouble_is_one_incident_wherever_it_happens_and_the_doctor_notices_a_stopped_daemon(installed: Path) -> None:
    with dagster_dev(installed, OURS, THEIRS) as dev:
        environment = dict(os.environ)
        commands = [[BIN / "governance", "run"], [BIN / "dagster", "job", "execute", "-m", OURS, "-j", "intake"]]
        lines = [
            subprocess.Popen(list(map(str, command)), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for command in commands
        ]
        try:
            _everywhere(installed, dev)
        finally:
            assert [line.wait(PATIENCE_S) for line in lines] == [0, 0]
        _exactly_one(installed)
        _stopped(dev)


def _everywhere(installed: Path, dev: Dev) -> None:
    trouble = installed / "trouble"
    for name, how in (("stale", ""), ("refunds", "raise"), ("returns", "kill")):
        (trouble / name).write_text(how)
    wait_for(dev.is_up, PATIENCE_S, "the webserver answers")
    runs = [dev.launch(THEIRS, "__ASSET_JOB", [name]) for name in ("orders", "refunds", "returns")]
    runs.append(dev.launch(OURS, "intake"))
    wait_for(lambda: ended(runs), PATIENCE_S, "the runs end, also the killed one")
    expected = [("orders", "orders_are_fresh"), ("refunds", "materializes"), ("returns", "materializes")]
    wait_for(lambda: keys(found()) == expected, PATIENCE_S, "three incidents of another code location")
    for path in trouble.iterdir():
        path.unlink()
    runs = [dev.launch(THEIRS, "__ASSET_JOB", [name]) for name in ("orders", "refunds", "returns")]
    wait_for(lambda: ended(runs), PATIENCE_S, "the runs end")
    wait_for(lambda: keys([one for one in found() if one.is_open]) == [], PATIENCE_S, "all three are closed")
    assert keys(found()) == expected
    wait_for(lambda: "sensor" in starters(), PATIENCE_S, "the sensor of new files has started intake")


def _exactly_one(installed: Path) -> None:
    wait_for(lambda: starters() >= {"sensor", "cli", "ui", "dagster job execute"}, PATIENCE_S, "intake ran from everywhere")
    ours = [one for one in found() if one.artifact == "rejected_records" and one.is_open]
    assert len(ours) == len({one.key for one in ours}) >= 1
    told = {(one.artifact, one.rule, one.subject) for one in found()}
    assert len(told) == len(found()), "an incident was opened twice"
    wait_for(lambda: len(lines_of(installed, "recovered")) == 3, PATIENCE_S, "recoveries are sent")
    for kind in ("failing", "recovered"):
        subjects = lines_of(installed, kind)
        assert len(subjects) == len(set(subjects))
    assert {("orders", "orders_are_fresh"), ("refunds", "materializes"), ("returns", "materializes")} <= {
        subject[:2] for subject in lines_of(installed, "failing")
    }


def lines_of(installed: Path, kind: str) -> list[tuple[str, str, str]]:
    lines = [line for message in sent(installed) for line in message["lines"] if line["kind"] == kind]
    return [(line["artifact"], line["rule"], line["subject"]) for line in lines]


def _stopped(dev: Dev) -> None:
    def outcome(now: dt.datetime | None = None) -> str:
        with Workspace.from_environment() as workspace:
            return next(one.outcome for one in doctor(workspace, None, now) if one.rule == "alerts_are_drained")

    wait_for(lambda: outcome() == "pass", PATIENCE_S, "the doctor finds a drain")
    dev.stop()
    assert outcome(clock.now() + dt.timedelta(seconds=2 * INTERVAL_S)) == "fail"
