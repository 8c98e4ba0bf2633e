"""Live sources as a whole: a kill between two pages, what is recorded and judged, the command, the assets and their schedules."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from governance_assets.cli import FAILED, USAGE, run_and_explain
from governance_assets.contract import arrow_schema, violations
from governance_assets.definitions import build, defs
from governance_assets.domains.intake import facts, rules
from governance_assets.domains.intake.contracts import SourceFetches
from governance_assets.finding import Finding
from governance_assets.policy import IntakePolicy, SourcesPolicy
from governance_assets.policy.sources import AirtableSource, CloudwatchSource, GithubSource, GitPlanSource, GitSource, SagemakerSource
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.sources import read_telemetry
from governance_assets.runtime.sources.live import records, slug
from governance_assets.runtime.sources.live.engine import FetchRunning, Places, fetch
from governance_assets.runtime.sources.live.landing import FETCHES, Landing, memory
from governance_assets.runtime.workspace import Workspace
from governance_assets_tests.channel_samples import SECRET, Answer, Receiver, no_proxy
from governance_assets_tests.live_samples import NOW, Airtable, Bench, Github, issue, numbers, stage
from governance_assets_tests.test_live_git import PLAN, Repository

__all__ = ["no_proxy"]
pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def github() -> Iterator[Github]:
    made = Github([issue(number) for number in range(1, 251)])
    yield made
    made.server.close()


def source(github: Github) -> GithubSource:
    return GithubSource(repository="octo/data", endpoint=github.server.url)


# A kill


_FETCHING = """
import os, sys
from pathlib import Path
from governance_assets.policy.sources import GithubSource, SourcesPolicy
from governance_assets.runtime.sources.live.engine import Places, fetch
root = Path(sys.argv[1])
source = GithubSource(repository="octo/data", endpoint=sys.argv[2])
fetch("github", source, SourcesPolicy(), Places(root / "home", root / "telemetry"), os.environ)
"""


def test_a_kill_between_two_pages_loses_nothing_and_is_told(bench: Bench, github: Github) -> None:
    slow = Answer(200, json.dumps(github.issues[100:200]).encode(), wait_s=20.0)
    github.faults = [None, slow]
    process = subprocess.Popen([sys.executable, "-c", _FETCHING, str(bench.root), github.server.url], env=os.environ | bench.environment)
    for _ in range(400):
        if len(github.requests) == 2:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    landed = bench.files()
    assert numbers(landed.values()) == list(range(1, 101))
    bench.now = dt.datetime.now(dt.UTC)
    row = bench.row("github", source(github))
    assert (row["state"], row["ended_at"], row["last_whole_at"]) == ("partial", None, None)
    assert "has not ended: it runs now, or was killed" in row["reason"]
    assert [finding.outcome for finding in judged(row)] == ["unknown", "pass"]
    asked = len(github.requests)
    assert bench.fetch("github", source(github)).state == "ok"
    assert len(github.requests) - asked == 2
    assert bench.files().items() > landed.items()
    assert numbers(bench.files().values()) == list(range(1, 251))


def test_a_line_that_a_kill_cut_short_is_no_line(bench: Bench, github: Github) -> None:
    bench.fetch("github", source(github))
    path = memory(bench.places.home, "github", "octo/data") / FETCHES
    with path.open("a") as file:
        file.write('{"event": "ended", "sta')
    bench.now += dt.timedelta(hours=1)
    bench.fetch("github", source(github))
    assert bench.row("github", source(github))["ended_at"] == bench.now
    assert len(path.read_text().splitlines()) == 5


def test_two_processes_never_fetch_one_source_at_once(bench: Bench, github: Github) -> None:
    landing = Landing.of(bench.places.home, bench.places.telemetry, "issues/github", "github", "octo/data")
    with landing.locked(), pytest.raises(FetchRunning, match="another process"):
        bench.fetch("github", source(github))
    assert bench.fetch("github", source(github)).state == "ok"


def test_a_full_disk_is_told_and_the_next_run_goes_on(bench: Bench, github: Github, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(landing: Landing, page: object) -> bool:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Landing, "take", full)
        done = bench.fetch("github", source(github))
    assert (done.state, "No space left on device" in done.error, bench.files()) == ("failed", True, {})
    assert bench.fetch("github", source(github)).state == "ok"


def test_a_fetch_that_is_stopped_is_recorded(bench: Bench, github: Github, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(landing: Landing, page: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(Landing, "take", stopped)
    with pytest.raises(KeyboardInterrupt):
        bench.fetch("github", source(github))
    assert "was stopped (KeyboardInterrupt)" in bench.row("github", source(github))["reason"]


def test_a_damaged_cursor_is_told(bench: Bench, github: Github) -> None:
    bench.fetch("github", source(github))
    (memory(bench.places.home, "github", "octo/data") / "cursor.json").write_text("{")
    done = bench.fetch("github", source(github))
    assert (done.state, "remove it" in done.error) == ("failed", True)


@pytest.mark.parametrize(
    ("text", "name"), [("octo/data", "octo+data"), ("/aws/x", "aws+x"), ("a+b", "a%2Bb"), ("..", "%2E."), ("x" * 400, None)]
)
def test_names_of_folders_are_told_apart(text: str, name: str | None) -> None:
    assert slug(text) == name if name else len(slug(text)) <= 150
    assert slug(text) != slug(text + "y")


# What is recorded, judged


def row(**changes: Any) -> dict[str, Any]:
    plain = {"source": "github", "stream": "octo/data", "state": "ok", "reason": "", "started_at": NOW, "ended_at": NOW, "pages": 1}
    plain |= {"records": 1, "files": 1, "cursor": "{}", "last_whole_at": NOW, "gap_since": None, "gap_until": None, "not_before": None}
    return plain | {"hours_since_whole": 0, "stale_after_hours": 48} | changes


def judged(*rows: dict[str, Any]) -> list[Finding]:
    table = pa.Table.from_pylist(list(rows), arrow_schema(SourceFetches))
    assert violations(SourceFetches, table) == []
    return rules.judge_sources(table, IntakePolicy(), "all")


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "pass"),
        ({"state": "configured", "last_whole_at": None, "hours_since_whole": None}, "unknown"),
        ({"state": "partial"}, "unknown"),
        ({"state": "failed", "gap_since": NOW, "gap_until": NOW}, "unknown"),
        ({"state": "not_configured", "last_whole_at": None, "hours_since_whole": None}, "not_applicable"),
        ({"state": "not_configured"}, "unknown"),
    ],
)
def test_source_is_whole(changes: dict[str, Any], outcome: str) -> None:
    finding, _ = judged(row(reason="because", **changes))
    assert (finding.rule, finding.outcome, finding.subject) == ("source_is_whole", outcome, "github octo/data")
    assert ("because" in finding.message) == (outcome != "pass")
    assert ("missing since 2025-11-20 08:30 UTC" in finding.message) == (changes.get("gap_since") is not None)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"hours_since_whole": 47}, "pass"),
        ({"hours_since_whole": 48}, "pass"),
        ({"hours_since_whole": 49}, "fail"),
        ({"hours_since_whole": 49, "state": "failed"}, "fail"),
        ({"hours_since_whole": 49, "state": "not_configured"}, "fail"),
        ({"hours_since_whole": 2, "state": "failed", "last_whole_at": None}, "pass"),
        ({"hours_since_whole": None, "state": "configured", "last_whole_at": None}, "unknown"),
        ({"hours_since_whole": None, "state": "not_configured", "last_whole_at": None}, "not_applicable"),
    ],
)
def test_source_is_fresh(changes: dict[str, Any], outcome: str) -> None:
    _, finding = judged(row(**changes))
    assert (finding.rule, finding.outcome, finding.severity) == ("source_is_fresh", outcome, "error")
    assert (finding.value, finding.limit) == ((None, None) if outcome == "not_applicable" else (changes["hours_since_whole"], 48))


def test_every_kind_without_a_source_says_so(tmp_path: Path) -> None:
    rows = records.fetches(tmp_path, SourcesPolicy(), NOW)
    assert [one["source"] for one in rows] == list(SourcesPolicy.KINDS)
    assert {one["state"] for one in rows} == {"not_configured"}
    assert {finding.outcome for finding in judged(*rows)} == {"not_applicable"}
    assert "sources.github; files of the telemetry folder are read" in judged(*rows)[0].message
    assert rules.headline_sources(facts.source_fetches(rows)) == ("configured sources", 0, None)


def test_a_source_that_was_never_fetched_is_unknown(tmp_path: Path) -> None:
    policy = SourcesPolicy(github=(GithubSource(repository="octo/data"),))
    first, *_ = records.fetches(tmp_path, policy, NOW)
    assert (first["state"], first["stream"], first["hours_since_whole"]) == ("configured", "octo/data", None)
    assert [finding.outcome for finding in judged(first)] == ["unknown", "unknown"]


def test_the_past_is_read_as_it_was(bench: Bench, github: Github) -> None:
    bench.fetch("github", source(github))
    bench.now += dt.timedelta(hours=60)
    github.faults = [Answer(500)] * 4
    bench.fetch("github", source(github))
    policy = SourcesPolicy(github=(source(github),))
    now, then = (records.fetches(bench.places.home, policy, when)[0] for when in (bench.now, NOW + dt.timedelta(hours=1)))
    assert (now["state"], now["hours_since_whole"], then["state"], then["hours_since_whole"]) == ("failed", 60, "ok", 1)


# What lands is read


def landed(bench: Bench, feed: str) -> list[dict[str, Any]]:
    """The typed rows of a feed, as intake lands them from the telemetry folder."""
    intake = read_telemetry(bench.places.telemetry, bench.places.home, IntakePolicy())
    assert [one for one in intake.rejected.to_pylist() if one["scope"] != "ignored"] == []
    paths = [bench.places.home / path for path in intake.manifests[feed]["landed_path"].to_pylist()]
    return [one for path in paths for one in pq.read_table(path).to_pylist()]


def test_pages_of_github_become_events_of_issues(bench: Bench, github: Github) -> None:
    bench.fetch("github", source(github))
    rows = landed(bench, "issue_events")
    assert (len(rows), len({one["source_id"] for one in rows}), {one["event"] for one in rows}) == (250, 250, {"opened"})
    assert {one["source"] for one in rows} == {"github"}
    assert {one["kind"] for one in rows} == {"issue", "pull_request"}


def test_states_of_a_table_become_items_of_the_plan_by_day(bench: Bench) -> None:
    airtable = Airtable([stage(number) for number in range(150)])
    table = AirtableSource(base="appPlan1", table="The Stages", holds="stages", endpoint=airtable.server.url)
    bench.fetch("airtable", table)
    airtable.records[3] = stage(3, "Done")
    airtable.date = "Fri, 21 Nov 2025 08:30:00 GMT"
    bench.fetch("airtable", table)
    airtable.server.close()
    rows = landed(bench, "plan_items")
    assert {(one["plan"], one["kind"], str(one["date"])) for one in rows} == {
        ("appPlan1", "stage", "2025-11-20"),
        ("appPlan1", "stage", "2025-11-21"),
    }
    assert len(rows) == 300
    assert [one["status"] for one in rows if one["record_id"] == "rec0003"] in (["Todo", "Done"], ["Done", "Todo"])


def test_answers_of_aws_become_events_of_issues(bench: Bench) -> None:
    told = [{"logStreamName": "s", "timestamp": 1763600000000, "message": "ERROR: out of memory", "ingestionTime": 2, "eventId": "3"}]
    job = {"TrainingJobName": "fit", "TrainingJobArn": "arn", "TrainingJobStatus": "Failed", "FailureReason": "out of memory"}
    job |= {"CreationTime": 1763600000.0, "LastModifiedTime": 1763600060.0}
    answers = {
        "FilterLogEvents": {"events": told},
        "ListTrainingJobs": {"TrainingJobSummaries": [job]},
        "DescribeTrainingJob": job | {"ResourceConfig": {"VolumeSizeInGB": 1}},
    }
    server = Receiver(lambda request: Answer(200, json.dumps(answers[request.headers["X-Amz-Target"].rsplit(".", 1)[1]]).encode()))
    bench.environment = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET}
    where = {"region": "eu-west-1", "endpoint": server.url}
    assert bench.fetch("cloudwatch", CloudwatchSource(log_group="app", **where)).state == "ok"
    assert bench.fetch("sagemaker", SagemakerSource(**where)).state == "ok"
    server.close()
    rows = landed(bench, "issue_events")
    assert {(one["source"], one["kind"]) for one in rows} == {("cloudwatch", "log_event"), ("sagemaker", "training_job")}


def test_a_repository_becomes_items_of_the_plan_and_commits(bench: Bench, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.commit("2025-10-07T00:00:00+00:00", "epics: [{id: E1, title: first, status: todo, milestones: []}]\n")
    sha = repository.commit("2025-10-14T00:00:00+00:00", "epics: [{id: E1, title: first, status: done, milestones: []}]\n")
    where = {"name": "roadmap", "repository": str(repository.folder)}
    bench.fetch("git_plan", GitPlanSource(path=PLAN, **where))
    bench.fetch("git_log", GitSource(**where))
    items = sorted((str(one["date"]), one["plan"], one["item_id"], one["status"]) for one in landed(bench, "plan_items"))
    assert items == [("2025-10-07", "roadmap", "E1", "todo"), ("2025-10-14", "roadmap", "E1", "done")]
    commits = landed(bench, "commits")
    assert (len(commits), {one["repository"] for one in commits}) == (2, {"roadmap"})
    assert [one["files"] for one in commits if one["commit"] == sha] == [PLAN]


# The command, the assets, the schedules


@pytest.fixture
def installed(tmp_path: Path, github: Github, monkeypatch: pytest.MonkeyPatch) -> Path:
    telemetry = tmp_path / "telemetry"
    telemetry.mkdir()
    named = {"github": [{"repository": "octo/data", "endpoint": github.server.url}], "github_cron": "7 * * * *", "backoff_s": 0}
    (telemetry / "governance.yaml").write_text(yaml.safe_dump({"sources": named}))
    monkeypatch.setenv("GOVERNANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GOVERNANCE_TELEMETRY", str(telemetry))
    monkeypatch.setenv("GITHUB_TOKEN", SECRET)
    return telemetry


def test_the_command_fetches_and_says_how_it_went(installed: Path, github: Github, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_and_explain(["fetch"]) == 0
    assert "github octo/data: ok, 3 pages, 250 records, 3 new files\nnext: governance run" in capsys.readouterr().out
    assert len(list(installed.glob("issues/github/octo+data/*.json"))) == 3
    github.faults = [Answer(500, SECRET.encode())] * 4
    assert run_and_explain(["fetch", "github"]) == FAILED
    told = "".join(capsys.readouterr())
    assert "failed, 0 pages" in told
    assert SECRET not in told


@pytest.mark.parametrize(("name", "told"), [("gitlab", "no source is named gitlab"), ("airtable", "below sources.airtable")])
def test_the_command_refuses_what_is_not_there(name: str, told: str, installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_and_explain(["fetch", name]) == USAGE
    assert told in "".join(capsys.readouterr())


def test_intake_reads_what_was_fetched_and_asks_nobody(installed: Path, github: Github) -> None:
    """Without the server the same files are read, and the row says when they came."""
    with dg.DagsterInstance.ephemeral() as instance:
        assert build().resolve_job_def("fetch_github_job").execute_in_process(instance=instance).success
        event = instance.get_latest_materialization_event(dg.AssetKey("fetch_github"))
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.metadata["octo/data"].value == "ok"
        asked = len(github.requests)
        names = [dg.AssetKey("source_fetches"), dg.AssetKey("rejected_records")]
        with Workspace(Settings.from_environment()) as workspace:
            job = build(workspace).resolve_job_def("intake")
            assert job.execute_in_process(instance=instance, asset_selection=names).success
            rows = workspace.history.rows(SourceFetches).to_pylist()
            found = workspace.history.findings("source_fetches").to_pylist()
    assert len(github.requests) == asked
    assert [(one["source"], one["state"]) for one in rows if one["stream"]] == [("github", "ok")]
    outcomes = {(one["subject"], one["outcome"]) for one in found if one["rule"] == "source_is_whole"}
    assert outcomes == {("github octo/data", "pass")} | {(kind, "not_applicable") for kind in SourcesPolicy.KINDS if kind != "github"}


def test_a_fetch_starts_intake_even_when_it_failed(installed: Path, github: Github) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        sensor = defs.get_sensor_def("new_files")
        first = sensor(dg.build_sensor_context(instance=instance))
        github.faults = [Answer(500)] * 4
        with Workspace(Settings.from_environment()) as workspace:
            policy = workspace.policy.sources
            fetch("github", policy.github[0], policy, Places(workspace.settings.home, installed), os.environ)
        second = sensor(dg.build_sensor_context(instance=instance, cursor=first.cursor))
    assert isinstance(second, dg.SensorResult)
    assert len(second.run_requests) == 1


def test_schedules_fetch_what_is_configured_and_pass_over_the_rest(installed: Path) -> None:
    from governance_assets.runtime.fetching import fetch_schedules

    schedules = {one.name: one for one in fetch_schedules()}
    assert set(schedules) == {f"fetch_{kind}_schedule" for kind in SourcesPolicy.KINDS}
    assert schedules["fetch_github_schedule"].cron_schedule == "7 * * * *"
    assert {one.default_status for one in schedules.values()} == {dg.DefaultScheduleStatus.RUNNING}
    requests = {name: one(dg.build_schedule_context(scheduled_execution_time=NOW)) for name, one in schedules.items()}
    assert isinstance(requests.pop("fetch_github_schedule"), dg.RunRequest)
    assert {type(one) for one in requests.values()} == {dg.SkipReason}


def test_a_policy_that_cannot_be_read_still_lets_the_schedules_load(installed: Path) -> None:
    from governance_assets.runtime.fetching import fetch_schedules

    (installed / "governance.yaml").write_text("sources: {github_cron: often}")
    assert {one.cron_schedule for one in fetch_schedules()} == {getattr(SourcesPolicy(), f"{kind}_cron") for kind in SourcesPolicy.KINDS}
