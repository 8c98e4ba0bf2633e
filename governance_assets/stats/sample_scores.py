"""Scores of forecasts stated as samples: CRPS by a named estimator and its parts, bias, DSS, log score, spread, errors.

Belongs here: one number a forecast, from its samples and the value observed.
Does not belong here: means over forecasts, or forecasts stated as quantiles (``quantile_scores``).

Shapes, the same for all functions: ``observed`` (n,) and ``predicted`` (n, M) samples in any order, in the unit of the target.
A row with NaN in ``observed`` or anywhere in ``predicted`` scores NaN; score forecasts with fewer samples in a call of their own.
Raises ValueError when shapes do not fit or there are fewer samples than the function needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from governance_assets.stats.arrays import Floats, matrix, vector

CrpsEstimator = Literal["nrg", "fair", "pwm", "qd"]


@dataclass(frozen=True)
class CrpsParts:
    """A CRPS and the three parts it is the sum of, each (n,), in the unit of the target, lower is better.

    ``dispersion`` is the CRPS the samples would have at their own median; the rest is ``overprediction`` when the
    observed value is below the median and ``underprediction`` when it is above.
    """

    score: Floats
    overprediction: Floats
    underprediction: Floats
    dispersion: Floats


def crps(observed: Any, predicted: Any, estimator: CrpsEstimator) -> Floats:
    """Continuous ranked probability score of samples, by the named estimator.

    ``nrg`` (energy form) and ``qd`` (quantile decomposition) score the empirical distribution of the samples and agree up to
    rounding. ``fair`` and ``pwm`` (probability-weighted moments) are unbiased for the distribution the samples are drawn
    from, agree up to rounding, may be negative and need two samples. With few samples the two kinds differ by several per cent, so a
    score without the estimator's name is not comparable. ``qd`` is what scoringutils and scoringRules report.

    Returns (n,) in the unit of the target; 0 is perfect, lower is better; for one sample the absolute error.

    Source: Gneiting and Raftery (2007), JASA 102(477); Zamo and Naveau (2018), Mathematical Geosciences 50; Jordan, Krüger and
    Lerch (2019), JSS 90(12).

    >>> crps([0.0], [[1.0, -1.0]], "qd"), crps([0.0], [[1.0, -1.0]], "fair")
    (array([0.5]), array([0.]))
    """
    y, x = _inputs(observed, predicted, 2 if estimator in ("fair", "pwm") else 1)
    return _crps(y, x, estimator)


def crps_parts(observed: Any, predicted: Any, estimator: CrpsEstimator) -> CrpsParts:
    """CRPS by the named estimator with its overprediction, underprediction and dispersion.

    Source: ``crps_sample(separate_results = TRUE)`` of scoringutils 2.2.

    >>> crps_parts([4.0], [[1.0, 2.0, 3.0]], "qd").underprediction.round(6)
    array([1.333333])
    """
    y, x = _inputs(observed, predicted, 2 if estimator in ("fair", "pwm") else 1)
    middle = np.median(x, axis=1)
    score, dispersion = _crps(y, x, estimator), _crps(middle, x, estimator)
    # Between the two middle samples the CRPS is flat, and rounding would leave a tiny negative rest.
    rest = np.maximum(score - dispersion, 0.0)
    missing = np.where(np.isnan(score), np.nan, 0.0)
    over = np.where(y < middle, rest, 0.0) + missing
    under = np.where(y > middle, rest, 0.0) + missing
    return CrpsParts(score, over, under, dispersion + missing)


def sample_bias(observed: Any, predicted: Any) -> Floats:
    """Whether the samples sit above (+1) or below (−1) the observed value: ``1 − P(x < y) − P(x ≤ y)``.

    Samples equal to the observed value count half, which for whole numbers is the definition of Funk et al. for counts.
    Returns (n,) in [−1, 1]; 0 is unbiased, positive is overprediction.

    Source: Funk et al. (2019), PLOS Computational Biology 15(2); ``bias_sample`` of scoringutils 2.2.

    >>> sample_bias([2.0, 0.0], [[1.0, 2.0, 3.0, 4.0]] * 2)
    array([0.25, 1.  ])
    """
    y, x = _inputs(observed, predicted)
    column = y[:, None]
    bias = 1 - ((x < column).mean(axis=1) + 0.5 * (x == column).mean(axis=1)) * 2
    return np.where(_missing(y, x), np.nan, bias)


def dss(observed: Any, predicted: Any) -> Floats:
    """Dawid–Sebastiani score: squared error of the mean over the variance of the samples, plus the log of that variance.

    The variance divides by M. Returns (n,) without a unit of its own (it depends on the unit of the target); any sign,
    lower is better; NaN when the samples have no spread.

    Source: Dawid and Sebastiani (1999), Annals of Statistics 27(1); ``dss_sample`` of scoringRules 1.1.

    >>> dss([1.0], [[-1.0, 1.0]])
    array([1.])
    """
    y, x = _inputs(observed, predicted, 2)
    variance = x.var(axis=1)
    usable = variance > 0
    safe = np.where(usable, variance, 1.0)
    return np.where(usable, (y - x.mean(axis=1)) ** 2 / safe + np.log(safe), np.nan)


def log_score(observed: Any, predicted: Any) -> Floats:
    """Negative log density at the observed value of a Gaussian kernel density of the samples, bandwidth by the normal rule.

    The bandwidth is ``1.06 · min(sd, interquartile range / 1.34) · M^(−1/5)``. Returns (n,); any sign, lower is better; infinite
    where no kernel reaches the observed value (about 38 bandwidths), in particular when the bandwidth is zero, then −infinity if a
    sample equals the observed value. Fragile with few samples or heavy tails, and not meant for counts: do not rank by it alone.

    Source: Krüger et al. (2021), International Statistical Review 89(2); ``logs_sample`` of scoringRules 1.1.

    >>> log_score([0.0], [[-1.0, 0.0, 1.0]]).round(6)
    array([1.106777])
    """
    y, x = _inputs(observed, predicted, 2)
    low, high = np.quantile(x, [0.25, 0.75], axis=1)
    bandwidth = 1.06 * np.minimum(x.std(axis=1, ddof=1), (high - low) / 1.34) * x.shape[1] ** -0.2
    with np.errstate(divide="ignore", invalid="ignore", under="ignore", over="ignore"):
        kernels = np.exp(-0.5 * ((y[:, None] - x) / bandwidth[:, None]) ** 2) / (bandwidth[:, None] * np.sqrt(2 * np.pi))
        smooth = -np.log(kernels.mean(axis=1))
    degenerate = np.where((x == y[:, None]).any(axis=1), -np.inf, np.inf)
    return np.where(_missing(y, x), np.nan, np.where(bandwidth > 0, smooth, degenerate))


def mad(predicted: Any) -> Floats:
    """Spread of the samples: median absolute deviation from their median, times 1.4826.

    Returns (n,) in the unit of the target; for normal samples it estimates their standard deviation. It does not depend on
    what was observed, so that smaller is sharper, not better.

    >>> mad([[1.0, 2.0, 4.0]])
    array([1.4826])
    """
    x = matrix("predicted", predicted)
    return 1.4826 * np.median(np.abs(x - np.median(x, axis=1, keepdims=True)), axis=1)


def sample_ae_median(observed: Any, predicted: Any) -> Floats:
    """Absolute error of the median of the samples, (n,) in the unit of the target, lower is better.

    >>> sample_ae_median([5.0], [[1.0, 2.0, 4.0]])
    array([3.])
    """
    y, x = _inputs(observed, predicted)
    return np.abs(y - np.median(x, axis=1))


def sample_se_mean(observed: Any, predicted: Any) -> Floats:
    """Squared error of the mean of the samples, (n,) in the squared unit of the target, lower is better.

    >>> sample_se_mean([5.0], [[1.0, 2.0, 3.0]])
    array([9.])
    """
    y, x = _inputs(observed, predicted)
    squared: Floats = (y - x.mean(axis=1)) ** 2
    return squared


def _crps(y: Floats, x: Floats, estimator: CrpsEstimator) -> Floats:
    n, ordered = x.shape[1], np.sort(x, axis=1)
    rank = np.arange(1, n + 1)
    if estimator == "qd":
        score: Floats = 2 / n * (((y[:, None] < ordered) - (rank - 0.5) / n) * (ordered - y[:, None])).sum(axis=1)
        return score
    error = np.abs(x - y[:, None]).mean(axis=1)
    if estimator == "nrg":
        score = error - ((2 * rank - n - 1) * ordered).sum(axis=1) / n**2
    elif estimator == "fair":
        score = error - ((2 * rank - n - 1) * ordered).sum(axis=1) / (n * (n - 1))
    elif estimator == "pwm":
        score = error + ordered.mean(axis=1) - 2 * ((rank - 1) * ordered).sum(axis=1) / (n * (n - 1))
    else:
        raise ValueError(f"estimator is {estimator!r}, expected nrg, fair, pwm or qd")
    return score


def _inputs(observed: Any, predicted: Any, least: int = 1) -> tuple[Floats, Floats]:
    y = vector("observed", observed)
    x = matrix("predicted", predicted, rows=len(y), like="observed")
    if x.shape[1] < least:
        raise ValueError(f"predicted has {x.shape[1]} samples a row, expected at least {least}")
    return y, x


def _missing(y: Floats, x: Floats) -> Any:
    return np.isnan(y) | np.isnan(x).any(axis=1)
