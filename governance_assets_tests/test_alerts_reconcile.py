"""Reconciliation with Dagster: runs of anybody, crashes, dead processes and failing ticks, each exactly one incident.

The instance is a real one with SQLite storage; runs are executed in this process or in one that is killed.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
    TickData,
    TickStatus,
)

from governance_assets.runtime import processes
from governance_assets.runtime.alerts.delivery import DeliveryStore
from governance_assets.runtime.alerts.incidents import Incident, incidents
from governance_assets.runtime.alerts.reconcile import Reconciled, reconcile
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace
from governance_assets_tests import foreign_location as foreign

NOW = dt.datetime.now(dt.UTC)


class Site:
    """One installation, its Dagster instance, and the trouble that a foreign code location is in."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, workspace: Workspace, delivery: DeliveryStore) -> None:
        self.folder, self.instance, self.workspace, self.delivery = folder, instance, workspace, delivery
        self.trouble = folder / "trouble"
        self.mark = 0

    def look(self) -> Reconciled:
        return reconcile(self.workspace, self.instance, self.delivery)

    def forget(self) -> None:
        """Lose the cursors."""
        self.delivery.set_value("reconcile", "lost")

    def troubled(self, name: str, how: str = "raise") -> Path:
        (self.trouble / name).write_text(how)
        return self.trouble / name

    def materialize(self, *names: str, partition: str | None = None, tags: dict[str, str] | None = None) -> bool:
        job = foreign.defs.resolve_implicit_global_asset_job_def()
        keys = [dg.AssetKey(name) for name in names]
        done = job.execute_in_process(
            instance=self.instance, asset_selection=keys, partition_key=partition, raise_on_error=False, tags=tags, run_config=QUIET
        )
        return done.success

    def mail(self) -> bool:
        return (
            foreign.defs.resolve_job_def("mail").execute_in_process(instance=self.instance, raise_on_error=False, run_config=QUIET).success
        )

    def told(self) -> list[tuple[str, str, str, str]]:
        """Every row of this test: kind, artifact, rule and subject."""
        return [(row["kind"], row["artifact"], row["rule"], row["subject"]) for row in self.rows()]

    def rows(self) -> list[dict[str, Any]]:
        return self.workspace.history.alerts(after=self.mark).to_pylist()

    def incidents(self) -> list[Incident]:
        return incidents(self.rows())

    def open(self) -> list[Incident]:
        return [one for one in self.incidents() if one.is_open]


QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("home", "telemetry", "trouble", "dagster"):
            (folder / name).mkdir()
        patch.setenv("GOVERNANCE_HOME", str(folder / "home"))
        patch.setenv("GOVERNANCE_TELEMETRY", str(folder / "telemetry"))
        patch.setenv("FOREIGN_TROUBLE", str(folder / "trouble"))
        with (
            dg.DagsterInstance.local_temp(str(folder / "dagster")) as instance,
            Workspace(Settings.from_environment()) as workspace,
            DeliveryStore.open(workspace.settings.home) as delivery,
        ):
            yield Site(folder, instance, workspace, delivery)


@pytest.fixture
def site(shared: Site) -> Site:
    """The installation, in which no incident is open and nothing is in trouble."""
    shared.look()
    rows = shared.workspace.history.alerts().to_pylist()
    assert [one.key for one in incidents(rows) if one.is_open] == [], "a test has left something open"
    assert list(shared.trouble.iterdir()) == []
    shared.mark = len(rows)
    return shared


def test_a_native_check_opens_one_incident_and_closes_it(site: Site) -> None:
    site.troubled("stale")
    for _ in range(3):
        assert site.materialize("orders")
        site.look()
    site.look()
    assert site.told() == [("failing", "orders", "orders_are_fresh", "orders")]
    (incident,) = site.open()
    assert (incident.outcome, incident.severity, incident.value, incident.limit) == ("fail", "error", None, None)
    assert incident.message == "orders misses the check orders_are_fresh: the newest order is of today"
    site.troubled("stale").unlink()
    site.materialize("orders")
    assert str(site.look()).endswith("1 incident closed")
    assert site.open() == []
    assert len(site.told()) == 2


def test_cursors_that_are_lost_bring_nothing_twice(site: Site) -> None:
    site.troubled("stale")
    site.materialize("orders")
    site.look()
    site.troubled("stale").unlink()
    site.materialize("orders")
    site.look()
    site.troubled("orders")
    site.materialize("orders")
    site.look()
    before = site.told()
    assert [kind for kind, *_ in before] == ["failing", "recovered", "failing"]
    for _ in range(2):
        site.forget()
        site.look()
        assert site.told() == before
    site.troubled("orders").unlink()
    site.materialize("orders")


def test_many_looks_at_once_record_each_change_once(site: Site) -> None:
    site.troubled("stale")
    site.troubled("mail")
    site.materialize("orders")
    site.mail()
    barrier = threading.Barrier(4)

    def look() -> None:
        with Workspace(Settings.from_environment()) as workspace, DeliveryStore.open(workspace.settings.home / "other") as delivery:
            barrier.wait(30)
            reconcile(workspace, site.instance, delivery)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(site.told()) == [("failing", "mail", "run_finishes", "mail"), ("failing", "orders", "orders_are_fresh", "orders")]
    site.troubled("stale").unlink()
    site.troubled("mail").unlink()
    site.materialize("orders")
    site.mail()


def test_a_partitioned_check_is_judged_by_partition_and_not_for_the_past(site: Site) -> None:
    today, yesterday = (str(NOW.date() - dt.timedelta(days=days)) for days in (1, 2))
    site.troubled("empty")
    for day in (today, yesterday, "2020-03-01"):
        site.materialize("days", partition=day)
    site.look()
    assert {one.subject for one in site.open()} == {f"days {today}", f"days {yesterday}"}
    assert {one.partition_key for one in site.open()} == {today, yesterday}
    site.troubled("empty").unlink()
    site.materialize("days", partition=today)
    site.look()
    assert [one.subject for one in site.open()] == [f"days {yesterday}"]
    site.materialize("days", partition=yesterday)


def test_an_asset_that_raises_is_one_incident_and_what_was_skipped_is_none(site: Site) -> None:
    site.troubled("orders")
    for _ in range(2):
        assert not site.materialize("orders", "invoices")
        site.look()
    site.look()
    (incident,) = site.open()
    assert (incident.artifact, incident.rule, incident.severity, incident.outcome) == ("orders", "materializes", "error", "error")
    assert "RuntimeError: no connection to postgres://***@warehouse" in incident.message
    assert "hunter2" not in str(site.rows())
    assert len(site.told()) == 1
    site.troubled("orders").unlink()
    site.materialize("orders")
    site.look()
    assert site.open() == []


def test_a_crash_names_its_partition_and_any_later_materialization_closes_it(site: Site) -> None:
    site.troubled("days")
    site.materialize("days", partition="2025-03-01")
    site.look()
    assert "days was not materialized for 2025-03-01" in site.open()[0].message
    site.troubled("days").unlink()
    site.materialize("days", partition="2025-03-02")
    site.look()
    assert site.open() == []


def test_a_crash_that_is_heard_of_after_its_recovery_is_one_closed_incident(site: Site) -> None:
    site.troubled("orders")
    site.materialize("orders")
    site.troubled("orders").unlink()
    site.materialize("orders")
    site.look()
    assert [kind for kind, *_ in site.told()] == ["failing", "recovered"]
    assert len(site.incidents()) == 1


def test_a_check_that_crashes_is_an_incident_of_the_check(site: Site) -> None:
    site.troubled("check_crashes")
    site.materialize("orders")
    site.look()
    (incident,) = site.open()
    assert (incident.artifact, incident.rule, incident.outcome) == ("orders", "orders_are_fresh", "error")
    assert "could not be judged" in incident.message
    site.troubled("check_crashes").unlink()
    site.materialize("orders")
    site.look()
    assert site.open() == []


def test_a_job_without_assets_is_an_incident_of_the_job(site: Site) -> None:
    site.troubled("mail")
    site.mail()
    site.mail()
    site.look()
    (incident,) = site.open()
    assert (incident.artifact, incident.rule, incident.subject) == ("mail", "run_finishes", "mail")
    site.troubled("mail").unlink()
    site.mail()
    site.look()
    assert site.open() == []


def test_a_run_that_fails_before_any_step_is_an_incident_of_its_job(site: Site) -> None:
    run = site.instance.create_run_for_job(foreign.defs.resolve_job_def("mail"))
    site.instance.report_run_failed(run, "Could not load the code location\nbecause token=hunter2 is wrong")
    site.look()
    (incident,) = site.open()
    assert incident.rule == "run_finishes"
    assert incident.message == "a run of mail failed before any step began: Could not load the code location"
    site.mail()


def test_who_stops_a_run_is_not_alerted(site: Site) -> None:
    run = site.instance.create_run_for_job(foreign.defs.resolve_job_def("mail"), status=dg.DagsterRunStatus.STARTED)
    site.instance.report_run_canceled(run)
    site.look()
    assert site.told() == []


# ---------------------------------------------------------------- processes that are gone


def killed(site: Site, name: str, with_tags: bool) -> None:
    """Materialize ``name`` in a process of its own that is killed in its midst."""
    site.troubled(name, "kill")
    program = f"""
import dagster as dg
from governance_assets.runtime.processes import process_tags
from governance_assets_tests import foreign_location as foreign
with dg.DagsterInstance.local_temp({str(site.folder / "dagster")!r}) as instance:
    foreign.defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey({name!r})], tags=process_tags() if {with_tags} else {{}}, run_config={QUIET!r}
    )
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[1], timeout=60, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    site.troubled(name).unlink()


def test_a_killed_run_is_buried_and_is_one_incident_closed_by_the_next_materialization(site: Site) -> None:
    killed(site, "orders", with_tags=True)
    (record,) = site.instance.get_run_records(limit=1)
    assert record.dagster_run.status == dg.DagsterRunStatus.STARTED, "Dagster alone would show it running for ever"
    assert site.look().dead == 1
    assert site.instance.get_run_records(limit=1)[0].dagster_run.status == dg.DagsterRunStatus.FAILURE
    (incident,) = site.open()
    assert (incident.artifact, incident.rule) == ("orders", "materializes")
    assert "ended without a word" in incident.message
    site.forget()
    assert site.look().dead == 0
    assert len(site.told()) == 1
    site.materialize("orders")
    site.look()
    assert site.open() == []


def test_a_killed_run_of_which_we_know_no_process_is_dead_after_the_silence_of_the_policy(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(site, "orders", with_tags=False)
    assert site.look().dead == 0
    alerts = site.workspace.policy.alerts.model_copy(update={"silent_run_minutes": 0.01})
    monkeypatch.setattr(site.workspace, "policy", site.workspace.policy.model_copy(update={"alerts": alerts}))
    time.sleep(0.7)
    assert site.look().dead == 1
    assert len(site.open()) == 1
    site.materialize("orders")


def test_a_silent_run_whose_process_works_is_left_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    job = foreign.defs.resolve_job_def("mail")
    tagged = site.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=processes.process_tags())
    told = site.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    data = dg._core.events.EngineEventData(metadata={"pid": dg.MetadataValue.text(str(os.getpid()))})
    site.instance.report_engine_event("Started process for run", told, data)
    alerts = site.workspace.policy.alerts.model_copy(update={"silent_run_minutes": 0.001})
    monkeypatch.setattr(site.workspace, "policy", site.workspace.policy.model_copy(update={"alerts": alerts}))
    time.sleep(0.2)
    assert site.look().dead == 0
    assert not any(site.instance.get_run_by_id(run.run_id).is_finished for run in (tagged, told))
    for run in (tagged, told):
        site.instance.report_run_canceled(run)


def test_a_process_is_known_by_more_than_its_number() -> None:
    tags = processes.process_tags()
    assert processes.lives(tags) is True
    assert processes.lives(tags | {processes.STARTED_TAG: "1"}) is False, "the number was given to another process"
    assert processes.lives(tags | {processes.HOST_TAG: "another"}) is None
    assert processes.lives({}) is None


# ---------------------------------------------------------------- ticks


def ticks(site: Site) -> Callable[[TickStatus, int], None]:
    """A sensor of the foreign location, as the daemon stores its ticks."""
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("foreign"), "__repository__")
    origin = RemoteInstigatorOrigin(repository, "inbox")
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData(min_interval=30))
    site.instance.add_instigator_state(state)
    begun = dt.datetime.now(dt.UTC).timestamp()  # not that of the import, which a long run leaves behind the last look

    def tick(status: TickStatus, second: int) -> None:
        error = None
        if status == TickStatus.FAILURE:
            error = dg._utils.error.SerializableErrorInfo("RuntimeError: no inbox\n", [], "RuntimeError")
        at = begun + second
        data = TickData(origin.get_id(), "inbox", InstigatorType.SENSOR, status, at, run_ids=[], error=error, selector_id=state.selector_id)
        site.instance.create_tick(data)

    return tick


def test_failing_ticks_are_one_incident_that_a_good_tick_closes(site: Site) -> None:
    tick = ticks(site)
    tick(TickStatus.SKIPPED, 1)
    tick(TickStatus.FAILURE, 2)
    tick(TickStatus.FAILURE, 3)
    site.look()
    tick(TickStatus.STARTED, 4)
    tick(TickStatus.FAILURE, 5)
    site.look()
    (incident,) = site.open()
    assert (incident.artifact, incident.rule, incident.subject) == ("inbox", "ticks", "inbox")
    assert incident.message == "the sensor inbox could not be evaluated: RuntimeError: no inbox"
    tick(TickStatus.SUCCESS, 6)
    site.look()
    site.forget()
    site.look()
    assert [kind for kind, *_ in site.told()] == ["failing", "recovered"]
