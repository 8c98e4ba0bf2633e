"""Each rule of calibration just below, at and above its limit, and in every outcome."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema, conform
from governance_assets.domains.calibration import contracts, rules
from governance_assets.finding import Finding
from governance_assets.policy import CalibrationPolicy
from governance_assets.stats.dependent_mean import MeanShift
from governance_assets_tests.calibration_data import calibration

WEEK = dt.date(2025, 6, 2)
POLICY = calibration()
SUBJECT = "m (quantile), all"


def _metric(metric: str, value: float | None = 0.8, **given: Any) -> dict[str, Any]:
    plain = {"week": WEEK, "model_id": "m", "forecast_type": "quantile", "evaluation_set": "all", "window": "trailing_26"}
    plain |= {"stratum": "overall", "stratum_value": "", "average": "micro", "metric": metric, "value": value, "lower": None, "upper": None}
    plain |= {"n": 260, "n_scored": 260, "n_weeks": 26, "interval_simulated_coverage": None, "verdict": "not_judged", "status": None}
    return plain | given


def _metrics(*rows: dict[str, Any]) -> pa.Table:
    return conform(contracts.CalibrationMetrics, pa.Table.from_pylist(list(rows), schema=arrow_schema(contracts.CalibrationMetrics)))


def _outcomes(findings: list[Finding]) -> dict[str, str]:
    return {finding.rule: finding.outcome for finding in findings}


# ---------------------------------------------------------------- words beside the figures

STATUS = [
    (0.7499, 0.8, "undercautious"),
    (0.75, 0.8, "well_calibrated"),
    (0.8, 0.8, "well_calibrated"),
    (0.9, 0.8, "well_calibrated"),
    (0.9001, 0.8, "overcautious"),
    (0.7 + 0.1, 0.7, "well_calibrated"),
    (0.25, 0.3, "well_calibrated"),
    (0.0, 0.8, "undercautious"),
    (0.889, 0.8, "well_calibrated"),
    (1.0, 0.8, "overcautious"),
    (float("nan"), 0.8, None),
]


@pytest.mark.parametrize(("coverage", "nominal", "status"), STATUS)
def test_the_point_status_turns_beyond_its_limits(coverage: float, nominal: float, status: str | None) -> None:
    assert rules.coverage_status([coverage], nominal, POLICY).tolist() == [status]


VERDICTS = [
    (0.75, 0.90, 26, "pass"),
    (0.76, 0.84, 260, "pass"),
    (0.7499, 0.84, 26, "inconclusive"),
    (0.76, 0.9001, 26, "inconclusive"),
    (0.60, 0.75, 26, "inconclusive"),
    (0.60, 0.7499, 26, "fail"),
    (0.9, 0.95, 26, "inconclusive"),
    (0.9001, 0.95, 26, "fail"),
    (0.0, 1.0, 26, "inconclusive"),
    (0.76, 0.84, 25, "not_enough_data"),
    (float("nan"), float("nan"), 26, "not_enough_data"),
]


@pytest.mark.parametrize(("lower", "upper", "n_weeks", "verdict"), VERDICTS)
def test_the_verdict_is_that_of_the_whole_interval(lower: float, upper: float, n_weeks: int, verdict: str) -> None:
    assert rules.coverage_verdict([lower], [upper], [0.8], [n_weeks], POLICY).tolist() == [verdict]


SHIFTS = [
    (-0.06, 0.0099, "fail"),
    (-0.06, 0.01, "pass"),
    (-0.05, 0.001, "pass"),
    (0.75 - 0.8, 0.001, "pass"),
    (-0.0501, 0.001, "fail"),
    (0.2, 0.001, "pass"),
    (-0.2, float("nan"), "not_enough_data"),
]


@pytest.mark.parametrize(("shift", "p_value", "verdict"), SHIFTS)
def test_drift_is_a_fall_that_is_large_and_no_noise(shift: float, p_value: float, verdict: str) -> None:
    assert rules.drift_verdict(MeanShift(shift, np.nan, np.nan, p_value, 0.99, 13, 26), POLICY) == verdict


def test_drift_needs_a_past() -> None:
    assert rules.drift_verdict(None, POLICY) == "not_enough_data"


# ---------------------------------------------------------------- findings

CALIBRATED = [
    ({"verdict": "pass", "lower": 0.76, "upper": 0.84}, "pass"),
    ({"verdict": "fail", "lower": 0.5, "upper": 0.6, "value": 0.55}, "fail"),
    ({"verdict": "inconclusive", "lower": 0.7, "upper": 0.84}, "unknown"),
    ({"verdict": "not_enough_data", "n_weeks": 25}, "unknown"),
    ({"verdict": "not_enough_data", "value": None, "n_weeks": 0}, "unknown"),
]


@pytest.mark.parametrize(("given", "outcome"), CALIBRATED)
def test_coverage_is_calibrated_by_its_verdict(given: dict[str, Any], outcome: str) -> None:
    finding = rules.coverage_is_calibrated(SUBJECT, _metric("interval_coverage_80", **given), POLICY)
    assert finding.outcome == outcome
    assert finding.severity == "error"


def test_the_limit_told_is_the_one_that_is_nearer_to_being_missed() -> None:
    limits = [
        rules.coverage_is_calibrated(
            SUBJECT, _metric("interval_coverage_80", value, verdict="fail", lower=value, upper=value), POLICY
        ).limit
        for value in (0.6, 0.95)
    ]
    assert limits == [pytest.approx(0.75), pytest.approx(0.9)]


def test_a_missing_interval_is_unknown_with_its_reason() -> None:
    finding = rules.coverage_is_calibrated(SUBJECT, None, POLICY)
    assert finding.outcome == "unknown"
    assert "no central interval" in finding.message
    assert "25 weeks" in rules.coverage_is_calibrated(SUBJECT, _metric("x", verdict="not_enough_data", n_weeks=25), POLICY).message


GATE = [
    ("coverage_allows_release", 0.7499, "fail"),
    ("coverage_allows_release", 0.75, "pass"),
    ("coverage_allows_release", 0.7501, "pass"),
    ("mape_allows_release", 0.0999, "pass"),
    ("mape_allows_release", 0.10, "fail"),
    ("mape_allows_release", 0.1001, "fail"),
    ("bias_allows_release", 0.0099, "pass"),
    ("bias_allows_release", -0.0099, "pass"),
    ("bias_allows_release", 0.01, "fail"),
    ("bias_allows_release", -0.01, "fail"),
    ("bias_allows_release", -0.2, "fail"),
]
METRIC_OF = {"coverage_allows_release": "coverage", "mape_allows_release": "mape", "bias_allows_release": "relative_bias"}


@pytest.mark.parametrize(("rule", "value", "outcome"), GATE)
def test_the_release_gate_turns_at_its_limits(rule: str, value: float, outcome: str) -> None:
    rows: dict[str, Any] = {"coverage": None, "mape": None, "relative_bias": None} | {METRIC_OF[rule]: _metric("x", value)}
    found = _outcomes(rules.release_gate(SUBJECT, **rows, policy=POLICY))
    assert found == {name: outcome if name == rule else "unknown" for name in METRIC_OF}


@pytest.mark.parametrize("given", [{"n_weeks": 25}, {"value": None}])
def test_the_release_gate_stays_open_on_too_little(given: dict[str, Any]) -> None:
    rows = {name: _metric("x", **given) for name in METRIC_OF.values()}
    assert set(_outcomes(rules.release_gate(SUBJECT, **rows, policy=POLICY)).values()) == {"unknown"}


DRIFTS = [("pass", -0.02, "pass"), ("fail", -0.2, "fail"), ("not_enough_data", None, "unknown")]


@pytest.mark.parametrize(("verdict", "value", "outcome"), DRIFTS)
def test_a_fall_of_coverage_warns(verdict: str, value: float | None, outcome: str) -> None:
    finding = rules.coverage_has_not_fallen(SUBJECT, _metric("coverage_drift_80", value, verdict=verdict), POLICY)
    assert (finding.outcome, finding.severity) == (outcome, "warn")


def test_a_week_of_metrics_is_judged_model_by_model() -> None:
    coverage = {"verdict": "pass", "lower": 0.76, "upper": 0.84}
    table = _metrics(
        _metric("interval_coverage_80", **coverage),
        _metric("interval_coverage_80", 0.1, verdict="fail", lower=0.0, upper=0.2, window="trailing_52"),
        _metric("interval_coverage_80", 0.1, stratum="horizon", stratum_value="1", verdict="fail", lower=0.0, upper=0.2),
        _metric("interval_coverage_80", 0.1, average="macro"),
        _metric("mape", 0.2),
        _metric("relative_bias", 0.001),
        _metric("coverage_drift_80", -0.2, window="since_start", verdict="fail", lower=-0.3, upper=-0.1),
        _metric("interval_coverage_80", 0.5, model_id="n", verdict="fail", lower=0.4, upper=0.6),
    )
    findings = rules.judge_calibration_metrics(table, POLICY, str(WEEK), None)
    by_subject = {subject: _outcomes([one for one in findings if one.subject == subject]) for subject in {one.subject for one in findings}}
    assert by_subject["evaluation set all"] == {"evaluation_set_matches_tasks": "pass"}
    assert by_subject[SUBJECT] == {
        "coverage_is_calibrated": "pass",
        "coverage_allows_release": "pass",
        "mape_allows_release": "fail",
        "bias_allows_release": "pass",
        "coverage_has_not_fallen": "fail",
    }
    assert by_subject["n (quantile), all"]["coverage_is_calibrated"] == "fail"
    assert by_subject["n (quantile), all"]["coverage_has_not_fallen"] == "unknown"


def test_an_evaluation_set_without_tasks_is_told() -> None:
    (finding,) = rules.judge_calibration_metrics(_metrics(), POLICY, str(WEEK), None)
    assert (finding.rule, finding.outcome, finding.severity) == ("evaluation_set_matches_tasks", "unknown", "warn")


def test_every_rule_says_what_to_do() -> None:
    found = [value for value in vars(rules).values() if isinstance(value, rules.Rule)]
    assert len(found) == 7
    assert all(rule.requirement and rule.remedy and rule.sources for rule in found)
    assert {rule.name for rule in found if rule.severity == "error"} == {"coverage_is_calibrated", *METRIC_OF}


@pytest.mark.parametrize(("gap", "outcome"), [(0, "pass"), (1, "pass"), (2, "fail"), (30, "fail")])
def test_history_is_daily(gap: int, outcome: str) -> None:
    found = rules.judge_gap(CalibrationPolicy(), gap)
    assert [(finding.rule, finding.outcome, finding.severity) for finding in found] == [("history_is_daily", outcome, "warn")]
    assert found[0].value == (gap if outcome == "fail" else None)
