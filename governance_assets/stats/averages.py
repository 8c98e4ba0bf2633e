"""Averages from sums: means, root means and ratios of totals, pooled over tasks or averaged over groups first.

Belongs here: turning totals and counts of columns into averages. Does not belong here: the columns, or which windows are summed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from governance_assets.stats.arrays import Floats
from governance_assets.stats.windows import Sums


@dataclass(frozen=True)
class Average:
    """How one figure comes from column totals.

    ``mean`` is total over count of ``column``, ``root_mean`` its square root, ``ratio`` the total of ``column`` over that of ``over``.
    """

    column: str
    kind: Literal["mean", "root_mean", "ratio"] = "mean"
    over: str = ""


@dataclass(frozen=True)
class Averaged:
    """Values, NaN where nothing was counted, and how many values of the column each rests on; last axis: the figures."""

    value: Floats
    count: Floats


def averages(sums: Sums, columns: Sequence[str], wanted: Mapping[str, Average]) -> Averaged:
    """Each wanted figure for each entry of ``sums``, whose last axis is ``columns``.

    Raises ValueError for a column that is not there; a ratio over a total of 0 is NaN.

    >>> totals = Sums(np.array([[8.0, 2.0]]), np.array([[2.0, 2.0]]))
    >>> averages(totals, ["a", "b"], {"x": Average("a"), "y": Average("a", "root_mean"), "z": Average("a", "ratio", "b")}).value
    array([[4., 2., 4.]])
    """
    missing = {name for average in wanted.values() for name in (average.column, average.over) if name and name not in columns}
    if missing:
        raise ValueError(f"columns lacks {', '.join(sorted(missing))}")
    shape = (*sums.total.shape[:-1], len(wanted))
    value, count = np.empty(shape), np.empty(shape)
    for position, average in enumerate(wanted.values()):
        column = columns.index(average.column)
        count[..., position] = sums.count[..., column]
        below = sums.total[..., columns.index(average.over)] if average.kind == "ratio" else sums.count[..., column]
        with np.errstate(divide="ignore", invalid="ignore"):
            quotient = np.where((count[..., position] > 0) & (below != 0), sums.total[..., column] / below, np.nan)
        value[..., position] = np.sqrt(quotient) if average.kind == "root_mean" else quotient
    return Averaged(value, count)


def mean_over_groups(averaged: Averaged) -> Averaged:
    """Mean of the groups' values with equal weight, groups without a value left out; counts are added.

    Takes (…, groups, figures), returns (…, 1, figures).

    >>> mean_over_groups(Averaged(np.array([[1.0], [3.0], [np.nan]]), np.array([[9.0], [1.0], [0.0]]))).value
    array([[2.]])
    """
    known = ~np.isnan(averaged.value)
    groups = known.sum(axis=-2, keepdims=True)
    # Added in order: further groups without a value must not change the last bit, as numpy's pairwise sum would.
    total = np.cumsum(np.where(known, averaged.value, 0.0), axis=-2)[..., -1:, :]
    value: Floats = np.where(groups > 0, total / np.maximum(groups, 1), np.nan)
    return Averaged(value, averaged.count.sum(axis=-2, keepdims=True))
