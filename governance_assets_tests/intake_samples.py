"""Small telemetry folders and good files for the tests of intake; nothing here is a test."""

from __future__ import annotations

import io
import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

import governance_assets.domains.intake.contracts  # noqa: F401  registers the contracts that manifests conform to
from governance_assets.policy import IntakePolicy
from governance_assets.runtime.sources import Intake, landed_relation, read_telemetry

LEVELS = (0.025, 0.25, 0.5, 0.75, 0.975)
HEADER = "model_id,reference_date,horizon,location,target_end_date,quantile_level,predicted"
POLICY = IntakePolicy()


def forecasts(models: int = 2, horizons: int = 2, locations: tuple[str, ...] = ("06", "US")) -> pa.Table:
    """A good long table of quantiles."""
    rows = [
        (f"team-model{model}", "2025-11-01", horizon, location, f"2025-11-{1 + 7 * horizon:02d}", level, 100.0 * model + 10 * level)
        for model in range(models)
        for horizon in range(horizons)
        for location in locations
        for level in LEVELS
    ]
    return pa.table(dict(zip(HEADER.split(","), map(list, zip(*rows, strict=True)), strict=True)))


def csv_of(table: pa.Table) -> bytes:
    """``table`` as plain CSV."""
    lines = [",".join(table.column_names)]
    lines += [",".join("" if value is None else str(value) for value in row.values()) for row in table.to_pylist()]
    return ("\n".join(lines) + "\n").encode()


def parquet_of(table: pa.Table) -> bytes:
    """``table`` as Parquet."""
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def jsonl_of(table: pa.Table) -> bytes:
    """``table`` as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()


def one(row: str, header: str = HEADER) -> bytes:
    """A CSV with one good task and then ``row``."""
    good = "good,2025-11-01,1,06,2025-11-08,0.5,1"
    return f"{header}\n{good}\n{row}\n".encode()


class Folder:
    """A telemetry folder under construction."""

    def __init__(self, root: Path) -> None:
        self.telemetry, self.home = root / "telemetry", root / "home"
        self.telemetry.mkdir(parents=True)

    def put(self, name: str, content: bytes | str) -> Path:
        """Write one file."""
        path = self.telemetry / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, policy: IntakePolicy = POLICY) -> Intake:
        """Read the folder."""
        return read_telemetry(self.telemetry, self.home, policy)

    def rows(self, intake: Intake, feed: str = "quantile_forecasts") -> list[dict[str, object]]:
        """All landed rows of a feed without their keys, in a fixed order."""
        with duckdb.connect() as con:
            view = landed_relation(con, feed, intake.manifests[feed], self.home, None)
            return con.execute(f"SELECT COLUMNS(c -> c NOT LIKE '\\_%' ESCAPE '\\') FROM {view} ORDER BY ALL").to_arrow_table().to_pylist()


def told(intake: Intake) -> list[dict[str, object]]:
    """The refused records."""
    return intake.rejected.to_pylist()


def assert_nothing_lost(intake: Intake, file_rows: dict[str, int]) -> None:
    """Every row of every file is landed, refused or of another kind, and every refused row is told."""
    refused: dict[tuple[str, str], int] = {}
    for record in told(intake):
        key = (str(record["file"]), str(record["feed"]))
        refused[key] = refused.get(key, 0) + int(str(record["rows"]))
    for feed, manifest in intake.manifests.items():
        for file in manifest.to_pylist():
            assert file["rows"] + file["rejected_rows"] + file["unused_rows"] == file_rows[file["origin"]], file
            assert file["unused_rows"] >= 0
            assert refused.get((file["origin"], feed), 0) == file["rejected_rows"], file
