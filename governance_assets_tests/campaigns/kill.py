"""Kill a writer again and again, at random moments, and look at what is left.

    python -m governance_assets_tests.campaigns.kill [--kills 200] [--seed 1]

A child opens the history, commits, notes each acknowledged commit in a file, and now and then compacts; it is ended with
SIGKILL at a random moment from its start on. Then another process opens the history and examines it: no commit may be
there in part, none that was acknowledged may be missing, and everything must be readable.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from governance_assets.runtime.history import History, HistoryError
from governance_assets_tests.campaigns import workload

COMMITS_BETWEEN_COMPACTIONS = 15
KILLED_WHILE_OPENING = 0.15
FIRST_COMMIT_WAIT_S = 120.0


@dataclass
class Outcome:
    """What the campaign saw."""

    kills: int = 0
    acknowledged: int = 0
    unacknowledged: int = 0
    killed_before_first_commit: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills ({self.killed_before_first_commit} before a first commit), {self.acknowledged} commits acknowledged, "
            f"{self.unacknowledged} recorded but never acknowledged, {len(self.faults)} faults"
        )


def write(folder: Path, name: str) -> None:
    """Commit for ever; a line in ``acknowledged`` after each commit."""
    draw = random.Random(name)
    acknowledged = os.open(folder / "acknowledged", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with History.open(workload.location(folder)) as history:
        for number in range(sys.maxsize):
            partitions, rows = draw.randint(1, 4), draw.choice((1, 5, 20, 400))  # in the catalogue, and in Parquet files
            provenance = workload.provenance(f"{name}-{number}", partitions)
            history.commit(workload.entries(f"{name}-{number}", partitions, rows), provenance)
            os.write(acknowledged, f"{provenance.run_id}\n".encode())
            if number % COMMITS_BETWEEN_COMPACTIONS == COMMITS_BETWEEN_COMPACTIONS - 1:
                history.compact()


def campaign(folder: Path, kills: int, seed: int) -> Outcome:
    """Kill ``kills`` writers one after the other and examine the history after each."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    draw = random.Random(seed)
    outcome = Outcome()
    for number in range(kills):
        before = len(_acknowledged(folder))
        child = context.Process(target=write, args=(folder, f"writer {number}"), daemon=True)
        child.start()
        if draw.random() < KILLED_WHILE_OPENING:
            time.sleep(draw.uniform(0.0, 1.0))
        else:
            _await_commit(folder, before, child)
            time.sleep(draw.uniform(0.0, 0.6))
        if not child.is_alive():
            outcome.faults.append(f"writer {number} ended by itself with exit code {child.exitcode}")
        child.kill()
        child.join()
        outcome.kills += 1
        outcome.killed_before_first_commit += len(_acknowledged(folder)) == before
        outcome.faults += [f"kill {number}: {fault}" for fault in _examine(folder, is_thorough=number == kills - 1)]
    outcome.acknowledged = len(_acknowledged(folder))
    with History.open(workload.location(folder)) as history:
        outcome.unacknowledged = len(set(history.ledger()["run_id"].to_pylist()) - _acknowledged(folder))
    return outcome


def _await_commit(folder: Path, before: int, child: multiprocessing.process.BaseProcess) -> None:
    deadline = time.monotonic() + FIRST_COMMIT_WAIT_S
    while len(_acknowledged(folder)) == before and child.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)


def _acknowledged(folder: Path) -> set[str]:
    path = folder / "acknowledged"
    return set(path.read_text().splitlines()) if path.exists() else set()


def _examine(folder: Path, is_thorough: bool) -> list[str]:
    try:
        with History.open(workload.location(folder)) as history:
            return workload.faults(history, _acknowledged(folder), is_thorough)
    except HistoryError as error:
        return [f"unreadable: {error}"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="governance-kill-") as folder:
        outcome = campaign(Path(folder), arguments.kills, arguments.seed)
    print(outcome)
    print("\n".join(outcome.faults[:20]))
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
