"""When a stated uncertainty holds: coverage, release gate and drift.

Belongs here: pass or fail of figures that ``facts.py`` computed, held against the policy.
Does not belong here: computing figures, and the limits themselves (``policy/``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.finding import Finding, Rule
from governance_assets.policy import CalibrationPolicy
from governance_assets.stats.dependent_mean import MeanShift
from governance_assets.stats.limits import above, below
from governance_assets.stats.rank_coverage import share_text

NOT_ENOUGH_DATA = "not_enough_data"
NOT_JUDGED = "not_judged"

COVERAGE_IS_CALIBRATED = Rule(
    name="coverage_is_calibrated",
    requirement="the interval of the coverage of the nominal interval lies within the allowed distance of nominal",
    remedy="Recalibrate the model's spread on past errors; the reliability curve shows in which direction",
    unit="fraction",
    sources="B15 B16",
)
COVERAGE_ALLOWS_RELEASE = Rule(
    name="coverage_allows_release",
    requirement="coverage of the nominal interval is at least the release limit",
    remedy="Keep the model from release until its intervals are widened",
    unit="fraction",
    sources="B17",
)
MAPE_ALLOWS_RELEASE = Rule(
    name="mape_allows_release",
    requirement="mean absolute percentage error of the median is below the release limit",
    remedy="Keep the model from release; look at the strata with the largest errors",
    unit="fraction",
    sources="B17",
)
BIAS_ALLOWS_RELEASE = Rule(
    name="bias_allows_release",
    requirement="relative bias of the median is below the release limit on either side",
    remedy="Keep the model from release; look for a level shift that the model has not followed",
    unit="fraction",
    sources="B17",
)
COVERAGE_HAS_NOT_FALLEN = Rule(
    name="coverage_has_not_fallen",
    requirement="coverage of the recent weeks is not shown to have fallen by more than the limit below all weeks before",
    remedy="Compare the inputs and the version of the model before and after the fall; recalibrate",
    severity="warn",
    unit="fraction",
    sources="B16 B19",
)
EVALUATION_SET_MATCHES_TASKS = Rule(
    name="evaluation_set_matches_tasks",
    requirement="every evaluation set of the policy matches a forecast",
    remedy="Compare the filter's column names and values with the telemetry",
    severity="warn",
    unit="tasks",
    sources="B15",
)
HISTORY_IS_DAILY = Rule(
    name="history_is_daily",
    requirement="the history of calibration gets a line every day",
    remedy="See in Dagster why the nightly run did not happen; its schedule needs the daemon",
    severity="warn",
    unit="days",
    sources="B19 B20",
)


# ---------------------------------------------------------------- words written beside the figures


def coverage_status(coverage: Any, nominal: Any, policy: CalibrationPolicy) -> Any:
    """Point status of coverages, as an array: undercautious, well_calibrated, overcautious, or None without a coverage."""
    value, level = np.asarray(coverage, dtype=np.float64), np.asarray(nominal, dtype=np.float64)
    words = np.array([None, "undercautious", "overcautious"], dtype=object)
    tests = [np.isnan(value), below(value, level - policy.max_shortfall), above(value, level + policy.max_excess)]
    return np.select(tests, words, default="well_calibrated")


def coverage_verdict(lower: Any, upper: Any, nominal: Any, n_weeks: Any, policy: CalibrationPolicy) -> Any:
    """Verdicts on coverages by their intervals, as an array, and only from enough weeks."""
    low, high, level = (np.asarray(part, dtype=np.float64) for part in (lower, upper, nominal))
    least, most = level - policy.max_shortfall, level + policy.max_excess
    missing = (np.asarray(n_weeks) < policy.min_weeks) | np.isnan(low) | np.isnan(high)
    is_inside = ~below(low, least) & ~above(high, most)
    is_outside = below(high, least) | above(low, most)
    words = np.array([NOT_ENOUGH_DATA, "pass", "fail"], dtype=object)
    return np.select([missing, is_inside, is_outside], words, default="inconclusive")


def drift_verdict(shift: MeanShift | None, policy: CalibrationPolicy) -> str:
    """Verdict on a change of coverage: it fails when a fall beyond the limit is more than noise."""
    if shift is None or np.isnan(shift.p_value):
        return NOT_ENOUGH_DATA
    is_fallen = below(shift.shift, -policy.max_coverage_drift) and shift.p_value < policy.drift_significance
    return "fail" if is_fallen else "pass"


# ---------------------------------------------------------------- findings of one week


def judge_calibration_metrics(rows: pa.Table, policy: CalibrationPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Coverage, release gate and drift of every model in every evaluation set, over the policy's window."""
    pooled = rows.filter(pc.and_(pc.equal(rows["stratum"], "overall"), pc.equal(rows["average"], "micro")))
    findings = [_set_finding(rows, chosen.name) for chosen in policy.evaluation_sets]
    coverage = f"interval_coverage_{share_text(policy.nominal_coverage)}"
    drift = f"coverage_drift_{share_text(policy.nominal_coverage)}"
    wanted = pooled.filter(pc.is_in(pooled["metric"], pa.array([coverage, drift, "mape", "relative_bias"])))
    figures = {
        (row["evaluation_set"], row["model_id"], row["forecast_type"], row["window"], row["metric"]): row for row in wanted.to_pylist()
    }
    for evaluation_set, model_id, kind in sorted({key[: len(key) - 1 - 1] for key in figures}):
        at: dict[str, Mapping[str, Any] | None] = {
            metric: figures.get((evaluation_set, model_id, kind, policy.verdict_window, metric))
            for metric in (coverage, "mape", "relative_bias")
        }
        subject = f"{model_id} ({kind}), {evaluation_set}"
        findings.append(coverage_is_calibrated(subject, at[coverage], policy))
        findings += release_gate(subject, at[coverage], at["mape"], at["relative_bias"], policy)
        findings.append(coverage_has_not_fallen(subject, figures.get((evaluation_set, model_id, kind, "since_start", drift)), policy))
    return findings


def coverage_is_calibrated(subject: str, row: Mapping[str, Any] | None, policy: CalibrationPolicy) -> Finding:
    """The verdict by the interval; unknown when it is inconclusive or rests on too little."""
    if row is None:
        return COVERAGE_IS_CALIBRATED.judge(subject, None, why=_NO_INTERVAL)
    value = row["value"]
    least, most = policy.nominal_coverage - policy.max_shortfall, policy.nominal_coverage + policy.max_excess
    limit = most if value is not None and value > policy.nominal_coverage else least
    if row["verdict"] == NOT_ENOUGH_DATA:
        return COVERAGE_IS_CALIBRATED.judge(subject, None, value, limit, _too_few(row, policy))
    between = f"the interval runs from {row['lower']:.3f} to {row['upper']:.3f}, allowed are {least:.3f} to {most:.3f}"
    holds = {"pass": True, "fail": False}.get(row["verdict"])
    return COVERAGE_IS_CALIBRATED.judge(subject, holds, value, limit, between)


def release_gate(
    subject: str,
    coverage: Mapping[str, Any] | None,
    mape: Mapping[str, Any] | None,
    relative_bias: Mapping[str, Any] | None,
    policy: CalibrationPolicy,
) -> list[Finding]:
    """The three conditions of a release, by their points, from enough weeks."""
    return [
        _gate(COVERAGE_ALLOWS_RELEASE, subject, coverage, policy.min_release_coverage, lambda v, limit: not below(v, limit), policy),
        _gate(MAPE_ALLOWS_RELEASE, subject, mape, policy.max_release_mape, below, policy),
        _gate(BIAS_ALLOWS_RELEASE, subject, relative_bias, policy.max_release_relative_bias, lambda v, limit: below(abs(v), limit), policy),
    ]


def coverage_has_not_fallen(subject: str, row: Mapping[str, Any] | None, policy: CalibrationPolicy) -> Finding:
    """No fall of coverage beyond the limit is shown; unknown without a long enough past."""
    limit = -policy.max_coverage_drift
    if row is None:
        return COVERAGE_HAS_NOT_FALLEN.judge(subject, None, why=_NO_INTERVAL)
    if row["verdict"] == NOT_ENOUGH_DATA:
        needed = policy.drift_recent_weeks + policy.drift_min_past_weeks
        why = f"{row['n_weeks']} observed weeks, {needed} are needed"
        return COVERAGE_HAS_NOT_FALLEN.judge(subject, None, row["value"], limit, why)
    return COVERAGE_HAS_NOT_FALLEN.judge(subject, row["verdict"] == "pass", row["value"], limit)


# ---------------------------------------------------------------- parts

_NO_INTERVAL = "the forecasts state no central interval with the nominal coverage, or have no target in the window"


def _set_finding(rows: pa.Table, name: str) -> Finding:
    chosen = rows.filter(pc.equal(rows["evaluation_set"], name))
    n = pc.max(chosen["n"]).as_py() or 0
    why = "" if n else "no forecast up to this week matches its filter"
    return EVALUATION_SET_MATCHES_TASKS.judge(f"evaluation set {name}", True if n else None, n, 1, why)


def _gate(rule: Rule, subject: str, row: Mapping[str, Any] | None, limit: float, test: Any, policy: CalibrationPolicy) -> Finding:
    if row is None or row["value"] is None:
        return rule.judge(subject, None, None, limit, "no observed task has this figure in the window")
    if row["n_weeks"] < policy.min_weeks:
        return rule.judge(subject, None, row["value"], limit, _too_few(row, policy))
    return rule.judge(subject, bool(test(row["value"], limit)), row["value"], limit)


def _too_few(row: Mapping[str, Any], policy: CalibrationPolicy) -> str:
    return f"not enough data: {row['n_weeks']} weeks of reference dates, {policy.min_weeks} are needed"


def judge_gap(policy: CalibrationPolicy, gap_days: int) -> list[Finding]:
    """Verdict on the days since the line before, when the open week gets a further one."""
    is_kept = gap_days <= policy.max_append_gap_days
    # A kept rhythm carries no figure: the same history must give the same finding on its first day and on every other.
    return [HISTORY_IS_DAILY.judge("the history", is_kept, None if is_kept else gap_days, policy.max_append_gap_days)]
