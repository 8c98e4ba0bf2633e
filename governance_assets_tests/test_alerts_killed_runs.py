"""`governance run` killed with -9: in the midst of an artifact, and between the commit and Dagster's events of it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import governance_assets.definitions  # noqa: F401  (whose checks are whose is known from the declarations)
from governance_assets.cli import main
from governance_assets.runtime.alerts.delivery import DeliveryStore
from governance_assets.runtime.alerts.incidents import Incident, incidents
from governance_assets.runtime.alerts.reconcile import Reconciled, reconcile
from governance_assets.runtime.instance import opened
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace
from governance_assets_tests.conftest import make_tiny_telemetry

ROOT = Path(__file__).parents[1]
_KILLED = """
import os, signal, sys
from governance_assets.cli import main
from governance_assets.runtime import artifact
told, materialize = sys.argv[1], artifact.materialize
def killed(declarations, *rest):
    if [one.name for one in declarations] == ["forecast_scores"]:
        if told == "after the commit":
            materialize(declarations, *rest)
        os.kill(os.getpid(), signal.SIGKILL)
    return materialize(declarations, *rest)
artifact.materialize = killed
main(["run"])
"""


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """An installation whose first run was killed, and when."""
    monkeypatch.setenv("GOVERNANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GOVERNANCE_TELEMETRY", str(make_tiny_telemetry(tmp_path / "telemetry")))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    done = subprocess.run([sys.executable, "-c", _KILLED, request.param], cwd=ROOT, timeout=120, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    return str(request.param)


def look() -> Reconciled:
    settings = Settings.from_environment()
    with Workspace(settings) as workspace, opened(settings) as instance, DeliveryStore.open(settings.home) as delivery:
        return reconcile(workspace, instance, delivery)


def found() -> tuple[list[Incident], int]:
    """Incidents of crashes, and how many weeks are recorded."""
    with Workspace.from_environment() as workspace:
        crashes = [one for one in incidents(workspace.history.alerts().to_pylist()) if one.rule in ("materializes", "run_finishes")]
        return crashes, len(workspace.history.heads("forecast_scores"))


@pytest.mark.parametrize("killed", ["before the commit", "after the commit"], indirect=True)
def test_a_killed_run_is_one_incident_that_the_next_run_closes_and_nothing_is_lost(killed: str) -> None:
    assert look().dead == 1
    assert look().dead == 0
    (incident,), weeks = found()
    assert (incident.artifact, incident.rule, incident.is_open) == ("forecast_scores", "materializes", True)
    assert incident.owner, "our artifacts have an owner"
    assert weeks == (6 if killed == "after the commit" else 0)
    main(["run", "--select", "forecast_scores", "--from", "2025-07-07", "--to", "2025-08-11"], standalone_mode=False)
    look()
    (incident,), weeks = found()
    assert not incident.is_open
    assert weeks == 6
