"""The facts of a quarter's assessment, and the rows its scores, decision, flips and plans make.

Belongs here: gathering values from recorded artifacts, feeds and signals, and shaping rows. Does not belong here: the arithmetic of
scorecards (``stats/``) or the decision (``rules.py``). An artifact that is not recorded yet leaves its metrics unknown.
"""

from __future__ import annotations

import datetime as dt
import math
import zlib
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from governance_assets.contract import Contract, arrow_schema
from governance_assets.domains.assessment import contracts, rules
from governance_assets.feeds import newest, snapshot
from governance_assets.policy import AssessmentPolicy, CalibrationPolicy
from governance_assets.policy.assessment import AssessedMetric
from governance_assets.runtime.periods import Period, previous_quarter
from governance_assets.stats.alignment_band import share_of_bands_that_hold, simulated
from governance_assets.stats.decision_flips import Fact, smallest_change
from governance_assets.stats.falling import falling_cuts, is_falling
from governance_assets.stats.score_maps import ScoreMap, map_of_target
from governance_assets.stats.scorecards import Scorecard, parts_of_change, scorecard

Row = dict[str, Any]
Views = Mapping[str, str | None]
WHOLE_DIMENSION = "*"
GAP_SHARE, CRITICAL_GAPS, R2, BUDGET, CRITERIA = "gap_share", "critical_gaps", "out_of_sample_r2", "budget_variance", "criteria_met"
_FINEST = ("task", "stage", "milestone", "phase")


@dataclass(frozen=True)
class Known:
    """A value with what is known of it, or why it is not known."""

    value: float | None = None
    source: str = ""
    measured_on: dt.date | None = None
    standard_error: float | None = None
    reason: str = ""
    origin: str = "computed"


# ---------------------------------------------------------------- facts of a quarter


def assessment_facts(
    connection: duckdb.DuckDBPyConnection, views: Views, periods: Sequence[Period], policy: AssessmentPolicy, calibration: CalibrationPolicy
) -> pa.Table:
    """Every metric of the policy at the end of each period, computed where history has it, else as a signal states it."""
    rows = []
    for period in periods:
        last = period.end.date() - dt.timedelta(days=1)
        plan, risks = plan_rows(connection, views, last, policy), risk_rows(connection, views, period, policy)
        history = r2_history(connection, views["mmm_backtest"], policy, period.key)
        known: dict[str, Known] = {
            R2: _last_of(history, period.key),
            "interval_coverage": _coverage(connection, views["calibration_metrics"], period.key, policy, calibration),
        }
        known |= _of_plan(plan, _features(connection, views, last), last, policy) | _of_risks(risks, plan, last)
        signals = _signals(connection, views["stakeholder_signals"], last, policy)
        # What rests on other metrics comes last: the share of criteria that are met.
        for metric in sorted(policy.metrics, key=lambda one: one.name == CRITERIA):
            known[metric.name] = _within_bounds(_first_known(known.get(metric.name), signals.get(metric.name)), metric)
            if metric.name == CRITERIA and known[CRITERIA].value is None:
                known[CRITERIA] = _criteria_met(known, policy, last)
        earlier = ",".join(f"{value:.17g}" for quarter, value, _ in history if quarter < period.key)
        rows += [_fact_row(period.key, name.name, known[name.name], last, earlier if name.name == R2 else "") for name in policy.metrics]
    return _table(contracts.AssessmentFacts, rows)


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
    low, high = _bounds(metric)
    if known.value is None or low <= known.value <= high:
        return known
    return Known(reason=f"{known.source} states {known.value:.6g} {metric.unit}, which lies outside {low:g} to {high:g}; check its unit")


def _bounds(metric: AssessedMetric) -> tuple[float, float]:
    return (-math.inf if metric.least is None else metric.least), (math.inf if metric.most is None else metric.most)


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


def _features(connection: duckdb.DuckDBPyConnection, views: Views, last: dt.date) -> list[Row]:
    view = views["feature_catalog"]
    if view is None:
        return []
    return connection.execute(snapshot(view, "feature_catalog", until=f"DATE '{last}'")).to_arrow_table().to_pylist()


def plan_rows(connection: duckdb.DuckDBPyConnection, views: Views, last: dt.date, policy: AssessmentPolicy) -> list[Row]:
    """Items of the newest snapshot of each plan up to a day, with whether each is done, late, and of the finest kind."""
    view = views["plan_items"]
    if view is None:
        return []
    items = connection.execute(snapshot(view, "plan_items", until=f"DATE '{last}'")).to_arrow_table().to_pylist()
    kinds: dict[str, set[str]] = defaultdict(set)
    costed: dict[str, set[str]] = defaultdict(set)
    for item in items:
        kinds[item["plan"]].add(item["kind"])
        if item["estimated_cost"] is not None:
            costed[item["plan"]].add(item["kind"])
    for item in items:
        item["is_done"] = (item["status"] or "").strip().lower() in policy.done_words
        is_late = item["planned_end"] is not None and item["planned_end"] <= last and not item["is_done"]
        item["days_late"] = max((last - item["planned_end"]).days, 1) if is_late else None
        item["is_item"] = item["kind"] == _finest(kinds[item["plan"]])
        item["is_costed"] = item["kind"] == _finest(costed[item["plan"]])
    return items


def _finest(kinds: set[str]) -> str | None:
    return next((kind for kind in _FINEST if kind in kinds), None)


def _of_plan(plan: Sequence[Row], features: Sequence[Row], last: dt.date, policy: AssessmentPolicy) -> dict[str, Known]:
    items = [item for item in plan if item["is_item"]]
    missing = [one for one in features if one["status"].strip().lower() in policy.gap_words]
    found: dict[str, Known] = {}
    if features:
        day = max(one["date"] for one in features)
        found["feature_completeness"] = Known(1 - len(missing) / len(features), "feature_catalog: signals that are there", day)
    if items:
        day = max(item["date"] for item in items)
        late = [item for item in items if item["days_late"]]
        critical = sum(_is_critical(item, policy) for item in late)
        found[GAP_SHARE] = Known((len(late) + len(missing)) / len(items), "plan_items and feature_catalog: gaps over plan items", day)
        found[CRITICAL_GAPS] = Known(float(critical), "plan_items: late items of critical priority", day)
    for metric, source, figures in (
        (BUDGET, "plan_items: costs of done items", cost_pairs(plan)),
        ("timeline_variance", "plan_items: days of done items", day_pairs(plan)),
    ):
        value = _variance(figures)
        day = max((item["date"] for item in plan), default=last)
        found[metric] = Known(value, source, day, reason="no completed item of the plan states both figures")
    return found


def _is_critical(item: Row, policy: AssessmentPolicy) -> bool:
    return (item["priority"] or "").strip().lower() in policy.critical_words


def cost_pairs(plan: Sequence[Row]) -> list[tuple[float, float]]:
    """Estimated and realised cost of every done item that states both."""
    done = [item for item in plan if item["is_done"] and item["is_costed"]]
    return [(item["estimated_cost"], item["realised_cost"]) for item in done if None not in (item["estimated_cost"], item["realised_cost"])]


def day_pairs(plan: Sequence[Row]) -> list[tuple[float, float]]:
    """Planned and actual days, both ends included, of every done item with all four dates."""
    names = ("planned_start", "planned_end", "actual_start", "actual_end")
    done = [[item[name] for name in names] for item in plan if item["is_done"] and item["is_item"]]
    return [(float((d[1] - d[0]).days + 1), float((d[3] - d[2]).days + 1)) for d in done if None not in d]


def _variance(pairs: Sequence[tuple[float, float]]) -> float | None:
    planned = math.fsum(one for one, _ in pairs)
    return math.fsum(other for _, other in pairs) / planned - 1 if planned > 0 else None


# ---------------------------------------------------------------- risks and signals


def risk_matrix(connection: duckdb.DuckDBPyConnection, views: Views, periods: Sequence[Period], policy: AssessmentPolicy) -> pa.Table:
    """Every risk as stated last in or before each period."""
    return _table(contracts.RiskMatrix, [row for period in periods for row in risk_rows(connection, views, period, policy)])


def risk_rows(connection: duckdb.DuckDBPyConnection, views: Views, period: Period, policy: AssessmentPolicy) -> list[Row]:
    """The register at the end of a period."""
    view = views["risk_register"]
    if view is None:
        return []
    last = period.end.date() - dt.timedelta(days=1)
    register = connection.execute(newest(view, "risk_register", until=f"DATE '{last}'")).to_arrow_table().to_pylist()
    return [_risk(row, period.key, policy) for row in sorted(register, key=lambda row: str(row["risk_id"]))]


def _risk(row: Row, quarter: str, policy: AssessmentPolicy) -> Row:
    status = (row["status"] or "").strip().lower().replace("_", " ")
    impact, probability = (policy.risk_levels.get((row[name] or "").strip().lower()) for name in ("impact", "probability"))
    exposure = None if impact is None or probability is None else impact * probability
    is_open = status not in policy.closed_risk_words and row["resolution_date"] is None
    return {
        "quarter": quarter,
        "risk_id": row["risk_id"],
        "description": row["description"],
        "impact": impact,
        "probability": probability,
        "exposure": exposure,
        "is_open": is_open,
        "is_high": False if not is_open else None if exposure is None else exposure >= policy.high_risk,
        "is_mitigated": bool(row["mitigation"]) or status in policy.mitigated_words,
        "status": row["status"] or "",
        "owner": row["owner"] or "",
        "stated_on": row["date"],
    }


def _of_risks(register: Sequence[Row], plan: Sequence[Row], last: dt.date) -> dict[str, Known]:
    if not register:
        return {}
    day = min(max(row["stated_on"] for row in register), last)
    unclear = sum(row["is_high"] is None for row in register)
    high = [row for row in register if row["is_high"]]
    found = {}
    if unclear:
        reason = f"{unclear} open risks state no impact or probability that the policy knows"
        found = {name: Known(reason=reason) for name in ("open_high_risks", "mitigation_coverage")}
    else:
        share = sum(row["is_mitigated"] for row in high) / len(high) if high else 1.0
        found["open_high_risks"] = Known(float(len(high)), "risk_register: open risks of high exposure", day)
        found["mitigation_coverage"] = Known(share, "risk_register: high risks something is done about", day)
    return found


def _signals(connection: duckdb.DuckDBPyConnection, view: str | None, last: dt.date, policy: AssessmentPolicy) -> dict[str, Known]:
    if view is None:
        return {}
    query = newest(view, "stakeholder_signals", until=f"DATE '{last}'")
    by_name: dict[str, list[Row]] = defaultdict(list)
    for row in connection.execute(query).to_arrow_table().to_pylist():
        by_name[row["signal"].strip().lower().replace(" ", "_")].append(row)
    return {metric.name: _signal(by_name[metric.name], metric, last, policy) for metric in policy.metrics if metric.name in by_name}


def _signal(rows: Sequence[Row], metric: AssessedMetric, last: dt.date, policy: AssessmentPolicy) -> Known:
    """The mean over those who were asked, each with the newest answer that is not too old."""
    current = [row for row in rows if (row["valid_until"] or row["date"] + dt.timedelta(days=policy.max_signal_age_days)) >= last]
    if not current:
        newest_day = max(row["date"] for row in rows)
        return Known(reason=f"the newest signal is of {newest_day}, {(last - newest_day).days} days before the quarter's end")
    scales = [_scale(row["unit"], metric.unit) for row in current]
    if None in scales:
        units = ", ".join(sorted({row["unit"] for row in current}))
        return Known(reason=f"the signal is in {units}, expected {metric.unit}")
    factors = [scale for scale in scales if scale is not None]
    errors = [row["stderr"] for row in current]
    error = None
    if None not in errors:
        error = math.sqrt(math.fsum((one * factor) ** 2 for one, factor in zip(errors, factors, strict=True))) / len(current)
    value = fmean(row["value"] * factor for row, factor in zip(current, factors, strict=True))
    who = ", ".join(sorted({row["stakeholder"] for row in current if row["stakeholder"]}))
    source = f"signal {metric.name}" + (f" of {who}" if who else "")
    return Known(value, source, min(row["date"] for row in current), error, origin="signal")


def _scale(unit: str, wanted: str) -> float | None:
    given = unit.strip().lower()
    if given in ("", wanted):
        return 1.0
    return 0.01 if given in ("percent", "%", "per cent") and wanted == "fraction" else None


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
    return _table(contracts.SuccessCriteria, rows)


def _criterion(quarter: str, name: str, metric: str, value: float | None, limit: float | None, state: str, is_new: bool) -> Row:
    return {"quarter": quarter, "criterion": name, "metric": metric, "value": value, "limit": limit, "state": state, "is_new": is_new}


# ---------------------------------------------------------------- the scorecard


class Card:
    """One quarter's facts added up: the scorecard, and the known facts in the form in which flips and bands need them."""

    def __init__(self, rows: Sequence[Row], policy: AssessmentPolicy) -> None:
        by_name = {row["metric"]: row for row in rows}
        self.policy, self.metrics = policy, policy.metrics
        self.rows = [by_name[metric.name] for metric in self.metrics]
        self.maps = [_map(metric, policy) for metric in self.metrics]
        values = [math.nan if row["value"] is None else row["value"] for row in self.rows]
        self.scores = [float(one.score(value)) for one, value in zip(self.maps, values, strict=True)]
        self.card: Scorecard = scorecard(
            policy.dimensions, [metric.dimension for metric in self.metrics], [metric.weight for metric in self.metrics], self.scores
        )
        self.known = [n for n, row in enumerate(self.rows) if row["value"] is not None]
        self.facts = [self._fact(n) for n in self.known]
        self.errors = [self.rows[n]["standard_error"] or 0.0 for n in self.known]
        self._place = {fact.name: place for place, fact in enumerate(self.facts)}

    def value(self, name: str) -> float | None:
        """A metric's value; None when it is unknown or no metric of the policy."""
        place = self._place.get(name)
        return None if place is None else self.facts[place].value

    @property
    def gaps(self) -> frozenset[str]:
        """The gap classes that the known facts leave possible."""
        return rules.gap_class(self.value(CRITICAL_GAPS), self.value(GAP_SHARE), self.policy)

    def verdict(self, alignment: float, states: Sequence[Hashable]) -> rules.Verdict:
        """The decision at an alignment and states of the known facts; gaps that are unknown count as the mildest they can be."""
        found = {name: states[place] for name, place in self._place.items()}
        gaps = "major" if found.get(CRITICAL_GAPS) else str(found.get(GAP_SHARE, "none"))
        flags = [None if found.get(name) is None else bool(found[name]) for name in (R2, BUDGET)]
        return rules.decide(alignment, gaps, flags[0], flags[1], self.policy)

    @property
    def states(self) -> tuple[Hashable, ...]:
        """States of the known facts as they are."""
        return tuple(fact.state(fact.value) for fact in self.facts)

    def _fact(self, n: int) -> Fact:
        metric, row, policy = self.metrics[n], self.rows[n], self.policy
        low, high = _bounds(metric)
        fact = Fact(metric.name, row["value"], metric.tolerance, float(self.card.shares[n]), self.maps[n], low, high)
        more: dict[str, Any] = {}
        if metric.name == CRITICAL_GAPS:
            more = {"cuts": (0.0,), "state": lambda value: value > 0}
        elif metric.name == GAP_SHARE:
            limits = (0.0, policy.moderate_gap_share, policy.major_gap_share)
            more = {"cuts": limits, "state": lambda value: next(iter(rules.gap_class(0.0, value, policy)))}
        elif metric.name == BUDGET:
            more = {"cuts": (policy.max_overrun,), "state": lambda value: value > policy.max_overrun}
        elif metric.name == R2:
            earlier = _earlier_r2(row, policy)
            if earlier:
                cuts = falling_cuts(earlier, policy.r2_significance)
                more = {"cuts": cuts, "state": lambda value: is_falling([*earlier, value], policy.r2_significance)}
        return Fact(**(fact.__dict__ | more))


def _earlier_r2(row: Row, policy: AssessmentPolicy) -> list[float]:
    """The observations before the present one; none when they are too few to judge."""
    values = [float(text) for text in row["r2_history"].split(",") if text]
    needed = policy.r2_observations - 1
    return values[-needed:] if len(values) >= needed else []


def _map(metric: AssessedMetric, policy: AssessmentPolicy) -> ScoreMap:
    if metric.is_score:
        return ScoreMap((0.0, 1.0), (0.0, 100.0))
    curve = [(point.tolerances, point.score) for point in policy.curve]
    return map_of_target(metric.direction, metric.target, metric.tolerance, curve, metric.upper_target)


def cards(facts: pa.Table, policy: AssessmentPolicy) -> dict[str, Card]:
    """The card of every quarter in ``facts``."""
    by_quarter: dict[str, list[Row]] = defaultdict(list)
    for row in facts.to_pylist():
        by_quarter[row["quarter"]].append(row)
    return {quarter: Card(rows, policy) for quarter, rows in sorted(by_quarter.items())}


def dimension_scores(facts: pa.Table, past: pa.Table, policy: AssessmentPolicy) -> pa.Table:
    """One row a metric and one a dimension, with what each changed since the quarter before."""
    rows = []
    earlier = past.to_pylist()
    for quarter, card in cards(facts, policy).items():
        before = {row["metric"]: row for row in earlier if row["quarter"] == previous_quarter(quarter) and row["metric"] != WHOLE_DIMENSION}
        rows += _metric_rows(quarter, card, _changes(card, before)) + _dimension_rows(quarter, card)
        # What the policy no longer has still explains part of the change.
        rows += [
            _gone_row(quarter, name, row, card, before)
            for name, row in before.items()
            if name not in {m.name for m in card.metrics} and row["share"]
        ]
    return _table(contracts.DimensionScores, rows)


def _changes(card: Card, before: Mapping[str, Row]) -> dict[str, tuple[float | None, float | None]]:
    names = [*(metric.name for metric in card.metrics), *(name for name in before if name not in {m.name for m in card.metrics})]
    old = [before.get(name, {}) for name in names]
    shares = [row.get("share", 0.0) for row in old]
    more = len(names) - len(card.metrics)
    if not sum(shares) or not card.known:
        return dict.fromkeys(names, (None, None))
    scores = [math.nan if row.get("score") is None else row["score"] for row in old]
    parts = parts_of_change(shares, scores, [*card.card.shares, *[0.0] * more], [*card.scores, *[math.nan] * more])
    return {name: (part.by_score, part.by_weight) for name, part in zip(names, parts, strict=True)}


def _metric_rows(quarter: str, card: Card, changes: Mapping[str, tuple[float | None, float | None]]) -> list[Row]:
    rows = []
    for n, (metric, row) in enumerate(zip(card.metrics, card.rows, strict=True)):
        is_known = row["value"] is not None
        score = card.scores[n] if is_known else None
        band = _band([card.facts[card.known.index(n)]], [row["standard_error"] or 0.0], quarter, card.policy) if is_known else (None, None)
        rows.append(
            _score_row(quarter, metric.dimension, metric.name, score, float(is_known), score or 0.0, score if is_known else 100.0, band)
            | {"value": row["value"], "unit": metric.unit, "target": metric.target, "tolerance": metric.tolerance}
            | {"share": float(card.card.shares[n]), "whole_share": float(card.card.whole_shares[n])}
            | dict(zip(("change_by_score", "change_by_weight"), changes[metric.name], strict=True))
            | {"source": row["source"], "reason": row["reason"]}
        )
    return rows


def _dimension_rows(quarter: str, card: Card) -> list[Row]:
    rows = []
    for name, total in card.card.dimensions.items():
        places = [place for place, n in enumerate(card.known) if card.metrics[n].dimension == name]
        facts = [card.facts[place] for place in places]
        band = _band(facts, [card.errors[place] for place in places], quarter, card.policy)
        score = None if math.isnan(total.score) else min(total.score, 100.0)
        share = float(sum(fact.weight for fact in facts))
        whole = float(sum(card.card.whole_shares[n] for n, metric in enumerate(card.metrics) if metric.dimension == name))
        reason = "" if score is not None else "no metric of it is known"
        rows.append(
            _score_row(quarter, name, WHOLE_DIMENSION, score, min(total.coverage, 1.0), total.least, min(total.most, 100.0), band)
            | {"share": min(share, 1.0), "whole_share": min(whole, 1.0), "reason": reason}
        )
    return rows


def _gone_row(quarter: str, name: str, row: Row, card: Card, before: Mapping[str, Row]) -> Row:
    changed = _changes(card, before)[name]
    base = _score_row(quarter, row["dimension"], name, None, 0.0, 0.0, 100.0, (None, None))
    return base | {"reason": "no longer in the policy", "change_by_score": changed[0], "change_by_weight": changed[1]}


def _score_row(
    quarter: str,
    dimension: str,
    metric: str,
    score: float | None,
    coverage: float,
    least: float,
    most: float | None,
    band: tuple[float | None, float | None],
) -> Row:
    empty = dict.fromkeys(("value", "target", "tolerance", "change_by_score", "change_by_weight"))
    return (
        {
            "quarter": quarter,
            "dimension": dimension,
            "metric": metric,
            "unit": "",
            "source": "",
            "reason": "",
            "share": 0.0,
            "whole_share": 0.0,
        }
        | empty
        | {"score": score, "coverage": coverage, "least": least, "most": most, "lower": band[0], "upper": band[1]}
    )


def _band(facts: Sequence[Fact], errors: Sequence[float], quarter: str, policy: AssessmentPolicy) -> tuple[float | None, float | None]:
    """The band of the mean score of some facts; none where they state no uncertainty."""
    weight = sum(fact.weight for fact in facts)
    if not weight or not any(errors):
        return None, None
    low, high = simulated(facts, errors, policy.draws, _random(quarter)).band(policy.band)
    return _score(low / weight), _score(high / weight)


def _random(quarter: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(quarter.encode()))


def _score(value: float) -> float:
    return min(max(value, 0.0), 100.0)


def scorecard_360(facts: pa.Table, scores: pa.Table, past: pa.Table, policy: AssessmentPolicy) -> pa.Table:
    """One row a quarter: the decision and everything it rests on."""
    parts = scores.to_pylist()
    earlier = {row["quarter"]: row for row in past.to_pylist()}
    rows = []
    for quarter, card in cards(facts, policy).items():
        changes = [
            row["change_by_score"] + row["change_by_weight"]
            for row in parts
            if row["quarter"] == quarter and row["change_by_score"] is not None
        ]
        before = earlier.get(previous_quarter(quarter)) if changes else None
        rows.append(_decision_row(quarter, card) | _against(before, changes))
    return _table(contracts.Scorecard360, rows)


def _decision_row(quarter: str, card: Card) -> Row:
    total, policy = card.card.alignment, card.policy
    row: Row = dict.fromkeys(contracts.Scorecard360.model_fields)
    row |= {"quarter": quarter, "rule": "", "why": "no metric is known", "is_provisional": False, "without_uncertainty": ""}
    row |= {"coverage": min(total.coverage, 1.0), "least": total.least, "most": min(total.most, 100.0)}
    row["gap_class"] = next(iter(card.gaps)) if len(card.gaps) == 1 else None
    by_name = {fact.name: fact.state(fact.value) for fact in card.facts}
    row |= {"is_accelerated": by_name.get(R2), "is_overrun": by_name.get(BUDGET)}
    if not card.known or math.isnan(total.score):
        return row
    verdict = card.verdict(total.score, card.states)
    best, worst = rules.reachable([total.least, total.most], card.gaps, policy)
    row |= {"decision": verdict.decision, "rule": verdict.rule, "why": rules.why(verdict, total.score, row["gap_class"], policy)}
    row |= {"alignment": _score(total.score), "worst": worst, "best": best, "is_provisional": worst != best}
    return row | _uncertainty(quarter, card)


def _uncertainty(quarter: str, card: Card) -> Row:
    policy = card.policy
    silent = sorted(fact.name for fact, error in zip(card.facts, card.errors, strict=True) if not error)
    drawn = simulated(card.facts, card.errors, policy.draws if any(card.errors) else 1, _random(quarter))
    decided = [
        card.verdict(float(total), tuple(fact.state(float(value)) for fact, value in zip(card.facts, values, strict=True))).decision
        for total, values in zip(drawn.totals, drawn.values, strict=True)
    ]
    row: Row = {f"p_{name}": decided.count(name) / len(decided) for name in rules.DECISIONS}
    row["without_uncertainty"] = ",".join(silent)
    if any(card.errors):
        low, high = drawn.band(policy.band)
        held = share_of_bands_that_hold(card.facts, card.errors, policy.band, policy.draws // 10, policy.band_trials, _random(quarter))
        row |= {"lower": _score(low), "upper": _score(high), "band_simulated_coverage": held}
    return row


def _against(before: Row | None, changes: Sequence[float]) -> Row:
    if before is None:
        return {"previous_quarter": None, "previous_decision": None, "change": None}
    return {"previous_quarter": before["quarter"], "previous_decision": before["decision"], "change": math.fsum(changes)}


# ---------------------------------------------------------------- what would flip it


def decision_flips(facts: pa.Table, policy: AssessmentPolicy) -> pa.Table:
    """The smallest change to every other decision, and to any other verdict at all."""
    return _table(contracts.DecisionFlips, [row for quarter, card in cards(facts, policy).items() for row in flips_of(quarter, card)])


def flips_of(quarter: str, card: Card) -> list[Row]:
    """The flips of one card; none without a decision."""
    if not card.known:
        return []
    policy, alignment = card.policy, card.card.alignment.score
    bounds = (policy.min_pivot, policy.min_adjust, policy.min_continue)
    now = card.verdict(alignment, card.states)
    rows = []
    for wanted in ("any", *(name for name in rules.DECISIONS if name != now.decision)):

        def is_wanted(total: float, states: tuple[Hashable, ...], wanted: str = wanted) -> bool:
            verdict = card.verdict(total, states)
            return verdict.name != now.name if wanted == "any" else verdict.decision == wanted

        change = smallest_change(card.facts, bounds, is_wanted, policy.max_flip_facts)
        row: Row = dict.fromkeys(contracts.DecisionFlips.model_fields)
        row |= {"quarter": quarter, "wanted": wanted, "decision": "", "metrics": 0, "is_attained": False}
        row["points_missing"] = None if wanted == "any" else rules.points_missing(alignment, wanted, policy)
        if change is not None:
            row |= {"metrics": len(change.moves), "tolerances": change.tolerances, "is_attained": change.is_attained}
            row["decision"] = _after(card, change.moves, now.name)
            for place, move in zip(("first", "second"), change.moves, strict=False):
                row |= {f"{place}_metric": move.fact, f"{place}_from": move.value, f"{place}_to": move.to}
        rows.append(row)
    return rows


_NUDGE = 1e-9
"""How far past an open bound, in tolerances, the decision beyond it is read off."""


def _after(card: Card, moves: Sequence[Any], now: str) -> str:
    moved = {move.fact: move for move in moves}
    values = []
    for fact in card.facts:
        move = moved.get(fact.name)
        values.append(fact.value if move is None else move.to)
    for nudge in (0.0, _NUDGE, -_NUDGE):
        tried = [value + (nudge * fact.tolerance if fact.name in moved else 0) for value, fact in zip(values, card.facts, strict=True)]
        total = math.fsum(fact.points(value) for fact, value in zip(card.facts, tried, strict=True))
        name = card.verdict(total, tuple(fact.state(value) for fact, value in zip(card.facts, tried, strict=True))).name
        if name != now:
            return name
    return ""


# ---------------------------------------------------------------- what follows


def remediation_plan(
    connection: duckdb.DuckDBPyConnection, views: Views, facts: pa.Table, periods: Sequence[Period], policy: AssessmentPolicy
) -> pa.Table:
    """Every gap of each period, ranked by what closing it does to the alignment for its cost."""
    rows = []
    found = cards(facts, policy)
    for period in periods:
        last = period.end.date() - dt.timedelta(days=1)
        items = [item for item in plan_rows(connection, views, last, policy) if item["is_item"]]
        features = _features(connection, views, last)
        gaps = [_late_gap(item, policy) for item in items if item["days_late"]]
        gaps += [_feature_gap(one) for one in features if one["status"].strip().lower() in policy.gap_words]
        card = found.get(period.key)
        for gap in gaps:
            gap["effect"] = 0.0 if card is None else _effect(card, gap, len(items), len(features))
            gap["effect_per_cost"] = gap["effect"] / gap["cost"] if gap["cost"] else None
        gaps.sort(key=lambda gap: (-(gap["effect_per_cost"] or 0.0), -gap["effect"], not gap["is_critical"], gap["gap"]))
        rows += [gap | {"quarter": period.key, "rank": rank} for rank, gap in enumerate(gaps, 1)]
    return _table(contracts.RemediationPlan, rows)


def _late_gap(item: Row, policy: AssessmentPolicy) -> Row:
    cost = item["estimated_cost"]
    if cost is not None and item["realised_cost"] is not None:
        cost = max(cost - item["realised_cost"], 0.0)
    name = item["item_id"] or item["record_id"] or item["title"] or "without code"
    plan = f"{item['plan']}: " if item["plan"] else ""
    return {
        "gap": f"{plan}{item['kind']} {name}" + (f" ({item['record_id']})" if item["record_id"] and item["item_id"] else ""),
        "kind": "late_item",
        "title": item["title"] or "",
        "owner": item["owner"] or "",
        "is_critical": _is_critical(item, policy),
        "days_late": item["days_late"],
        "cost": cost,
    }


def _feature_gap(one: Row) -> Row:
    title, owner = one["signal"] or one["category"], one["owner"] or ""
    base = {"gap": f"feature {one['signal_id']}", "kind": "missing_feature", "title": title, "owner": owner}
    return base | {"is_critical": False, "days_late": None, "cost": None}


def _effect(card: Card, gap: Row, n_items: int, n_features: int) -> float:
    """Points of alignment gained by closing one gap: exact, by the maps of the metrics it enters."""
    steps = {GAP_SHARE: -1 / n_items if n_items else 0.0, CRITICAL_GAPS: -1.0 if gap["is_critical"] else 0.0}
    if gap["kind"] == "missing_feature":
        steps["feature_completeness"] = 1 / n_features
    return math.fsum(
        fact.points(min(max(fact.value + steps[fact.name], fact.least), fact.most)) - fact.points(fact.value)
        for fact in card.facts
        if fact.name in steps
    )


def adjustment_proposal(
    connection: duckdb.DuckDBPyConnection, views: Views, periods: Sequence[Period], policy: AssessmentPolicy
) -> pa.Table:
    """Variance of every phase and of the whole plan, and what the open estimates come to at it."""
    rows = []
    for period in periods:
        plan = plan_rows(connection, views, period.end.date() - dt.timedelta(days=1), policy)
        phases = sorted({item["phase_id"] or "" for item in plan if item["is_item"] or item["is_costed"]})
        total = math.fsum(realised - estimated for estimated, realised in cost_pairs(plan))
        if plan:
            rows.append(_phase_row(period.key, WHOLE_DIMENSION, plan, total, policy))
        rows += [_phase_row(period.key, phase, [i for i in plan if (i["phase_id"] or "") == phase], total, policy) for phase in phases]
    return _table(contracts.AdjustmentProposal, rows)


def _phase_row(quarter: str, phase: str, items: Sequence[Row], total: float, policy: AssessmentPolicy) -> Row:
    costs, days = cost_pairs(items), day_pairs(items)
    budget, timeline = _variance(costs), _variance(days)
    estimated, realised = (math.fsum(pair[side] for pair in costs) for side in (0, 1))
    open_estimate = math.fsum(item["estimated_cost"] or 0.0 for item in items if item["is_costed"] and not item["is_done"])
    return {
        "quarter": quarter,
        "phase": phase,
        "n_done": max(len(costs), len(days)),
        "estimated_cost": estimated if costs else None,
        "realised_cost": realised if costs else None,
        "budget_variance": budget,
        "planned_days": math.fsum(pair[0] for pair in days) if days else None,
        "actual_days": math.fsum(pair[1] for pair in days) if days else None,
        "timeline_variance": timeline,
        "share_of_overrun": (realised - estimated) / total if costs and total else None,
        "open_estimate": open_estimate,
        "proposed_estimate": None if budget is None else open_estimate * (1 + budget),
        "is_due": rules.is_adjustment_due(budget, timeline, policy),
    }


def _table(contract: type[Contract], rows: Sequence[Row]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(contract))
