"""How fast are forecasts scored? The product's SQL beside a plain scan, polars, pandas, scoringrules and scoringutils.

    python -m benchmarks.scores [--rows 1e7] [--rounds 5] [--threads 1] [--only NAME …]

Every contender reads the same long Parquet file (23 quantiles a task, levels of one task side by side) and gives, for
each model and horizon, the weighted interval score and the coverage of the central 50, 80 and 95 % intervals. Each run
has a process of its own; rounds are interleaved; figures are medians; all results are compared with each other.
The scans read the plain columns that are needed and add them up. The product reads the keys that intake lands beside them
(one text stands for several columns) and may be faster than a scan of the columns; the others read the plain columns.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks import _harness
from benchmarks._score_contenders import (
    CONTENDERS,
    FLOOR,
    LEVELS,
    ONE_PASS,
    PER_TASK,
    TASK_FLOOR,
    scoringutils,
    why_no_scoringutils,
    write_forecasts,
)

WARM_ROWS = 100_000
PANDAS_LIMIT = 20_000_000
TOLERANCE = 1e-9

FLOORS = {ONE_PASS: FLOOR, PER_TASK: TASK_FLOOR}
GOALS = {ONE_PASS: 1.2, PER_TASK: 1.6}
GOAL_PEAK_MB = 300
GOAL_SCORINGUTILS = 50


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and compare; 1 when results differ."""
    options = _options(arguments)
    if options.alone:
        CONTENDERS[options.alone](options.warm, options.threads)
        _harness.report(_harness.measure(lambda: CONTENDERS[options.alone](options.file, options.threads)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        options.warm = Path(folder) / "warm.parquet"
        write_forecasts(options.warm, WARM_ROWS)
        is_alike = _compare(Path(folder) / "forecasts.parquet", round(options.rows), options)
        reason = why_no_scoringutils()
        if reason:
            print(f"\nscoringutils skipped: {reason}")
        else:
            is_alike &= _compare_scoringutils(Path(folder) / "small.parquet", round(options.r_rows), options)
    return 0 if is_alike else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scores", description="How fast forecasts are scored.")
    parser.add_argument("--rows", type=float, default=1e7, help="rows of the forecast file (1e7)")
    parser.add_argument("--r-rows", type=float, default=1e6, help="rows for R's scoringutils (1e6)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each contender (5)")
    parser.add_argument("--threads", type=int, default=1, help="threads of each contender (1)")
    parser.add_argument("--only", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS), help="contenders beside the scans")
    parser.add_argument("--alone", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--warm", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _compare(path: Path, rows: int, options: argparse.Namespace) -> bool:
    written = write_forecasts(path, rows)
    names = [name for name in CONTENDERS if name in FLOORS.values() or name in options.only]
    too_large = [name for name in names if name.startswith("pandas") and written > PANDAS_LIMIT]
    series = _harness.interleaved([name for name in names if name not in too_large], options.rounds, lambda name: _run(name, path, options))
    size = f"{path.stat().st_size / 1e6:,.0f} MB"
    print(f"{written:,} rows, {len(LEVELS)} levels, {size}; {options.threads} thread(s), {options.rounds} rounds\n")
    _print(series)
    for name in too_large:
        print(f"{name} skipped: above {PANDAS_LIMIT:,} rows it holds everything in memory")
    _print_goals(series)
    return _agree(series)


def _compare_scoringutils(path: Path, rows: int, options: argparse.Namespace) -> bool:
    written = write_forecasts(path, rows)
    run = {"R scoringutils": lambda: scoringutils(path, options.threads), PER_TASK: lambda: _run(PER_TASK, path, options)}
    series = _harness.interleaved(run, min(options.rounds, 3), lambda name: run[name]())
    print(f"\n{written:,} rows beside scoringutils\n")
    _print(series)
    times = series["R scoringutils"].median("cpu_seconds") / series[PER_TASK].median("cpu_seconds")
    print(f"goal: at least {GOAL_SCORINGUTILS} times as fast as scoringutils; measured {times:.0f}: {_met(times >= GOAL_SCORINGUTILS)}")
    return _agree(series)


def _run(name: str, path: Path, options: argparse.Namespace) -> _harness.Timing:
    """One run in its own process, after a small one that pays for imports and compilation."""
    arguments = ["--alone", name, "--file", str(path), "--warm", str(options.warm), "--threads", str(options.threads)]
    return _harness.run_alone("benchmarks.scores", arguments, options.threads)


def _print(series: Mapping[str, _harness.Series]) -> None:
    floor = next(iter(series.values())).median("cpu_seconds")
    rows = [
        (
            each.name,
            f"{each.median('seconds'):.2f}",
            f"{each.median('cpu_seconds'):.2f}",
            f"{each.median('cpu_seconds') / floor:.2f}",
            f"{each.median('peak_mb'):,.0f}",
        )
        for each in series.values()
    ]
    _harness.print_table(("contender", "seconds", "CPU seconds", f"times {next(iter(series))}", "peak MB"), rows)


def _print_goals(series: Mapping[str, _harness.Series]) -> None:
    for name, goal in GOALS.items():
        if name in series:
            ratio = series[name].median("cpu_seconds") / series[FLOORS[name]].median("cpu_seconds")
            peak = series[name].median("peak_mb")
            print(
                f"goal for {name}, stated for 1e8 rows: at most {goal} times the {FLOORS[name]}, "
                f"measured {ratio:.2f}: {_met(ratio <= goal)}; "
                f"at most {GOAL_PEAK_MB} MB, measured {peak:.0f}: {_met(peak <= GOAL_PEAK_MB)}"
            )


def _met(is_met: bool) -> str:
    return "met" if is_met else "missed"


def _agree(series: Mapping[str, _harness.Series]) -> bool:
    """Whether every run of every contender gave the same scores; says by how much they differ."""
    scored = [each for each in series.values() if each.name not in FLOORS.values()]
    results = {each.name: [np.array(timing.result) for timing in each.timings] for each in scored}
    if not results:
        return True
    reference_name, (reference, *_) = next(iter(results.items()))
    is_alike = True
    for name, runs in results.items():
        worst = max(_difference(run, reference) for run in runs)
        is_alike &= worst <= TOLERANCE
        if worst > TOLERANCE or name != reference_name:
            print(f"{name}: differs from {reference_name} by {worst:.1e} relative" + ("" if worst <= TOLERANCE else ", TOO MUCH"))
    return is_alike


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.abs(found - expected) / np.abs(expected))) if found.shape == expected.shape else float("inf")


if __name__ == "__main__":
    sys.exit(main())
