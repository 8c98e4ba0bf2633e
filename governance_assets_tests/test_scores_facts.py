"""Scores of small tables: against the formulas of stats/, and at every edge."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance_assets.contract import violations
from governance_assets.domains.calibration.facts import calibration_metrics
from governance_assets.domains.scores import contracts, facts
from governance_assets.policy import CalibrationPolicy
from governance_assets.stats import quantile_scores, sample_scores
from governance_assets_tests.calibration_data import calibration, forecast_rows, observed_rows, record, task_rows

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
    rows = [row for place, (levels, values, _) in enumerate(tasks) for row in task_rows(values, levels, location=str(place))]
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
    rows = forecast_rows(task_rows([1.0, 2.0, 4.0], [0.1, 0.5, 0.9]))
    for observations in (
        observed_rows([]),
        observed_rows([{"observed": None}]),
        observed_rows([{"location": "elsewhere", "observed": 1.0}]),
    ):
        (found,) = _scored(rows, observations)
        assert {found[name] for name in ("observed", "wis", "n_below", "bias", "ae_median", "dispersion", "pit_upper")} == {None}
        assert (found["median"], found["nominal_width"], found["levels"]) == (2.0, 3.0, "0.1,0.5,0.9")


def test_the_percentage_error_of_a_zero_is_left_out() -> None:
    (found,) = _scored(forecast_rows(task_rows([1.0], [0.5])), observed_rows([{"observed": 0.0}]))
    assert (found["ae_median"], found["absolute_percentage_error"]) == (1.0, None)


def test_a_level_with_noise_is_its_level() -> None:
    rows = forecast_rows(task_rows([1.0, 2.0, 4.0], [0.1 + 1e-13, 0.5, 0.3 * 3]))
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
    found = _scored(forecast_rows(task_rows([1.0], [0.5], target=target)), observed_rows(observations))
    assert [row["observed"] for row in found] == [expected]


def test_observations_match_by_the_strata_that_both_have() -> None:
    rows = [row for age in ("young", "old") for row in task_rows([1.0], [0.5], age=age, source="x")]
    observations = [{"age": "young", "observed": 1.0}, {"age": "old", "observed": 2.0}]
    found = _scored(forecast_rows(rows, strata=["age", "source"]), observed_rows(observations, strata=["age"]))
    assert sorted((row["strata"], row["observed"]) for row in found) == [
        ('{"age":"old","source":"x"}', 2.0),
        ('{"age":"young","source":"x"}', 1.0),
    ]


def test_levels_without_partner_take_no_part_in_intervals() -> None:
    rows = task_rows([1.0, 2.0, 3.0], [0.1, 0.5, 0.9], location="A") + task_rows([5.0, 6.0], [0.1, 0.75], location="B")
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
        for row in task_rows(sorted(draw.integers(0, 6, 5).astype(float).tolist()), levels, location=str(place), model_id=model)
    ]
    con = duckdb.connect()
    con.register("quantiles", forecast_rows(rows))
    con.register("observations", observed_rows([{"location": str(place), "observed": float(place % 7)} for place in range(40)]))
    con.execute("CREATE VIEW together AS FROM quantiles JOIN observations USING (location, target, target_end_date)")
    record(con, [WEEK], POLICY)
    con.register("tasks", facts.task_scores(con, "together", ("model_id", "location")).to_arrow_table())
    differences = con.sql(
        """SELECT count(*), max(abs(t.wis - s.wis)), sum(abs(t.n_below - s.n_below) + abs(t.n_at_or_below - s.n_at_or_below))
           FROM tasks t JOIN scores s USING (model_id, location)"""
    ).fetchall()[0]
    assert (differences[0], differences[2]) == (80, 0)
    assert differences[1] < 1e-12
    metrics = calibration_metrics(con, "scores", "intervals", [WEEK], POLICY).to_pylist()
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
