"""The doctor: every part of the path of alerts, alive and broken; it never mends and never breaks."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon.types import DaemonHeartbeat
from dagster._utils.error import SerializableErrorInfo

from governance_assets.cli import FAILED, run_and_explain
from governance_assets.finding import Finding
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime import automation
from governance_assets.runtime.alerts.delivery import DeliveryStore, Heartbeat
from governance_assets.runtime.alerts.sensors import seal_and_drain
from governance_assets.runtime.alerts.transitions import NewAlert
from governance_assets.runtime.doctor import as_table, doctor, examine
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace

NOW = dt.datetime.now(dt.UTC)
LATE = dt.timedelta(minutes=3)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("GOVERNANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GOVERNANCE_TELEMETRY", str(tmp_path / "telemetry"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))  # so that what a command sets is taken back
    (tmp_path / "telemetry").mkdir()
    with Workspace(Settings.from_environment()) as opened:
        yield opened


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as made:
        yield made


def told(workspace: Workspace, rule: str, now: dt.datetime | None = None) -> Finding:
    (found,) = [one for one in doctor(workspace, None, now) if one.rule == rule]
    return found


def record(workspace: Workspace) -> None:
    """Record one alert."""
    new = NewAlert("failing", "orders", "materializes", "orders", "", "error", "error", "orders crashed", "dagster")
    workspace.history.record_alerts(lambda _: [new], workspace.provenance("", {}))


def with_alerts(workspace: Workspace, **update: object) -> None:
    alerts = workspace.policy.alerts.model_copy(update=update)
    workspace.policy = workspace.policy.model_copy(update={"alerts": alerts})


def test_after_a_drain_all_but_the_daemon_is_well(workspace: Workspace) -> None:
    record(workspace)
    seal_and_drain(workspace, "cli")
    found = doctor(workspace, None)
    assert {one.rule: one.outcome for one in found} == dict.fromkeys(
        (
            *("history_opens", "ledger_is_sealed", "anchors_match", "alerts_are_drained", "alerts_are_delivered"),
            *("channel_is_configured", "disk_has_room", "telemetry_is_readable"),
        ),
        "pass",
    )
    assert all(one.message.endswith((")", "seal 1", "console", "file", "files", "entries", "way", "cli")) for one in found)


def test_where_nothing_was_ever_done_silence_is_no_pass(workspace: Workspace) -> None:
    outcomes = {one.rule: one.outcome for one in doctor(workspace, None)}
    assert outcomes["alerts_are_drained"] == "fail"
    assert outcomes["ledger_is_sealed"] == outcomes["anchors_match"] == "not_applicable"
    assert not (workspace.settings.home / "alerts").exists(), "it looks and mends nothing"


def test_a_drain_is_late_after_two_intervals_and_the_remedy_is_named(workspace: Workspace) -> None:
    seal_and_drain(workspace, "sensor")
    interval = workspace.policy.alerts.drain_interval_s
    assert told(workspace, "alerts_are_drained", NOW + dt.timedelta(seconds=interval)).outcome == "pass"
    late = told(workspace, "alerts_are_drained", dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2 * interval + 1))
    assert late.outcome == "fail"
    assert "from the sensor" in late.message
    assert "governance ui" in late.remedy
    assert "governance alerts drain" in late.remedy


def test_what_is_not_sealed_in_time_is_told(workspace: Workspace) -> None:
    record(workspace)
    assert told(workspace, "ledger_is_sealed").outcome == "pass"
    assert told(workspace, "ledger_is_sealed", dt.datetime.now(dt.UTC) + LATE).outcome == "fail"
    seal_and_drain(workspace, "cli")
    assert told(workspace, "ledger_is_sealed", dt.datetime.now(dt.UTC) + LATE).outcome == "pass"


def test_anchors_that_are_gone_are_told(workspace: Workspace) -> None:
    record(workspace)
    seal_and_drain(workspace, "cli")
    (workspace.settings.home / "anchors" / "anchors.jsonl").write_text("")
    found = told(workspace, "anchors_match")
    assert found.outcome == "fail"
    assert "its newest anchor is of seal 0, the newest seal is 1" in found.message


def test_dead_letters_are_told_with_their_reason(workspace: Workspace) -> None:
    with_alerts(workspace, max_attempts=1)
    blocked = workspace.settings.home / "blocked"
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("a file where a folder should be")
    channel = ChannelPolicy(name="blocked", kind="file", target="blocked/alerts.jsonl")
    with_alerts(workspace, channels=(channel,), routes=workspace.policy.alerts.routes[-1:])
    with_alerts(workspace, routes=(workspace.policy.alerts.routes[0].model_copy(update={"channels": ("blocked",)}),))
    record(workspace)
    seal_and_drain(workspace, "cli")
    found = told(workspace, "alerts_are_delivered")
    assert found.outcome == "fail"
    assert found.value == 1
    assert "1 message given up" in found.message


def test_a_channel_that_lacks_its_secret_is_named(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK_URL", raising=False)
    with_alerts(workspace, channels=(ChannelPolicy(name="hook", kind="slack_webhook", secret_env="HOOK_URL"),))
    found = told(workspace, "channel_is_configured")
    assert found.outcome == "fail"
    assert "HOOK_URL" in found.message


def test_a_full_disk_and_a_missing_folder_are_told(workspace: Workspace) -> None:
    with_alerts(workspace, min_free_gb=1e9)
    assert told(workspace, "disk_has_room").outcome == "fail"
    workspace.settings.telemetry.rmdir()
    assert told(workspace, "telemetry_is_readable").outcome == "fail"


def test_a_check_that_breaks_is_a_sentence_and_the_others_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVERNANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GOVERNANCE_HISTORY", f"ducklake:sqlite:{tmp_path / 'home' / 'catalog.sqlite'}")
    (tmp_path / "home" / "alerts").mkdir(parents=True)
    (tmp_path / "home" / "catalog.sqlite").write_text("this is no database " * 100)
    (tmp_path / "home" / "alerts" / "delivery.sqlite").write_text("nor is this " * 100)
    with Workspace(Settings.from_environment()) as workspace:
        found = doctor(workspace, None)
    outcomes = {one.rule: one.outcome for one in found}
    assert outcomes["history_opens"] == outcomes["alerts_are_drained"] == outcomes["alerts_are_delivered"] == "error"
    assert outcomes["channel_is_configured"] == "pass"
    assert not any("Traceback" in one.message or "\n" in one.message for one in found)


def test_an_instance_that_does_not_open_is_a_finding(workspace: Workspace) -> None:
    home = workspace.settings.dagster_home()
    home.parent.mkdir(parents=True)
    home.write_text("a file where a folder should be")
    found = {one.rule: one for one in examine(workspace)}
    assert found["daemon_is_alive"].outcome == "error"
    assert found["disk_has_room"].outcome == "pass"


def test_the_table_says_what_to_do_only_where_something_is_to_be_done(workspace: Workspace) -> None:
    rows = as_table(doctor(workspace, None)).to_pylist()
    assert all(bool(row["next_step"]) == (row["state"] not in ("pass", "not_applicable")) for row in rows)
    assert {"fail", "pass", "not_applicable"} <= {row["state"] for row in rows}


def test_the_command_exits_with_1_when_something_failed(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_and_explain(["doctor", "--format", "json"]) == FAILED
    printed = capsys.readouterr()
    rows = {row["of"]: row for row in map(json.loads, printed.out.splitlines())}
    assert rows["drain"]["state"] == "fail"
    assert "governance alerts drain" in rows["drain"]["next_step"]
    assert "Traceback" not in printed.out + printed.err


# ---------------------------------------------------------------- the daemon


Tick = Callable[[str, TickStatus, dt.timedelta], None]


@pytest.fixture
def alive(instance: dg.DagsterInstance) -> Tick:
    """An instance whose daemons have just reported, and whose schedules and sensors have just ticked."""
    instance.wipe_daemon_heartbeats()
    for name in instance.get_required_daemon_types():
        instance.add_daemon_heartbeat(DaemonHeartbeat(NOW.timestamp(), name, "one", []))

    def tick(name: str, status: TickStatus, age: dt.timedelta, switch: InstigatorStatus = InstigatorStatus.DECLARED_IN_CODE) -> None:
        is_sensor = name in {sensor.name for sensor in automation.sensors()}
        kind = InstigatorType.SENSOR if is_sensor else InstigatorType.SCHEDULE
        data = SensorInstigatorData(min_interval=60) if is_sensor else ScheduleInstigatorData("0 3 * * *", 0.0)
        origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("ours"), "__repository__"), name)
        state = InstigatorState(origin, kind, switch, data)
        if instance.get_instigator_state(origin.get_id(), state.selector_id) is None:
            instance.add_instigator_state(state)
        else:
            instance.update_instigator_state(state)
        instance.purge_ticks(origin.get_id(), state.selector_id, before=NOW.timestamp() + 1e6)
        at = (NOW - age).timestamp()
        error = SerializableErrorInfo("RuntimeError: no disk\n", [], "RuntimeError") if status == TickStatus.FAILURE else None
        instance.create_tick(TickData(origin.get_id(), name, kind, status, at, run_ids=[], selector_id=state.selector_id, error=error))

    for one in (*automation.sensors(), *automation.schedules()):
        tick(one.name, TickStatus.SKIPPED, dt.timedelta(seconds=5))
    return tick


def of_the_daemon(workspace: Workspace, instance: dg.DagsterInstance, now: dt.datetime = NOW) -> dict[str, Finding]:
    rules = ("daemon_is_alive", "sensor_ticks", "schedule_ticks", "queue_moves")
    return {one.subject: one for one in doctor(workspace, instance, now) if one.rule in rules}


def test_a_daemon_that_lives_passes(workspace: Workspace, instance: dg.DagsterInstance, alive: Tick) -> None:
    found = of_the_daemon(workspace, instance)
    assert {name: one.message for name, one in found.items() if one.outcome != "pass"} == {}
    assert {"sensor", "scheduler", "drain_alerts", "reconcile_runs", "new_files", "nightly_open_week", "queue"} <= found.keys()


def test_a_daemon_that_has_stopped_fails_with_everything_it_moves(workspace: Workspace, instance: dg.DagsterInstance, alive: Tick) -> None:
    found = of_the_daemon(workspace, instance, NOW + LATE)
    failed = {name for name, one in found.items() if one.outcome == "fail"}
    assert {"sensor", "scheduler", "drain_alerts", "reconcile_runs"} <= failed
    assert all("governance ui" in found[name].remedy for name in failed)
    instance.wipe_daemon_heartbeats()
    assert "it has never reported" in of_the_daemon(workspace, instance)["sensor"].message


def test_sensors_and_schedules_that_fail_rest_or_were_stopped_are_told(
    workspace: Workspace, instance: dg.DagsterInstance, alive: Tick
) -> None:
    alive("drain_alerts", TickStatus.FAILURE, dt.timedelta(seconds=5))
    alive("nightly_compaction", TickStatus.SUCCESS, dt.timedelta(days=3))
    alive("new_files", TickStatus.SUCCESS, dt.timedelta(seconds=5), InstigatorStatus.STOPPED)
    found = of_the_daemon(workspace, instance)
    assert {name for name, one in found.items() if one.outcome != "pass"} == {"drain_alerts", "nightly_compaction", "new_files"}
    assert "its last tick failed: RuntimeError: no disk" in found["drain_alerts"].message
    assert "one was due" in found["nightly_compaction"].message
    assert "somebody has stopped it" in found["new_files"].message


def test_a_queue_that_stands_still_is_told(workspace: Workspace, instance: dg.DagsterInstance, alive: Tick) -> None:
    @dg.op
    def nothing() -> None:
        """Nothing."""

    @dg.job
    def waits() -> None:
        nothing()

    run = instance.create_run_for_job(waits, status=dg.DagsterRunStatus.STARTING)
    assert of_the_daemon(workspace, instance)["queue"].outcome == "pass"
    found = of_the_daemon(workspace, instance, NOW + dt.timedelta(hours=1))["queue"]
    assert found.outcome == "fail"
    assert "1 run waiting" in found.message
    instance.delete_run(run.run_id)


def test_the_heartbeat_that_is_asked_for_is_the_one_a_drain_leaves(workspace: Workspace) -> None:
    with DeliveryStore.open(workspace.settings.home) as delivery:
        delivery.beat(Heartbeat(NOW, 0, 0, 0, "elsewhere"))
    assert "from the elsewhere" in told(workspace, "alerts_are_drained").message
    with sqlite3.connect(workspace.settings.home / "alerts" / "delivery.sqlite") as connection:
        connection.execute("DELETE FROM heartbeats")
    assert "no drain was ever finished here" in told(workspace, "alerts_are_drained").message
