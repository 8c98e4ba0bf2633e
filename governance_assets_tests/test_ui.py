"""What Dagster's UI knows: a run from the command line appears in the webserver, with partitions, checks, plots and owners.

A real webserver is started on a loopback port and asked through its GraphQL; it is stopped by its process id.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from governance_assets.cli import main
from governance_assets_tests.conftest import make_tiny_telemetry

WAIT_S = 90


class Webserver:
    """A running webserver."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/graphql"

    def ask(self, query: str) -> dict:
        body = json.dumps({"query": query}).encode()
        request = urllib.request.Request(self.url, data=body, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            told = json.load(answer)
        assert "errors" not in told, told
        return told["data"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def webserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webserver]:
    folder = tmp_path_factory.mktemp("ui")
    kept = dict(os.environ)
    telemetry = make_tiny_telemetry(folder / "telemetry")
    main(["run", "--home", str(folder / "home"), "--telemetry", str(telemetry)], standalone_mode=False)
    port = free_port()
    command = [str(Path(sys.executable).with_name("dagster-webserver")), "-h", "127.0.0.1", "-p", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "-m", "governance_assets.definitions"], stdout=log, stderr=log, env=dict(os.environ))
        try:
            server = Webserver(port)
            _wait(server, process, folder / "log")
            yield server
        finally:
            process.terminate()
            process.wait(timeout=30)
            os.environ.clear()
            os.environ.update(kept)


def _wait(server: Webserver, process: subprocess.Popen, log: Path) -> None:
    for _ in range(WAIT_S):
        try:
            server.ask("{ version }")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert process.poll() is None, log.read_text(errors="replace")
            time.sleep(1)
        else:
            return
    raise AssertionError(log.read_text(errors="replace"))


def test_a_run_of_the_command_line_appears_with_its_command(webserver: Webserver) -> None:
    runs = webserver.ask("{ runsOrError { ... on Runs { results { jobName status tags { key value } } } } }")["runsOrError"]["results"]
    assert {(run["jobName"], run["status"]) for run in runs} == {(job, "SUCCESS") for job in ("intake", "weeks", "quarters", "health")}
    assert all("governance/command" in {tag["key"] for tag in run["tags"]} for run in runs)


def test_every_artifact_shows_group_owner_kinds_description_and_columns(webserver: Webserver) -> None:
    nodes = webserver.ask(
        """{ assetNodes { assetKey { path } groupName description kinds owners { ... on TeamAssetOwner { team } }
             metadataEntries { label ... on TableSchemaMetadataEntry { schema { columns { name description } } } } } }"""
    )["assetNodes"]
    shown = {node["assetKey"]["path"][0]: node for node in nodes if node["groupName"] not in ("runtime", "sources")}
    assert set(shown) >= {"quantile_forecasts", "rejected_records", "forecast_scores", "calibration_metrics", "relative_skill"}
    for name, node in shown.items():
        assert node["description"], name
        assert node["kinds"], name
        assert node["owners"], name
        schema = next(entry["schema"] for entry in node["metadataEntries"] if entry["label"] == "dagster/column_schema")
        assert all(column["description"] for column in schema["columns"]), name


def test_every_week_is_materialized_with_rows_verdict_page_and_the_newest_with_its_plot(webserver: Webserver) -> None:
    node = webserver.ask(
        """{ assetOrError(assetKey: { path: ["calibration_metrics"] }) { ... on Asset {
             assetMaterializations { partition metadataEntries { label ... on MarkdownMetadataEntry { mdStr } } } } } }"""
    )["assetOrError"]
    found = {one["partition"]: {entry["label"]: entry for entry in one["metadataEntries"]} for one in node["assetMaterializations"]}
    assert len(found) == 6
    for entries in found.values():
        assert {"dagster/partition_row_count", "verdict", "revision", "page", "content_sha256"} <= set(entries)
    newest = found[max(found)]
    assert newest["coverage_over_time"]["mdStr"].startswith("![")
    assert len(newest["coverage_over_time"]["mdStr"]) <= 50_000


def test_checks_are_shown_by_week(webserver: Webserver) -> None:
    checks = webserver.ask(
        """{ assetNodes { assetKey { path } assetChecksOrError { ... on AssetChecks { checks { name description } } } } }"""
    )["assetNodes"]
    shown = {node["assetKey"]["path"][0]: {check["name"] for check in node["assetChecksOrError"].get("checks", [])} for node in checks}
    assert shown["calibration_metrics"] == {"matches_contract", "within_limits", "within_warnings"}


def test_schedules_and_sensors_are_on(webserver: Webserver) -> None:
    told = webserver.ask(
        """{ repositoriesOrError { ... on RepositoryConnection { nodes {
             schedules { name scheduleState { status } } sensors { name sensorState { status } } } } } }"""
    )["repositoriesOrError"]["nodes"][0]
    states = {one["name"]: one["scheduleState"]["status"] for one in told["schedules"]}
    states |= {one["name"]: one["sensorState"]["status"] for one in told["sensors"] if one["name"] in SENSORS}
    assert states.keys() >= {*SCHEDULES, *SENSORS}
    assert set(states.values()) == {"RUNNING"}


SCHEDULES = ("nightly_open_week", "hourly_health", "nightly_compaction", "hourly_seal")
SENSORS = ("new_files", "changed_periods", "drain_alerts", "reconcile_runs")
