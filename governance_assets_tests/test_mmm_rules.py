"""Acceptance of backtests: every limit at, below and above."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema, conform
from governance_assets.domains.mmm.contracts import MediaPredictions, MmmBacktest
from governance_assets.domains.mmm.rules import fleet_is_predicted, judge_media_predictions, judge_mmm_backtest, tenant_findings
from governance_assets.policy import MmmPolicy
from governance_assets_tests.mmm_data import monday

GOOD: dict[str, Any] = {
    "week": monday(90), "tenant": "north", "engine": "bayes", "window": "trailing_26", "n": 26, "n_missing": 0, "mae": 1.0, "rmse": 1.0,
    "wmape": 0.1, "mape": 0.1, "n_zero": 0, "bias": 0.0, "crps": 0.7, "coverage": 0.9, "elpd": -30.0, "r2": 0.7, "validation_r2": 0.7,
    "fold_r2_std": 0.05, "mae_improvement": 0.3, "mae_improvement_change": 0.0, "least_mape_ratio": 1.5,
    "shift_score": 1.0, "shift_limit": 5.0, "shift_size": 0.4,
}  # fmt: skip


def outcome(rule: str, changed: dict[str, Any], policy: MmmPolicy | None = None) -> str:
    found = {finding.rule: finding.outcome for finding in tenant_findings(GOOD | changed, policy or MmmPolicy())}
    return found[rule]


@pytest.mark.parametrize(
    ("rule", "column", "value", "expected"),
    [
        ("improves_on_the_baseline", "mae_improvement", 0.049, "fail"),
        ("improves_on_the_baseline", "mae_improvement", 0.05, "fail"),
        ("improves_on_the_baseline", "mae_improvement", 0.051, "pass"),
        ("improves_on_the_baseline", "mae_improvement", -0.2, "fail"),
        ("improves_on_the_baseline", "mae_improvement", None, "unknown"),
        ("explains_out_of_sample", "r2", 0.299, "fail"),
        ("explains_out_of_sample", "r2", 0.30, "pass"),
        ("explains_out_of_sample", "r2", 0.301, "pass"),
        ("explains_out_of_sample", "r2", None, "unknown"),
        ("beats_every_baseline", "least_mape_ratio", 1.099, "fail"),
        ("beats_every_baseline", "least_mape_ratio", 1.1, "pass"),
        ("beats_every_baseline", "least_mape_ratio", 1.101, "pass"),
        ("beats_every_baseline", "least_mape_ratio", None, "unknown"),
        ("two_windows_agree", "validation_r2", 0.601, "pass"),
        ("two_windows_agree", "validation_r2", 0.6, "pass"),
        ("two_windows_agree", "validation_r2", 0.599, "fail"),
        ("two_windows_agree", "validation_r2", 0.801, "fail"),
        ("two_windows_agree", "validation_r2", None, "unknown"),
        ("mape_is_low", "mape", 0.199, "pass"),
        ("mape_is_low", "mape", 0.2, "pass"),
        ("mape_is_low", "mape", 0.201, "fail"),
        ("mape_is_low", "mape", None, "unknown"),
        ("folds_agree", "fold_r2_std", 0.149, "pass"),
        ("folds_agree", "fold_r2_std", 0.15, "pass"),
        ("folds_agree", "fold_r2_std", 0.151, "fail"),
        ("folds_agree", "fold_r2_std", None, "unknown"),
        ("improvement_is_steady", "mae_improvement_change", 0.0099, "pass"),
        ("improvement_is_steady", "mae_improvement_change", 0.01, "fail"),
        ("improvement_is_steady", "mae_improvement_change", -0.011, "fail"),
        ("improvement_is_steady", "mae_improvement_change", None, "not_applicable"),
        ("no_lasting_shift", "shift_score", 4.99, "pass"),
        ("no_lasting_shift", "shift_score", 5.0, "pass"),
        ("no_lasting_shift", "shift_score", 5.01, "fail"),
        ("no_lasting_shift", "shift_score", None, "not_applicable"),
    ],
)
def test_each_limit(rule: str, column: str, value: float | None, expected: str) -> None:
    assert outcome(rule, {column: value}) == expected


def test_tenants_that_hang_on_the_weather_have_a_limit_of_their_own() -> None:
    policy = MmmPolicy(weather_sensitive=("north",))
    assert [outcome("explains_out_of_sample", {"r2": value}, policy) for value in (0.499, 0.5, 0.501)] == ["fail", "pass", "pass"]


def test_a_window_that_is_not_whole_is_not_judged() -> None:
    findings = tenant_findings(GOOD | {"n": 25, "n_missing": 1, "mape": 0.9}, MmmPolicy())
    assert {finding.outcome for finding in findings if finding.rule != "no_lasting_shift"} == {"unknown"}


@pytest.mark.parametrize(
    ("r2s", "expected"),
    [
        ((0.5, 0.6, 0.7, 0.8, 0.1), "pass"),
        ((0.499, 0.6, 0.7, 0.8, 0.1), "fail"),
        ((0.5, 0.6, 0.7, 0.8, 0.9), "pass"),
        ((0.5, 0.6, 0.7, 0.8, None), "pass"),
        ((0.5, 0.6, 0.7, None, None), "unknown"),
        ((0.1, 0.2, None, 0.8, 0.9), "fail"),
        ((), "not_applicable"),
    ],
)
def test_the_fleet_needs_four_of_five_tenants(r2s: tuple[float | None, ...], expected: str) -> None:
    assert fleet_is_predicted([GOOD | {"tenant": str(n), "r2": r2} for n, r2 in enumerate(r2s)], MmmPolicy()).outcome == expected


def test_only_the_judged_engine_and_window_are_judged() -> None:
    others = [GOOD | {"engine": "ridge", "mape": 0.9}, GOOD | {"window": "trailing_12", "mape": 0.9}]
    rows = conform(MmmBacktest, pa.Table.from_pylist([GOOD, *others], schema=arrow_schema(MmmBacktest)))
    findings = judge_mmm_backtest(rows, MmmPolicy(), str(monday(90)))
    assert {finding.outcome for finding in findings} == {"pass"}
    assert {finding.subject for finding in findings} == {"north", "the fleet"}


def test_an_engine_without_a_prediction_is_told_with_its_reason_and_a_fallback_is_flagged() -> None:
    made = {"week": monday(90), "tenant": "north", "engine": "bayes", "train_weeks": 78, "steps_ahead": 13, "left_out": "", "median": 1.0}
    north = [made | {"source": "primary"}, made | {"engine": "ridge", "source": "alternative"}]
    silent = made | {"tenant": "south", "source": "primary", "median": None, "problem": "target is missing in week 3"}
    south = [silent, made | {"tenant": "south", "engine": "ridge", "source": "fallback"}]
    west = [silent | {"tenant": "west"}]
    rows = pa.Table.from_pylist([*north, *south, *west], schema=arrow_schema(MediaPredictions))
    found = {(finding.rule, finding.subject): finding for finding in judge_media_predictions(rows, MmmPolicy(), str(monday(90)))}
    assert {key: finding.outcome for key, finding in found.items()} == {
        ("every_engine_predicts", "north"): "pass",
        ("primary_engine_predicts", "north"): "pass",
        ("every_engine_predicts", "south"): "fail",
        ("primary_engine_predicts", "south"): "fail",
        ("every_engine_predicts", "west"): "fail",
        ("primary_engine_predicts", "west"): "fail",
    }
    assert "bayes: target is missing in week 3" in found["every_engine_predicts", "south"].message
    assert found["primary_engine_predicts", "south"].message.endswith("ridge stands in")
    assert judge_media_predictions(rows.slice(0, 0), MmmPolicy(), str(monday(90))) == []
