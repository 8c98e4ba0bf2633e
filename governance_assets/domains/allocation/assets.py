"""Assets of allocation: proposed budgets, and response curves with current and proposed spend."""

from collections.abc import Callable

import pyarrow as pa

from governance_assets.domains.allocation import contracts, facts, report, rules
from governance_assets.pages import plots
from governance_assets.policy import AllocationPolicy
from governance_assets.runtime.artifact import Run, Same, artifact


def _drawn(rows_of: Callable[[str], pa.Table]) -> dict[str, str]:
    described = report.curve_plots(rows_of)
    return {name: plots.markdown_image(plots.svg(plot, plots.NARROW), name.replace("_", " ")) for name, plot in described.items()}


@artifact(contracts.BudgetAllocation, judge=rules.judge_budget_allocation, headline=report.headline_of_budget)
def budget_allocation(run: Run, policy: AllocationPolicy, media_draws: Same, refit_stability: Same) -> pa.Table:
    """One row is what one scenario proposes to spend on one channel a week."""
    return facts.budget_allocation(run.connection, media_draws.view, refit_stability.view, policy)


@artifact(contracts.ResponseCurves, headline=report.headline_of_curves, plots=_drawn)
def response_curves(run: Run, policy: AllocationPolicy, media_draws: Same, refit_stability: Same, budget_allocation: Same) -> pa.Table:
    """One row is one point of the response of one channel to steady weekly spend."""
    return facts.response_curves(run.connection, media_draws.view, refit_stability.view, budget_allocation.view, policy)
