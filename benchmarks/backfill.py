"""Years of weeks as one run: what the history and Dagster's events add to the computation itself.

Four years of the sample's weeks are landed once. Then every weekly artifact is computed, validated, judged and committed in
this process, and once more by Dagster as one run over all weeks. Printed are the ratio of the whole to the pure
computation, and Dagster's own time with its events a second.
"""

from __future__ import annotations

import argparse
import datetime as dt
import inspect
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from governance_assets import sample
from governance_assets.definitions import build
from governance_assets.runtime import checks
from governance_assets.runtime.artifact import DECLARATIONS, Declaration, materialize
from governance_assets.runtime.automation import RANGE_END, RANGE_START, expected_inputs, of_grain
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.workspace import Workspace

DATES = ("reference_date", "target_end_date")


def lengthened(table: pa.Table, copies: int) -> pa.Table:
    """The table ``copies`` times, each copy two years earlier."""
    span = dt.timedelta(weeks=sample.REFERENCE_WEEKS)
    parts = []
    for number in range(copies):
        part = table
        for name in (name for name in DATES if name in table.column_names):
            moved = pc.subtract(table[name].cast(pa.timestamp("s")), pa.scalar(number * span, pa.duration("s"))).cast(pa.date32())
            part = part.set_column(part.column_names.index(name), name, moved)
        parts.append(part)
    return pa.concat_tables(parts)


def write_telemetry(folder: Path, copies: int) -> None:
    """Quantile forecasts and observations of the sample, repeated into the past."""
    made = sample.generate()
    for name, table in made.tables.items():
        if "quantiles" in name:
            (folder / "forecasts").mkdir(parents=True, exist_ok=True)
            pq.write_table(lengthened(table, copies), folder / name)
    observed = pa.csv.read_csv(pa.BufferReader(made.texts["observations/observations.csv"]))
    (folder / "observations").mkdir()
    # Rows that the sample plants with a date that is none would only be refused again in every copy.
    texts = observed["target_end_date"].cast(pa.string())
    dated = observed.filter(pc.is_in(texts, value_set=pa.array([text for text in set(texts.to_pylist()) if _is_date(text)])))
    days = dated["target_end_date"].cast(pa.string()).cast(pa.date32())
    dated = dated.set_column(dated.column_names.index("target_end_date"), "target_end_date", days)
    pa.csv.write_csv(lengthened(dated, copies), folder / "observations" / "observations.csv")


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def settings(home: Path, telemetry: Path) -> Settings:
    """An installation that looks from the sample's instant."""
    return Settings.from_environment(
        {"GOVERNANCE_HOME": str(home), "GOVERNANCE_TELEMETRY": str(telemetry), "GOVERNANCE_AS_OF": sample.AS_OF.isoformat()}
    )


class Timed:
    """A computation that remembers how long it took."""

    def __init__(self, declaration: Declaration) -> None:
        self.seconds = 0.0
        self._compute = declaration.compute
        self.__signature__ = inspect.signature(declaration.compute)

    def __call__(self, **inputs: object) -> pa.Table:
        start = time.perf_counter()
        made = self._compute(**inputs)
        self.seconds += time.perf_counter() - start
        return made


def in_process(workspace: Workspace, weeks: list[str]) -> tuple[float, float]:
    """Seconds of the pure computations, and of everything with inputs, validation, verdicts and commits."""
    pure = whole = 0.0
    for declaration in of_grain("week"):
        timed = Timed(declaration)
        start = time.perf_counter()
        materialize(replace(declaration, compute=timed), workspace, "benchmark", weeks, {})
        seconds = time.perf_counter() - start
        print(f"  {declaration.name:<22} computation {timed.seconds:7.2f} s   with history {seconds:7.2f} s")
        pure, whole = pure + timed.seconds, whole + seconds
    return pure, whole


def land(workspace: Workspace) -> None:
    """Intake, without Dagster."""
    for declaration in [one for one in DECLARATIONS.values() if one.contract.grain == "none"]:
        materialize(declaration, workspace, "benchmark", ["all"], {})


def with_dagster(workspace: Workspace, weeks: list[str], folder: Path) -> tuple[float, int, Counter]:
    """Seconds of one Dagster run over all weeks, its events, and its check evaluations by status."""
    import dagster as dg

    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        job = build(workspace).resolve_job_def("weeks")
        start = time.perf_counter()
        done = job.execute_in_process(
            instance=instance,
            tags={RANGE_START: weeks[0], RANGE_END: weeks[-1]},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        seconds = time.perf_counter() - start
        statuses: Counter = Counter()
        for declaration in of_grain("week"):
            for check in checks.CHECKS:
                key = dg.AssetCheckKey(dg.AssetKey(declaration.name), check)
                records = instance.event_log_storage.get_asset_check_execution_history(key, limit=5 * len(weeks))
                statuses.update(record.status.value for record in records)
        return seconds, len(instance.all_logs(done.run_id)), statuses


def main() -> None:
    """Run both and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=4, choices=(2, 4, 6))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_telemetry(folder / "telemetry", arguments.years // 2)
        with Workspace(settings(folder / "a", folder / "telemetry")) as workspace:
            build(workspace)
            land(workspace)
            weeks = sorted(expected_inputs(workspace, DECLARATIONS["forecast_scores"]))
            print(f"backfill of {len(weeks)} weeks, {len(of_grain('week'))} weekly artifacts")
            pure, whole = in_process(workspace, weeks)
            rows = workspace.history.sql("SELECT sum(row_count)::BIGINT AS n FROM ledger")["n"][0].as_py()
        with Workspace(settings(folder / "b", folder / "telemetry")) as workspace:
            land(workspace)
            seconds, events, statuses = with_dagster(workspace, weeks, folder)
    print(f"computation {pure:.1f} s; with history {whole:.1f} s, {whole / pure:.2f}× the computation (goal ≤ 2); {rows:,} rows recorded")
    own = seconds - whole
    print(f"one Dagster run {seconds:.1f} s: {own:.1f} s of it its own for {events:,} events, {events / own:.0f} a second")
    print(f"check evaluations: {dict(statuses)}; PLANNED rows left: {statuses.get('PLANNED', 0)}")


if __name__ == "__main__":
    main()
