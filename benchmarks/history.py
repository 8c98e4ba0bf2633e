"""How fast is the history, at 10,000 revisions? Beside a bare DuckLake and a plain Parquet file, in the same run.

    python -m benchmarks.history [--revisions 1e4] [--one-by-one] [--commits 200] [--reads 15] [--writers 16] [--readers 4]

The history is filled with weekly partitions of five rows and five findings, 208 of them a commit, or with ``--one-by-one``
each in a commit of its own. A timed commit is one partition: rows, ledger entry and findings. The bare DuckLake gets the same
three inserts in one transaction, without lock, digest or ledger, in a lake that is new: no history can be faster. The plain
file holds exactly the current rows. Commits and reads are interleaved with theirs; figures are medians.
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import _harness
from governance_assets.contract import Contract, arrow_schema, field
from governance_assets.finding import Rule
from governance_assets.policy import AlertsPolicy
from governance_assets.runtime.alerts.transitions import Alerting
from governance_assets.runtime.history import Entry, History, Input, Provenance
from governance_assets.runtime.store import Store
from governance_assets.stats.digest import table_digest
from governance_assets_tests.campaigns import concurrency

WEEKS = tuple(dt.date(2022, 1, 3) + dt.timedelta(weeks=number) for number in range(208))
MODELS = 5
INSTANT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
RULE = Rule(name="score_is_small", requirement="the score is below 1", remedy="look at the model")
GOALS_MS = {"commit": 40.0, "one partition": 50.0, "whole artifact": 100.0}
GOAL_TOGETHER = 1.5
DIGEST_ROWS = 1_000_000


class BenchmarkScores(Contract, artifact="benchmark_scores", grain="week", key=("week", "model_id")):
    """One made-up score."""

    week: dt.date = field("Monday of the week")
    model_id: str = field("Model")
    n: int = field("Tasks")
    wis: float = field("Score")
    coverage: float | None = field("Share", null="no interval")
    verdict: str = field("Verdict")


SCHEMA = pa.schema([(column.name, column.type) for column in arrow_schema(BenchmarkScores)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when the history lost or tore something."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="governance-bench-") as folder:
        _alone(Path(folder) / "alone", options)
        outcome = concurrency.campaign(Path(folder) / "many", options.writers, options.readers, options.each)
    print(f"\n{options.writers} writers, {options.readers} readers: {outcome}")
    print(f"goal: ratio at most {GOAL_TOGETHER}: {'met' if outcome.ratio <= GOAL_TOGETHER else 'missed'}")
    return 1 if outcome.faults else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description="How fast the history is.")
    parser.add_argument("--revisions", type=float, default=1e4, help="revisions recorded before the clock starts (1e4)")
    parser.add_argument("--one-by-one", action="store_true", help="fill with one commit a revision")
    parser.add_argument("--commits", type=int, default=200, help="timed commits (200)")
    parser.add_argument("--reads", type=int, default=15, help="timed reads of each kind (15)")
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--each", type=int, default=20, help="commits of each writer (20)")
    return parser.parse_args(arguments)


def _alone(folder: Path, options: argparse.Namespace) -> None:
    location = f"ducklake:sqlite:{folder / 'catalog.sqlite'}"
    draw = random.Random(1)
    with History.open(location) as history, _Bare(folder / "bare") as bare:
        seconds = _fill(history, round(options.revisions), draw, options.one_by_one)
        print(f"{history.ledger().num_rows:,} revisions recorded in {seconds:.1f} s, {1 if options.one_by_one else len(WEEKS)} a commit\n")
        commits: dict[str, list[float]] = {"commit": [], "bare inserts": []}
        for _ in range(options.commits):
            made = _entry(draw.choice(WEEKS), draw)
            commits["commit"].append(_timed(lambda made=made: history.commit([made], _provenance())))
            commits["bare inserts"].append(_timed(bare.append))
        many = [_entry(week, draw) for week in WEEKS]
        commits["commit of 208"] = [_timed(lambda: history.commit(many, _provenance()))]
        commits["the same 208 again"] = [_timed(lambda: history.commit(many, _provenance()))]
        reads = _reads(history, folder, options.reads)
        opening = [_timed(lambda: History.open(location).close()) for _ in range(5)]
    table = _random_table(DIGEST_ROWS)
    digest = [_timed(lambda: table_digest(table, ["week", "model_id", "n"])) for _ in range(3)]
    _print(commits | reads | {"open": opening, f"digest of {DIGEST_ROWS:,} rows": digest})


def _fill(history: History, revisions: int, draw: random.Random, one_by_one: bool) -> float:
    began, recorded = time.perf_counter(), 0
    while recorded < revisions:
        made = [_entry(week, draw) for week in WEEKS[: revisions - recorded]]
        for part in [[one] for one in made] if one_by_one else [made]:
            history.commit(part, _provenance())
        recorded += len(made)
    return time.perf_counter() - began


def _reads(history: History, folder: Path, times: int) -> dict[str, list[float]]:
    path = folder / "current.parquet"
    pq.write_table(history.rows(BenchmarkScores), path)
    key = WEEKS[100].isoformat()
    plain = duckdb.connect()
    now = dt.datetime.now(dt.UTC)
    kinds: dict[str, Callable[[], object]] = {
        "one partition": lambda: history.rows(BenchmarkScores, [key]),
        "plain file, one partition": lambda: plain.execute(f"SELECT * FROM '{path}' WHERE week = '{key}'").to_arrow_table(),
        "whole artifact": lambda: history.rows(BenchmarkScores),
        "plain file, whole": lambda: plain.execute(f"SELECT * FROM '{path}' ORDER BY week, model_id").to_arrow_table(),
        "whole artifact, as of": lambda: history.rows(BenchmarkScores, as_of=now),
        "heads": lambda: history.heads(BenchmarkScores),
        "findings": lambda: history.findings(BenchmarkScores),
        "sql": lambda: history.sql("SELECT model_id, avg(wis) FROM benchmark_scores GROUP BY model_id"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(times):
        for name, read in kinds.items():
            seconds[name].append(_timed(read))
    return seconds


class _Bare:
    """A DuckLake with the same three tables and nothing else."""

    def __init__(self, folder: Path) -> None:
        self._store = Store(f"ducklake:sqlite:{folder / 'catalog.sqlite'}", None, read_only=False)
        wide = pa.schema([(f"text_{number}", pa.string()) for number in range(16)])
        self._rows = {
            "scores": _random_table(MODELS),
            "ledger": pa.Table.from_pylist([dict.fromkeys(wide.names, "x" * 40)], schema=wide),
            "findings": pa.Table.from_pylist([dict.fromkeys(wide.names, "x" * 20)] * MODELS, schema=wide),
        }
        for name, rows in self._rows.items():
            self._store.create(name, rows.schema)

    def __enter__(self) -> _Bare:
        return self

    def __exit__(self, *error: object) -> None:
        self._store.close()

    def append(self) -> None:
        with self._store.transaction():
            for name, rows in self._rows.items():
                self._store.insert(name, rows)


def _random_table(rows: int) -> pa.Table:
    draw = random.Random(rows)
    return pa.table(
        {
            "week": [draw.choice(WEEKS) for _ in range(rows)],
            "model_id": [f"model {draw.randrange(30)}" for _ in range(rows)],
            "n": list(range(rows)),
            "wis": [draw.random() for _ in range(rows)],
            "coverage": [draw.random() for _ in range(rows)],
            "verdict": ["pass"] * rows,
        },
        schema=SCHEMA,
    )


def _entry(week: dt.date, draw: random.Random) -> Entry:
    rows = pa.table(
        {
            "week": [week] * MODELS,
            "model_id": [f"model {number}" for number in range(MODELS)],
            "n": [100] * MODELS,
            "wis": [draw.random() for _ in range(MODELS)],
            "coverage": [draw.random() for _ in range(MODELS)],
            "verdict": ["pass"] * MODELS,
        },
        schema=SCHEMA,
    )
    findings = tuple(RULE.judge(f"model {number}", True, value=draw.random(), limit=1.0) for number in range(MODELS))
    inputs = tuple(Input("observations", f"truth/{number}.csv", 0, "a" * 64) for number in range(4))
    return Entry(BenchmarkScores, week.isoformat(), rows, inputs, findings, "1", is_open=False)


def _provenance() -> Provenance:
    command = ("governance run --week 2025-11-03",)
    return Provenance("r" * 36, INSTANT, "", "c" * 40, False, "p" * 64, command, "benchmark", "{}", Alerting.by(AlertsPolicy(), INSTANT))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _print(seconds: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(times) * 1000 for name, times in seconds.items()}
    floors = {
        "commit": "bare inserts",
        "one partition": "plain file, one partition",
        "whole artifact": "plain file, whole",
        "whole artifact, as of": "plain file, whole",
    }
    rows = []
    for name, times in seconds.items():
        ratio = f"{medians[name] / medians[floors[name]]:.1f}" if name in floors else ""
        goal = GOALS_MS.get(name)
        verdict = "" if goal is None else f"{goal:g} ms, {'met' if medians[name] <= goal else 'missed'}"
        p95 = sorted(times)[int(0.95 * (len(times) - 1))] * 1000
        rows.append((name, f"{medians[name]:.1f}", f"{p95:.1f}", ratio, verdict))
    _harness.print_table(("", "median ms", "p95 ms", "over its floor", "goal"), rows)


if __name__ == "__main__":
    sys.exit(main())
