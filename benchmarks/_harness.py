"""What benchmarks share: one contender in one process, peak memory, interleaved medians, a table.

Belongs here: how to measure. Does not belong here: what is measured (the benchmark files).
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Timing:
    """One run of one contender: seconds by the clock, seconds of all cores, and the largest memory of its process."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    result: Any


@dataclass
class Series:
    """All runs of one contender."""

    name: str
    timings: list[Timing] = field(default_factory=list)
    skipped: str = ""

    def median(self, of: str) -> float:
        """Median of one figure of the timings."""
        return statistics.median(getattr(timing, of) for timing in self.timings)


def peak_mb() -> float:
    """Largest resident memory of this process so far.

    Not ``ru_maxrss``: that starts at the size of the process which started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    if found is None:
        raise RuntimeError("/proc/self/status has no VmHWM; peak memory is measured on Linux only")
    return int(found[1]) / 1024


def measure(work: Callable[[], Any]) -> Timing:
    """Run ``work`` once in this process."""
    clock, cpu = time.perf_counter(), time.process_time()
    result = work()
    return Timing(time.perf_counter() - clock, time.process_time() - cpu, peak_mb(), result)


def report(timing: Timing) -> None:
    """Hand a timing to the parent process, as the last line of output."""
    print(json.dumps(vars(timing)))


def run_alone(module: str, arguments: Sequence[str], threads: int) -> Timing:
    """Run ``module`` in its own process with ``threads`` threads; it must end with ``report``."""
    limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "ARROW_NUM_THREADS")
    environment = os.environ | dict.fromkeys(limits, str(threads)) | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr.strip()}")
    return Timing(**json.loads(done.stdout.splitlines()[-1]))


def interleaved(names: Iterable[str], rounds: int, run: Callable[[str], Timing]) -> dict[str, Series]:
    """Run every contender once a round, so that a slow spell of the machine meets all of them alike."""
    series = {name: Series(name) for name in names}
    for _ in range(rounds):
        for each in series.values():
            each.timings.append(run(each.name))
    return series


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns side by side, the first to the left and the others to the right."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for number, line in enumerate(lines):
        cells = [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        print("  ".join(cells).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
