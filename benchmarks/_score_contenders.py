"""Forecast rows to score, and every way to score them that the benchmark compares.

Belongs here: the rows and the contenders. Does not belong here: measuring and comparing (``scores.py``).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import _harness

if TYPE_CHECKING:
    import duckdb

LEVELS = (0.01, 0.025, *(round(step / 20, 2) for step in range(1, 20)), 0.975, 0.99)
INTERVALS = ((0.25, 0.75), (0.1, 0.9), (0.025, 0.975))
HORIZONS, LOCATIONS, MODELS = 4, 50, 20
MEMORY_LIMIT = "130MB"
"""What DuckDB may hold; the rest of a large grouping goes to disk. The libraries below it come on top."""
TASK = ("model_id", "reference_date", "horizon", "location", "target_end_date")

Scores = list[list[float]]
"""One row a model and horizon, in their order: score, then the coverages of INTERVALS."""


# ---------------------------------------------------------------- data


def write_forecasts(path: Path, rows: int, seed: int = 1) -> int:
    """Write about ``rows`` rows with the code by which intake lands them, and ordered as intake orders them; returns how many.

    One row group is in memory at a time. The observed value stands in each row, so that only scoring is measured.
    """
    import pyarrow as pa

    from governance_assets.runtime.sources.landing import ROW_GROUP_ROWS, LandedFile

    random = np.random.default_rng(seed)
    tasks = -(-rows // len(LEVELS))
    at_once = ROW_GROUP_ROWS // len(LEVELS)
    with LandedFile(path, "quantile_forecasts", strata=()) as file:
        for start in range(0, tasks, at_once):
            file.write(pa.table(_tasks(np.arange(start, min(start + at_once, tasks)), random)))
    return tasks * len(LEVELS)


def _tasks(task: np.ndarray, random: np.random.Generator) -> dict[str, object]:
    """Rows of the tasks numbered ``task``: by target date, model, reference date, location and level."""
    import pyarrow as pa

    location, model = task % LOCATIONS, task // (HORIZONS * LOCATIONS) % MODELS
    horizon = HORIZONS - 1 - task // LOCATIONS % HORIZONS
    target_end = np.datetime64("1950-01-07") + 7 * (task // (HORIZONS * LOCATIONS * MODELS))
    centre, width = random.uniform(50, 150, task.size), random.uniform(5, 15, task.size)
    observed = centre + width * random.standard_normal(task.size)
    predicted = centre[:, None] + width[:, None] * 0.8 * _standard_quantiles()

    def each_level(values: np.ndarray) -> np.ndarray:
        return np.repeat(values, len(LEVELS))

    return {
        "model_id": pa.array([f"team-{number:02d}" for number in range(MODELS)]).take(pa.array(each_level(model))),
        "reference_date": each_level(target_end - 7 * horizon),
        "horizon": each_level(horizon),
        "target": pa.repeat(pa.scalar("weekly admissions"), task.size * len(LEVELS)),
        "location": pa.array([f"{number:02d}" for number in range(LOCATIONS)]).take(pa.array(each_level(location))),
        "target_end_date": each_level(target_end),
        "quantile_level": np.tile(LEVELS, task.size),
        "predicted": predicted.ravel(),
        "observed": each_level(observed),
    }


def _standard_quantiles() -> np.ndarray:
    from statistics import NormalDist

    return np.array([NormalDist().inv_cdf(level) for level in LEVELS])


# ---------------------------------------------------------------- contenders


_SUMS = "sum(length(model_id)), sum(horizon), sum(quantile_level), sum(predicted), sum(observed)"


def scan(path: Path, threads: int) -> Scores:
    """The floor: the columns that scores by model and horizon need, read and added up."""
    _duckdb(path, threads).sql(f"SELECT {_SUMS} FROM forecasts").fetchall()
    return []


def scan_with_tasks(path: Path, threads: int) -> Scores:
    """The floor of whatever tells tasks apart: their columns are read too."""
    others = "sum(length(location)), max(reference_date), max(target_end_date)"
    _duckdb(path, threads).sql(f"SELECT {_SUMS}, {others} FROM forecasts").fetchall()
    return []


def duckdb_one_pass(path: Path, threads: int) -> Scores:
    """The product's scores by model, stratum and level, folded."""
    from governance_assets.domains.scores import facts

    con = _duckdb(path, threads)
    scores = facts.level_scores(con, "forecasts", ["model_id", "horizon"])
    wanted = ", ".join(f"any_value(coverage) FILTER (abs(nominal - {high - low}) < 1e-9)" for low, high in INTERVALS)
    return _rows(scores.query("scores", f"SELECT model_id, horizon, any_value(wis), {wanted} FROM scores GROUP BY ALL ORDER BY ALL"))


def duckdb_per_task(path: Path, threads: int) -> Scores:
    """The product's scores of every single task, then their means."""
    from governance_assets.domains.scores import facts

    con = _duckdb(path, threads)
    tasks = facts.task_scores(con, "forecasts", (*TASK, "target"))
    inside = ", ".join(f"avg((n_at_or_below >= {_rank(low)} AND n_below < {_rank(high)})::INTEGER)" for low, high in INTERVALS)
    return _rows(tasks.query("tasks", f"SELECT model_id, horizon, avg(wis), {inside} FROM tasks GROUP BY ALL ORDER BY ALL"))


def polars_one_pass(path: Path, threads: int) -> Scores:
    """Polars' streaming engine, grouped by model, horizon and level."""
    import polars as pl

    error = pl.col("observed") - pl.col("predicted")
    by_level = (
        pl.scan_parquet(path)
        .group_by("model_id", "horizon", "quantile_level")
        .agg(
            (error.abs() + (2 * pl.col("quantile_level") - 1) * error).mean().alias("score"),
            (error >= 0).mean().alias("at_or_above"),
            (error > 0).mean().alias("above"),
        )
        .sort("model_id", "horizon", "quantile_level")
        .collect(engine="streaming")
    )
    return _fold(by_level["score"].to_numpy(), by_level["at_or_above"].to_numpy(), by_level["above"].to_numpy())


def scoringrules_wide(path: Path, threads: int) -> Scores:
    """scoringrules over tasks × levels; its pinball average is the score, the coverages are NumPy's."""
    import pyarrow.parquet as pq
    import scoringrules

    def column(name: str) -> np.ndarray:
        return pq.read_table(path, columns=[name], use_threads=threads > 1)[name].to_numpy()

    predicted = column("predicted").reshape(-1, len(LEVELS))
    observed = column("observed")[:: len(LEVELS)]
    score = scoringrules.crps_quantile(observed, predicted, np.array(LEVELS))
    models = pq.read_table(path, columns=["model_id"], use_threads=threads > 1, read_dictionary=["model_id"])["model_id"]
    model = models.unify_dictionaries().combine_chunks().indices.to_numpy()[:: len(LEVELS)]
    cell = model.astype(np.int64) * HORIZONS + column("horizon")[:: len(LEVELS)]
    columns = [score, *((predicted[:, _at(low)] <= observed) & (observed <= predicted[:, _at(high)]) for low, high in INTERVALS)]
    counts = np.bincount(cell)
    return np.stack([np.bincount(cell, weights=values) / counts for values in columns], axis=1).tolist()


def pandas_vectorised(path: Path, threads: int) -> Scores:
    """Whole columns, grouped by model, horizon and level."""
    import pandas as pd

    frame = pd.read_parquet(path, columns=["model_id", "horizon", "quantile_level", "predicted", "observed"])
    error = frame["observed"] - frame["predicted"]
    frame["score"] = error.abs() + (2 * frame["quantile_level"] - 1) * error
    frame["at_or_above"], frame["above"] = error >= 0, error > 0
    by_level = frame.groupby(["model_id", "horizon", "quantile_level"], sort=True)[["score", "at_or_above", "above"]].mean()
    return _fold(*(by_level[name].to_numpy() for name in ("score", "at_or_above", "above")))


def pandas_per_task(path: Path, threads: int) -> Scores:
    """Every task grouped, then the means of the tasks."""
    import pandas as pd

    frame = pd.read_parquet(path)
    error = frame["observed"] - frame["predicted"]
    frame["wis"] = error.abs() + (2 * frame["quantile_level"] - 1) * error
    frame["n_below"], frame["n_at_or_below"] = error > 0, error >= 0
    tasks = frame.groupby(list(TASK), sort=False).agg({"wis": "mean", "n_below": "sum", "n_at_or_below": "sum"})
    for low, high in INTERVALS:
        tasks[f"{low}"] = (tasks["n_at_or_below"] >= _rank(low)) & (tasks["n_below"] < _rank(high))
    cells = tasks.groupby(["model_id", "horizon"], sort=True).mean()
    return cells[["wis", *(f"{low}" for low, _ in INTERVALS)]].to_numpy().tolist()


R_SCRIPT = """
suppressMessages({library(data.table); library(scoringutils)})
path <- commandArgs(trailingOnly = TRUE)[1]
rows <- fread(path, colClasses = list(character = c("model", "location")))
clock <- proc.time()
forecast <- as_forecast_quantile(rows)
wanted <- c("wis", "interval_coverage_50", "interval_coverage_80", "interval_coverage_95")
metrics <- get_metrics(forecast, select = "wis")
for (range in c(50, 80, 95)) metrics[[paste0("interval_coverage_", range)]] <-
  local({
    r <- range
    function(observed, predicted, quantile_level) interval_coverage(observed, predicted, quantile_level, interval_range = r)
  })
means <- summarise_scores(score(forecast, metrics = metrics), by = c("model", "horizon"))
used <- proc.time() - clock
setorder(means, model, horizon)
status <- readLines("/proc/self/status")
peak <- as.numeric(gsub("[^0-9]", "", grep("VmHWM", status, value = TRUE))) / 1024
cat(sprintf("%.6f %.6f %.1f\\n", used[["elapsed"]], used[["user.self"]] + used[["sys.self"]], peak))
write.table(means[, ..wanted], row.names = FALSE, col.names = FALSE, sep = " ")
"""


def scoringutils(path: Path, threads: int) -> _harness.Timing:
    """R's scoringutils on the same rows, as CSV; its clock starts when the rows are in memory."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "rows.csv"
        duckdb.sql(f"COPY (SELECT model_id AS model, * EXCLUDE (model_id) FROM '{path}') TO '{table}' (HEADER)")
        script = Path(folder) / "score.R"
        script.write_text(R_SCRIPT, encoding="utf-8")
        done = subprocess.run(["Rscript", str(script), str(table)], capture_output=True, text=True, check=True)
    first, *lines = done.stdout.splitlines()
    seconds, cpu_seconds, peak = map(float, first.split())
    return _harness.Timing(seconds, cpu_seconds, peak, [[float(cell) for cell in line.split()] for line in lines])


def why_no_scoringutils() -> str:
    """The reason why R's scoringutils cannot run here; empty when it can."""
    if shutil.which("Rscript") is None:
        return "no Rscript on this machine"
    test = subprocess.run(["Rscript", "-e", "library(scoringutils); library(data.table)"], capture_output=True, text=True)
    return "" if test.returncode == 0 else f"Rscript without scoringutils and data.table: {test.stderr.strip().splitlines()[-1]}"


def _duckdb(path: Path, threads: int) -> duckdb.DuckDBPyConnection:
    import duckdb

    con = duckdb.connect(config={"threads": threads, "memory_limit": MEMORY_LIMIT, "temp_directory": str(path.parent / "spilled")})
    con.execute("SET parquet_metadata_cache = true")  # as the runtime sets it
    con.execute(f"CREATE VIEW forecasts AS FROM read_parquet('{path}')")
    return con


def _rows(relation: duckdb.DuckDBPyRelation) -> Scores:
    return [list(row[2:]) for row in relation.fetchall()]


def _at(level: float) -> int:
    return LEVELS.index(level)


def _rank(level: float) -> int:
    return _at(level) + 1


def _fold(score: np.ndarray, at_or_above: np.ndarray, above: np.ndarray) -> Scores:
    """Scores of each cell from the means of its levels; every task has every level."""
    score, at_or_above, above = (values.reshape(-1, len(LEVELS)) for values in (score, at_or_above, above))
    coverages = [at_or_above[:, _at(low)] - above[:, _at(high)] for low, high in INTERVALS]
    return np.stack([score.mean(axis=1), *coverages], axis=1).tolist()


CONTENDERS: dict[str, Callable[[Path, int], Scores]] = {
    "scan": scan,
    "scan with task columns": scan_with_tasks,
    "product, one pass": duckdb_one_pass,
    "product, per task": duckdb_per_task,
    "polars, one pass": polars_one_pass,
    "scoringrules, wide arrays": scoringrules_wide,
    "pandas, vectorised": pandas_vectorised,
    "pandas, per task": pandas_per_task,
}
FLOOR, TASK_FLOOR, ONE_PASS, PER_TASK, *_ = CONTENDERS
