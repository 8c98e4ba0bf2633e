"""The partitions of each grain as Dagster knows them, and the one place where a key of ours becomes one of Dagster's.

Belongs here: partition definitions, their keys, and which upstream partitions an edge shows. Does not belong here: the
arithmetic of periods (``periods.py``) or which partitions run (``automation.py``).

Dagster formats a key with ``strftime``, which knows no quarter. There a quarter is named by its first day, as half-months
and weeks are; everywhere else it is ``2025-Q4``. A list of quarters as text would do without the translation, but ends at
some year, offers quarters that have not begun, and lets a backfill of one week ask for every quarter.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import dagster as dg

from governance_assets.contract import WHOLE
from governance_assets.runtime.periods import HALF_MONTH_CRON, QUARTER_CRON, WEEK_CRON, first_day, period_of

FIRST_DAY = {"week": dt.date(2014, 12, 29), "half_month": dt.date(2015, 1, 1), "quarter": dt.date(2015, 1, 1)}
"""Periods before these are not on the calendar: every further year adds 52 partitions to every page of the UI.

The first week is the first one that the first quarter owns.
"""
FIRST = {grain: period_of(grain, day) for grain, day in FIRST_DAY.items()}
"""The key of the first partition of each grain."""
_CRON = {"week": WEEK_CRON, "half_month": HALF_MONTH_CRON, "quarter": QUARTER_CRON}
_FORMAT = "%Y-%m-%d"


def _definition(grain: str) -> dg.TimeWindowPartitionsDefinition:
    start = dt.datetime.combine(FIRST_DAY[grain], dt.time(), dt.UTC)
    return dg.TimeWindowPartitionsDefinition(start=start, fmt=_FORMAT, cron_schedule=_CRON[grain], end_offset=1)


PARTITIONS: Mapping[str, dg.PartitionsDefinition | None] = {"none": None} | {grain: _definition(grain) for grain in _CRON}
"""The partitions of each grain, the open one included."""


def to_dagster(grain: str, key: str) -> str:
    """Dagster's key of a partition.

    >>> to_dagster("quarter", "2025-Q4")
    '2025-10-01'
    """
    return first_day(grain, key).isoformat()


def from_dagster(grain: str, key: str) -> str:
    """The inverse of ``to_dagster``."""
    return period_of(grain, dt.date.fromisoformat(key))


def event_key(grain: str, key: str) -> str | None:
    """The partition that an event of Dagster names; None where there are no partitions."""
    return None if key == WHOLE else to_dagster(grain, key)


def dependency(name: str, source: str, grain: str) -> dg.AssetDep:
    """An edge from the artifact ``name`` of grain ``source`` to one of ``grain``.

    Between grains Dagster shows every week that touches a period: a week at a boundary is shown at both, and is handed in
    once (``inputs.py``). No edge demands a partition: what is missing is an unknown finding.
    """
    if "none" in (source, grain) or source == grain:
        return dg.AssetDep(name)
    return dg.AssetDep(name, partition_mapping=dg.TimeWindowPartitionMapping())
