"""Published scores and R's tables come out of the recorded artifacts, not only out of formulas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from governance_assets.contract import violations
from governance_assets.domains.calibration import contracts, facts
from governance_assets.domains.scores import facts as score_facts
from governance_assets.domains.scores.contracts import ForecastScores
from governance_assets.domains.skill.contracts import RelativeSkill
from governance_assets.domains.skill.facts import relative_skill
from governance_assets.policy import CalibrationPolicy
from governance_assets_tests.calibration_data import calibration, flusight, scoringutils, skilled, weeks_of

FLUSIGHT = "forecasts/flusight_2024_25"
EXAMPLE = "forecasts/scoringutils_example"
PUBLISHED = {"wis": 1e-9, "ae_median": 1e-9, "interval_coverage_50": 1e-12, "interval_coverage_95": 1e-12}


@pytest.fixture(scope="module")
def season(shared_data: Callable[[str], Path]) -> duckdb.DuckDBPyConnection:
    """The whole FluSight season, as recorded for its last week."""
    folder = shared_data(FLUSIGHT)
    con, policy = flusight(folder)
    weeks = weeks_of(con, "quantiles")
    scores = score_facts.forecast_scores(con, "quantiles", None, "observations", weeks, policy)
    con.register("forecast_scores", scores)
    con.register("interval_scores", score_facts.interval_scores(con, "quantiles", None, "observations", weeks, policy))
    metrics = facts.calibration_metrics(con, "forecast_scores", "interval_scores", weeks[-1:], policy)
    skill = relative_skill(con, "forecast_scores", weeks[-1:], policy, skilled())
    assert violations(ForecastScores, scores) == []
    assert violations(contracts.CalibrationMetrics, metrics) == []
    assert violations(RelativeSkill, skill) == []
    con.register("calibration_metrics", metrics)
    con.register("relative_skill", skill)
    con.execute(f"CREATE VIEW published AS FROM '{folder}/published_scores.parquet'")
    return con


@pytest.mark.parametrize("metric", PUBLISHED)
def test_every_published_score_is_a_row_of_the_last_week(season: duckdb.DuckDBPyConnection, metric: str) -> None:
    relative = f"nullif(abs(p.{metric}), 0)" if PUBLISHED[metric] == 1e-9 else "1"
    found = season.execute(
        f"""SELECT count(m.value), max(abs(m.value - p.{metric}) / {relative}), count_if(m.n <> p.n)
            FROM published p JOIN calibration_metrics m
              ON m.evaluation_set = p.eval_set AND m.stratum = p.stratum AND m.stratum_value = p.stratum_value AND m.model_id = p.model_id
            WHERE m.metric = ? AND m.average = 'micro' AND m."window" = 'since_start'""",
        [metric],
    ).fetchall()[0]
    assert (found[0], found[2]) == (7618, 0)
    assert found[1] <= PUBLISHED[metric]


@pytest.mark.parametrize("score", ["wis", "ae_median"])
def test_every_published_relative_skill_is_a_row_of_the_last_week(season: duckdb.DuckDBPyConnection, score: str) -> None:
    found = season.execute(
        f"""SELECT count(r.scaled_relative_skill), max(abs(r.scaled_relative_skill / p.{score}_scaled_relative_skill - 1)),
                   count_if(r.n_shared <> p.n)
            FROM published p JOIN relative_skill r
              ON r.evaluation_set = p.eval_set AND r.stratum = p.stratum AND r.stratum_value = p.stratum_value AND r.model_id = p.model_id
            WHERE r.score = ? AND r.comparison = 'tournament' AND r."window" = 'since_start'""",
        [score],
    ).fetchall()[0]
    assert (found[0], found[2]) == (7618, 0)
    assert found[1] <= 1e-9


def test_interval_scores_average_to_the_weighted_interval_score(season: duckdb.DuckDBPyConnection) -> None:
    """WIS is the mean over the median and eleven intervals of half their miss probability times their score."""
    worst = season.execute(
        """WITH f AS (FROM calibration_metrics WHERE stratum = 'overall' AND average = 'micro' AND "window" = 'since_start'),
                parts AS (
                    SELECT model_id, evaluation_set, sum(value * (1 - replace(metric, 'interval_score_', '')::DOUBLE / 100) / 2) AS total
                    FROM f WHERE starts_with(metric, 'interval_score_') GROUP BY ALL
                )
           SELECT max(abs((p.total + m.value / 2) / 11.5 / w.value - 1)), count(*)
           FROM parts p JOIN f m USING (model_id, evaluation_set) JOIN f w USING (model_id, evaluation_set)
           WHERE m.metric = 'ae_median' AND w.metric = 'wis'"""
    ).fetchall()[0]
    assert worst[1] > 90
    assert worst[0] < 1e-9


# ---------------------------------------------------------------- scoringutils


def _recorded(con: duckdb.DuckDBPyConnection, kind: str, policy: CalibrationPolicy) -> None:
    weeks = weeks_of(con, "forecasts")
    views = ("forecasts", None) if kind == "quantile" else (None, "forecasts")
    con.register("forecast_scores", score_facts.forecast_scores(con, *views, "observations", weeks, policy))
    con.register("interval_scores", score_facts.interval_scores(con, *views, "observations", weeks, policy))
    con.register("calibration_metrics", facts.calibration_metrics(con, "forecast_scores", "interval_scores", weeks[-1:], policy))
    con.register("calibration_curve", facts.calibration_curve(con, "forecast_scores", weeks[-1:], policy))
    con.register(
        "relative_skill", relative_skill(con, "forecast_scores", weeks[-1:], policy, skilled(baseline_model="EuroCOVIDhub-baseline"))
    )


def _policy() -> CalibrationPolicy:
    sets = [{"name": name, "filters": {"target": [name]}} for name in ("Cases", "Deaths")]
    strata = [{"stratum": name, "windows": ["trailing_26", "since_start"]} for name in ("overall", "horizon", "target")]
    return calibration(evaluation_sets=[{"name": "all"}, *sets], strata=strata, curve_windows=["since_start"])


@pytest.fixture(scope="module")
def quantiles(shared_data: Callable[[str], Path]) -> tuple[duckdb.DuckDBPyConnection, Path]:
    folder = shared_data(EXAMPLE)
    con = scoringutils(folder, "example_quantile")
    _recorded(con, "quantile", _policy())
    return con, folder


@pytest.fixture(scope="module")
def samples(shared_data: Callable[[str], Path]) -> tuple[duckdb.DuckDBPyConnection, Path]:
    folder = shared_data(EXAMPLE)
    con = scoringutils(folder, "example_sample_continuous")
    _recorded(con, "sample", _policy())
    return con, folder


TASK = """s.model_id = r.model AND s.horizon = r.horizon AND s.location = r.location AND s.target_end_date = r.target_end_date::DATE
          AND s.target = r.target_type AND s.reference_date = r.forecast_date::DATE"""
QUANTILE_SCORES = ("wis", "overprediction", "underprediction", "dispersion", "bias", "ae_median")
SAMPLE_SCORES = ("crps", "overprediction", "underprediction", "dispersion", "bias", "ae_median", "dss")


def _per_forecast(con: duckdb.DuckDBPyConnection, table: Path, score: str) -> tuple[int, int, float]:
    return con.execute(
        f"""SELECT (SELECT count_if(isfinite({score}::DOUBLE)) FROM '{table}'), count(s.{score}),
                   max(abs(s.{score} - r.{score}::DOUBLE) / greatest(abs(r.{score}::DOUBLE), 1))
            FROM '{table}' r JOIN forecast_scores s ON {TASK} WHERE isfinite(r.{score}::DOUBLE)"""
    ).fetchall()[0]


@pytest.mark.parametrize("score", QUANTILE_SCORES)
def test_scores_of_each_quantile_forecast_are_those_of_r(quantiles: tuple[duckdb.DuckDBPyConnection, Path], score: str) -> None:
    con, folder = quantiles
    expected, compared, worst = _per_forecast(con, folder / "scores_quantile_per_forecast.parquet", score)
    assert expected == compared == 887
    assert worst < 1e-9


@pytest.mark.parametrize("score", SAMPLE_SCORES)
def test_scores_of_each_sample_forecast_are_those_of_r(samples: tuple[duckdb.DuckDBPyConnection, Path], score: str) -> None:
    con, folder = samples
    expected, compared, worst = _per_forecast(con, folder / "scores_sample_per_forecast.parquet", score)
    # One forecast has equal samples: its score is not defined, in R and here.
    assert expected == compared == (886 if score == "dss" else 887)
    assert worst < 1e-9


def _averaged(con: duckdb.DuckDBPyConnection, table: Path, by: str, metric: str, stratum: str, value: str) -> tuple[int, int, float]:
    return con.execute(
        f"""SELECT (SELECT count(*) FROM '{table}' WHERE model IS NOT NULL AND {metric} IS NOT NULL), count(m.value),
                   max(abs(m.value - r.{metric}) / greatest(abs(r.{metric}), 1))
            FROM '{table}' r JOIN calibration_metrics m
              ON m.model_id = r.model AND m.stratum = ? AND m.stratum_value = {value} AND m.evaluation_set = {by}
            WHERE m.metric = ? AND m.average = 'micro' AND m."window" = 'since_start' AND r.{metric} IS NOT NULL""",
        [stratum, metric],
    ).fetchall()[0]


BY = {
    "scores_quantile_by_model": ("'all'", "overall", "''"),
    "scores_quantile_by_model_horizon": ("'all'", "horizon", "r.horizon::VARCHAR"),
    "scores_quantile_by_model_target_type": ("'all'", "target", "r.target_type"),
    "scores_quantile_by_model_target_type_horizon": ("r.target_type", "horizon", "r.horizon::VARCHAR"),
}


@pytest.mark.parametrize("metric", [*QUANTILE_SCORES, "interval_coverage_50", "interval_coverage_90"])
@pytest.mark.parametrize("table", BY)
def test_averages_of_quantile_scores_are_those_of_r(quantiles: tuple[duckdb.DuckDBPyConnection, Path], table: str, metric: str) -> None:
    con, folder = quantiles
    evaluation_set, stratum, value = BY[table]
    expected, compared, worst = _averaged(con, folder / f"{table}.parquet", evaluation_set, metric, stratum, value)
    assert expected == compared > 0
    assert worst < 1e-9


@pytest.mark.parametrize("metric", SAMPLE_SCORES)
def test_averages_of_sample_scores_are_those_of_r(samples: tuple[duckdb.DuckDBPyConnection, Path], metric: str) -> None:
    con, folder = samples
    expected, compared, worst = _averaged(con, folder / "scores_sample_by_model.parquet", "'all'", metric, "overall", "''")
    assert expected == compared > 0
    assert worst < 1e-9


def test_coverage_of_every_interval_and_quantile_is_that_of_r(quantiles: tuple[duckdb.DuckDBPyConnection, Path]) -> None:
    con, folder = quantiles
    table = folder / "coverage_by_model_target_type.parquet"
    intervals, worst = con.execute(
        f"""SELECT count(m.value), max(abs(m.value - r.interval_coverage)) FROM '{table}' r JOIN calibration_metrics m
              ON m.model_id = r.model AND m.evaluation_set = r.target_type AND m.stratum = 'overall' AND m.average = 'micro'
             AND m."window" = 'since_start' AND m.metric = 'interval_coverage_' || r.interval_range::VARCHAR"""
    ).fetchall()[0]
    assert intervals == con.execute(f"SELECT count(*) FROM '{table}' WHERE interval_range > 0").fetchall()[0][0]
    assert worst < 1e-12
    quantile_levels, worst = con.execute(
        f"""SELECT count(c.observed), max(abs(c.observed - r.quantile_coverage)) FROM '{table}' r JOIN calibration_curve c
              ON c.model_id = r.model AND c.evaluation_set = r.target_type AND c.kind = 'quantile'
             AND abs(c.nominal - r.quantile_level) < 1e-9"""
    ).fetchall()[0]
    assert quantile_levels == con.execute(f"SELECT count(*) FROM '{table}'").fetchall()[0][0]
    assert worst < 1e-12


def test_pairwise_comparisons_are_those_of_r(quantiles: tuple[duckdb.DuckDBPyConnection, Path]) -> None:
    con, folder = quantiles
    table = folder / "pairwise_wis_by_model_target_type.parquet"
    pairs, worst = con.execute(
        f"""SELECT count(s.ratio), max(abs(s.ratio / r.mean_scores_ratio - 1)) FROM '{table}' r JOIN relative_skill s
              ON s.model_id = r.model AND s.compared_with = r.compare_against AND s.stratum = 'target' AND s.stratum_value = r.target_type
             AND s."window" = 'since_start'
            WHERE s.score = 'wis' AND s.comparison = 'pairwise' AND s.evaluation_set = 'all'"""
    ).fetchall()[0]
    assert pairs == con.execute(f"SELECT count(*) FROM '{table}' WHERE model <> compare_against").fetchall()[0][0]
    assert worst < 1e-9
    models, worst, worst_scaled = con.execute(
        f"""SELECT count(*), max(abs(s.relative_skill / r.wis_relative_skill - 1)),
                   max(abs(s.scaled_relative_skill / r.wis_scaled_relative_skill - 1))
            FROM (SELECT DISTINCT model, target_type, wis_relative_skill, wis_scaled_relative_skill FROM '{table}') r JOIN relative_skill s
              ON s.model_id = r.model AND s.stratum = 'target' AND s.stratum_value = r.target_type
             AND s."window" = 'since_start'
            WHERE s.score = 'wis' AND s.comparison = 'tournament' AND s.evaluation_set = 'all'"""
    ).fetchall()[0]
    assert models == 7
    assert max(worst, worst_scaled) < 1e-9


def test_pit_histogram_of_samples_is_that_of_r_where_no_sample_ties(samples: tuple[duckdb.DuckDBPyConnection, Path]) -> None:
    con, folder = samples
    bins, worst = con.execute(
        f"""SELECT count(c.observed), max(abs(c.observed - r.density)) FROM '{folder}/pit_histogram_sample_by_model.parquet' r
            JOIN calibration_curve c ON c.model_id = r.model AND c.kind = 'pit' AND abs(c.nominal - r.mid) < 1e-9
            WHERE c.evaluation_set = 'all'"""
    ).fetchall()[0]
    assert bins == 40
    assert worst < 1e-9
