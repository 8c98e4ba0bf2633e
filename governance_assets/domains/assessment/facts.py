"""The facts of a quarter's assessment, one a metric, and the register of its success criteria.

Belongs here: gathering values from recorded artifacts, feeds and signals. Does not belong here: what the plan or the register of risks
say (``facts_plan.py``, ``facts_risks.py``), scores (``facts_scores.py``) or the decision. An artifact that is not recorded yet leaves
its metrics unknown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from statistics import NormalDist

import duckdb
import pyarrow as pa

from governance_assets.domains.assessment import contracts, rules
from governance_assets.domains.assessment.facts_known import CRITERIA, R2, Known, Row, Views, bounds, table_of
from governance_assets.domains.assessment.facts_plan import features, of_plan, plan_rows
from governance_assets.domains.assessment.facts_risks import of_risks, risk_rows, signals_of
from governance_assets.policy import AssessmentPolicy, CalibrationPolicy, PlanPolicy
from governance_assets.policy.assessment import AssessedMetric
from governance_assets.runtime.periods import Period, previous_quarter


def assessment_facts(
    connection: duckdb.DuckDBPyConnection,
    views: Views,
    periods: Sequence[Period],
    policy: AssessmentPolicy,
    calibration: CalibrationPolicy,
    plan: PlanPolicy,
) -> pa.Table:
    """Every metric of the policy at the end of each period, computed where history has it, else as a signal states it."""
    rows = []
    for period in periods:
        last = period.end.date() - dt.timedelta(days=1)
        items, risks = plan_rows(connection, views, last, plan), risk_rows(connection, views, period, policy)
        history = r2_history(connection, views["mmm_backtest"], policy, period.key)
        known: dict[str, Known] = {
            R2: _last_of(history, period.key),
            "interval_coverage": _coverage(connection, views["calibration_metrics"], period.key, policy, calibration),
        }
        known |= of_plan(items, features(connection, views, last), policy) | of_risks(risks, last)
        signals = signals_of(connection, views["stakeholder_signals"], last, policy)
        # What rests on other metrics comes last: the share of criteria that are met.
        for metric in sorted(policy.metrics, key=lambda one: one.name == CRITERIA):
            known[metric.name] = _within_bounds(_first_known(known.get(metric.name), signals.get(metric.name)), metric)
            if metric.name == CRITERIA and known[CRITERIA].value is None:
                known[CRITERIA] = _criteria_met(known, policy, last)
        earlier = ",".join(f"{value:.17g}" for quarter, value, _ in history if quarter < period.key)
        rows += [_fact_row(period.key, name.name, known[name.name], last, earlier if name.name == R2 else "") for name in policy.metrics]
    return table_of(contracts.AssessmentFacts, rows)


def _fact_row(quarter: str, metric: str, known: Known, last: dt.date, earlier: str) -> Row:
    is_known = known.value is not None
    return {
        "quarter": quarter,
        "metric": metric,
        "value": known.value,
        "standard_error": known.standard_error if is_known else None,
        "origin": known.origin if is_known else "unknown",
        "source": known.source if is_known else "",
        "measured_on": known.measured_on if is_known else None,
        "age_days": max((last - known.measured_on).days, 0) if is_known and known.measured_on else None,
        "reason": "" if is_known else known.reason or "nothing computes it, and no signal states it",
        "r2_history": earlier,
    }


def _first_known(computed: Known | None, stated: Known | None) -> Known:
    found = [one for one in (computed, stated) if one is not None]
    known = next((one for one in found if one.value is not None), None)
    return known or Known(reason="; ".join(one.reason for one in found if one.reason))


def _within_bounds(known: Known, metric: AssessedMetric) -> Known:
    low, high = bounds(metric)
    if known.value is None or low <= known.value <= high:
        return known
    return Known(reason=f"{known.source} states {known.value:.6g} {metric.unit}, which lies outside {low:g} to {high:g}; check its unit")


def r2_history(
    connection: duckdb.DuckDBPyConnection, view: str | None, policy: AssessmentPolicy, quarter: str
) -> list[tuple[str, float, dt.date]]:
    """R² of the tenant in the middle at the last week of every quarter up to this one, on windows that do not overlap."""
    if view is None:
        return []
    query = f"""
        SELECT quarter, median(r2), max(week) FROM {view} WHERE engine = ? AND "window" = ? AND r2 IS NOT NULL AND quarter <= ?
        GROUP BY quarter, week QUALIFY row_number() OVER (PARTITION BY quarter ORDER BY week DESC) = 1 ORDER BY quarter
    """
    return [
        (str(key), float(value), week)
        for key, value, week in connection.execute(query, [policy.r2_engine, policy.r2_window, quarter]).fetchall()
    ]


def _last_of(history: Sequence[tuple[str, float, dt.date]], quarter: str) -> Known:
    if not history or history[-1][0] != quarter:
        return Known(reason="no backtest of this quarter is recorded")
    return Known(history[-1][1], "mmm_backtest: r2, tenant in the middle", history[-1][2])


def _coverage(
    connection: duckdb.DuckDBPyConnection, view: str | None, quarter: str, policy: AssessmentPolicy, calibration: CalibrationPolicy
) -> Known:
    if view is None:
        return Known(reason="no calibration of this quarter is recorded")
    name = f"interval_coverage_{round(100 * calibration.nominal_coverage)}"
    query = f"""
        SELECT value, lower, upper, week FROM {view}
        WHERE metric = ? AND "window" = ? AND stratum = 'overall' AND average = 'micro' AND quarter = ? AND value IS NOT NULL
        QUALIFY rank() OVER (ORDER BY week DESC) = 1 ORDER BY value, model_id
    """
    found = connection.execute(query, [name, policy.coverage_window, quarter]).fetchall()
    if not found:
        return Known(reason=f"no {name} of this quarter is recorded")
    value, lower, upper, week = found[(len(found) - 1) // 2]
    z = NormalDist().inv_cdf((1 + calibration.confidence) / 2)
    error = None if lower is None or upper is None else (upper - lower) / (2 * z)
    return Known(float(value), f"calibration_metrics: {name}, model in the middle", week, error)


# ---------------------------------------------------------------- success criteria


def _criteria_met(known: Mapping[str, Known], policy: AssessmentPolicy, last: dt.date) -> Known:
    states = [_state_of(criterion.metric, known, criterion.limit, criterion.is_floor) for criterion in policy.criteria]
    judged = [state for state in states if state != "unknown"]
    if not judged:
        return Known(reason="no success criterion can be judged")
    return Known(judged.count("met") / len(judged), f"success_criteria: {len(judged)} of {len(states)} can be judged", last)


def _state_of(metric: str, known: Mapping[str, Known], limit: float, is_floor: bool) -> str:
    found = known.get(metric)
    return rules.is_met(None if found is None else found.value, limit, is_floor)


def success_criteria(facts: pa.Table, past: pa.Table, quarters: Sequence[str], policy: AssessmentPolicy) -> pa.Table:
    """The register of each quarter, with what came and went since the one recorded before."""
    values = {(row["quarter"], row["metric"]): row["value"] for row in facts.to_pylist()}
    rows = []
    for quarter in quarters:
        before = {row["criterion"]: row for row in past.to_pylist() if row["quarter"] == previous_quarter(quarter)}
        listed = {name for name, row in before.items() if row["state"] != "obsolete"}
        for one in policy.criteria:
            value = values.get((quarter, one.metric))
            state = rules.is_met(value, one.limit, one.is_floor)
            is_new = bool(before) and one.name not in listed
            rows.append(_criterion(quarter, one.name, one.metric, value, one.limit, state, is_new))
        gone = sorted(listed - {one.name for one in policy.criteria})
        rows += [_criterion(quarter, name, before[name]["metric"], None, None, "obsolete", False) for name in gone]
    return table_of(contracts.SuccessCriteria, rows)


def _criterion(quarter: str, name: str, metric: str, value: float | None, limit: float | None, state: str, is_new: bool) -> Row:
    return {"quarter": quarter, "criterion": name, "metric": metric, "value": value, "limit": limit, "state": state, "is_new": is_new}
