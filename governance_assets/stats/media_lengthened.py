"""A design that reaches into weeks after those it was fitted on, for predictions.

Belongs here: later weeks in the scale and on the grids of a design. Does not belong here: the design (``media_design``).

A fit must not change when a later week arrives, not even in its last digits, or what was recorded of it would be restated. So a
design is made of the training weeks alone, and only what predictions read is made of the longer series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from governance_assets.stats.arrays import Floats, vector
from governance_assets.stats.media_curves import transform
from governance_assets.stats.media_design import Design
from governance_assets.stats.media_fit import Fit


def lengthened(design: Design, spend: Sequence[Floats], columns: Sequence[Floats]) -> Design:
    """``design`` with the series of its channels and columns, in their order, over more weeks; the first weeks must be the same.

    Raises ValueError for series that do not begin as the design's do.
    """
    weeks = len(spend[0])
    longer = np.array([vector("spend", values, length=weeks, like="the first channel") for values in spend])
    others = np.array([vector("column", values, length=weeks, like="the first channel") for values in columns]).reshape(-1, weeks)
    known = np.array([column.values for column in design.all_columns], dtype=np.float64).reshape(-1, design.weeks)
    if longer.shape[0] != len(design.spend) or others.shape[0] != len(known):
        raise ValueError(f"{longer.shape[0]} channels and {others.shape[0]} columns, the design has {len(design.spend)} and {len(known)}")
    if not (np.array_equal(longer[:, : design.weeks], design.spend) and np.array_equal(others[:, : design.weeks], known)):
        raise ValueError("the longer series do not begin with the weeks of the design")
    blocks, points, _ = design.series.shape
    series = np.zeros((blocks, points, weeks))
    for place, grid in enumerate(design.grids):
        series[place, : grid.points] = transform(grid, longer[place] / design.spend_scale[place])
    for block, place in enumerate(design.bound, start=len(design.grids)):
        series[block, 0] = others[place]
    return replace(design, spend=longer, columns=np.ascontiguousarray(others[list(design.free)]), series=series)


def reaching(fit: Fit, design: Design) -> Fit:
    """``fit`` as one of the lengthened ``design``: same draws, more weeks to predict."""
    return replace(fit, window=replace(fit.window, design=design))
