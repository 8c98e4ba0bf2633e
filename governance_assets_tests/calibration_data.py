"""Views with the columns of landed rows, for tests of calibration."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from governance_assets.policy import CalibrationPolicy, policy_from

FORECAST_COLUMNS = ("model_id", "reference_date", "horizon", "target", "location", "target_end_date")


def calibration(**overrides: Any) -> CalibrationPolicy:
    """The calibration section with overrides."""
    return policy_from({"calibration": overrides}).calibration


def flusight(folder: Path) -> tuple[duckdb.DuckDBPyConnection, CalibrationPolicy]:
    """Views ``quantiles`` and ``observations`` of the FluSight case, and a policy with its evaluation sets."""
    con = duckdb.connect()
    con.execute(
        f"""CREATE VIEW quantiles AS SELECT model_id, reference_date, horizon::BIGINT AS horizon, '' AS target, location, target_end_date,
            quantile_level, predicted FROM '{folder}/forecasts.parquet'"""
    )
    con.execute(
        f"CREATE VIEW observations AS SELECT '' AS target, location, target_end_date, observed FROM '{folder}/observations.parquet'"
    )
    sets = json.loads((folder / "eval_sets.json").read_text())
    named = [{"name": one["eval_set"], "filters": {key: kept for key, kept in one.items() if key != "eval_set"}} for one in sets]
    return con, calibration(evaluation_sets=named)


def scoringutils(folder: Path, example: str) -> duckdb.DuckDBPyConnection:
    """Views ``forecasts`` and ``observations`` of one example of scoringutils; the target is its target type."""
    con = duckdb.connect()
    rows = f"(FROM '{folder}/{example}.parquet' WHERE predicted IS NOT NULL AND observed IS NOT NULL)"
    own = "quantile_level" if "quantile" in example else "sample_id::VARCHAR AS sample_id"
    con.execute(
        f"""CREATE VIEW forecasts AS SELECT model AS model_id, forecast_date::DATE AS reference_date, horizon::BIGINT AS horizon,
            target_type AS target, location, target_end_date::DATE AS target_end_date, {own}, predicted::DOUBLE AS predicted, location_name
            FROM {rows}"""
    )
    con.execute(
        f"""CREATE VIEW observations AS SELECT DISTINCT target_type AS target, location, target_end_date::DATE AS target_end_date,
            observed::DOUBLE AS observed FROM {rows}"""
    )
    return con


def weeks_of(con: duckdb.DuckDBPyConnection, view: str) -> list[dt.date]:
    """Mondays of the weeks that hold a target of ``view``."""
    return [row[0] for row in con.execute(f"SELECT DISTINCT date_trunc('week', target_end_date)::DATE FROM {view} ORDER BY 1").fetchall()]


def forecast_rows(rows: Sequence[dict[str, Any]], own: str = "quantile_level", strata: Sequence[str] = ()) -> pa.Table:
    """Landed rows from mappings; what a mapping leaves out has a plain value."""
    plain = {"model_id": "m", "reference_date": dt.date(2025, 1, 1), "horizon": 1, "target": "", "location": ""}
    plain |= {"target_end_date": dt.date(2025, 1, 8)} | dict.fromkeys(strata)
    fields = [pa.field(name, pa.date32() if "date" in name else pa.int64() if name == "horizon" else pa.string()) for name in plain]
    fields += [pa.field(own, pa.float64() if own == "quantile_level" else pa.string()), pa.field("predicted", pa.float64())]
    return pa.Table.from_pylist([plain | row for row in rows], schema=pa.schema(fields))


def observed_rows(rows: Sequence[dict[str, Any]], strata: Sequence[str] = ()) -> pa.Table:
    """Landed observations from mappings; what a mapping leaves out has a plain value."""
    plain = {"target": "", "location": "", "target_end_date": dt.date(2025, 1, 8)} | dict.fromkeys(strata)
    fields = [pa.field(name, pa.date32() if "date" in name else pa.string()) for name in plain] + [pa.field("observed", pa.float64())]
    return pa.Table.from_pylist([plain | row for row in rows], schema=pa.schema(fields))
