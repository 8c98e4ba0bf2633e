"""Assets of media-mix models: predictions of every week by every engine, and their backtests."""

from collections.abc import Callable

import pyarrow as pa

from governance_assets.domains.mmm import contracts, facts, report, rules
from governance_assets.pages import plots
from governance_assets.policy import MmmPolicy
from governance_assets.runtime.artifact import LandedPast, Past, Run, artifact

_NUMBA = frozenset({"python", "numba"})


def _drawn(rows_of: Callable[[str], pa.Table]) -> dict[str, str]:
    described = report.backtest_plots(rows_of)
    return {name: plots.markdown_image(plots.svg(plot, plots.NARROW), name.replace("_", " ")) for name, plot in described.items()}


@artifact(contracts.MediaPredictions, judge=rules.judge_media_predictions, headline=report.headline_of_predictions, kinds=_NUMBA)
def media_predictions(run: Run, policy: MmmPolicy, media_weekly: LandedPast) -> pa.Table:
    """One row is what one engine predicted of one tenant in one week."""
    return facts.media_predictions(run.connection, media_weekly.if_any, run.weeks, policy)


@artifact(contracts.MmmBacktest, judge=rules.judge_mmm_backtest, headline=report.headline_of_backtest, plots=_drawn)
def mmm_backtest(run: Run, policy: MmmPolicy, media_predictions: Past) -> pa.Table:
    """One row is what one engine was worth for one tenant over one window of weeks."""
    return facts.mmm_backtest(run.connection, media_predictions.view, run.weeks, policy)
