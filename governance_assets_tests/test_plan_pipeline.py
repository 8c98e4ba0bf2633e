"""Plans in the pipeline: a dashboard for every week in one run, quiet weeks included; bad files kept out; corrections restate."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import governance_assets.definitions  # noqa: F401  (declares the artifacts)
from governance_assets.cli import main
from governance_assets.contract import WHOLE
from governance_assets.runtime.alerts.delivery import DeliveryStore
from governance_assets.runtime.artifact import DECLARATIONS, materialize
from governance_assets.runtime.automation import of_grain, stale
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace
from governance_assets_tests.conftest import write_csv

_RUNS = itertools.count()
WEEKS = [f"2025-{day}" for day in ("08-04", "08-11", "08-18", "08-25", "09-01")]
STAGES: list[dict[str, Any]] = [
    {"stage_code": f"S{number}", "phase_no": 1 + number // 3, "name": f"Stage {number}", "status": "Todo", "estimated_cost_usd": 10}
    for number in range(6)
]


def snapshot(telemetry: Path, day: str, done: int) -> None:
    write_csv(
        telemetry / "plan" / "atlas" / f"{day}-stages.csv",
        [row | {"status": "Done" if number < done else "Todo"} for number, row in enumerate(STAGES)],
    )


@pytest.fixture
def telemetry(tmp_path: Path) -> Path:
    folder = tmp_path / "telemetry"
    snapshot(folder, "2025-08-05", 1)
    snapshot(folder, "2025-08-12", 3)
    (folder / "plan" / "atlas" / "2025-08-27-roadmap.yaml").write_text("epics:\n  - id: `broken\n")
    (folder / "governance.yaml").write_text("clock:\n  as_of: 2025-09-03T08:00:00Z\n")
    return folder


def run(tmp_path: Path, telemetry: Path) -> Workspace:
    """Record what is stale of intake and of the plan, each in one go over all its weeks."""
    environment = {"GOVERNANCE_HOME": str(tmp_path / "home"), "GOVERNANCE_TELEMETRY": str(telemetry)}
    workspace, number = Workspace(Settings.from_environment(environment)), str(next(_RUNS))
    feeds = ("plan_items", "plan_transitions", "plan_notes", "cost_entries", "commits", "model_runs", "actions")
    for name in (*feeds, "rejected_records"):
        materialize([DECLARATIONS[name]], workspace, number, [WHOLE], {})
    for declaration in of_grain("week"):
        if declaration.contract.domain() == "plan":
            materialize([declaration], workspace, number, stale(workspace, declaration), {})
    return workspace


def command(tmp_path: Path, telemetry: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and what was printed of one command."""
    located = ("--home", str(tmp_path / "home"), "--telemetry", str(telemetry))
    done = CliRunner().invoke(main, [*arguments, *located], standalone_mode=False)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_every_week_has_its_dashboard_and_a_correction_restates(tmp_path: Path, telemetry: Path) -> None:
    with run(tmp_path, telemetry) as workspace:
        history = workspace.history
        assert list(history.heads("plan_dashboard")) == WEEKS  # the last three have no telemetry; the broken file made none
        rows = history.rows(DECLARATIONS["plan_dashboard"].contract).to_pylist()
        complete = {str(row["week"]): row["value"] for row in rows if (row["line"], row["name"]) == ("phases", "complete")}
        assert complete == dict(zip(WEEKS, (0, 1, 1, 1, 1), strict=True))
        ages = {row["week"]: row["value"] for row in rows if row["name"] == "snapshot age"}
        assert ages[dt.date(2025, 9, 1)] == 22
        rejected = history.rows(DECLARATIONS["rejected_records"].contract).to_pylist()
        assert ("plan/atlas/2025-08-27-roadmap.yaml", "file") in {(one["file"], one["scope"]) for one in rejected}
        judged = history.sql("SELECT partition_key, outcome FROM findings WHERE is_current AND rule = 'snapshot_is_fresh'").to_pylist()
        fresh = {one["partition_key"]: one["outcome"] for one in judged}
        assert fresh == dict(zip(WEEKS, ("pass", "pass", "pass", "fail", "fail"), strict=True))

    snapshot(telemetry, "2025-08-12", 2)
    with run(tmp_path, telemetry) as workspace:
        heads = workspace.history.heads("plan_dashboard")
        assert [heads[week].revision for week in WEEKS] == [1, 2, 2, 2, 2]
        rows = workspace.history.rows(DECLARATIONS["plan_dashboard"].contract, [WEEKS[1]]).to_pylist()
        assert {row["value"] for row in rows if (row["line"], row["name"]) == ("records", "done")} == {2}


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@t")
    return subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, check=True, text=True).stdout


def test_a_week_is_published_and_written_back_when_told_to_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVERNANCE_HOME", str(tmp_path / "home"))  # commands set both for what they call
    monkeypatch.setenv("GOVERNANCE_TELEMETRY", str(tmp_path / "telemetry"))
    telemetry, team = tmp_path / "telemetry", tmp_path / "team"
    costs = [
        row | {"realised_cost": 15 if number == 0 else "", "status": "Done" if number < 3 else "Todo"} for number, row in enumerate(STAGES)
    ]
    write_csv(
        telemetry / "plan" / "atlas" / "2025-08-05-stages.csv",
        [row | {"phase_no": 1} if row["stage_code"] == "S3" else row for row in costs],
    )
    team.mkdir()
    git(team, "init", "--quiet", "--initial-branch=main")
    (team / "README.md").write_text("# Team\n\n<!-- governance:status -->\n<!-- /governance:status -->\n")
    (team / "CHANGELOG.md").write_text("# Changes\n\n<!-- governance:changelog -->\n<!-- /governance:changelog -->\n")
    git(team, "add", ".")
    git(team, "commit", "--quiet", "--date=2025-08-04T00:00:00Z", "-m", "begin")
    target = {"name": "team", "repository": "../team", "tag_prefix": "plan-"}
    policy = {"clock": {"as_of": "2025-08-13T08:00:00Z"}, "plan": {"repositories": [target]}}
    (telemetry / "governance.yaml").write_text(json.dumps(policy))
    run(tmp_path, telemetry).close()

    code, told = command(tmp_path, telemetry, "sync")
    assert (code, "update   readme README.md" in told, "nothing was written" in told) == (0, True, True)
    assert git(team, "rev-list", "--count", "main").strip() == "1"
    code, told = command(tmp_path, telemetry, "sync", "--apply")
    assert (code, "with 4 files" in told) == (0, True)
    assert "Phases:     2 total" in (team / "README.md").read_text()
    assert (team / "docs" / "governance" / "dashboard.md").is_file()
    assert (git(team, "rev-list", "--count", "main").strip(), git(team, "status", "--porcelain")) == ("2", "")
    assert "nothing to write" in command(tmp_path, telemetry, "sync", "--apply")[1]
    with DeliveryStore.open(tmp_path / "home") as store:
        (notice,) = {delivery.message.lines[0].message for delivery in store.pending()}
    assert "repository team was synced: commit" in notice

    code, told = command(tmp_path, telemetry, "plan", "apply")
    assert (code, "S3: 10.00 to 15.00" in told, "1 of 1 changes are not written yet" in told) == (0, True, True)
    assert not (tmp_path / "home" / "plan").exists()
    assert "1 changes written" in command(tmp_path, telemetry, "plan", "apply", "--confirm")[1]
    written = (tmp_path / "home" / "plan" / "changes.csv").read_text()
    assert "0 changes written" in command(tmp_path, telemetry, "plan", "apply", "--confirm")[1]
    assert "0 of 1 changes" in command(tmp_path, telemetry, "plan", "apply", "--week", "2025-08-05")[1]
    assert (tmp_path / "home" / "plan" / "changes.csv").read_text() == written
    with pytest.raises(click.UsageError, match="nothing is recorded of 2025-01-06"):
        command(tmp_path, telemetry, "plan", "apply", "--week", "2025-01-06")
