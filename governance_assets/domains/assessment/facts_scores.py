"""The scorecard of a quarter: its facts added up, the scores of metrics and dimensions, and what each changed.

Belongs here: rows of scores, and the card in the form in which bands and flips need it. Does not belong here: the arithmetic
(``stats/``) or the decision (``facts_decisions.py``).
"""

from __future__ import annotations

import math
import zlib
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from governance_assets.domains.assessment import contracts, rules
from governance_assets.domains.assessment.facts_known import BUDGET, CRITICAL_GAPS, GAP_SHARE, R2, WHOLE_DIMENSION, Row, bounds, table_of
from governance_assets.policy import AssessmentPolicy
from governance_assets.policy.assessment import AssessedMetric
from governance_assets.runtime.periods import previous_quarter
from governance_assets.stats.alignment_band import simulated
from governance_assets.stats.decision_flips import Fact
from governance_assets.stats.falling import falling_cuts, is_falling
from governance_assets.stats.score_maps import ScoreMap, map_of_target
from governance_assets.stats.scorecards import Scorecard, parts_of_change, scorecard


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
        low, high = bounds(metric)
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
    return table_of(contracts.DimensionScores, rows)


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
    low, high = simulated(facts, errors, policy.draws, random_of(quarter)).band(policy.band)
    return within_scale(low / weight), within_scale(high / weight)


def random_of(quarter: str) -> np.random.Generator:
    """The random numbers of a quarter: the same at every run."""
    return np.random.default_rng(zlib.crc32(quarter.encode()))


def within_scale(value: float) -> float:
    """A score without what rounding adds beyond its scale."""
    return min(max(value, 0.0), 100.0)
