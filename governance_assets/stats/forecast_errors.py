"""How far predictions with samples were from what came true.

Belongs here: means over cases of errors, scores and coverage. Does not belong here: scores of single forecasts (``sample_scores``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import matrix, share, vector
from governance_assets.stats.sample_scores import CrpsEstimator, crps


@dataclass(frozen=True)
class ForecastErrors:
    """Means over ``n`` cases, in the unit of the target unless said.

    ``mae``, ``rmse`` and ``bias`` (predicted minus observed) are of the predicted medians; ``wmape`` is the sum of absolute errors over
    the sum of absolute observed values (a fraction); ``crps`` is by ``estimator``; ``coverage`` is the share of observed values inside
    the central interval of probability ``confidence``, ends included; ``log_density`` is the summed log predictive density (ELPD), NaN
    if not given.
    """

    n: int
    mae: float
    rmse: float
    wmape: float
    bias: float
    crps: float
    estimator: str
    coverage: float
    confidence: float
    log_density: float


def forecast_errors(
    observed: Any, samples: Any, *, log_density: Any = None, confidence: float = 0.9, estimator: CrpsEstimator = "fair"
) -> ForecastErrors:
    """Errors of ``samples`` (n, M) against ``observed`` (n,); ``log_density`` (n,) of the same cases, if there is one.

    ``wmape`` is NaN when everything observed is 0. Raises ValueError for shapes that do not fit, missing values or no case.

    >>> found = forecast_errors([1.0, 3.0], [[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]])
    >>> found.mae, found.wmape, found.coverage
    (0.5, 0.25, 0.5)
    """
    y, level = vector("observed", observed), share("confidence", confidence)
    drawn = matrix("samples", samples, rows=len(y), like="observed")
    if not len(y) or not (np.isfinite(y).all() and np.isfinite(drawn).all()):
        raise ValueError(f"observed has {len(y)} cases; expected at least one, and no missing or infinite value there or in the samples")
    lower, median, upper = np.quantile(drawn, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=1)
    error, size = median - y, float(np.abs(y).sum())
    total = float("nan") if log_density is None else float(vector("log_density", log_density, length=len(y), like="observed").sum())
    return ForecastErrors(
        n=len(y),
        mae=float(np.abs(error).mean()),
        rmse=float(np.sqrt((error**2).mean())),
        wmape=float(np.abs(error).sum()) / size if size else float("nan"),
        bias=float(error.mean()),
        crps=float(crps(y, drawn, estimator).mean()),
        estimator=estimator,
        coverage=float(((lower <= y) & (y <= upper)).mean()),
        confidence=level,
        log_density=total,
    )


def relative_improvement(error: float, baseline: float) -> float:
    """``1 − error / baseline``: positive when the error is smaller; NaN when the baseline's is 0.

    >>> relative_improvement(17.5, 20.0)
    0.125
    """
    return 1 - error / baseline if baseline else float("nan")
