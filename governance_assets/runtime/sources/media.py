"""A wide media table to long weekly rows: one value of one series of one tenant in one week.

Belongs here: judging the cells and days of such a table, adding days and tenants up, and settling what two files state.
Does not belong here: what the columns mean (``media_file.py``); whether the whole is fit for a model (intake's ``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.policy import IntakePolicy
from governance_assets.runtime.periods import days_to_monday
from governance_assets.runtime.sources.landing import LANDED, Store, iso
from governance_assets.runtime.sources.media_file import FEED, MediaEntry, Weekday
from governance_assets.runtime.sources.outcome import Refusal, Table, Unreadable, shown
from governance_assets.runtime.sources.reading import capped
from governance_assets.runtime.sources.typed import literal

Numbers = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

DAYS = 7
_AS_GIVEN = "as given"
_MISSING = ("", "na", "n/a", "nan", "none", "null")
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})([T ].*)?")
_EPOCH = dt.date(1970, 1, 1)
_DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NEVER_NEGATIVE = ("spend", "impressions")
_SUMMED_OVER_TENANTS = ("target", "spend", "impressions")


@dataclass
class Series:
    """One declared column, cell by cell."""

    kind: str
    name: str
    column: str
    unit: str
    values: Values
    sign: str | None = None


@dataclass
class Lines:
    """The lines of a file, of which more and more are refused or left out."""

    table: Table
    usable: Mask
    refusals: list[Refusal] = field(default_factory=list)
    refused: int = 0

    def refuse(self, wrong: Mask, column: str, found: Mapping[int, str] | pa.ChunkedArray, expected: str, next_step: str) -> None:
        """Refuse those of the ``wrong`` lines that are still usable, each with what was found there."""
        for at in np.flatnonzero(wrong & self.usable).tolist():
            text = found[at].as_py() if isinstance(found, pa.ChunkedArray) else found[at]
            line = self.table.rows[at].as_py()
            self.refusals.append(Refusal("row", line, column, shown("" if text is None else text), expected, next_step, 1, FEED))
        self.leave(wrong, is_refused=True)

    def leave(self, left: Mask, *, is_refused: bool = False) -> None:
        """Take lines out."""
        self.refused += int((left & self.usable).sum()) if is_refused else 0
        self.usable &= ~left


def land_media(table: Table, entry: MediaEntry, policy: IntakePolicy, store: Store) -> dict[str, Any]:
    """Land the rows of one wide table; returns what is remembered of it. Raises Unreadable where a declared column is missing."""
    lines = Lines(table, np.ones(len(table.rows), np.bool_), list(table.refusals), sum(refusal.rows for refusal in table.refusals))
    columns = _columns(table, entry)
    tenants = _tenants(lines, columns, entry)
    days = _days(lines, columns[entry.date], entry)
    series = _series(lines, columns, entry)
    _refuse_repeats(lines, tenants, days, series, entry)
    weeks = days - (days + 3) % DAYS if entry.grain == "day" else days + days_to_monday(_number(entry.week_starts))
    if entry.grain == "day":
        _refuse_partial_weeks(lines, tenants, weeks)
    if entry.sum_to is not None:
        _refuse_partial_sums(lines, tenants, weeks)
        tenants = np.full(len(tenants), entry.sum_to, dtype=object)
    rows = _long(lines, tenants, weeks, series, entry)
    return _entry(lines, rows, entry, policy, store)


def _entry(lines: Lines, rows: pa.Table, entry: MediaEntry, policy: IntakePolicy, store: Store) -> dict[str, Any]:
    landing = _landing(rows, store)
    used, total = int(lines.usable.sum()), lines.table.file_rows
    landing |= {"rows": used, "file_rows": total, "rejected_rows": lines.refused, "unused_rows": total - used - lines.refused}
    told = [replace(refusal, feed=FEED) for refusal in lines.refusals]
    told.sort(key=lambda refusal: (refusal.row or 0, refusal.column or ""))
    refusals = [asdict(refusal) for refusal in capped(told, lines.refused, policy)]
    return {"landings": {FEED: landing}, "refusals": refusals, "context": entry.meaning(), "lacks_unit": False}


def _landing(rows: pa.Table, store: Store) -> dict[str, Any]:
    landed = store.land(FEED, rows, np.zeros(rows.num_rows, np.int64)) if rows.num_rows else {0: store.land_nothing(FEED, ())}
    return {**landed[0], "blocks": [], "landed_values": rows.num_rows}


# ---------------------------------------------------------------- cells


def _columns(table: Table, entry: MediaEntry) -> dict[str, pa.ChunkedArray]:
    """Every declared column by its name."""
    names = [name.strip() for name in table.names]
    wanted = [entry.date, entry.target.column, *entry.spend.values(), *entry.impressions.values(), *entry.controls.values()]
    wanted += [*entry.events.values(), *(name for name in (entry.tenant_column, entry.target.times) if name is not None)]
    for name in wanted:
        if names.count(name) != 1:
            what = f"no column {name}" if name not in names else f"column {name} more than once"
            error = Unreadable(f"{what} among {', '.join(names[:20])}", f"column {name} once", "mend media.yaml or the header of the file")
            error.refusal = replace(error.refusal, column=name, feed=FEED)
            raise error
    return {name: table.columns[names.index(name)] for name in wanted}


def _tenants(lines: Lines, columns: Mapping[str, pa.ChunkedArray], entry: MediaEntry) -> npt.NDArray[np.object_]:
    if entry.tenant_column is None:
        return np.full(len(lines.usable), entry.tenant, dtype=object)
    column = pc.utf8_trim_whitespace(columns[entry.tenant_column].cast(pa.string()))
    empty = pc.fill_null(pc.equal(pc.utf8_length(column), 0), True).to_numpy()
    lines.refuse(empty, entry.tenant_column, column, "the name of a tenant", "fill the cell in")
    names: npt.NDArray[np.object_] = pc.fill_null(column, "").to_numpy().astype(object)
    return names


def _days(lines: Lines, column: pa.ChunkedArray, entry: MediaEntry) -> Numbers:
    """Days since 1970 of every line; 0 where the line is refused."""
    if pa.types.is_date(column.type):
        found = [None if day is None else (day - _EPOCH).days for day in column.to_pylist()]
    else:
        found = [_day(text) for text in column.cast(pa.string()).to_pylist()]
    unknown = np.array([day is None for day in found], dtype=np.bool_)
    lines.refuse(unknown, entry.date, column.cast(pa.string()), "an ISO date such as 2025-11-03", "write the date as year-month-day")
    days = np.array([day or 0 for day in found], dtype=np.int64)
    if entry.grain == "week":
        start = _DAY_NAMES[_number(entry.week_starts)]
        wrong = (days + 3) % DAYS != _number(entry.week_starts)
        told = {at: f"{iso(days[at])}, a {_DAY_NAMES[(days[at] + 3) % DAYS]}" for at in np.flatnonzero(wrong).tolist()}
        step = "mend the date, or say week_starts: or grain: day in media.yaml"
        lines.refuse(wrong, entry.date, told, f"the first day of a week, a {start}", step)
    return days


def _day(text: str | None) -> int | None:
    match = _DATE.fullmatch((text or "").strip())
    try:
        return None if match is None else (dt.date.fromisoformat(match[1]) - _EPOCH).days
    except ValueError:
        return None


def _number(weekday: Weekday) -> int:
    return [name.lower() for name in _DAY_NAMES].index(weekday)


def _series(lines: Lines, columns: Mapping[str, pa.ChunkedArray], entry: MediaEntry) -> list[Series]:
    target = _numeric(lines, columns, "target", entry.target.column, entry.target.column, entry.target.unit)
    if entry.target.times is not None:
        target.values *= _numeric(lines, columns, "target", entry.target.times, entry.target.times, "").values
    series = [target]
    for kind, named, unit in (
        ("spend", entry.spend, entry.currency),
        ("impressions", entry.impressions, "impressions"),
        ("control", entry.controls, _AS_GIVEN),
    ):
        series += [_numeric(lines, columns, kind, name, column, unit) for name, column in named.items()]
    for name, column in entry.events.items():
        series += _levels(columns[column], name, column) or [_numeric(lines, columns, "event", name, column, _AS_GIVEN)]
    for each in series[1:]:
        each.sign = entry.sign(each.name)
    return series


def _numeric(lines: Lines, columns: Mapping[str, pa.ChunkedArray], kind: str, name: str, column: str, unit: str) -> Series:
    values = _numbers(columns[column])
    fill = "write 0 where there was none" if kind != "target" else "fill the value in, or leave the week out"
    lines.refuse(~np.isfinite(values), column, columns[column].cast(pa.string()), "a finite number", fill)
    if kind in _NEVER_NEGATIVE:
        step = "book credits apart; spend of a week cannot be negative" if kind == "spend" else "mend the count"
        lines.refuse(values < 0, column, columns[column].cast(pa.string()), "a number that is not negative", step)
    return Series(kind, name, column, unit, np.where(np.isfinite(values), values, 0.0))


def _numbers(column: pa.ChunkedArray) -> Values:
    """The cells as numbers; not a number where there is none."""
    if pa.types.is_date(column.type):
        return np.full(len(column), np.nan)
    if pa.types.is_string(column.type):
        text = pc.utf8_lower(pc.utf8_trim_whitespace(column))
        text = pc.if_else(pc.equal(text, "true"), "1", pc.if_else(pc.equal(text, "false"), "0", text))
        is_number = pc.match_substring_regex(text, _NUMBER)
        column = pc.utf8_ltrim(pc.if_else(is_number, text, pa.scalar(None, pa.string())), "+")
    values: Values = pc.fill_null(column.cast(pa.float64(), safe=False), float("nan")).to_numpy().astype(np.float64)
    return values


def _levels(column: pa.ChunkedArray, name: str, spelled: str) -> list[Series]:
    """One series for each word of a column of words, 1 in its weeks; none where some cell is a number."""
    if not pa.types.is_string(column.type) or np.isfinite(_numbers(column)).any():
        return []
    text = pc.fill_null(pc.utf8_trim_whitespace(column), "")
    words = sorted(word for word in pc.unique(text).to_pylist() if word.lower() not in _MISSING)
    return [
        Series("event", f"{name}={word}", spelled, _AS_GIVEN, pc.equal(text, word).cast(pa.float64()).to_numpy().copy()) for word in words
    ]


# ---------------------------------------------------------------- lines against each other


def _refuse_repeats(lines: Lines, tenants: npt.NDArray[np.object_], days: Numbers, series: Sequence[Series], entry: MediaEntry) -> None:
    """A tenant has one line a date: of equal lines the first counts, of different ones none."""
    seen: dict[tuple[str, int], list[int]] = {}
    for at in np.flatnonzero(lines.usable).tolist():
        seen.setdefault((tenants[at], int(days[at])), []).append(at)
    found: dict[int, str] = {}
    for (tenant, day), group in seen.items():
        if len(group) > 1:
            is_same = all((each.values[group] == each.values[group[0]]).all() for each in series)
            what = "the same values" if is_same else "other values"
            found |= {at: f"{iso(day)} of {tenant} again, with {what}" for at in group[1 if is_same else 0 :]}
    wrong = np.zeros(len(days), np.bool_)
    wrong[list(found)] = True
    lines.refuse(wrong, entry.date, found, f"one line a {entry.grain} and tenant", "keep the right line")


def _groups(lines: Lines, *parts: Any) -> tuple[Numbers, Numbers]:
    """Usable lines, and for each the number of its group of equal ``parts``."""
    at = np.flatnonzero(lines.usable)
    number = np.zeros(len(at), np.int64)
    for part in parts:
        values, inverse = np.unique(part[at], return_inverse=True)
        number = number * len(values) + inverse
    return at, np.unique(number, return_inverse=True)[1] if len(at) else number


def _refuse_partial_weeks(lines: Lines, tenants: npt.NDArray[np.object_], weeks: Numbers) -> None:
    """Weeks without all their days: at either end of a tenant's days they are not used, in between they are refused."""
    at, group = _groups(lines, tenants, weeks)
    counts = np.bincount(group, minlength=1)
    left = np.zeros(len(weeks), np.bool_)
    for number in np.flatnonzero(counts % DAYS).tolist():
        members = at[group == number]
        tenant, week = tenants[members[0]], weeks[members[0]]
        own = weeks[(tenants == tenant) & lines.usable]
        if own.min() < week < own.max():
            found = f"{len(members)} days of the week {iso(week)} of {tenant}"
            step = "send the missing days; their week lands when it is whole"
            lines.refusals.append(Refusal("task", None, None, shown(found), "7 days", step, len(members), FEED))
            lines.refused += len(members)
        left[members] = True
    lines.leave(left)


def _refuse_partial_sums(lines: Lines, tenants: npt.NDArray[np.object_], weeks: Numbers) -> None:
    """Weeks in which some tenant is missing: their sum would be short."""
    names = set(tenants[lines.usable])
    left = np.zeros(len(weeks), np.bool_)
    for week in np.unique(weeks[lines.usable]).tolist():
        members = (weeks == week) & lines.usable
        missing = sorted(names - set(tenants[members]))
        if missing:
            found = f"week {iso(week)} without {', '.join(missing)}"
            step = "send the lines of these tenants; the week lands when all are there"
            expected = f"all {len(names)} tenants that are added up"
            lines.refusals.append(Refusal("task", None, None, shown(found), expected, step, int(members.sum()), FEED))
            lines.refused += int(members.sum())
            left |= members
    lines.leave(left)


def _long(lines: Lines, tenants: npt.NDArray[np.object_], weeks: Numbers, series: Sequence[Series], entry: MediaEntry) -> pa.Table:
    """One row a value, sorted by week, tenant, series and name."""
    at, group = _groups(lines, weeks, tenants)
    counts = np.bincount(group) if len(at) else np.zeros(0, np.int64)
    first = at[np.unique(group, return_index=True)[1]]
    days = DAYS if entry.grain == "day" else 1
    parts = []
    for each in sorted(series, key=lambda one: (one.kind, one.name)):
        values = np.bincount(group, each.values[at], len(first)) if len(at) else np.zeros(0)
        if each.kind not in _SUMMED_OVER_TENANTS:
            # A control or event of several tenants, and a control of several days, is their mean; events of days are counted.
            values = values / (counts if each.kind == "control" else counts / days)
        parts.append(
            pa.table(
                {
                    "tenant": pa.array(tenants[first], pa.string()),
                    "week": pa.array(weeks[first], pa.int32()).cast(pa.date32()) if len(first) else pa.array([], pa.date32()),
                    "series": pa.repeat(each.kind, len(first)),
                    "name": pa.repeat(each.name, len(first)),
                    "value": pa.array(values, pa.float64()),
                    "unit": pa.repeat(each.unit, len(first)),
                    "sign": pa.repeat(pa.scalar(each.sign, pa.string()), len(first)),
                }
            )
        )
    order = [(name, "ascending") for name in ("week", "tenant", "series", "name")]
    return pa.concat_tables(parts).cast(pa.schema(LANDED[FEED])).sort_by(order)


# ---------------------------------------------------------------- files against each other


class _Landed(Protocol):
    entry: dict[str, Any] | None

    @property
    def origin(self) -> str: ...


def _stacked(files: Sequence[_Landed], store: Store) -> str:
    names = ", ".join(name for name, _ in LANDED[FEED])
    parts = []
    for number, file in enumerate(files):
        assert file.entry is not None
        path = store.path(FEED, file.entry["landings"][FEED]["landed_sha256"])
        parts.append(f"SELECT {number} AS file, {names} FROM read_parquet({literal(str(path))})")
    return " UNION ALL ".join(parts)


def settle_media(con: duckdb.DuckDBPyConnection, files: Sequence[_Landed], store: Store, policy: IntakePolicy) -> None:
    """Make every value stand in one file: equal repeats are not used again, a week that contradicts an earlier file is refused."""
    if len(files) < 2:
        return
    value = "PARTITION BY tenant, week, series, name ORDER BY file"
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE placed AS
        SELECT *, bool_or(differs) OVER (PARTITION BY file, tenant, week) AS is_refused FROM (
            SELECT *, first_value(file) OVER ({value}) AS first_file,
                (first_value(value) OVER ({value}), first_value(unit) OVER ({value})) IS DISTINCT FROM (value, unit) AS differs
            FROM ({_stacked(files, store)}))"""
    )
    told: dict[int, list[Refusal]] = {}
    for number, tenant, week, first, name in con.execute(
        "SELECT file, tenant, week, min(first_file), min(name) FROM placed WHERE differs GROUP BY file, tenant, week ORDER BY ALL"
    ).fetchall():
        found = f"week {week} of {tenant}: {name} is another in {files[first].origin}"
        lines = _lines_a_week(con, number, files[number])
        step = "keep the week in the file that is right"
        told.setdefault(number, []).append(Refusal("task", None, None, shown(found), "one value a week in all files", step, lines, FEED))
    losing = con.execute("SELECT DISTINCT file FROM placed WHERE first_file <> file ORDER BY file").fetchall()
    for (number,) in losing:
        _keep_rest(con, number, files[number], told.get(number, []), store, policy)


def _lines_a_week(con: duckdb.DuckDBPyConnection, number: int, file: _Landed) -> int:
    assert file.entry is not None
    found = con.execute("SELECT count(DISTINCT (tenant, week)) FROM placed WHERE file = ?", [number]).fetchone()
    assert found is not None
    return int(file.entry["landings"][FEED]["rows"]) // int(found[0])


def _keep_rest(
    con: duckdb.DuckDBPyConnection, number: int, file: _Landed, refusals: Sequence[Refusal], store: Store, policy: IntakePolicy
) -> None:
    assert file.entry is not None
    before, each = file.entry["landings"][FEED], _lines_a_week(con, number, file)
    names = ", ".join(name for name, _ in LANDED[FEED])
    query = f"SELECT {names} FROM placed WHERE file = ? AND first_file = file AND NOT is_refused ORDER BY week, tenant, series, name"
    rows = con.execute(query, [number]).to_arrow_table()
    kept = each * pc.count_distinct(pc.binary_join_element_wise(rows["tenant"], rows["week"].cast(pa.string()), "\0")).as_py()
    refused = before["rejected_rows"] + sum(refusal.rows for refusal in refusals)
    after = {**before, **_landing(rows, store), "rows": kept, "rejected_rows": refused}
    after["unused_rows"] = before["file_rows"] - kept - refused
    told = [Refusal(**refusal) for refusal in file.entry["refusals"]] + list(refusals)
    file.entry = {**file.entry, "landings": {FEED: after}, "refusals": [asdict(refusal) for refusal in capped(told, refused, policy)]}


def all_rows(con: duckdb.DuckDBPyConnection, files: Sequence[_Landed], store: Store) -> pa.Table:
    """Every landed row of all ``files``."""
    if not files:
        return pa.schema(LANDED[FEED]).empty_table()
    rows = con.execute(f"SELECT * EXCLUDE (file) FROM ({_stacked(files, store)}) ORDER BY ALL").to_arrow_table()
    return rows.cast(pa.schema(LANDED[FEED]))


def holding(files: Sequence[Any]) -> list[Any]:
    """The files that landed rows of this feed."""
    return [file for file in files if file.entry and file.entry["landings"].get(FEED, {}).get("rows")]
