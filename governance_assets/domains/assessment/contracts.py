"""Columns of the quarter's assessment: its facts, criteria, risks, scores, decision, what would flip it, and what follows."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field

Decision = Literal["continue", "adjust_tactics", "pivot", "pause"]
GapClass = Literal["none", "minor", "moderate", "major"]
_QUARTER = "Quarter, such as 2025-Q4"


class AssessmentFacts(Contract, artifact="assessment_facts", grain="quarter", key=("quarter", "metric"), owner="architect"):
    """The value of one metric of the assessment at the end of a quarter, or why it is unknown."""

    quarter: str = field(_QUARTER)
    metric: str = field("Metric of the policy")
    value: float | None = field("Its value, in the metric's unit", null="unknown; see reason")
    standard_error: float | None = field("Standard error of the value, in the same unit", ge=0, null="its source states no uncertainty")
    origin: Literal["computed", "signal", "unknown"] = field("Whether it is computed from history, or stated by a stakeholder signal")
    source: str = field("Artifact and figure, or signal, that it comes from; empty when unknown")
    measured_on: dt.date | None = field("Day the value is of", null="unknown")
    age_days: int | None = field("Days from then to the end of the quarter", unit="days", ge=0, null="unknown")
    reason: str = field("Why it is unknown; else empty")
    r2_history: str = field(
        "For the metric that may degrade: its values of the quarters before, oldest first, separated by commas; else empty"
    )


class SuccessCriteria(Contract, artifact="success_criteria", grain="quarter", key=("quarter", "criterion"), owner="architect"):
    """One success criterion of a quarter: whether it is met, and whether it came or went since the quarter before."""

    quarter: str = field(_QUARTER)
    criterion: str = field("What must be true")
    metric: str = field("Metric that is held against the limit")
    value: float | None = field("Its value, in the metric's unit", null="unknown, or the criterion is obsolete")
    limit: float | None = field("The limit, in the metric's unit", null="the criterion is obsolete")
    state: Literal["met", "not_met", "unknown", "obsolete"] = field("Whether it is met; obsolete: no longer in the policy")
    is_new: bool = field("Whether the quarter before, where there is one, did not have it")


class RiskMatrix(Contract, artifact="risk_matrix", grain="quarter", key=("quarter", "risk_id"), owner="architect"):
    """One risk as the register stated it last in the quarter."""

    quarter: str = field(_QUARTER)
    risk_id: str = field("Risk")
    description: str = field("What may happen")
    impact: int | None = field("Level of impact, by the policy's words", ge=1, null="not stated, or a word the policy does not know")
    probability: int | None = field("Level of probability, likewise", ge=1, null="not stated, or a word the policy does not know")
    exposure: int | None = field("Impact times probability", ge=1, null="either is unknown")
    is_open: bool = field("Whether it is open")
    is_high: bool | None = field("Whether it is open and its exposure is high", null="open, and the exposure is unknown")
    is_mitigated: bool = field("Whether something is done about it: a mitigation is stated, or its state says so")
    status: str = field("Its state in the register's own word; empty when not stated")
    owner: str = field("Role that owns it; empty when nobody is named")
    stated_on: dt.date = field("Day of this version of the register")


class DimensionScores(Contract, artifact="dimension_scores", grain="quarter", key=("quarter", "dimension", "metric"), owner="architect"):
    """The score of one metric within its dimension; the row whose metric is * is the dimension's."""

    quarter: str = field(_QUARTER)
    dimension: str = field("Dimension of the assessment")
    metric: str = field("Metric; * for the dimension as a whole")
    value: float | None = field("Value of the metric, in its unit", null="unknown, or the row is a dimension's")
    unit: str = field("Unit of value, target and tolerance; empty for a dimension")
    target: float | None = field("Value that scores 100", null="the row is a dimension's")
    tolerance: float | None = field("Distance from the target to the limit", gt=0, null="the row is a dimension's")
    score: float | None = field("Score", unit="points", ge=0, le=100, null="unknown")
    coverage: float = field("Share of the dimension's weight that is known; of a metric 1 or 0", unit="fraction", ge=0, le=1)
    least: float = field("The score if what is unknown were 0", unit="points", ge=0, le=100)
    most: float = field("The score if what is unknown were 100", unit="points", ge=0, le=100)
    lower: float | None = field(
        "Lower end of the band of the score", unit="points", ge=0, le=100, null="no uncertainty is stated, or unknown"
    )
    upper: float | None = field(
        "Upper end of the band of the score", unit="points", ge=0, le=100, null="no uncertainty is stated, or unknown"
    )
    share: float = field("Points of alignment that one point of the score is worth; 0 when unknown", ge=0, le=1)
    whole_share: float = field("The same if everything were known", ge=0, le=1)
    change_by_score: float | None = field(
        "What the change of its score did to the alignment since the quarter before", unit="points", null="no such quarter, or a dimension"
    )
    change_by_weight: float | None = field(
        "What its coming to be known, going unknown or counting differently did to the alignment", unit="points", null="likewise"
    )
    source: str = field("Where the value comes from; empty for a dimension")
    reason: str = field("Why it is unknown; else empty")


class Scorecard360(Contract, artifact="scorecard_360", grain="quarter", key=("quarter",), owner="architect"):
    """The decision of a quarter with everything it rests on."""

    quarter: str = field(_QUARTER)
    decision: Decision | None = field("Decision by score and gap class", null="no metric is known")
    rule: str = field("Inventory id of the rule that decided; empty without a decision")
    why: str = field("The rule and its inputs in words")
    is_provisional: bool = field("Whether unknown facts could change the decision")
    worst: Decision | None = field("Decision if every unknown came in worst", null="no metric is known")
    best: Decision | None = field("Decision if every unknown came in best", null="no metric is known")
    alignment: float | None = field("Weighted mean of known scores, unrounded", unit="points", ge=0, le=100, null="no metric is known")
    coverage: float = field("Share of the weight that is known", unit="fraction", ge=0, le=1)
    least: float = field("The alignment if every unknown scored 0", unit="points", ge=0, le=100)
    most: float = field("The alignment if every unknown scored 100", unit="points", ge=0, le=100)
    lower: float | None = field(
        "Lower end of the band of the alignment", unit="points", ge=0, le=100, null="no known metric states an uncertainty"
    )
    upper: float | None = field(
        "Upper end of the band of the alignment", unit="points", ge=0, le=100, null="no known metric states an uncertainty"
    )
    band_simulated_coverage: float | None = field("How often such a band held in simulation", unit="fraction", ge=0, le=1, null="no band")
    without_uncertainty: str = field("Known metrics that state no uncertainty, separated by commas")
    p_continue: float | None = field(
        "Probability of that decision, by the metrics that state an uncertainty", ge=0, le=1, null="no decision"
    )
    p_adjust_tactics: float | None = field("Probability of that decision, likewise", ge=0, le=1, null="no decision")
    p_pivot: float | None = field("Probability of that decision, likewise", ge=0, le=1, null="no decision")
    p_pause: float | None = field("Probability of that decision, likewise", ge=0, le=1, null="no decision")
    gap_class: GapClass | None = field("Class of the gaps", null="facts are missing that could change it")
    is_accelerated: bool | None = field("Overlay: R² degrades consistently, invest in the models", null="fewer observations than it takes")
    is_overrun: bool | None = field("Overlay: reduce scope or secure funding", null="the budget's variance is unknown")
    previous_quarter: str | None = field("Quarter it is compared with", null="none is recorded, or one side has no known metric")
    previous_decision: Decision | None = field("Decision of that quarter", null="likewise")
    change: float | None = field("Alignment less that of that quarter", unit="points", null="likewise")


class DecisionFlips(Contract, artifact="decision_flips", grain="quarter", key=("quarter", "wanted"), owner="architect"):
    """The smallest change of facts that leads to another decision; one row a decision, and one for any change at all."""

    quarter: str = field(_QUARTER)
    wanted: str = field("Decision that it leads to; any: whichever other decision or overlay is nearest")
    decision: str = field("Decision and overlays after the change, joined by +; empty when there is none")
    metrics: int = field("Metrics that move; 0 when no change of so few metrics leads there", unit="metrics", ge=0)
    tolerances: float | None = field("How far they move together, in tolerances", ge=0, null="no such change")
    is_attained: bool = field("Whether the change itself suffices; else it has to be passed, by however little")
    points_missing: float | None = field(
        "Points of alignment to the nearest bound of that decision's score row", unit="points", ge=0, null="any"
    )
    first_metric: str | None = field("Metric that moves", null="no such change")
    first_from: float | None = field("Its value", null="no such change")
    first_to: float | None = field("The value it would have to take, or pass", null="no such change")
    second_metric: str | None = field("Second metric that moves", null="one suffices, or no such change")
    second_from: float | None = field("Its value", null="likewise")
    second_to: float | None = field("The value it would have to take, or pass", null="likewise")


class RemediationPlan(Contract, artifact="remediation_plan", grain="quarter", key=("quarter", "gap"), owner="architect"):
    """One gap, with what closing it does to the alignment and what that costs."""

    quarter: str = field(_QUARTER)
    gap: str = field("Plan item or feature")
    kind: Literal["late_item", "missing_feature"] = field("What is missing: a plan item past its date, or a feature that is not there")
    title: str = field("Title; empty when none is stated")
    owner: str = field("Role that owns it; empty when nobody is named")
    is_critical: bool = field("Whether its priority makes it critical")
    days_late: int | None = field("Days past its planned end", unit="days", ge=1, null="a feature has no date")
    cost: float | None = field("Estimated cost left, in the plan's currency", ge=0, null="not stated")
    effect: float = field("Points of alignment gained by closing it alone", unit="points")
    effect_per_cost: float | None = field("Effect over cost", unit="points per unit of currency", null="the cost is not stated, or 0")
    rank: int = field("Place: effect per cost, then effect, then critical first", ge=1)


class AdjustmentProposal(Contract, artifact="adjustment_proposal", grain="quarter", key=("quarter", "phase"), owner="architect"):
    """Variance of one phase against the plan, and what it proposes; the row whose phase is * is the whole plan's."""

    quarter: str = field(_QUARTER)
    phase: str = field("Phase; * for the whole plan, empty for items without a phase")
    n_done: int = field("Done items with both an estimate and a realised figure, of cost or time", unit="items", ge=0)
    estimated_cost: float | None = field("Estimates of done items with both costs", ge=0, null="no such item")
    realised_cost: float | None = field("Their realised costs", ge=0, null="no such item")
    budget_variance: float | None = field("Realised over estimated less 1", unit="fraction", null="no such item, or nothing estimated")
    planned_days: float | None = field("Planned days of done items with all four dates", unit="days", null="no such item")
    actual_days: float | None = field("Days they took", unit="days", null="no such item")
    timeline_variance: float | None = field("Days over planned days less 1", unit="fraction", null="no such item, or nothing planned")
    share_of_overrun: float | None = field(
        "Its part of the plan's cost variance", unit="fraction", null="the plan as a whole does not vary"
    )
    open_estimate: float = field("Estimates of items that are not done", ge=0)
    proposed_estimate: float | None = field("The same at the phase's own variance so far", ge=0, null="no variance is known")
    is_due: bool = field("Whether this variance passes a limit")
