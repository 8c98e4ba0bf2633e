"""Dagster's event log with kept engines: Dagster's own storage reads the same files and finds the same in them."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from governance_assets.runtime.event_log import EventLog
from governance_assets.runtime.instance import opened
from governance_assets.runtime.settings import Settings

WEEKS = dg.WeeklyPartitionsDefinition(start_date="2025-01-06", end_date="2025-02-03", day_offset=1)


@dg.asset(partitions_def=WEEKS, backfill_policy=dg.BackfillPolicy.single_run(), check_specs=[dg.AssetCheckSpec("holds", asset="measured")])
def measured(context: dg.AssetExecutionContext):
    yield dg.MaterializeResult(metadata={"rows": 3}, check_results=[dg.AssetCheckResult(passed=True)])


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DAGSTER_HOME", "")
    settings = Settings.from_environment({"GOVERNANCE_HOME": str(tmp_path / "home"), "GOVERNANCE_TELEMETRY": str(tmp_path)})
    with opened(settings) as instance:
        yield instance


def ran(instance: dg.DagsterInstance) -> str:
    tags = {"dagster/asset_partition_range_start": "2025-01-06", "dagster/asset_partition_range_end": "2025-01-27"}
    result = dg.materialize([measured], instance=instance, tags=tags, raise_on_error=True)
    return result.run_id


def test_the_instance_uses_it_where_dagster_keeps_its_own(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, EventLog)
    run = ran(instance)
    assert Path(instance.root_directory, "history", "runs", f"{run}.db").is_file()


def test_dagsters_own_storage_finds_the_same(instance: dg.DagsterInstance) -> None:
    run = ran(instance)
    ours, own = instance.event_log_storage, SqliteEventLogStorage(str(Path(instance.root_directory, "history", "runs")))
    own.register_instance(instance)
    events = ours.get_records_for_run(run).records
    assert events == own.get_records_for_run(run).records
    assert {"ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION", "PIPELINE_SUCCESS"} <= {
        one.event_log_entry.dagster_event.event_type_value for one in events if one.event_log_entry.dagster_event
    }
    for materializations in (one.fetch_materializations(dg.AssetKey("measured"), limit=10).records for one in (ours, own)):
        assert [record.partition_key for record in materializations] == ["2025-01-27", "2025-01-20", "2025-01-13", "2025-01-06"]
    (key,) = measured.check_keys
    checks = ours.get_asset_check_execution_history(key, limit=10)
    assert checks == own.get_asset_check_execution_history(key, limit=10)
    assert "SUCCEEDED" in {one.status.value for one in checks}


def test_a_run_is_followed_while_it_writes(instance: dg.DagsterInstance) -> None:
    """The UI is told of events by changes of the run's file."""
    seen: list[str] = []
    run = instance.create_run_for_job(dg.Definitions([measured]).resolve_implicit_global_asset_job_def())
    instance.report_engine_event("first", run)
    instance.watch_event_logs(run.run_id, None, lambda entry, _: seen.append(entry.message))
    instance.report_engine_event("second", run)
    patience = time.monotonic() + 10
    while not any("second" in message for message in seen) and time.monotonic() < patience:
        time.sleep(0.05)
    assert any("second" in message for message in seen)


def test_threads_store_and_read_at_once(instance: dg.DagsterInstance) -> None:
    job = dg.Definitions([measured]).resolve_implicit_global_asset_job_def()

    def write(number: int) -> str:
        run = instance.create_run_for_job(job)
        for event in range(10):
            instance.report_engine_event(f"event {event}", run)
            instance.event_log_storage.fetch_materializations(dg.AssetKey("measured"), limit=1)
        return run.run_id

    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(write, range(8)))
    for run in runs:
        stored = [record.event_log_entry.message for record in instance.event_log_storage.get_records_for_run(run).records]
        assert [message for message in stored if message.startswith("event ")] == [f"event {event}" for event in range(10)]
