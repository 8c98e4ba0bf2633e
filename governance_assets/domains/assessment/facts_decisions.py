"""The decision of a quarter with its uncertainty, and the smallest change of facts that would flip it.

Belongs here: rows of the scorecard and of the flips. Does not belong here: the decision table (``rules.py``) or the search
(``stats/decision_flips.py``).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import pyarrow as pa

from governance_assets.domains.assessment import contracts, rules
from governance_assets.domains.assessment.facts_known import BUDGET, R2, Row, table_of
from governance_assets.domains.assessment.facts_scores import Card, cards, random_of, within_scale
from governance_assets.policy import AssessmentPolicy
from governance_assets.runtime.periods import previous_quarter
from governance_assets.stats.alignment_band import share_of_bands_that_hold, simulated
from governance_assets.stats.decision_flips import smallest_change


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
    return table_of(contracts.Scorecard360, rows)


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
    row |= {"alignment": within_scale(total.score), "worst": worst, "best": best, "is_provisional": worst != best}
    return row | _uncertainty(quarter, card)


def _uncertainty(quarter: str, card: Card) -> Row:
    policy = card.policy
    silent = sorted(fact.name for fact, error in zip(card.facts, card.errors, strict=True) if not error)
    drawn = simulated(card.facts, card.errors, policy.draws if any(card.errors) else 1, random_of(quarter))
    decided = [
        card.verdict(float(total), tuple(fact.state(float(value)) for fact, value in zip(card.facts, values, strict=True))).decision
        for total, values in zip(drawn.totals, drawn.values, strict=True)
    ]
    row: Row = {f"p_{name}": decided.count(name) / len(decided) for name in rules.DECISIONS}
    row["without_uncertainty"] = ",".join(silent)
    if any(card.errors):
        low, high = drawn.band(policy.band)
        held = share_of_bands_that_hold(card.facts, card.errors, policy.band, policy.draws // 10, policy.band_trials, random_of(quarter))
        row |= {"lower": within_scale(low), "upper": within_scale(high), "band_simulated_coverage": held}
    return row


def _against(before: Row | None, changes: Sequence[float]) -> Row:
    if before is None:
        return {"previous_quarter": None, "previous_decision": None, "change": None}
    return {"previous_quarter": before["quarter"], "previous_decision": before["decision"], "change": math.fsum(changes)}


def decision_flips(facts: pa.Table, policy: AssessmentPolicy) -> pa.Table:
    """The smallest change to every other decision, and to any other verdict at all."""
    return table_of(contracts.DecisionFlips, [row for quarter, card in cards(facts, policy).items() for row in flips_of(quarter, card)])


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
