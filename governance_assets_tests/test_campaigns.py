"""The campaigns against the history in a short form; ``make kills`` runs them at full length."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path

from governance_assets_tests.campaigns import concurrency, kill, reconcile, tampering, ten_years, workload


def test_many_processes_may_create_the_same_history(tmp_path: Path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([workload.__name__])
    with context.Pool(8) as pool:
        assert pool.map(workload.open_and_count, [tmp_path / "new"] * 16, chunksize=1) == [0] * 16


def test_killed_writers_leave_whole_commits(tmp_path: Path):
    outcome = kill.campaign(tmp_path, kills=20, seed=1)
    assert outcome.faults == []
    assert outcome.kills == 20
    assert outcome.acknowledged > 0


def test_writers_and_readers_together_lose_nothing(tmp_path: Path):
    outcome = concurrency.campaign(tmp_path, writers=16, readers=4, commits=3)
    assert outcome.faults == []
    assert outcome.commits == 48
    assert outcome.reads > 0


def test_killed_runs_and_killed_lookers_leave_exactly_the_incidents_there_were():
    # In a process of its own: it forks, which it may only do before anything of DuckDB is open.
    program = [sys.executable, "-m", reconcile.__name__, "--assets", "1", "--steps", "5", "--lookers", "1", "--seed", "7"]
    done = subprocess.run(program, capture_output=True, text=True, timeout=240, check=False, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 assets at fault" in done.stdout


def test_every_edit_under_an_anchor_is_found_and_named(tmp_path: Path):
    outcome = tampering.campaign(tmp_path, edits=10, stores=1, seed=1)
    assert outcome.faults == []
    assert outcome.edits.total() >= 10
    assert outcome.named > 3
    assert outcome.untouched == 1


def test_everything_due_happens_once_however_seldom_the_daemon_is_up(tmp_path: Path):
    outcome = ten_years.campaign(tmp_path, days=100, up=0.08, seed=7)
    assert outcome.faults == []
    assert outcome.periods > 30
    assert outcome.late > 0
    assert min(outcome.reminders["reminder"], outcome.reminders["quiet"]) > 0
