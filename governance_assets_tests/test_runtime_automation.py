"""What runs by itself: new files start intake, changed weeks are requested exactly, the open week gets its nightly line."""

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest

from governance_assets.definitions import build, defs
from governance_assets.policy import SourcesPolicy
from governance_assets.runtime.automation import NIGHTLY_JOB, RANGE_END, RANGE_START
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace
from governance_assets_tests.conftest import tiny_forecasts, tiny_observations, write_csv


@pytest.fixture
def installed(tmp_path: Path, tiny_telemetry: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GOVERNANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GOVERNANCE_TELEMETRY", str(tiny_telemetry))
    return tiny_telemetry


def tick(name: str, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    return defs.get_sensor_def(name)(dg.build_sensor_context(instance=instance, cursor=cursor))


def execute(job: str, instance: dg.DagsterInstance, tags: dict[str, str] | None = None, names: list[dg.AssetKey] | None = None) -> None:
    with Workspace(Settings.from_environment()) as workspace:
        done = build(workspace).resolve_job_def(job).execute_in_process(instance=instance, tags=tags, asset_selection=names)
    assert done.success


def follow(instance: dg.DagsterInstance) -> list[tuple[list[str], str, str]]:
    """Run what the sensor of changed periods asks for, of every grain, until it asks for nothing; what was asked of weeks, in order."""
    asked = []
    for _ in range(10):
        result = tick("changed_periods", instance)
        if isinstance(result, dg.SkipReason):
            return asked
        for request in result.run_requests:
            first, last = request.tags[RANGE_START], request.tags[RANGE_END]
            execute(request.job_name, instance, {RANGE_START: first, RANGE_END: last}, list(request.asset_selection))
            if request.job_name == "weeks":
                asked.append((sorted(key.to_user_string() for key in request.asset_selection), first, last))
    raise AssertionError(f"the sensor never rests: {asked}")


def test_the_whole_repository_loads() -> None:
    """As a code server loads it: names of jobs, ops and graphs are apart."""
    defs.get_repository_def().load_all_definitions()


def test_new_files_start_intake_once(installed: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        first = tick("new_files", instance)
        assert isinstance(first, dg.SensorResult)
        assert len(first.run_requests) == 1
        assert isinstance(tick("new_files", instance, first.cursor), dg.SkipReason)
        write_csv(installed / "observations" / "more.csv", tiny_observations()[:1])
        again = tick("new_files", instance, first.cursor)
        assert isinstance(again, dg.SensorResult)
        assert again.cursor != first.cursor


def test_only_touched_weeks_are_requested_and_then_what_reads_them(installed: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        execute("intake", instance)
        first = follow(instance)
        assert first[0][1:] == ("2025-07-07", "2025-08-11")
        assert "forecast_scores" in first[0][0]
        quiet = ("2025-08-18", "2025-08-18")  # the open week, of artifacts that have quiet weeks too
        assert all("forecast_scores" not in names and span == quiet for names, *rest in first[1:] for span in [tuple(rest)])

        revised = tiny_observations()
        revised[4]["observed"] = 130
        assert revised[4]["target_end_date"] == dt.date(2025, 7, 26)
        write_csv(installed / "observations" / "observations.csv", revised)
        execute("intake", instance)
        asked = follow(instance)
        assert asked[0][1:] == ("2025-07-21", "2025-07-21"), "the other weeks of the file are as they were"
        assert "forecast_scores" in asked[0][0]
        later = [names for names, first, last in asked[1:]]
        assert later, "sums over the past of later weeks have changed too"
        assert all("forecast_scores" not in names for names in later)
        assert {first for _, first, _ in asked[1:]} == {"2025-07-28"}
        assert {last for _, _, last in asked[1:]} <= {"2025-08-11", "2025-08-18"}
        assert isinstance(tick("changed_periods", instance), dg.SkipReason)


def test_a_new_week_leaves_the_others_alone(installed: Path) -> None:
    rows = tiny_forecasts()
    write_csv(
        installed / "forecasts" / "forecasts.csv",
        [row for row in rows if row["horizon"] == 1 and row["target_end_date"] < dt.date(2025, 8, 11)],
    )
    with dg.DagsterInstance.ephemeral() as instance:
        execute("intake", instance)
        follow(instance)
        write_csv(installed / "forecasts" / "last.csv", [row for row in rows if row["target_end_date"] >= dt.date(2025, 8, 11)])
        execute("intake", instance)
        asked = follow(instance)
        assert asked[0][1:] == ("2025-08-11", "2025-08-11")


def test_a_sensor_asks_nothing_while_a_run_of_weeks_is_unfinished(installed: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        execute("intake", instance)
        instance.create_run_for_job(defs.resolve_job_def("weeks"), status=dg.DagsterRunStatus.STARTED)
        result = tick("changed_periods", instance)
        assert isinstance(result, dg.SkipReason)
        assert "not finished" in result.skip_message


def test_equal_inputs_make_equal_run_keys(installed: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        execute("intake", instance)
        keys = [[request.run_key for request in tick("changed_periods", instance).run_requests] for _ in range(2)]
        assert keys[0] == keys[1]
        assert all(keys[0])


def test_every_night_the_open_week_gets_a_revision() -> None:
    schedule = defs.get_schedule_def("nightly_open_week")
    assert schedule.cron_schedule == "30 6 * * *"
    context = dg.build_schedule_context(scheduled_execution_time=dt.datetime(2025, 11, 9, 6, 30, tzinfo=dt.UTC))
    assert schedule(context).partition_key == "2025-11-03"


def test_the_nightly_run_reads_intake_and_the_open_week_in_one(installed: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance, Workspace(Settings.from_environment()) as workspace:
        job = build(workspace).resolve_job_def(NIGHTLY_JOB)
        done = job.execute_in_process(instance=instance, partition_key="2025-08-11")
        assert done.success
        assert "2025-08-11" in workspace.history.heads("forecast_scores")
        assert "all" in workspace.history.heads("quantile_forecasts")
        assert not workspace.history.heads("operational_health"), "health has its own schedule"


def test_every_hour_health_alone_is_looked_at(installed: Path) -> None:
    schedule = defs.get_schedule_def("hourly_health")
    assert schedule.cron_schedule == "5 * * * *"
    with dg.DagsterInstance.ephemeral() as instance, Workspace(Settings.from_environment()) as workspace:
        done = build(workspace).resolve_job_def(schedule.job_name).execute_in_process(instance=instance)
        assert done.success
        assert set(workspace.history.ledger()["artifact"].to_pylist()) == {"operational_health", "escalations"}


def test_compaction_is_an_asset_that_changes_no_answer(installed: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance, Workspace(Settings.from_environment()) as workspace:
        definitions = build(workspace)
        definitions.resolve_job_def("intake").execute_in_process(instance=instance)
        before = workspace.history.rows("quantile_forecasts"), workspace.history.ledger()
        assert definitions.resolve_job_def("compaction").execute_in_process(instance=instance).success
        assert (workspace.history.rows("quantile_forecasts"), workspace.history.ledger()) == before


def test_models_are_retrained_on_the_week_that_has_closed() -> None:
    schedule = defs.get_schedule_def("weekly_retraining")
    assert schedule.cron_schedule == "0 4 * * 1"
    asked = schedule(dg.build_schedule_context(scheduled_execution_time=dt.datetime(2025, 11, 10, 4, tzinfo=dt.UTC)))
    assert asked.partition_key == "2025-11-03"
    assert {key.to_user_string() for key in asked.asset_selection} >= {"weekly_retraining", "model_registry", "promotion_decisions"}


def test_the_backtest_is_made_again_every_night() -> None:
    schedule = defs.get_schedule_def("nightly_backtest")
    assert schedule.cron_schedule == "0 0 * * *"
    asked = schedule(dg.build_schedule_context(scheduled_execution_time=dt.datetime(2025, 11, 5, tzinfo=dt.UTC)))
    assert asked.partition_key == "2025-11-03"
    assert {key.to_user_string() for key in asked.asset_selection} == {"media_predictions", "mmm_backtest"}


def test_critics_are_rerun_on_the_first_of_the_month() -> None:
    schedule = defs.get_schedule_def("interim_critics")
    assert schedule.cron_schedule == "0 6 1 * *"
    asked = schedule(dg.build_schedule_context(scheduled_execution_time=dt.datetime(2025, 11, 1, 6, tzinfo=dt.UTC)))
    assert asked.partition_key == "2025-10-27"
    assert {key.to_user_string() for key in asked.asset_selection} >= {"modeling_reality_critic", "allocator_critic", "critic_summary"}


@pytest.mark.parametrize(
    ("name", "instant", "expected"),
    [
        ("telemetry_sweep", "2025-10-01T06:00", "2025-07-01"),
        ("telemetry_sweep", "2025-10-05T06:00", "2025-07-01"),
        ("telemetry_sweep", "2025-10-02T06:00", None),
        ("telemetry_sweep", "2025-12-31T06:00", "2025-10-01"),
        ("post_review_check", "2025-10-11T23:59", "2025-10-01"),
        ("post_review_check", "2025-10-12T23:59", None),
        ("quarter_close", "2025-12-31T18:00", "2025-10-01"),
        ("assessment", "2025-12-26T09:00", "2025-10-01"),
    ],
)
def test_quarters_are_run_at_the_dates_of_the_review(name: str, instant: str, expected: str | None) -> None:
    moment = dt.datetime.fromisoformat(instant).replace(tzinfo=dt.UTC)
    asked = defs.get_schedule_def(name)(dg.build_schedule_context(scheduled_execution_time=moment))
    assert getattr(asked, "partition_key", None) == expected
    assert expected is None or asked.run_key == f"{name}/{moment.date()}"


def test_everything_is_on_from_the_start() -> None:
    repository = defs.get_repository_def()
    assert {schedule.name: schedule.default_status for schedule in repository.schedule_defs} == {
        "nightly_open_week": dg.DefaultScheduleStatus.RUNNING,
        "nightly_backtest": dg.DefaultScheduleStatus.RUNNING,
        "weekly_retraining": dg.DefaultScheduleStatus.RUNNING,
        "interim_critics": dg.DefaultScheduleStatus.RUNNING,
        "issue_review": dg.DefaultScheduleStatus.RUNNING,
        **dict.fromkeys(("telemetry_sweep", "post_review_check", "quarter_close", "assessment"), dg.DefaultScheduleStatus.RUNNING),
        "hourly_health": dg.DefaultScheduleStatus.RUNNING,
        "nightly_compaction": dg.DefaultScheduleStatus.RUNNING,
        "hourly_seal": dg.DefaultScheduleStatus.RUNNING,
        **{f"fetch_{kind}_schedule": dg.DefaultScheduleStatus.RUNNING for kind in SourcesPolicy.KINDS},
    }
    assert {sensor.name: sensor.default_status for sensor in repository.sensor_defs} == {
        "new_files": dg.DefaultSensorStatus.RUNNING,
        "changed_periods": dg.DefaultSensorStatus.RUNNING,
        "drain_alerts": dg.DefaultSensorStatus.RUNNING,
        "reconcile_runs": dg.DefaultSensorStatus.RUNNING,
    }
