"""Columns of proposed budgets and of response curves."""

from __future__ import annotations

from typing import Literal

from governance_assets.contract import Contract, field

_NO_SPLIT = "no split could be made; see problem"


class BudgetAllocation(
    Contract,
    artifact="budget_allocation",
    grain="quarter",
    key=("quarter", "tenant", "scenario", "channel"),
    owner="modelling_lead",
):
    """What one scenario proposes to spend on one channel a week; model-implied, assuming no unmeasured confounding."""

    quarter: str = field("Quarter whose refit the proposal rests on")
    tenant: str = field("Whose budget is split")
    scenario: str = field("budget and its change against current spend in per cent, such as budget+10; or free_budget")
    channel: str = field("Channel whose cost is known")
    is_recommended: bool = field("Whether this is the policy's scenario that is judged")
    budget: float | None = field("Weekly budget of all channels", ge=0, null="the budget is free")
    currency: str | None = field("Unit of all spend of the channel as declared; scaled, say, where it is no money", null="not declared")
    horizon_weeks: int = field("Weeks the proposal is meant for", unit="weeks", ge=1)
    current_spend: float = field("Mean weekly spend of the recent weeks, in the currency of the tenant", ge=0)
    lower: float = field("Least weekly spend allowed by guardrails and policy", ge=0)
    upper: float = field("Most weekly spend allowed", ge=0)
    is_frozen: bool = field("Whether the channel keeps what it has")
    proposed_spend: float | None = field("Proposed weekly spend", ge=0, null=_NO_SPLIT)
    change: float | None = field("Proposed over current spend, less 1", unit="fraction", null=f"{_NO_SPLIT}; or nothing is spent now")
    current_response: float | None = field("Median weekly response to current spend, in the unit of the target", null=_NO_SPLIT)
    proposed_response: float | None = field("The same to the proposed spend", null=_NO_SPLIT)
    broken_bounds: str = field("Bounds that the proposal breaks, checked apart from the optimiser; empty when it keeps them all")
    lift: float | None = field(
        "Median relative rise of the response of all channels, on draws that were not used to choose the split",
        unit="fraction",
        null=f"{_NO_SPLIT}; or current spend has no response",
    )
    lift_lower: float | None = field("Lower end of its central interval", unit="fraction", null="no lift")
    lift_upper: float | None = field("Upper end of it", unit="fraction", null="no lift")
    lift_probability: float | None = field("Share of those draws in which the response rises", unit="fraction", ge=0, le=1, null="no lift")
    judged_draws: int = field("Draws the lift was judged on", unit="draws", ge=0)
    regret: float | None = field(
        "By how much the best split may exceed this one, relative to it: 0 when it is proved to be the best",
        unit="fraction",
        null=_NO_SPLIT,
    )
    problem: str | None = field("Why no split could be made", null="one was made")


class ResponseCurves(
    Contract,
    artifact="response_curves",
    grain="quarter",
    key=("quarter", "tenant", "channel", "kind", "point"),
    owner="modelling_lead",
):
    """One point of the response of one channel to steady weekly spend; model-implied, assuming no unmeasured confounding."""

    quarter: str = field("Quarter whose refit the curve rests on")
    tenant: str = field("Whose channel it is")
    channel: str = field("Channel whose cost is known")
    kind: Literal["curve", "current", "optimal"] = field("A point of the curve, current spend, or what the judged scenario proposes")
    point: int = field("Number of the point, from 0", ge=0)
    spend: float = field("Steady weekly spend, in the currency of the tenant", ge=0)
    is_beyond_data: bool = field("Whether the spend exceeds the largest training week: then the model alone speaks")
    response: float = field("Median weekly response, in the unit of the target")
    response_lower: float = field("Lower end of its central interval")
    response_upper: float = field("Upper end of it")
    marginal_roi: float | None = field("Median response to one further unit of spend there", null="the curve has one point")
