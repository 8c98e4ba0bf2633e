"""Columns of the quarter's key figures, of the components of its risk by our own verdicts, and of what they ask for."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field

_QUARTER = "Quarter, as 2025-Q4"


class KpiDeltas(Contract, artifact="kpi_deltas", grain="quarter", key=("quarter", "kpi", "subject"), owner="modelling_lead"):
    """One key figure of the quarter against the quarter before and against the band of all quarters before."""

    quarter: str = field(_QUARTER)
    kpi: Literal["allocator_lift", "mmm_wmape", "mmm_mae_improvement", "guardrail_breaches"] = field("Key figure")
    subject: str = field("Tenant or proposal; of breaches the level of the guardrail")
    value: float = field("The figure, in the unit of the row")
    unit: Literal["fraction", "breaches"] = field("Unit of value, previous, change and band")
    source: str = field("Artifact and week it is derived from")
    previous: float | None = field("The figure of the quarter before", null="that quarter has none")
    change: float | None = field("The figure less that of the quarter before", null="that quarter has none")
    n_before: int = field("Quarters before that have the figure", unit="quarters", ge=0)
    centre: float | None = field("Median over those quarters", null="fewer quarters than a band takes")
    lower: float | None = field("Lower end of the band: the median less the policy's number of robust sigmas", null="likewise")
    upper: float | None = field("Upper end of the band", null="likewise")
    sigmas: float | None = field(
        "Distance from the median, in robust sigmas (1.4826 times the median absolute deviation)",
        unit="robust sigmas",
        ge=0,
        null="likewise, or nothing varied before",
    )
    is_high_variance: bool | None = field(
        "Whether it moved more than policy allows; where nothing varied before, whether it moved at all",
        null="fewer quarters than it takes",
    )


class VarianceComponents(Contract, artifact="variance_components", grain="quarter", key=("quarter", "component"), owner="modelling_lead"):
    """One component of the risk score by our own newest verdict of a closed week of the quarter."""

    quarter: str = field(_QUARTER)
    component: str = field("Component of the risk score")
    status: str | None = field("Its status in a word the component may have", null="no verdict of the quarter says it")
    source: str = field("Critic or artifact that says it; empty without a status")
    judged_on: dt.date | None = field("Day of that verdict", null="no status")
    notes: str = field("What was found, or looked for")
    issues: str | None = field("What is wrong, one a line", null="nothing is")
    judged_until: dt.datetime = field("End of the newest closed week that was looked at, at most the quarter's last instant, UTC")


class RecommendedActions(
    Contract, artifact="recommended_actions", grain="quarter", key=("quarter", "check", "subject"), owner="modelling_lead"
):
    """One action that a failed check of our critics asks for, as of the newest closed week of the quarter."""

    quarter: str = field(_QUARTER)
    rank: int = field("Place: graver first, then the larger number of weeks it has failed", ge=1)
    check: str = field("What must be true and is not")
    subject: str = field("Tenant, model or proposal; the fleet for all tenants")
    critic: str = field("Critic that found it")
    level: Literal["CRITICAL", "WARNING"] = field("How grave it is")
    summary: str = field("What to do")
    owner: str = field("Role that owns the critic's verdict")
    due_by: dt.date = field("Day by which it is due: that of the verdict, and as many days as policy grants the level")
    related_items: str = field("Item of the plan under which it is mended; empty when none is named")
    evidence: str = field("The verdict in words, with its figures")
    weeks_failed: int = field("Weeks of the quarter in which it failed", unit="weeks", ge=1)
