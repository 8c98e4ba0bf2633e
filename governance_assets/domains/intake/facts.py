"""Counts over manifests and refused records.

Belongs here: sums, shares and differences of the rows handed in. Does not belong here: whether they are acceptable
(``rules.py``), or the reading of files (``runtime/sources/``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import arrow_schema
from governance_assets.domains.intake.contracts import MediaSeries, SourceFetches


def total(rows: pa.Table, column: str) -> int:
    """Sum of an integer column; 0 for no rows."""
    return pc.sum(rows[column]).as_py() or 0


def refused_share(rows: pa.Table) -> float:
    """Refused rows over refused and landed rows of all files; 0 when there are none."""
    return _share(total(rows, "rejected_rows"), total(rows, "rows"))


def refused_shares(rows: pa.Table) -> list[tuple[str, float]]:
    """Origin and share of refused rows of each file, largest first."""
    files = rows.select(["origin", "rows", "rejected_rows"]).to_pylist()
    shares = [(file["origin"], _share(file["rejected_rows"], file["rows"])) for file in files]
    return sorted(shares, key=lambda each: (-each[1], each[0]))


def unreadable_files(rejected: pa.Table) -> list[tuple[str, str]]:
    """File and what was found, for every file that was refused whole."""
    whole = rejected.filter(pc.equal(rejected["scope"], "file"))
    return list(zip(whole["file"].to_pylist(), whole["found"].to_pylist(), strict=True))


def with_ignored(rejected: pa.Table, ignored: Sequence[tuple[str, str]]) -> pa.Table:
    """The refused records and, behind them, one record for every file that is no telemetry, with the reason."""
    records = [
        {
            "file": file,
            "record": number,
            "file_sha256": None,
            "feed": None,
            "scope": "ignored",
            "row": None,
            "column": None,
            "found": reason,
            "expected": "a file of a known feed",
            "next_step": "nothing, if it is no telemetry; else give it the columns of a feed",
            "rows": 0,
        }
        for file, reasons in _grouped(ignored).items()
        for number, reason in enumerate(reasons, start=1 + rejected.filter(pc.equal(rejected["file"], file)).num_rows)
    ]
    return pa.concat_tables([rejected, pa.Table.from_pylist(records, schema=rejected.schema)])


def _grouped(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def vanished(rows: pa.Table, past: pa.Table) -> list[str]:
    """Origins of the past manifest that neither stand in the present one nor have their bytes under another name."""
    here = set(rows["origin"].to_pylist())
    bytes_here = set(rows["file_sha256"].to_pylist())
    files = past.select(["origin", "file_sha256"]).to_pylist()
    return sorted(file["origin"] for file in files if file["origin"] not in here and file["file_sha256"] not in bytes_here)


def media_series(rows: pa.Table, past_weeks: int, recent_weeks: int) -> pa.Table:
    """Every series of the long media ``rows`` with what tells whether a model can use it; one row a tenant, series and name."""
    found = []
    for tenant, own in _nested(rows.sort_by("week")).items():
        weeks = np.concatenate([series.weeks for series in own.values()])
        calendar = np.arange(weeks.min(), weeks.max() + 1, 7)
        spends = {name: series.values for (kind, name), series in own.items() if kind == "spend"}
        for (kind, name), series in sorted(own.items()):
            row = {"tenant": tenant, "series": kind, "name": name, **_summary(series, calendar)}
            if kind == "spend":
                jump, at = largest_jump(series.values, past_weeks, recent_weeks)
                row |= {"largest_jump": jump, "jump_week": None if at is None else _day(series.weeks[at])}
                row["channel_ratio"] = _ratio_to_others(name, spends)
            found.append(row)
    return pa.Table.from_pylist(found, arrow_schema(MediaSeries))


@dataclass(frozen=True)
class _Series:
    weeks: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    units: tuple[str, ...]


def _nested(rows: pa.Table) -> dict[str, dict[tuple[str, str], _Series]]:
    """Tenant, then kind and name, to the series in the order of ``rows``; weeks in days since 1970."""
    days, values = rows["week"].cast(pa.int32()).to_numpy().astype(np.int64), rows["value"].to_numpy()
    places: dict[tuple[str, str, str], list[int]] = {}
    for at, key in enumerate(zip(*(rows[name].to_pylist() for name in ("tenant", "series", "name")), strict=True)):
        places.setdefault(key, []).append(at)
    units = rows["unit"]
    found: dict[str, dict[tuple[str, str], _Series]] = {}
    for (tenant, kind, name), own in sorted(places.items()):
        stated = tuple(sorted(pc.unique(units.take(pa.array(own))).to_pylist()))
        found.setdefault(tenant, {})[kind, name] = _Series(days[own], values[own], stated)
    return found


def _day(days: int) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(days))


def _summary(series: _Series, calendar: npt.NDArray[np.int64]) -> dict[str, Any]:
    missing = np.setdiff1d(calendar, series.weeks)
    return {
        "unit": ", ".join(series.units),
        "weeks": len(series.weeks),
        "first_week": _day(series.weeks[0]),
        "last_week": _day(series.weeks[-1]),
        "missing_weeks": len(missing),
        "first_missing_week": _day(missing[0]) if len(missing) else None,
        "zero_weeks": int((series.values == 0).sum()),
        "mean": float(series.values.mean()),
        "smallest": float(series.values.min()),
        "largest": float(series.values.max()),
    }


def largest_jump(spend: npt.NDArray[np.float64], past_weeks: int, recent_weeks: int) -> tuple[float | None, int | None]:
    """The largest factor between some weeks and those before them, and the week it begins in; None with too few weeks with spend.

    Either ``recent_weeks`` in a row, all of them above or all below the median of the spend in the ``past_weeks`` before, or a
    single week against the largest before it. At least ``recent_weeks`` with spend must lie before.

    >>> largest_jump(np.array([2.0, 1.0, 2.0, 200.0, 100.0]), 3, 2)
    (100.0, 3)
    """
    best, at = None, None
    for week in range(1, len(spend)):
        before = spend[max(0, week - past_weeks) : week]
        before, after = before[before > 0], spend[week : week + recent_weeks]
        if len(before) < recent_weeks:
            continue
        factors = [spend[week] / spend[:week].max()]
        if len(after) == recent_weeks and (after > 0).all():
            usual = np.median(before)
            factors += [after.min() / usual, usual / after.max()]
        if best is None or max(factors) > best:
            best, at = max(1.0, *map(float, factors)), week
    return best, at


def _ratio_to_others(name: str, spends: Mapping[str, npt.NDArray[np.float64]]) -> float | None:
    medians = {each: float(np.median(values[values > 0])) for each, values in spends.items() if (values > 0).any()}
    others = [median for each, median in medians.items() if each != name]
    if name not in medians or not others:
        return None
    ratio = medians[name] / float(np.median(others))
    return max(ratio, 1 / ratio)


def by_tenant(rows: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """The rows of each tenant, in order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        found.setdefault(row["tenant"], []).append(row)
    return dict(sorted(found.items()))


def parameters(rows: Sequence[Mapping[str, Any]]) -> int:
    """The fewest parameters of a media-mix model of one tenant: a coefficient, a carry-over and a curve for each channel with spend,
    a coefficient for each control and event, the intercept and the noise."""
    channels = sum(row["series"] == "spend" and row["largest"] > 0 for row in rows)
    return 3 * channels + sum(row["series"] in ("control", "event") for row in rows) + 2


def source_fetches(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows as a table of their contract."""
    return pa.Table.from_pylist(list(rows), arrow_schema(SourceFetches))


def named_source(row: Mapping[str, Any]) -> str:
    """What a verdict calls a source: its kind and stream."""
    return f"{row['source']} {row['stream']}".strip()


def _share(refused: int, landed: int) -> float:
    return refused / (refused + landed) if refused + landed else 0.0
