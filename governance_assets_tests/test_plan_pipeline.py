"""Plans in the pipeline: a dashboard for every week in one run, quiet weeks included; bad files kept out; corrections restate."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path
from typing import Any

import pytest

import governance_assets.definitions  # noqa: F401  (declares the artifacts)
from governance_assets.contract import WHOLE
from governance_assets.runtime.artifact import DECLARATIONS, materialize
from governance_assets.runtime.automation import stale
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
    """Record what is stale of intake and of the dashboard with what it reads, each in one go over all its weeks."""
    environment = {"GOVERNANCE_HOME": str(tmp_path / "home"), "GOVERNANCE_TELEMETRY": str(telemetry)}
    workspace, number = Workspace(Settings.from_environment(environment)), str(next(_RUNS))
    for name in ("plan_items", "plan_notes", "cost_entries", "model_runs", "rejected_records"):
        materialize(DECLARATIONS[name], workspace, number, [WHOLE], {})
    for name in ("plan_phases", "plan_dashboard"):
        materialize(DECLARATIONS[name], workspace, number, stale(workspace, DECLARATIONS[name]), {})
    return workspace


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
