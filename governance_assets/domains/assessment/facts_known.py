"""What is known of a metric, and the names that the assessment's facts share.

Belongs here: shapes. Does not belong here: where a value comes from (``facts.py`` and its parts).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from governance_assets.contract import Contract, arrow_schema
from governance_assets.policy.assessment import AssessedMetric

Row = dict[str, Any]
Views = Mapping[str, str | None]
WHOLE_DIMENSION = "*"
GAP_SHARE, CRITICAL_GAPS, R2, BUDGET, CRITERIA = "gap_share", "critical_gaps", "out_of_sample_r2", "budget_variance", "criteria_met"


@dataclass(frozen=True)
class Known:
    """A value with what is known of it, or why it is not known."""

    value: float | None = None
    source: str = ""
    measured_on: dt.date | None = None
    standard_error: float | None = None
    reason: str = ""
    origin: str = "computed"


def bounds(metric: AssessedMetric) -> tuple[float, float]:
    """Smallest and largest value that a metric can take."""
    return (-math.inf if metric.least is None else metric.least), (math.inf if metric.most is None else metric.most)


def table_of(contract: type[Contract], rows: Sequence[Row]) -> pa.Table:
    """``rows`` as a table of their contract."""
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(contract))
