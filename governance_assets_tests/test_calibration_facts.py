"""Windows of scored weeks, and skill over them: against brute force, and the same to the last bit however they are run."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from governance_assets.contract import violations
from governance_assets.domains.calibration import contracts, facts
from governance_assets.domains.skill import contracts as skill_contracts
from governance_assets.domains.skill import facts as skill_facts
from governance_assets.policy import CalibrationPolicy
from governance_assets.policy.calibration import WINDOWS
from governance_assets.stats.windows import first_week
from governance_assets_tests.calibration_data import calibration, forecast_rows, observed_rows, record, skilled, task_rows

WEEK = dt.date(2025, 1, 6)
POLICY = calibration()


def test_hostile_names_and_texts_are_only_texts() -> None:
    column, value = "a\"b'c; DROP TABLE x", "'); SELECT 1; --\n\"\\"
    policy = calibration(evaluation_sets=[{"name": "it's", "filters": {column: [value], "model_id": ["m'"]}}, {"name": "all"}])
    rows = forecast_rows(
        task_rows([1.0, 2.0, 3.0], [0.1, 0.5, 0.9], **{column: value, "model_id": "m'", "location": "x'y"}), strata=[column]
    )
    con = duckdb.connect()
    con.register("quantiles", rows)
    con.register("observations", observed_rows([{"location": "x'y", "observed": 2.5}]))
    record(con, [WEEK], policy)
    metrics = facts.calibration_metrics(con, "scores", "intervals", [WEEK], policy)
    assert set(metrics["evaluation_set"].to_pylist()) == {"it's", "all"}
    assert value in metrics.filter(pc.equal(metrics["stratum"], column))["stratum_value"].to_pylist()


# ---------------------------------------------------------------- windows, against brute force


def _season(seed: int, n_weeks: int = 9) -> tuple[duckdb.DuckDBPyConnection, list[dt.date]]:
    """Two models, two places, two horizons, gaps, missing truths, unequal levels and a stratum column."""
    draw = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    truths: list[dict[str, Any]] = []
    mondays = [WEEK + dt.timedelta(weeks=n) for n in range(n_weeks) if n != 3]
    for monday, location in itertools.product(mondays, "AB"):
        day = monday + dt.timedelta(days=int(draw.integers(0, 7)))
        if draw.random() < 0.85:
            truths.append({"location": location, "target_end_date": day, "observed": float(draw.integers(0, 6))})
        for model, horizon in itertools.product(("steady", "other-baseline"), (0, 1)):
            if draw.random() < 0.85:
                levels = [0.1, 0.25, 0.5, 0.75, 0.9] if draw.random() < 0.8 else [0.1, 0.5, 0.9]
                task = {"model_id": model, "horizon": horizon, "location": location, "target_end_date": day}
                task |= {"reference_date": day - dt.timedelta(weeks=horizon), "age": "old" if location == "A" else None}
                rows += task_rows(sorted(draw.normal(3, 2, len(levels)).tolist()), levels, **task)
    con = duckdb.connect()
    con.register("quantiles", forecast_rows(rows, strata=["age"]))
    con.register("observations", observed_rows(truths))
    return con, mondays


FULL = calibration(
    strata=[{"stratum": name, "windows": list(WINDOWS)} for name in ("overall", "horizon", "location", "reference_date", "*")],
    evaluation_sets=[{"name": "all"}, {"name": "late", "filters": {"horizon": [1], "location": ["A", "B"]}}],
    min_weeks=4,
    verdict_window="trailing_4",
)


def _values(tasks: list[dict[str, Any]]) -> dict[str, tuple[float | None, int]]:
    """Metrics of some tasks, the slow and plain way."""

    def mean(name: str) -> tuple[float | None, int]:
        known = [task[name] for task in tasks if task[name] is not None]
        return (sum(known) / len(known) if known else None, len(known))

    def coverage(low: str, high: str) -> tuple[float | None, int]:
        found = []
        for task in tasks:
            levels = task["levels"].split(",")
            if task["observed"] is not None and low in levels:
                found.append(task["n_at_or_below"] > levels.index(low) and task["n_below"] <= levels.index(high))
        return (sum(found) / len(found) if found else None, len(found))

    errors = [task["error_median"] for task in tasks if task["error_median"] is not None]
    actual = sum(abs(task["observed"]) for task in tasks if task["error_median"] is not None)
    return {
        "wis": mean("wis"),
        "mape": mean("absolute_percentage_error"),
        "bias": mean("bias"),
        "sharpness": mean("nominal_width"),
        "rmse": ((sum(e * e for e in errors) / len(errors)) ** 0.5 if errors else None, len(errors)),
        "relative_bias": (sum(errors) / actual if actual else None, len(errors)),
        "interval_coverage_80": coverage("0.1", "0.9"),
        "interval_coverage_50": coverage("0.25", "0.75"),
    }


def _starts(week: dt.date, window: str) -> dt.date:
    return max(first_week(week, window), dt.date(2000, 1, 3))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_metrics_of_every_window_are_those_of_brute_force(seed: int) -> None:
    con, mondays = _season(seed)
    record(con, mondays, FULL)
    metrics = facts.calibration_metrics(con, "scores", "intervals", [*mondays, WEEK + dt.timedelta(weeks=3)], FULL)
    assert violations(contracts.CalibrationMetrics, metrics) == []
    scores = con.execute("SELECT *, (strata::JSON)->>'age' AS age FROM scores").to_arrow_table().to_pylist()
    compared = 0
    assert set(metrics["week"].to_pylist()) == set(mondays)
    for row in metrics.take(pa.array(range(seed, metrics.num_rows, 5))).to_pylist():
        tasks = [
            task
            for task in scores
            if task["model_id"] == row["model_id"]
            and _starts(row["week"], row["window"]) <= task["week"] <= row["week"]
            and (row["evaluation_set"] == "all" or task["horizon"] == 1)
            and (row["stratum"] == "overall" or str(task[row["stratum"]]) == row["stratum_value"])
        ]
        assert row["n"] == len(tasks) > 0
        observed = {
            task["reference_date"] - dt.timedelta(days=task["reference_date"].weekday()) for task in tasks if task["observed"] is not None
        }
        if not row["metric"].startswith("coverage_drift"):
            assert row["n_weeks"] == len(observed)
        if row["average"] == "macro":
            cells = itertools.groupby(sorted(tasks, key=_cell), key=_cell)
            parts = [_values(list(cell)).get(row["metric"], (None, 0)) for _, cell in cells]
            known = [value for value, _ in parts if value is not None]
            expected = (sum(known) / len(known) if known else None, sum(count for _, count in parts))
        else:
            expected = _values(tasks).get(row["metric"], (None, 0))
        if row["metric"] in _values([]):
            compared += 1
            assert (row["value"] is None) == (expected[0] is None), row
            assert row["value"] is None or row["value"] == pytest.approx(expected[0], rel=1e-12, abs=1e-12), row
            assert row["n_scored"] == expected[1]
    assert compared > 500


def _cell(task: dict[str, Any]) -> tuple[str, int]:
    return task["location"], task["horizon"]


def test_interval_widths_and_scores_are_those_of_the_rows() -> None:
    con, mondays = _season(4)
    record(con, mondays, FULL)
    found = con.execute("SELECT * FROM intervals WHERE stratum = 'overall' AND evaluation_set = 'all'").to_arrow_table().to_pylist()
    brute = (
        con.execute(
            """WITH ends AS (
               SELECT q.model_id, date_trunc('week', q.target_end_date)::DATE AS week, round(abs(2 * quantile_level - 1), 6) AS nominal,
                      min(predicted) AS low, max(predicted) AS high, any_value(o.observed) AS y
               FROM quantiles q LEFT JOIN observations o USING (location, target_end_date) WHERE quantile_level <> 0.5
               GROUP BY q.model_id, week, nominal, q.horizon, q.location, q.target_end_date
           )
           SELECT week, model_id, nominal, avg(high - low) AS width,
                  avg(CASE WHEN y IS NOT NULL
                      THEN high - low + 2 / (1 - nominal) * (greatest(low - y, 0) + greatest(y - high, 0)) END) AS score,
                  count(*) AS n, count(y) AS n_scored
           FROM ends GROUP BY ALL"""
        )
        .to_arrow_table()
        .to_pylist()
    )
    expected = {(row["week"], row["model_id"], row["nominal"]): row for row in brute}
    assert len(found) == len(expected) > 20
    for row in found:
        other = expected[row["week"], row["model_id"], row["nominal"]]
        assert (row["n"], row["n_scored"]) == (other["n"], other["n_scored"])
        assert row["width"] == pytest.approx(other["width"], rel=1e-12)
        assert row["score"] == (None if other["score"] is None else pytest.approx(other["score"], rel=1e-9))


KEYS = {one.artifact: one.key for one in (contracts.CalibrationMetrics, contracts.CalibrationCurve, skill_contracts.RelativeSkill)}


def _made(con: duckdb.DuckDBPyConnection, name: str, weeks: list[dt.date], policy: CalibrationPolicy) -> pa.Table:
    if name == "relative_skill":
        return skill_facts.relative_skill(con, "scores", weeks, policy, skilled())
    views = ("scores", "intervals") if name == "calibration_metrics" else ("scores",)
    return getattr(facts, name)(con, *views, weeks, policy)


@pytest.mark.parametrize("name", KEYS)
def test_a_week_is_the_same_to_the_last_bit_alone_or_in_a_run_of_many(name: str) -> None:
    """Whatever order history hands rows back in, and however many weeks a run has, a week has one content."""
    con, mondays = _season(5)
    policy = FULL.model_copy(update={"curve_windows": ("trailing_4", "since_start")})
    record(con, mondays, policy)
    together = _made(con, name, mondays, policy)
    con.execute("SET preserve_insertion_order = false")
    for week in mondays[2:]:
        for view in ("scores", "intervals"):
            con.execute(
                f"CREATE OR REPLACE TEMP TABLE shuffled_{view} AS FROM {view} WHERE week <= DATE '{week}' ORDER BY hash(COLUMNS(*))"
            )
        alone = duckdb.connect()
        for view in ("scores", "intervals"):
            alone.register(view, con.execute(f"FROM shuffled_{view}").to_arrow_table())
        expected = together.filter(pc.equal(together["week"], week))
        keys = [(key, "ascending") for key in KEYS[name]]
        assert _made(alone, name, [week], policy).sort_by(keys).equals(expected.sort_by(keys))


def test_nothing_comes_of_nothing() -> None:
    con = duckdb.connect()
    con.register("quantiles", forecast_rows([]))
    con.register("observations", observed_rows([]))
    record(con, [WEEK], POLICY)
    for name in KEYS:
        assert _made(con, name, [WEEK], POLICY).num_rows == 0
        assert _made(con, name, [], POLICY).num_rows == 0
