"""Long rows of one tenant made into the series of a media-mix model.

Belongs here: which kind of row is what in a model, and what a missing row means. Does not belong here: reading rows (``facts.py`` of a
domain) and models (``media_series``).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import TypeAlias

import numpy as np

from governance_assets.stats.arrays import Floats
from governance_assets.stats.media_series import MediaSeries

Values: TypeAlias = Mapping[dt.date, float | None]
_WEEK = dt.timedelta(days=7)


def tenants_from(rows: Iterable[tuple[str, str, str, dt.date, float | None]]) -> Iterator[tuple[str, MediaSeries]]:
    """Each tenant that has an observed target, with its series, from rows (tenant, kind, name, Monday, value) in that order."""
    for tenant, own in groupby(rows, key=lambda row: row[0]):
        series = {key: {row[3]: row[4] for row in group} for key, group in groupby(own, key=lambda row: (row[1], row[2]))}
        if (known := series_from(series)) is not None:
            yield tenant, known


def until(known: MediaSeries, end: int) -> MediaSeries:
    """The first ``end`` weeks: what comes later must not decide what can be said of them."""
    return between(known, 0, end)


def between(known: MediaSeries, start: int, end: int) -> MediaSeries:
    """The weeks from ``start`` up to ``end``, counted from 0, the latter not included."""
    cut = [{name: values[start:end] for name, values in part.items()} for part in (known.exposure, known.cost, known.controls)]
    return MediaSeries(known.weeks[start:end], known.target[start:end], *cut)


def series_from(rows: Mapping[tuple[str, str], Values]) -> MediaSeries | None:
    """The series of a tenant from its first observed target to its last week; None when no target is observed.

    ``rows`` has the values by Monday for each kind (target, spend, impressions, control, event) and name. Impressions take the place of
    the spend of a channel of the same name as what drives its response. A week without a row of spend, impressions or of an event
    is a week without any (0); a missing target or control is NaN.

    >>> monday = dt.date(2025, 1, 6)
    >>> made = series_from({("target", "sales"): {monday: 5.0, monday + _WEEK: 6.0}, ("spend", "tv"): {monday: 2.0}})
    >>> made.target, made.cost["tv"]
    (array([5., 6.]), array([2., 0.]))
    """
    observed = [week for (kind, _), values in rows.items() if kind == "target" for week in values]
    if not observed:
        return None
    first, last = min(observed), max(week for values in rows.values() for week in values)
    weeks = tuple(first + _WEEK * step for step in range((last - first) // _WEEK + 1))

    def filled(kind: str, nothing: float) -> dict[str, Floats]:
        made = {name: [values.get(week) for week in weeks] for (own, name), values in rows.items() if own == kind}
        return {name: np.array([nothing if value is None else value for value in values]) for name, values in made.items()}

    target = next(iter(filled("target", math.nan).values()))
    cost, impressions = filled("spend", 0.0), filled("impressions", 0.0)
    return MediaSeries(weeks, target, cost | impressions, cost, filled("control", math.nan) | filled("event", 0.0))
