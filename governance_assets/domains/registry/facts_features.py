"""How much of the catalogue of features is available.

Belongs here: counting signals of the newest catalogue. Does not belong here: which families must be closed (policy).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.registry.contracts import FeatureCoverage
from governance_assets.policy.registry import RegistryPolicy
from governance_assets.stats.rounding import rounded

Row = dict[str, Any]

_WEEK = dt.timedelta(days=7)


def feature_coverage(catalogue: Sequence[Row], weeks: Iterable[dt.date], policy: RegistryPolicy) -> pa.Table:
    """Coverage of each category, and of all, by the newest catalogue written by the end of each asked week."""
    rows: list[Row] = []
    for week in sorted(set(weeks)):
        written = [row for row in catalogue if row["date"] < week + _WEEK]
        newest = max((row["date"] for row in written), default=None)
        signals = sorted((row for row in written if row["date"] == newest), key=lambda row: (row["category"], row["signal_id"]))
        closed = {row["signal_id"] for row in signals if _is_available(row)}
        families = zip(policy.gap_families, policy.gap_signals, strict=True)
        still_open = ",".join(family for family, signal in families if signal not in closed)
        if signals:
            rows += [_covered(week, name, list(own), "") for name, own in groupby(signals, key=lambda row: row["category"])]
            rows.append(_covered(week, "all", signals, still_open))
    return pa.Table.from_pylist(rows, schema=arrow_schema(FeatureCoverage))


def _covered(week: dt.date, category: str, signals: Sequence[Row], families: str) -> Row:
    gaps = [row["signal_id"] for row in signals if not _is_available(row)]
    return {
        "week": week,
        "category": category,
        "available": len(signals) - len(gaps),
        "gaps": len(gaps),
        "coverage": rounded(1 - len(gaps) / len(signals)),
        "open_signals": ",".join(sorted(gaps)),
        "open_families": families,
    }


def _is_available(row: Row) -> bool:
    return bool(row["status"].strip().lower() == "available")
