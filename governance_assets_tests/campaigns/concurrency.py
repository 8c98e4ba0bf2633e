"""Many processes commit to the same partitions while others read: nothing refused, lost, torn or numbered twice.

    python -m governance_assets_tests.campaigns.concurrency [--writers 16] [--readers 4] [--commits 40]

The same number of commits by one process alone, in a history of its own, gives the serial time to compare with.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

from governance_assets.runtime.history import History
from governance_assets_tests.campaigns import workload

ROWS = 5
READER_PAUSE_S = 0.25
"""Between two looks of a reader: people and pages read now and then, they do not spin."""


@dataclass
class Outcome:
    """What the campaign saw; seconds are by the clock."""

    commits: int
    serial_s: float
    together_s: float
    reads: int
    slowest_read_s: float
    median_commit_s: float
    slowest_commit_s: float
    faults: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Time of all writers together over the time of one writer alone."""
        return self.together_s / self.serial_s

    def __str__(self) -> str:
        return (
            f"{self.commits} commits: alone {self.serial_s:.2f} s, together {self.together_s:.2f} s, ratio {self.ratio:.2f}; "
            f"a commit with its wait {self.median_commit_s * 1000:.0f} ms in the median, {self.slowest_commit_s * 1000:.0f} ms at most; "
            f"{self.reads} reads, the slowest {self.slowest_read_s * 1000:.0f} ms; {len(self.faults)} faults"
        )


def write(folder: Path, name: str, commits: int, start: Barrier, told: Queue[Any]) -> None:
    """Open together with the others, then commit ``commits`` times."""
    try:
        with History.open(workload.location(folder)) as history:
            start.wait()
            seconds = []
            for number in range(commits):
                began = time.perf_counter()
                history.commit(workload.entries(f"{name}-{number}", 1, ROWS), workload.provenance(f"{name}-{number}", 1))
                seconds.append(time.perf_counter() - began)
            told.put(("write", seconds, None))
    except Exception:
        told.put(("write", [], f"{name}: {traceback.format_exc()}"))


def read(folder: Path, name: str, start: Barrier, stop: Event, told: Queue[Any]) -> None:
    """Look at everything again and again; every look must be whole."""
    seconds: list[float] = []
    try:
        with History.open(workload.location(folder), read_only=True) as history:
            start.wait()
            while not stop.is_set():
                began = time.perf_counter()
                with history.pinned():
                    heads, rows = history.heads(workload.Trial), history.rows(workload.Trial)
                seconds.append(time.perf_counter() - began)
                if rows.num_rows != sum(head.row_count for head in heads.values()):
                    raise AssertionError(f"{rows.num_rows} rows do not belong to {heads}")
                stop.wait(READER_PAUSE_S)
            told.put(("read", seconds, None))
    except Exception:
        told.put(("read", seconds, f"{name}: {traceback.format_exc()}"))


def campaign(folder: Path, writers: int, readers: int, commits: int) -> Outcome:
    """Let ``writers`` commit ``commits`` times each beside ``readers``; then as many commits by one alone."""
    together = _together(folder / "together", writers, readers, commits)
    alone = _together(folder / "alone", 1, 0, writers * commits)
    return Outcome(
        commits=writers * commits,
        serial_s=alone.together_s,
        together_s=together.together_s,
        reads=together.reads,
        slowest_read_s=together.slowest_read_s,
        median_commit_s=together.median_commit_s,
        slowest_commit_s=together.slowest_commit_s,
        faults=together.faults + alone.faults,
    )


def _together(folder: Path, writers: int, readers: int, commits: int) -> Outcome:
    folder.mkdir(parents=True)
    History.open(workload.location(folder)).close()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    start, stop, told = context.Barrier(writers + readers + 1), context.Event(), context.Queue()
    processes = [context.Process(target=write, args=(folder, f"writer {n}", commits, start, told), daemon=True) for n in range(writers)]
    processes += [context.Process(target=read, args=(folder, f"reader {n}", start, stop, told), daemon=True) for n in range(readers)]
    for process in processes:
        process.start()
    start.wait(120)
    began = time.perf_counter()
    written = [told.get(timeout=600) for _ in range(writers)]
    seconds = time.perf_counter() - began
    stop.set()
    looked = [told.get(timeout=120) for _ in range(readers)]
    for process in processes:
        process.join(60)
    answers = written + looked
    waits = [s for kind, times, _ in answers if kind == "write" for s in times]
    reads = [s for kind, times, _ in answers if kind == "read" for s in times]
    acknowledged = {f"writer {n}-{number}/1" for n in range(writers) for number in range(commits)}
    with History.open(workload.location(folder)) as history:
        faults = [fault for _, _, fault in answers if fault] + workload.faults(history, acknowledged, is_thorough=True)
    return Outcome(
        writers * commits,
        seconds,
        seconds,
        len(reads),
        max(reads, default=0.0),
        statistics.median(waits or [0.0]),
        max(waits, default=0.0),
        faults,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--commits", type=int, default=40, help="of each writer")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="governance-together-") as folder:
        outcome = campaign(Path(folder), arguments.writers, arguments.readers, arguments.commits)
    print(outcome)
    print("\n".join(outcome.faults[:20]))
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
