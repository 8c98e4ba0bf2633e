"""Views with the columns of landed rows, for tests of scores, calibration and skill."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from governance_assets.domains.calibration import facts as calibration_facts
from governance_assets.domains.scores import facts
from governance_assets.domains.skill import facts as skill_facts
from governance_assets.policy import CalibrationPolicy, SkillPolicy, policy_from

SEASON_START = dt.date(2024, 1, 1)
FORECAST_COLUMNS = ("model_id", "reference_date", "horizon", "target", "location", "target_end_date")


def calibration(**overrides: Any) -> CalibrationPolicy:
    """The calibration section with overrides."""
    return policy_from({"calibration": overrides}).calibration


def skilled(**overrides: Any) -> SkillPolicy:
    """The skill section with overrides."""
    return policy_from({"skill": overrides}).skill


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


def task_rows(values: list[float], levels: list[float], **task: Any) -> list[dict[str, Any]]:
    """Landed rows of one forecast."""
    return [{"quantile_level": level, "predicted": value, **task} for level, value in zip(levels, values, strict=True)]


def record(con: duckdb.DuckDBPyConnection, weeks: Sequence[dt.date], policy: CalibrationPolicy) -> None:
    """Register the scores and intervals of ``quantiles`` as recorded."""
    con.register("scores", facts.forecast_scores(con, "quantiles", None, "observations", weeks, policy))
    con.register("intervals", facts.interval_scores(con, "quantiles", None, "observations", weeks, policy))


def season() -> dict[str, pa.Table]:
    """Forty weeks of a model that promises too much, one that is right and a baseline that is too wide."""
    widths = {"narrow": 0.2, "right": 4.0, "wide-baseline": 9.0}
    rows: list[dict[str, Any]] = []
    truths = []
    for number in range(40):
        day = SEASON_START + dt.timedelta(weeks=number, days=2)
        for place in range(10):
            truths.append({"location": str(place), "target_end_date": day, "observed": 10.0 + place - 4.5})
            for model, width in widths.items():
                task = {"model_id": model, "location": str(place), "target_end_date": day, "reference_date": day - dt.timedelta(weeks=1)}
                rows += [{"quantile_level": level, "predicted": 10 + (level - 0.5) * width * 2.5, **task} for level in (0.1, 0.5, 0.9)]
    con = duckdb.connect()
    con.register("quantiles", forecast_rows(rows))
    con.register("observations", observed_rows(truths))
    weeks = [SEASON_START + dt.timedelta(weeks=number) for number in range(40)]
    record(con, weeks, calibration())
    return {
        "forecast_scores": con.table("scores").to_arrow_table(),
        "interval_scores": con.table("intervals").to_arrow_table(),
        "calibration_metrics": calibration_facts.calibration_metrics(con, "scores", "intervals", weeks, calibration()),
        "calibration_curve": calibration_facts.calibration_curve(con, "scores", weeks, calibration()),
        "relative_skill": skill_facts.relative_skill(con, "scores", weeks, calibration(), skilled()),
    }
