"""The decision of the assessment and the verdicts on it.

Belongs here: rows of the decision table, gap classes, overlays, what is provisional; findings. Does not belong here: scores and
flips (``stats/``), or gathering facts (``facts.py``).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pyarrow as pa

from governance_assets.finding import Finding, Rule
from governance_assets.policy import AssessmentPolicy
from governance_assets.stats.limits import above, below

DECISIONS = ("continue", "adjust_tactics", "pivot", "pause")
"""From the mildest to the gravest."""
GAP_CLASSES = ("none", "minor", "moderate", "major")
ACCELERATE, SCOPE = "accelerate", "scope_or_funding"
_ROW_RULES = ("C49", "C50", "C51", "C52")


@dataclass(frozen=True)
class Verdict:
    """A decision with its overlays and the rule that decided."""

    decision: str
    rule: str
    overlays: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Decision and overlays, joined by +."""
        return "+".join((self.decision, *self.overlays))


def score_row(alignment: float, policy: AssessmentPolicy) -> int:
    """Place in ``DECISIONS`` of the row an unrounded alignment falls in (C49–C52)."""
    if above(alignment, policy.min_continue):
        return DECISIONS.index("continue")
    if not below(alignment, policy.min_adjust):
        return DECISIONS.index("adjust_tactics")
    return DECISIONS.index("pause" if below(alignment, policy.min_pivot) else "pivot")


def gap_class(critical_gaps: float | None, gap_share: float | None, policy: AssessmentPolicy) -> frozenset[str]:
    """The classes the gaps can be of: one when the facts are known, several while they are not."""
    if critical_gaps is not None and above(critical_gaps, 0):
        return frozenset({"major"})
    by_share = frozenset(GAP_CLASSES) if gap_share is None else frozenset({_class_of_share(gap_share, policy)})
    return by_share if critical_gaps is not None else by_share | {"major"}


def _class_of_share(share: float, policy: AssessmentPolicy) -> str:
    limits = ((policy.major_gap_share, "major"), (policy.moderate_gap_share, "moderate"), (0, "minor"))
    return next((name for limit, name in limits if above(share, limit)), "none")


def decide(alignment: float, gaps: str, is_degrading: bool | None, is_overrun: bool | None, policy: AssessmentPolicy) -> Verdict:
    """The decision by C49–C55: the row of the score, the worse row of the gap class, and overlays added to it."""
    row, by_gaps = score_row(alignment, policy), GAP_CLASSES.index(gaps)
    if row == 0:  # above the upper bound gaps cost at most one row, and only major ones do
        by_gaps = int(gaps == "major")
    rule = "C55" if by_gaps > row else _ROW_RULES[row]
    overlays = tuple(name for name, holds in ((ACCELERATE, is_degrading), (SCOPE, is_overrun)) if holds)
    return Verdict(DECISIONS[max(row, by_gaps)], rule, overlays)


def reachable(alignments: Sequence[float], gaps: Collection[str], policy: AssessmentPolicy) -> tuple[str, str]:
    """The mildest and the gravest decision that the unknown facts leave possible."""
    found = [DECISIONS.index(decide(at, one, None, None, policy).decision) for at, one in product(alignments, gaps)]
    return DECISIONS[min(found)], DECISIONS[max(found)]


def points_missing(alignment: float, wanted: str, policy: AssessmentPolicy) -> float:
    """Points of alignment to the nearest bound of the score row of a decision; 0 within it."""
    bounds = (0, policy.min_pivot, policy.min_adjust, policy.min_continue)
    place = len(DECISIONS) - 1 - DECISIONS.index(wanted)
    low = bounds[place]
    high = bounds[place + 1] if place + 1 < len(bounds) else math.inf
    return max(low - alignment, alignment - high, 0)


def is_adjustment_due(budget: float | None, timeline: float | None, policy: AssessmentPolicy) -> bool:
    """Whether either variance, up or down, passes its limit (C58)."""
    pairs = ((budget, policy.max_budget_variance), (timeline, policy.max_timeline_variance))
    return any(value is not None and bool(above(math.fabs(value), limit)) for value, limit in pairs)


def why(verdict: Verdict, alignment: float, gaps: str | None, policy: AssessmentPolicy) -> str:
    """The rule that fired, with its inputs, in one sentence."""
    bounds = {
        "C49": f"above {policy.min_continue:g}",
        "C50": f"from {policy.min_adjust:g} to {policy.min_continue:g}",
        "C51": f"from {policy.min_pivot:g} to below {policy.min_adjust:g}",
        "C52": f"below {policy.min_pivot:g}",
    }
    row = _ROW_RULES[score_row(alignment, policy)]
    sentence = f"alignment {alignment:.4g} is {bounds[row]} ({row})"
    if verdict.rule == "C55":
        return f"{sentence}, and {gaps} gaps call for the graver row (C55)"
    return f"{sentence}; gaps are {gaps or 'unknown'}"


# ---------------------------------------------------------------- findings

FACTS_ARE_KNOWN = Rule(
    name="facts_are_known",
    requirement="the metric has a value at the end of the quarter",
    remedy="Send the stakeholder signal of this name, or the telemetry it is computed from; until then the decision states its range",
    severity="warn",
    sources="C59",
)
CRITERION_IS_MET = Rule(
    name="criterion_is_met",
    requirement="the success criterion is met",
    remedy="Close the distance, or propose in the review that the criterion be changed in the policy",
    severity="warn",
    sources="C44",
)
CRITERIA_ARE_CURRENT = Rule(
    name="criteria_are_current",
    requirement="no criterion came or went since the quarter before",
    remedy="Record in the decision log why the register changed",
    severity="warn",
    unit="criteria",
    sources="C44",
)
HIGH_RISK_IS_MITIGATED = Rule(
    name="high_risk_is_mitigated",
    requirement="something is done about every open high risk",
    remedy="Name a mitigation and its owner in the risk register",
    sources="C45",
)
ALL_DIMENSIONS_ARE_SCORED = Rule(
    name="all_dimensions_are_scored",
    requirement="every dimension has a known metric",
    remedy="Send one signal or feed of each dimension that the message names",
    unit="dimensions",
    sources="C59",
)
ALIGNMENT_IS_ON_TARGET = Rule(
    name="alignment_is_on_target",
    requirement="the alignment is above the limit for continuing as planned",
    remedy="See what would flip the decision; the remediation plan ranks gaps by effect per cost",
    severity="warn",
    unit="points",
    sources="C64 C49",
)
DECISION_IS_MILD = Rule(
    name="decision_is_mild",
    requirement="the decision is to continue or to adjust tactics",
    remedy="The programme owner decides on the pivot or pause; the approval file closes it",
    sources="C51 C52",
)
DECISION_IS_FINAL = Rule(
    name="decision_is_final",
    requirement="no unknown fact could change the decision",
    remedy="The page names the unknown metrics; those with the largest share first",
    severity="warn",
    sources="C48",
)
R2_IS_STEADY = Rule(
    name="r2_is_steady",
    requirement="out-of-sample R² does not degrade consistently",
    remedy="Invest in the models: the decision carries the overlay accelerate",
    sources="C53",
)
BUDGET_IS_KEPT = Rule(
    name="budget_is_kept",
    requirement="the overrun of completed work is at most the limit",
    remedy="Reduce scope or secure funding",
    unit="fraction",
    sources="C54",
)
GAPS_ARE_FEW = Rule(
    name="gaps_are_few",
    requirement="gaps are at most the limit of plan items",
    remedy="Carry out the remediation plan from the top",
    unit="fraction",
    sources="C57",
)
NO_GAP_IS_CRITICAL = Rule(
    name="no_gap_is_critical",
    requirement="no gap is critical",
    remedy="Close the critical gaps first: one alone makes the gaps major",
    unit="gaps",
    sources="C42 C55",
)
VARIANCE_IS_WITHIN_LIMITS = Rule(
    name="variance_is_within_limits",
    requirement="budget and timeline vary from the plan by no more than their limits",
    remedy="Bring the proposal of this page to the programme owner, root causes by phase first",
    unit="fraction",
    sources="C58",
)


def judge_assessment_facts(rows: pa.Table, policy: AssessmentPolicy, key: str, past: pa.Table | None = None) -> list[Finding]:
    """One finding a metric: whether it is known; and one on the share of gaps."""
    found = [
        FACTS_ARE_KNOWN.judge(row["metric"], True if row["value"] is not None else None, row["value"], None, row["reason"])
        for row in rows.to_pylist()
    ]
    return found + [gaps_are_few(row, policy) for row in rows.to_pylist() if row["metric"] == "gap_share"]


def gaps_are_few(row: Mapping[str, Any], policy: AssessmentPolicy) -> Finding:
    """Whether so few plan items are gaps that no remediation plan is due."""
    value = row["value"]
    holds = None if value is None else not above(value, policy.major_gap_share)
    return GAPS_ARE_FEW.judge("the plan", holds, value, policy.major_gap_share, row["reason"])


def judge_success_criteria(rows: pa.Table, policy: AssessmentPolicy, key: str, past: pa.Table | None = None) -> list[Finding]:
    """One finding a criterion, and one on the register."""
    found = []
    for row in rows.to_pylist():
        if row["state"] == "obsolete":
            found.append(CRITERION_IS_MET.not_applicable(row["criterion"], "it is no longer in the policy"))
        else:
            holds = {"met": True, "not_met": False}.get(row["state"])
            found.append(
                CRITERION_IS_MET.judge(row["criterion"], holds, row["value"], row["limit"], "" if holds is not None else "unknown")
            )
    moved = sum(row["is_new"] or row["state"] == "obsolete" for row in rows.to_pylist())
    return [*found, CRITERIA_ARE_CURRENT.judge("the register", moved == 0, moved, 0)]


def judge_risk_matrix(rows: pa.Table, policy: AssessmentPolicy, key: str, past: pa.Table | None = None) -> list[Finding]:
    """One finding a risk that is open and may be high."""
    open_ones = [row for row in rows.to_pylist() if row["is_open"]]
    if not open_ones:
        return [HIGH_RISK_IS_MITIGATED.not_applicable("the register", "no risk is open, or no register landed")]
    found = []
    for row in open_ones:
        if row["is_high"] is None:
            found.append(HIGH_RISK_IS_MITIGATED.judge(row["risk_id"], None, why="impact or probability is not stated in known words"))
        elif row["is_high"]:
            found.append(HIGH_RISK_IS_MITIGATED.judge(row["risk_id"], row["is_mitigated"], row["exposure"], policy.high_risk))
        else:
            found.append(HIGH_RISK_IS_MITIGATED.not_applicable(row["risk_id"], "it is not high"))
    return found


def judge_dimension_scores(rows: pa.Table, policy: AssessmentPolicy, key: str, past: pa.Table | None = None) -> list[Finding]:
    """Completeness of the assessment."""
    unknown = sorted(row["dimension"] for row in rows.to_pylist() if row["metric"] == "*" and row["score"] is None)
    n = len(policy.dimensions)
    return [ALL_DIMENSIONS_ARE_SCORED.judge("the assessment", not unknown, n - len(unknown), n, ", ".join(unknown))]


def judge_scorecard_360(rows: pa.Table, policy: AssessmentPolicy, key: str, past: pa.Table | None = None) -> list[Finding]:
    """The decision, its target, and its overlays."""
    found = []
    for row in rows.to_pylist():
        known = row["decision"] is not None
        range_ = f"it would lie between {row['least']:.4g} and {row['most']:.4g} with unknowns at 0 or 100"
        on_target = bool(above(row["alignment"], policy.min_continue)) if known else None
        is_mild = DECISIONS.index(row["decision"]) <= DECISIONS.index("adjust_tactics") if known else None
        could = f"{row['worst']} to {row['best']}"
        found += [
            ALIGNMENT_IS_ON_TARGET.judge(key, on_target, row["alignment"], policy.min_continue, range_),
            DECISION_IS_MILD.judge(key, is_mild, why=f"{row['decision']}: {row['why']}" if known else "no metric is known"),
            DECISION_IS_FINAL.judge(key, not row["is_provisional"] if known else None, why=could if row["is_provisional"] else ""),
            R2_IS_STEADY.judge(key, _not(row["is_accelerated"]), why="" if row["is_accelerated"] is not None else "too few quarters"),
            BUDGET_IS_KEPT.judge(key, _not(row["is_overrun"]), None, policy.max_overrun),
        ]
    return found


def judge_remediation_plan(rows: pa.Table, policy: AssessmentPolicy, key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether any gap is critical."""
    critical = [row["gap"] for row in rows.to_pylist() if row["is_critical"]]
    if not rows.num_rows:
        return [NO_GAP_IS_CRITICAL.not_applicable(key, "no gap is known")]
    return [NO_GAP_IS_CRITICAL.judge(key, not critical, len(critical), 0, ", ".join(critical))]


def judge_adjustment_proposal(rows: pa.Table, policy: AssessmentPolicy, key: str, past: pa.Table | None = None) -> list[Finding]:
    """Budget and timeline of the whole plan."""
    whole = [row for row in rows.to_pylist() if row["phase"] == "*"]
    if not whole:
        return [VARIANCE_IS_WITHIN_LIMITS.not_applicable(key, "no plan landed")]
    limits = (("budget", policy.max_budget_variance), ("timeline", policy.max_timeline_variance))
    return [variance_within(name, whole[0][f"{name}_variance"], limit) for name, limit in limits]


def variance_within(name: str, value: float | None, limit: float) -> Finding:
    """Whether a variance, up or down, keeps its limit."""
    if value is None:
        return VARIANCE_IS_WITHIN_LIMITS.judge(name, None, None, limit, "no completed item states both figures")
    return VARIANCE_IS_WITHIN_LIMITS.judge(name, not above(math.fabs(value), limit), value, limit)


def _not(flag: bool | None) -> bool | None:
    return None if flag is None else not flag


def is_met(value: float | None, limit: float, is_floor: bool) -> str:
    """State of a criterion; a ceiling holds for the size of the value, up or down."""
    if value is None:
        return "unknown"
    holds = not below(value, limit) if is_floor else not above(math.fabs(value), limit)
    return "met" if holds else "not_met"


def headline(rows: pa.Table) -> tuple[str, str | None, None]:
    """The decision of the newest row."""
    newest: Mapping[str, Any] = rows.to_pylist()[-1]
    shown = "unknown" if newest["alignment"] is None else f"{newest['decision'].replace('_', ' ')} at {newest['alignment']:.2f}"
    return "decision", shown, None
