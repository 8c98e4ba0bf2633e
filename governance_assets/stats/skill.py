"""Comparisons of models on the tasks they share: pairwise sums, ratios, relative skill, p-values and their adjustment.

Belongs here: arithmetic over a matrix of scores, one row a model and one column a task, NaN where a model has no score.
Does not belong here: the scores themselves, or which models and tasks are compared.

A raw mean must not rank models: one that leaves out hard tasks looks better. Everything here compares two models only
on tasks both have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

import numpy as np

from governance_assets.stats.arrays import Counts, Floats, matrix, vector


@dataclass(frozen=True)
class PairwiseSums:
    """Sums over shared tasks for M models; adding two objects joins two disjoint blocks of tasks.

    ``total[i, j]`` (M, M) is the sum of model i's scores over the tasks that j has too; ``shared[i, j]`` counts those tasks.
    The diagonal holds each model's own total and number of tasks. Further axes in front hold one such matrix each.
    """

    total: Floats
    shared: Counts

    def __add__(self, other: PairwiseSums) -> PairwiseSums:
        if self.total.shape != other.total.shape:
            raise ValueError(f"sums over {self.total.shape[-1]} and {other.total.shape[-1]} models cannot be added")
        return PairwiseSums(self.total + other.total, self.shared + other.shared)


@dataclass(frozen=True)
class Skill:
    """Relative skill of M models, each array (…, M); below 1 is better than the field (or than the baseline when scaled).

    ``relative`` is the geometric mean of a model's ratios against all models, itself included; ``scaled`` divides it by
    the baseline's (NaN without one). ``n_pairs`` counts the ratios against other models that entered, ``n_pairs_left_out``
    those left out because no task is shared or both sums are zero.
    """

    relative: Floats
    scaled: Floats
    n_pairs: Counts
    n_pairs_left_out: Counts


def pairwise_sums(scores: Any) -> PairwiseSums:
    """Sums of every model's scores over the tasks shared with every other model, by two masked matrix products.

    ``scores`` (M, T): one row a model, one column a task, in any one unit, not negative, lower is better, NaN where missing.
    Additive over blocks of tasks: ``pairwise_sums(week_1) + pairwise_sums(week_2)`` is that of both weeks together.
    Raises ValueError when a score is negative or infinite.

    >>> sums = pairwise_sums([[1.0, 2.0, 4.0], [2.0, float("nan"), 2.0]])
    >>> sums.total
    array([[7., 5.],
           [4., 4.]])
    >>> sums.shared
    array([[3, 2],
           [2, 2]])
    """
    filled, mask = _filled(scores)
    return PairwiseSums(filled @ mask.T, np.rint(mask @ mask.T).astype(np.int64))


def pairwise_sums_by_block(scores: Any, starts: Any) -> PairwiseSums:
    """``pairwise_sums`` of each block of tasks side by side, (blocks, M, M); ``starts`` (blocks,) is where each begins, ascending.

    The sums of a block are the same to the last bit whatever other models and blocks there are.

    >>> pairwise_sums_by_block([[1.0, 2.0, 4.0], [2.0, float("nan"), 2.0]], [0, 1]).total.tolist()
    [[[1.0, 1.0], [2.0, 2.0]], [[6.0, 4.0], [2.0, 2.0]]]
    """
    filled, mask = _filled(scores)
    total = np.empty((len(starts), len(mask), len(mask)))
    shared = np.empty(total.shape, dtype=np.int64)
    for model, (values, present) in enumerate(zip(filled, mask, strict=True)):
        # Not a matrix product: its order of addition depends on the size of the matrices.
        total[:, model] = np.add.reduceat(values * mask, starts, axis=1).T
        shared[:, model] = np.add.reduceat(present * mask, starts, axis=1).T
    return PairwiseSums(total, shared)


def add_sums(blocks: Iterable[PairwiseSums]) -> PairwiseSums:
    """The sums over all blocks of tasks together, in the order given; raises ValueError when there is none.

    >>> int(add_sums([pairwise_sums([[1.0]]), pairwise_sums([[2.0]])]).total[0, 0])
    3
    """
    parts = list(blocks)
    if not parts:
        raise ValueError("blocks is empty, expected at least one block of sums")
    return reduce(PairwiseSums.__add__, parts)


def score_ratios(sums: PairwiseSums) -> Floats:
    """Model i's summed score over model j's on the tasks both have, (…, M, M); below 1 is better than j.

    The diagonal is 1. NaN where no task is shared or both sums are zero; infinite where only j's sum is zero.

    >>> score_ratios(pairwise_sums([[1.0, 2.0, 4.0], [2.0, float("nan"), 2.0]]))
    array([[1.  , 1.25],
           [0.8 , 1.  ]])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios: Floats = np.where(sums.shared > 0, sums.total / np.swapaxes(sums.total, -1, -2), np.nan)
    same = np.arange(ratios.shape[-1])
    ratios[..., same, same] = np.where(sums.shared[..., same, same] > 0, 1.0, np.nan)
    return ratios


def relative_skill(sums: PairwiseSums, baseline: Any = None) -> Skill:
    """Geometric mean of each model's ratios against all models, itself included, and its quotient by the baseline's.

    ``baseline`` is the row of the baseline model, for several matrices one row each; None or −1 where there is none. Pairs without
    a shared task and pairs 0/0 are left out and counted. A model without any task has NaN; one with ratios of both 0 and infinity
    has NaN. Range 0 to infinity, below 1 is better. Raises ValueError when ``baseline`` is not a row.

    Source: Cramer et al. (2022), PNAS 119(15), supplement; ``get_pairwise_comparisons`` of scoringutils 2.2.

    >>> relative_skill(pairwise_sums([[4.0, 4.0], [1.0, 1.0]]), baseline=0).scaled
    array([1.  , 0.25])
    """
    ratios = score_ratios(sums)
    n_models = ratios.shape[-1]
    row = np.broadcast_to(np.asarray(-1 if baseline is None else baseline, dtype=np.int64), ratios.shape[:-2])
    if row.size and not (row.min() >= -1 and row.max() < n_models):
        raise ValueError(f"baseline is {row.min()} to {row.max()}, expected rows between 0 and {n_models - 1}")
    valid = ~np.isnan(ratios)
    n_valid = valid.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Added in order: models without a valid ratio must not change the last bit, as numpy's pairwise sum would.
        logs = np.cumsum(np.log(np.where(valid, ratios, 1.0)), axis=-1)[..., -1]
        relative: Floats = np.exp(logs / np.where(n_valid > 0, n_valid, np.nan))
        of_baseline = np.where(row >= 0, np.take_along_axis(relative, row[..., None], axis=-1)[..., 0], np.nan)
        scaled: Floats = relative / of_baseline[..., None]
    others = n_valid - np.diagonal(valid, axis1=-2, axis2=-1)
    return Skill(relative, scaled, others, n_models - 1 - others)


def signed_rank_p_value(first: Any, second: Any) -> float:
    """Two-sided p-value of Wilcoxon's signed rank test of paired scores, as R's ``wilcox.test(paired = TRUE)``.

    ``first``, ``second`` (n,); pairs with a NaN are dropped, then pairs that are equal. Exact below 50 remaining pairs
    without ties, else the normal approximation with corrections for ties and continuity; NaN when no pair remains.
    Raises ValueError when the lengths differ.

    The test takes every pair as independent. Scores of one week are not: the p-value describes, it must not decide.

    Source: Hollander and Wolfe (1973), section 3.1; R 4.2 ``stats::wilcox.test``.

    >>> signed_rank_p_value([1.0, 2.0, 3.0, 4.0], [0.5, 1.0, 1.5, 2.0])
    0.125
    """
    from scipy.stats import rankdata

    x = vector("first", first)
    difference = x - vector("second", second, length=len(x), like="first")
    difference = difference[~np.isnan(difference) & (difference != 0)]
    n = len(difference)
    if n == 0:
        return float("nan")
    ranks = rankdata(np.abs(difference))
    statistic = float(ranks[difference > 0].sum())
    _, ties = np.unique(ranks, return_counts=True)
    if n < 50 and (ties == 1).all():
        return _exact_signed_rank(round(statistic), n)
    return _normal_signed_rank(statistic, n, ties.astype(np.float64))


def pairwise_p_values(scores: Any) -> Floats:
    """``signed_rank_p_value`` of every two models on the tasks both have, (M, M), symmetric, 1 on the diagonal.

    ``scores`` (M, T) as for ``pairwise_sums``. NaN where no shared task has different scores.

    >>> pairwise_p_values([[1.0, 2.0, 3.0, 4.0], [0.5, 1.0, 1.5, 2.0]])
    array([[1.   , 0.125],
           [0.125, 1.   ]])
    """
    values = matrix("scores", scores)
    result = np.eye(len(values))
    for i in range(len(values)):
        for j in range(i):
            result[i, j] = result[j, i] = signed_rank_p_value(values[i], values[j])
    return result


def p_adjust(p_values: Any, method: Literal["holm", "BH", "BY"] = "holm") -> Floats:
    """P-values adjusted for being one family: ``holm`` bounds the chance of any false claim, ``BH`` and ``BY`` their expected share.

    ``p_values`` (n,) in [0, 1]; returns (n,), never below the input. ``BY`` holds under any dependence, ``BH`` under
    independence or positive dependence. NaN stays NaN and does not count to the family. Raises ValueError for an unknown method
    or a value outside [0, 1].

    Source: Holm (1979); Benjamini and Hochberg (1995); Benjamini and Yekutieli (2001); R's ``p.adjust``.

    >>> p_adjust([0.01, 0.02, 0.03, 0.04, 0.05]).round(12).tolist()
    [0.05, 0.08, 0.09, 0.09, 0.09]
    """
    p = vector("p_values", p_values)
    if ((p < 0) | (p > 1)).any():
        raise ValueError("p_values holds values outside 0 to 1")
    if method not in ("holm", "BH", "BY"):
        raise ValueError(f"method is {method!r}, expected holm, BH or BY")
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    position = np.arange(1, len(order) + 1)
    if method == "holm":
        stepped = np.maximum.accumulate((len(order) + 1 - position) * p[order])
    else:
        dependence = 1.0 if method == "BH" else float((1 / position).sum())
        stepped = np.minimum.accumulate((dependence * len(order) / position * p[order])[::-1])[::-1]
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def _filled(scores: Any) -> tuple[Floats, Floats]:
    """Scores with 0 where there is none, and 1 where there is one."""
    values = matrix("scores", scores)
    if (values < 0).any() or np.isinf(values).any():
        raise ValueError("scores holds negative or infinite values; a ratio of their sums has no meaning")
    present = ~np.isnan(values)
    return np.where(present, values, 0.0), present.astype(np.float64)


def _exact_signed_rank(statistic: int, n: int) -> float:
    largest = n * (n + 1) // 2
    # Below 50 pairs every count is an integer below 2**53, so that the sums are exact.
    counts = np.zeros(largest + 1)
    counts[0] = 1
    for rank in range(1, n + 1):
        counts[rank:] = counts[rank:] + counts[:-rank]
    tail = counts[: min(statistic, largest - statistic) + 1].sum() / 2.0**n
    return float(min(2 * tail, 1))


def _normal_signed_rank(statistic: float, n: int, ties: Floats) -> float:
    from scipy.special import ndtr

    excess = statistic - n * (n + 1) / 4
    spread = np.sqrt(n * (n + 1) * (2 * n + 1) / 24 - ((ties**3 - ties).sum() / 48))
    # R keeps the upper tail of a positive statistic apart, which avoids the loss of digits in 1 - p.
    return float(min(2 * ndtr(-np.abs(excess - np.sign(excess) * 0.5) / spread), 1))
