"""Columns of a media-mix model that are made from dates: trend, moving level, seasons, holidays, events.

Belongs here: values of such columns and their usual priors. Does not belong here: which of them a model uses.
Weeks are given by their first days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from governance_assets.stats.media_model import Column
from governance_assets.stats.media_priors import Prior, laplace, normal

DAYS_A_YEAR = 365.25

# Those of PyMC-Marketing.
COLUMN_PRIOR = normal(0.0, 2.0)
SEASON_PRIOR = laplace(0.0, 1.0)
# A step of the level, in shares of the largest target; with ``level_steps`` it was chosen on the worlds of ``benchmarks/media_coverage.py``
# that were used in development.
STEP_PRIOR = normal(0.0, 0.02)
STEP_WEEKS = 9


def intercept(weeks: int, prior: Prior = COLUMN_PRIOR) -> Column:
    """A column of ones."""
    return Column("intercept", np.ones(weeks), prior)


def trend(weeks: int, prior: Prior = COLUMN_PRIOR) -> Column:
    """A line from 0 in the first week to 1 in the last.

    >>> trend(3).values
    array([0. , 0.5, 1. ])
    """
    return Column("trend", np.linspace(0.0, 1.0, weeks), prior)


def level_steps(weeks: int, every: int = STEP_WEEKS, prior: Prior = STEP_PRIOR) -> list[Column]:
    """A level that may move: one column for each ``every`` weeks, 0 before and 1 from there on, so its coefficient is a lasting step.

    Steps after the last training week never moved in training: predictions then count with their whole prior, and widen with time as
    those of a random walk do. Raises ValueError for ``every`` below 1.

    >>> [column.values.tolist() for column in level_steps(5, 2)]
    [[0.0, 0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 1.0]]
    """
    if every < 1:
        raise ValueError(f"every is {every}, expected at least one week between two steps")
    time = np.arange(weeks)
    return [Column(f"step_{start}", (time >= start).astype(np.float64), prior) for start in range(every, weeks, every)]


def yearly_season(starts: Sequence[dt.date], order: int, prior: Prior = SEASON_PRIOR) -> list[Column]:
    """Sines and cosines of the day of the year, ``order`` of each, as PyMC-Marketing has them."""
    if order < 1:
        raise ValueError(f"order is {order}, expected at least one wave a year")
    days = np.array([start.timetuple().tm_yday for start in starts], dtype=np.float64)
    found = []
    for wave in range(1, order + 1):
        angle = 2 * np.pi * wave * days / DAYS_A_YEAR
        found += [Column(f"sin_{wave}", np.sin(angle), prior), Column(f"cos_{wave}", np.cos(angle), prior)]
    return found


def holidays(starts: Sequence[dt.date], dates: Iterable[dt.date], name: str = "holidays", prior: Prior = COLUMN_PRIOR) -> Column:
    """How many of the ``dates`` fall in each week of seven days.

    >>> holidays([dt.date(2024, 12, 23), dt.date(2024, 12, 30)], [dt.date(2024, 12, 25), dt.date(2025, 1, 1)]).values
    array([1., 1.])
    """
    days = sorted(dates)
    counts = [sum(start <= day < start + dt.timedelta(days=7) for day in days) for start in starts]
    return Column(name, np.array(counts, dtype=np.float64), prior)


def events(starts: Sequence[dt.date], spans: Mapping[str, tuple[dt.date, dt.date]], prior: Prior = COLUMN_PRIOR) -> list[Column]:
    """One column an event, the share of each week's days that lie within its first and last day."""
    found = []
    for name, (first, last) in spans.items():
        if last < first:
            raise ValueError(f"the event {name} ends on {last} before it begins on {first}")
        within = [sum(first <= start + dt.timedelta(days=day) <= last for day in range(7)) / 7 for start in starts]
        found.append(Column(name, np.array(within), prior))
    return found
