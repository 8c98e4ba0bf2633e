"""A file of a record feed to its landing: its columns are recognised, cells typed, repeats settled, everything counted.

Belongs here: the way from texts to landed rows, for every record feed alike. Does not belong here: cells (``cells.py``), shapes of
documents (``shapes.py``), or what one file says about another (``across.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.feeds import OWN, RECORD_FEEDS, Row, arrivals
from governance_assets.policy import IntakePolicy
from governance_assets.runtime.sources import columns, shapes
from governance_assets.runtime.sources.cells import SOURCE, Matched, is_plain, record_query
from governance_assets.runtime.sources.landing import LANDED, Store
from governance_assets.runtime.sources.outcome import Context, Refusal, Table, Unreadable, shown
from governance_assets.runtime.sources.reading import capped
from governance_assets.runtime.sources.tables import RECORD_SUFFIXES, read_table
from governance_assets.runtime.sources.typed import Query, quoted

_OWN_FOLDER = 2
"""Columns by which the feeds of a file's own folder lead when its columns fit several."""


def land_records(
    con: duckdb.DuckDBPyConnection, data: bytes, suffix: str, context: Context, policy: IntakePolicy, store: Store
) -> dict[str, Any]:
    """Land every feed that the file holds; returns what is remembered of it. Raises Unreadable when it holds none."""
    shape, tables = _read(data, suffix, context, policy)
    landings, told, notes = {}, [], {}
    for feed, table in tables.items():
        matched = match(RECORD_FEEDS[feed], table.names)
        landings[feed], refusals = _land(con, feed, table, matched, context, policy, store)
        told += [replace(refusal, feed=feed) for refusal in refusals]
        notes |= _notes(RECORD_FEEDS[feed], matched, context)
    total = sum(landing["rejected_rows"] for landing in landings.values())
    return {
        "landings": landings,
        "refusals": [asdict(refusal) for refusal in capped(told, total, policy)],
        "context": "; ".join(f"{name}={value}" for name, value in sorted(notes.items())),
        "lacks_unit": False,
        "shape": shape,
    }


def _notes(row: type[Row], matched: Matched, context: Context) -> dict[str, str]:
    """What the file's place adds to its rows."""
    notes = dict(context.stated)
    if row.place is not None and row.place not in matched.names and context.place is not None:
        notes[row.place] = context.place
    if "as_of" not in matched.names:
        is_dated = any(name in matched.names for name in (*row.dated, "date"))
        day = context.as_of if context.as_of is not None or is_dated else context.modified
        notes |= {} if day is None else {"as_of": day}
    return notes


# ---------------------------------------------------------------- which columns are which


def match(row: type[Row], names: Sequence[str]) -> Matched:
    """The columns of ``row`` among ``names``: by their own names first, then by the others they go by; ``date`` takes what is left."""
    left = {columns.plain(name): name for name in names if columns.plain(name)}
    found: dict[str, tuple[str, float]] = {}
    ways = [arrival for arrival in arrivals(row) if arrival.column.name != "details"]
    own_first = [(arrival, (arrival.column.name,)) for arrival in ways if arrival.column.name not in OWN]
    others = [(arrival, arrival.names[1:]) for arrival in ways if arrival.column.name not in OWN]
    for arrival, known in [*own_first, *others, *((arrival, arrival.names) for arrival in ways if arrival.column.name in OWN)]:
        name = next((name for name in known if name in left and arrival.column.name not in found), None)
        if name is not None:
            found[arrival.column.name] = (left.pop(name), arrival.scaled.get(name, 1.0))
    return Matched(found, tuple(left.values()))


def is_of(row: type[Row], matched: Matched) -> bool:
    """Whether a table with these columns is one of ``row``'s feed."""
    required = all(arrival.column.name in matched.names for arrival in arrivals(row) if arrival.is_required)
    return required and (not row.of or any(name in matched.names for name in row.of))


def recognised(names: Sequence[str], folder: str) -> str | None:
    """The feed whose columns ``names`` fit best, those of ``folder`` before others."""
    fits = {}
    for feed, row in RECORD_FEEDS.items():
        matched = match(row, names)
        if is_of(row, matched):
            fits[feed] = len(matched.names) + _OWN_FOLDER * (row.folder == folder)
    return max(fits, key=lambda feed: fits[feed]) if fits else None


def _read(data: bytes, suffix: str, context: Context, policy: IntakePolicy) -> tuple[str, dict[str, Table]]:
    """The shape of a file, and a table of each feed that it holds."""
    if suffix in RECORD_SUFFIXES or suffix in shapes.SUFFIXES:
        parsed = shapes.read_records(data, suffix, context, policy)
        return parsed.shape, {feed: _tabled(feed, items, policy) for feed, items in _by_feed(parsed, context).items()}
    table = _texts(read_table(data, suffix, policy, keeps_instants=True))
    if twice := columns.repeated(table.names):
        raise Unreadable(f"column {', '.join(map(shown, twice))} more than once", "each column once", "rename or remove the repeats")
    table = shapes.arranged(table, context)
    feed = recognised(table.names, context.folder or "")
    if feed is None:
        raise _unknown(table.names, context)
    return "table", {feed: table}


def _by_feed(parsed: shapes.Parsed, context: Context) -> dict[str, list[shapes.Item]]:
    if parsed.feeds:
        return parsed.feeds
    names = list(dict.fromkeys(name for _, item in parsed.items if isinstance(item, dict) for name in item))
    feed = recognised(names, context.folder or "")
    if feed is None:
        raise _unknown(names, context)
    return {feed: parsed.items}


def _unknown(names: Sequence[str], context: Context) -> Unreadable:
    known = []
    for feed, row in RECORD_FEEDS.items():
        if row.folder == context.folder:
            wanted = [arrival.column.name for arrival in arrivals(row) if arrival.is_required]
            any_of = " or ".join(name for name in row.of)
            known.append(f"{', '.join([*wanted, *([any_of] if any_of else [])])} ({feed})")
    return Unreadable(
        f"columns {', '.join(names[:20])}",
        f"columns {'; or '.join(known)}",
        "rename the columns, or put the file in the folder of its feed",
    )


def _texts(table: Table) -> Table:
    arrays = [column if pa.types.is_string(column.type) else column.cast(pa.string()) for column in table.columns]
    return replace(table, columns=arrays)


def _tabled(feed: str, items: Sequence[shapes.Item], policy: IntakePolicy) -> Table:
    """Records as a table of texts; what is no record, and nested values where the feed has a plain column, are refused."""
    refusals: list[Refusal] = []
    rows: list[tuple[int, dict[str, str | None]]] = []
    names: dict[str, None] = {}
    for _, item in items:
        if isinstance(item, dict):
            names.update(dict.fromkeys(item))
    if len(names) > policy.max_columns:
        raise Unreadable(f"{len(names):,} columns", f"at most {policy.max_columns:,}", "write one row a value, not one column a value")
    if twice := columns.repeated(names):
        raise Unreadable(f"column {', '.join(map(shown, twice))} more than once", "each column once", "rename or remove the repeats")
    matched = match(RECORD_FEEDS[feed], list(names))
    by_column = {column: name for name, (column, _) in matched.names.items()}
    plain = {by_column[column] for column in by_column} - {
        arrival.column.name for arrival in arrivals(RECORD_FEEDS[feed]) if arrival.is_free
    }
    plain_columns = {column for column, name in by_column.items() if name in plain}
    for number, item in items:
        flat = shapes.flat(item, plain_columns)
        if isinstance(flat, str):
            refusals.append(Refusal("row", number, None, shown(flat), "an object of plain values", "write one object a row", 1))
        else:
            rows.append((number, flat))
    arrays = [pa.chunked_array([pa.array([row.get(name) for _, row in rows], pa.string())]) for name in names]
    return Table(list(names), arrays, pa.array([number for number, _ in rows], pa.int64()), len(rows) + len(refusals), refusals)


# ---------------------------------------------------------------- landing


def _land(
    con: duckdb.DuckDBPyConnection,
    feed: str,
    table: Table,
    matched: Matched,
    context: Context,
    policy: IntakePolicy,
    store: Store,
) -> tuple[dict[str, Any], list[Refusal]]:
    row = RECORD_FEEDS[feed]
    used = [*(column for column, _ in matched.names.values()), *matched.extras]
    arrays = {SOURCE + name: table.columns[table.names.index(name)] for name in used}
    plain = {name for name in used if is_plain(table.columns[table.names.index(name)], policy)}
    con.execute("SET TimeZone = 'UTC'")
    con.register("arrived_records", pa.table({**arrays, "_row": table.rows}))
    query = record_query("arrived_records", row, matched, context, policy, plain)
    try:
        con.execute(f"CREATE OR REPLACE TEMP TABLE typed_records AS {query.sql}")
        refusals, refused = _refused_cells(con, query, matched, policy)
        names = [name for name, _ in LANDED[feed]]
        kept, contradicted = _once(con, row, names)
    finally:
        con.unregister("arrived_records")
        con.execute("DROP TABLE IF EXISTS typed_records")
    told = [*table.refusals, *refusals, *contradicted]
    refused += sum(refusal.rows for refusal in table.refusals) + sum(refusal.rows for refusal in contradicted)
    told.sort(key=lambda refusal: refusal.row or 0)
    rows = kept.cast(pa.schema(arrow_schema(row)))
    landed = store.land(feed, rows, np.zeros(rows.num_rows, np.int64)) if rows.num_rows else {0: store.land_nothing(feed, ())}
    counts = {"file_rows": table.file_rows, "rejected_rows": refused, "unused_rows": table.file_rows - rows.num_rows - refused}
    return {**landed[0], "blocks": [], **counts}, told


def _refused_cells(con: duckdb.DuckDBPyConnection, query: Query, matched: Matched, policy: IntakePolicy) -> tuple[list[Refusal], int]:
    refused = con.execute("SELECT count(*) FROM typed_records WHERE problem > 0").fetchone()
    told = con.execute(
        "SELECT _row, problem, found FROM typed_records WHERE problem > 0 ORDER BY _row LIMIT ?", [policy.max_rejected_records_per_file]
    ).fetchall()
    refusals = []
    for number, problem, found in told:
        wrong = query.problems[problem - 1]
        column = matched.names.get(wrong.part, (wrong.part, 1.0))[0]
        refusals.append(Refusal("row", number, column, shown(found or ""), wrong.expected, wrong.next_step, 1))
    return refusals, refused[0] if refused else 0


def _once(con: duckdb.DuckDBPyConnection, row: type[Row], names: Sequence[str]) -> tuple[pa.Table, list[Refusal]]:
    """The good rows, equal ones once; of a feed that is single the newest version of each key, and which keys have two values."""
    listed = ", ".join(map(quoted, names))
    content = ", ".join(quoted(name) for name in names if name != "as_of")
    good = f"SELECT _row, {listed} FROM typed_records WHERE problem = 0"
    if not row.keeps_repeats:
        good += f" QUALIFY row_number() OVER (PARTITION BY {content} ORDER BY as_of NULLS LAST, _row) = 1"
    if not row.is_single:
        return con.execute(f"SELECT {listed} FROM ({good}) ORDER BY date, _row").to_arrow_table(), []
    key = ", ".join(map(quoted, row.key))
    newest = f"SELECT * FROM ({good}) QUALIFY as_of IS NOT DISTINCT FROM max(as_of) OVER (PARTITION BY {key})"
    con.execute(f"CREATE OR REPLACE TEMP TABLE newest_records AS SELECT *, count(*) OVER (PARTITION BY {key}) AS values FROM ({newest})")
    kept = con.execute(f"SELECT {listed} FROM newest_records WHERE values = 1 ORDER BY date, _row").to_arrow_table()
    return kept, list(_contradictions(con, row))


def _contradictions(con: duckdb.DuckDBPyConnection, row: type[Row]) -> Iterator[Refusal]:
    key = ", ".join(map(quoted, row.key))
    found = con.execute(f"SELECT _row, {key} FROM newest_records WHERE values > 1 ORDER BY _row").fetchall()
    for number, *values in found:
        same = ", ".join(f"{name} {value}" for name, value in zip(row.key, values, strict=True) if value not in (None, ""))
        text = shown(f"another row for {same} says otherwise")
        yield Refusal("row", number, None, text, "one value a key", "keep the right one, or add as_of: the newest counts", 1)
