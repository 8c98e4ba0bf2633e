"""Scores and windows of small tables: against the formulas of stats/, against brute force, and at every edge."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance_assets.contract import violations
from governance_assets.domains.calibration import contracts, facts
from governance_assets.policy import CalibrationPolicy
from governance_assets.policy.calibration import WINDOWS
from governance_assets.stats import quantile_scores, sample_scores
from governance_assets.stats.windows import first_week
from governance_assets_tests.calibration_data import calibration, forecast_rows, observed_rows

WEEK = dt.date(2025, 1, 6)
POLICY = calibration()


def _scored(
    quantiles: pa.Table | None, observations: pa.Table, samples: pa.Table | None = None, policy: CalibrationPolicy = POLICY
) -> list[dict[str, Any]]:
    con = duckdb.connect()
    for name, table in (("quantiles", quantiles), ("samples", samples), ("observations", observations)):
        if table is not None:
            con.register(name, table)
    views = (None if quantiles is None else "quantiles", None if samples is None else "samples")
    table = facts.forecast_scores(con, *views, "observations", [WEEK], policy)
    assert violations(contracts.ForecastScores, table) == []
    return table.to_pylist()


def _task(values: list[float], levels: list[float], **task: Any) -> list[dict[str, Any]]:
    return [{"quantile_level": level, "predicted": value, **task} for level, value in zip(levels, values, strict=True)]


# ---------------------------------------------------------------- one forecast

LEVELS = st.lists(st.sampled_from([0.025, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.975]), min_size=1, max_size=9, unique=True).map(sorted)
NUMBERS = st.sampled_from([-3.0, -1.0, 0.0, 0.1, 1.0, 1.5, 2.0, 7.0])


@st.composite
def quantile_tasks(draw: st.DrawFn) -> list[tuple[list[float], list[float], float | None]]:
    tasks = []
    for _ in range(draw(st.integers(1, 4))):
        levels = draw(LEVELS)
        values = sorted(draw(st.lists(NUMBERS, min_size=len(levels), max_size=len(levels))))
        tasks.append((levels, values, draw(st.none() | NUMBERS)))
    return tasks


def _expected(levels: list[float], values: list[float], observed: float) -> dict[str, float]:
    y, q = [observed], [values]
    score = quantile_scores.wis(y, q, levels)
    ranks = quantile_scores.quantile_ranks(y, q, levels)
    expected = {
        "wis": score.score[0],
        "overprediction": score.overprediction[0],
        "underprediction": score.underprediction[0],
        "dispersion": score.dispersion[0],
        "n_below": ranks.n_below[0],
        "n_at_or_below": ranks.n_at_or_below[0],
    }
    if 0.5 in levels:
        expected["ae_median"] = quantile_scores.quantile_ae_median(y, q, levels)[0]
    if 0.5 in levels or (min(levels) < 0.5 < max(levels)):
        expected["bias"] = quantile_scores.quantile_bias(y, q, levels)[0]
    return {name: float(value) for name, value in expected.items() if not np.isnan(value)}


@settings(max_examples=60, deadline=None)
@given(quantile_tasks())
def test_sql_and_formulas_agree_on_quantiles(tasks: list[tuple[list[float], list[float], float | None]]) -> None:
    rows = [row for place, (levels, values, _) in enumerate(tasks) for row in _task(values, levels, location=str(place))]
    observed = [{"location": str(place), "observed": y} for place, (_, _, y) in enumerate(tasks)]
    found = _scored(forecast_rows(rows), observed_rows(observed))
    assert len(found) == len(tasks)
    assert [row["levels"] for row in found] == [",".join(map(str, levels)) for levels, _, _ in tasks]
    names = ("wis", "overprediction", "underprediction", "dispersion", "n_below", "n_at_or_below", "ae_median", "bias")
    for row, (levels, values, y) in zip(found, tasks, strict=True):
        expected = {} if y is None else _expected(levels, values, y)
        assert {name for name in names if row[name] is not None} == set(expected)
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-12, abs=1e-12), name


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.lists(NUMBERS, min_size=1, max_size=7), st.none() | NUMBERS), min_size=1, max_size=3))
def test_sql_and_formulas_agree_on_samples(tasks: list[tuple[list[float], float | None]]) -> None:
    rows = [
        {"sample_id": str(n), "predicted": value, "location": str(place)}
        for place, (values, _) in enumerate(tasks)
        for n, value in enumerate(values)
    ]
    observed = [{"location": str(place), "observed": y} for place, (_, y) in enumerate(tasks)]
    found = _scored(None, observed_rows(observed), forecast_rows(rows, own="sample_id"))
    for row, (values, y) in zip(found, tasks, strict=True):
        assert row["n_samples"] == len(values)
        assert row["median"] == pytest.approx(np.median(values))
        if y is None:
            assert {row[name] for name in ("crps", "overprediction", "bias", "dss", "n_below", "pit_lower", "ae_median")} == {None}
            continue
        score = sample_scores.crps_parts([y], [values], "qd")
        assert row["crps"] == pytest.approx(score.score[0], abs=1e-12)
        assert row["overprediction"] == pytest.approx(score.overprediction[0], abs=1e-12)
        assert row["underprediction"] == pytest.approx(score.underprediction[0], abs=1e-12)
        assert row["dispersion"] == pytest.approx(score.dispersion[0], abs=1e-12)
        quantiles = np.quantile(values, POLICY.sample_levels)
        if not (np.isclose(quantiles, y) & (quantiles != y)).any():
            assert (row["n_below"], row["n_at_or_below"]) == ((quantiles < y).sum(), (quantiles <= y).sum())
        assert (row["pit_lower"], row["pit_upper"]) == (np.mean(np.less(values, y)), np.mean(np.less_equal(values, y)))


def test_a_task_without_an_observation_stays_with_null_scores() -> None:
    rows = forecast_rows(_task([1.0, 2.0, 4.0], [0.1, 0.5, 0.9]))
    for observations in (
        observed_rows([]),
        observed_rows([{"observed": None}]),
        observed_rows([{"location": "elsewhere", "observed": 1.0}]),
    ):
        (found,) = _scored(rows, observations)
        assert {found[name] for name in ("observed", "wis", "n_below", "bias", "ae_median", "dispersion", "pit_upper")} == {None}
        assert (found["median"], found["nominal_width"], found["levels"]) == (2.0, 3.0, "0.1,0.5,0.9")


def test_the_percentage_error_of_a_zero_is_left_out() -> None:
    (found,) = _scored(forecast_rows(_task([1.0], [0.5])), observed_rows([{"observed": 0.0}]))
    assert (found["ae_median"], found["absolute_percentage_error"]) == (1.0, None)


def test_a_level_with_noise_is_its_level() -> None:
    rows = forecast_rows(_task([1.0, 2.0, 4.0], [0.1 + 1e-13, 0.5, 0.3 * 3]))
    (found,) = _scored(rows, observed_rows([{"observed": 3.0}]))
    assert (found["levels"], found["nominal_width"]) == ("0.1,0.5,0.9", 3.0)
    assert found["dispersion"] is not None


MATCHES = [
    ("a", [{"target": "a", "observed": 1.0}, {"target": "b", "observed": 2.0}], 1.0),
    ("a", [{"target": "", "observed": 3.0}], 3.0),
    ("", [{"target": "a", "observed": 1.0}], 1.0),
    ("a", [{"target": "", "observed": 3.0}, {"target": "a", "observed": 1.0}], 1.0),
    ("", [{"target": "a", "observed": 1.0}, {"target": "b", "observed": 2.0}], None),
    ("", [{"target": "a", "observed": 1.0}, {"target": "b", "observed": 1.0}], 1.0),
    ("a", [{"target": "b", "observed": 2.0}], None),
]


@pytest.mark.parametrize(("target", "observations", "expected"), MATCHES)
def test_observations_match_by_the_target_that_both_name(target: str, observations: list[dict[str, Any]], expected: float | None) -> None:
    found = _scored(forecast_rows(_task([1.0], [0.5], target=target)), observed_rows(observations))
    assert [row["observed"] for row in found] == [expected]


def test_observations_match_by_the_strata_that_both_have() -> None:
    rows = [row for age in ("young", "old") for row in _task([1.0], [0.5], age=age, source="x")]
    observations = [{"age": "young", "observed": 1.0}, {"age": "old", "observed": 2.0}]
    found = _scored(forecast_rows(rows, strata=["age", "source"]), observed_rows(observations, strata=["age"]))
    assert sorted((row["strata"], row["observed"]) for row in found) == [
        ('{"age":"old","source":"x"}', 2.0),
        ('{"age":"young","source":"x"}', 1.0),
    ]


def test_hostile_names_and_texts_are_only_texts() -> None:
    column, value = "a\"b'c; DROP TABLE x", "'); SELECT 1; --\n\"\\"
    policy = calibration(evaluation_sets=[{"name": "it's", "filters": {column: [value], "model_id": ["m'"]}}, {"name": "all"}])
    rows = forecast_rows(_task([1.0, 2.0, 3.0], [0.1, 0.5, 0.9], **{column: value, "model_id": "m'", "location": "x'y"}), strata=[column])
    con = duckdb.connect()
    con.register("quantiles", rows)
    con.register("observations", observed_rows([{"location": "x'y", "observed": 2.5}]))
    con.register("scores", facts.forecast_scores(con, "quantiles", None, "observations", [WEEK], policy))
    con.register("intervals", facts.interval_scores(con, "quantiles", None, "observations", [WEEK], policy))
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
                rows += _task(sorted(draw.normal(3, 2, len(levels)).tolist()), levels, **task)
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


def _record(con: duckdb.DuckDBPyConnection, weeks: list[dt.date], policy: CalibrationPolicy) -> None:
    con.register("scores", facts.forecast_scores(con, "quantiles", None, "observations", weeks, policy))
    con.register("intervals", facts.interval_scores(con, "quantiles", None, "observations", weeks, policy))


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
    _record(con, mondays, FULL)
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
    _record(con, mondays, FULL)
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


def test_levels_without_partner_take_no_part_in_intervals() -> None:
    rows = _task([1.0, 2.0, 3.0], [0.1, 0.5, 0.9], location="A") + _task([5.0, 6.0], [0.1, 0.75], location="B")
    con = duckdb.connect()
    con.register("quantiles", forecast_rows(rows))
    con.register("observations", observed_rows([{"location": place, "observed": 2.0} for place in "AB"]))
    table = facts.interval_scores(con, "quantiles", None, "observations", [WEEK], POLICY).to_pylist()
    assert [(row["nominal"], row["width"], row["n"]) for row in table] == [(0.8, 2.0, 1)]


def test_samples_have_intervals_at_the_levels_of_the_policy() -> None:
    samples = forecast_rows([{"sample_id": str(n), "predicted": float(n)} for n in range(101)], own="sample_id")
    con = duckdb.connect()
    con.register("samples", samples)
    con.register("observations", observed_rows([{"observed": 50.0}]))
    table = facts.interval_scores(con, None, "samples", "observations", [WEEK], POLICY).to_pylist()
    widths = {row["nominal"]: row["width"] for row in table}
    assert len(widths) == 11
    assert widths[0.8] == pytest.approx(80.0)


def test_one_pass_and_each_task_give_the_recorded_scores() -> None:
    draw = np.random.default_rng(6)
    levels = [0.1, 0.25, 0.5, 0.75, 0.9]
    rows = [
        row
        for place, model in itertools.product(range(40), "mn")
        for row in _task(sorted(draw.integers(0, 6, 5).astype(float).tolist()), levels, location=str(place), model_id=model)
    ]
    con = duckdb.connect()
    con.register("quantiles", forecast_rows(rows))
    con.register("observations", observed_rows([{"location": str(place), "observed": float(place % 7)} for place in range(40)]))
    con.execute("CREATE VIEW together AS FROM quantiles JOIN observations USING (location, target, target_end_date)")
    _record(con, [WEEK], POLICY)
    con.register("tasks", facts.task_scores(con, "together", ("model_id", "location")).to_arrow_table())
    differences = con.sql(
        """SELECT count(*), max(abs(t.wis - s.wis)), sum(abs(t.n_below - s.n_below) + abs(t.n_at_or_below - s.n_at_or_below))
           FROM tasks t JOIN scores s USING (model_id, location)"""
    ).fetchall()[0]
    assert (differences[0], differences[2]) == (80, 0)
    assert differences[1] < 1e-12
    metrics = facts.calibration_metrics(con, "scores", "intervals", [WEEK], POLICY).to_pylist()
    recorded = {
        (row["model_id"], row["metric"]): row["value"]
        for row in metrics
        if (row["stratum"], row["average"], row["window"]) == ("overall", "micro", "week")
    }
    found = facts.level_scores(con, "together", ("model_id",)).to_arrow_table().to_pylist()
    assert len(found) == 4
    for row in found:
        share = f"{100 * row['nominal']:g}"
        assert row["wis"] == pytest.approx(recorded[row["model_id"], "wis"], rel=1e-12)
        for name in ("coverage", "width", "score"):
            assert row[name] == pytest.approx(recorded[row["model_id"], f"interval_{name}_{share}"], rel=1e-12)


@pytest.mark.parametrize(("predicted", "observed"), itertools.product([-0.0, 0.0, 1.0], repeat=2))
def test_both_zeros_are_equal(predicted: float, observed: float) -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE rows (model_id VARCHAR, quantile_level DOUBLE, predicted DOUBLE, observed DOUBLE)")
    con.execute("INSERT INTO rows VALUES ('m', 0.5, ?, ?), ('m', 0.5, 7, NULL)", [predicted, observed])
    ranks = facts.task_scores(con, "rows", ("model_id",)).project("n_below, n_at_or_below").fetchall()
    assert ranks == [(int(predicted < observed), int(predicted <= observed))]


ARTIFACTS = ("calibration_metrics", "calibration_curve", "relative_skill")


def _made(con: duckdb.DuckDBPyConnection, name: str, weeks: list[dt.date], policy: CalibrationPolicy) -> pa.Table:
    views = ("scores", "intervals") if name == "calibration_metrics" else ("scores",)
    return getattr(facts, name)(con, *views, weeks, policy)


@pytest.mark.parametrize("name", ARTIFACTS)
def test_a_week_is_the_same_to_the_last_bit_alone_or_in_a_run_of_many(name: str) -> None:
    """Whatever order history hands rows back in, and however many weeks a run has, a week has one content."""
    con, mondays = _season(5)
    policy = FULL.model_copy(update={"pairwise_windows": ("since_start",), "curve_windows": ("trailing_4", "since_start")})
    _record(con, mondays, policy)
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
        keys = [(key, "ascending") for key in getattr(contracts, "".join(part.title() for part in name.split("_"))).key]
        assert _made(alone, name, [week], policy).sort_by(keys).equals(expected.sort_by(keys))


def test_nothing_comes_of_nothing() -> None:
    con = duckdb.connect()
    con.register("quantiles", forecast_rows([]))
    con.register("observations", observed_rows([]))
    _record(con, [WEEK], POLICY)
    for name in ARTIFACTS:
        assert _made(con, name, [WEEK], POLICY).num_rows == 0
        assert _made(con, name, [], POLICY).num_rows == 0
