"""What one landed file of a record feed says about another: rows that it repeats, and versions of a key that are newer.

Belongs here: comparing landings of record feeds. Does not belong here: repeats within one file (``records.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

import duckdb
import numpy as np
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.feeds import RECORD_FEEDS
from governance_assets.policy import IntakePolicy
from governance_assets.runtime.sources.landing import LANDED, Store
from governance_assets.runtime.sources.outcome import Refusal, shown
from governance_assets.runtime.sources.reading import capped
from governance_assets.runtime.sources.typed import literal, quoted


class Landed(Protocol):
    """A file with its landings."""

    entry: dict[str, Any] | None

    @property
    def origin(self) -> str:
        """Its path below the telemetry folder."""
        ...


def settle_records(con: duckdb.DuckDBPyConnection, files: Sequence[Landed], feed: str, store: Store, policy: IntakePolicy) -> None:
    """Make every row stand in one file: the first of equal ones; of a single feed the newest version of each key."""
    if len(files) < 2 or not (RECORD_FEEDS[feed].is_single or _overlap(files, feed)):
        return
    names = [name for name, _ in LANDED[feed]]
    content = ", ".join(quoted(name) for name in names if name != "as_of")
    key = ", ".join(map(quoted, RECORD_FEEDS[feed].key))
    stacked = " UNION ALL ".join(
        f"SELECT {number} AS _file, * FROM read_parquet({literal(str(store.path(feed, _landing(file, feed)['landed_sha256'])))})"
        for number, file in enumerate(files)
    )
    row = RECORD_FEEDS[feed]
    # Of equal rows in one file the second is a row of its own, which the second in another file repeats.
    occurrence = f"row_number() OVER (PARTITION BY _file, {content})" if row.keeps_repeats else "1"
    columns = f"row_number() OVER (PARTITION BY {content}, occurrence ORDER BY as_of NULLS LAST, _file) AS copy"
    if row.is_single:
        newest = f"PARTITION BY {key} ORDER BY as_of DESC NULLS LAST, _file"
        columns = f"row_number() OVER ({newest}) AS version, " + ", ".join(
            f"first_value({name}) OVER ({newest}) AS winner{name}" for name in ("_file", "as_of", "_content")
        )
    con.execute("SET TimeZone = 'UTC'")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE placed_records AS SELECT *, {columns} "
        f"FROM (SELECT *, {occurrence} AS occurrence, hash({content}) AS _content FROM ({stacked}))"
    )
    told = _contradicted(con, files, feed) if row.is_single else {}
    lost = "version > 1" if row.is_single else "copy > 1"
    for (number,) in con.execute(f"SELECT DISTINCT _file FROM placed_records WHERE {lost} ORDER BY 1").fetchall():
        listed = ", ".join(map(quoted, names))
        kept = con.execute(f"SELECT {listed} FROM placed_records WHERE _file = ? AND NOT ({lost}) ORDER BY ALL", [number])
        _replace(files[number], feed, kept.to_arrow_table(), told.get(number, []), store, policy)
    con.execute("DROP TABLE placed_records")


def _landing(file: Landed, feed: str) -> dict[str, Any]:
    assert file.entry is not None
    landing: dict[str, Any] = file.entry["landings"][feed]
    return landing


def _overlap(files: Sequence[Landed], feed: str) -> bool:
    """Whether the days of two files touch: equal rows have equal dates."""
    spans = sorted((_landing(file, feed)["first_date"], _landing(file, feed)["last_date"]) for file in files)
    last = ""
    for first, end in spans:
        if first <= last:
            return True
        last = max(last, end)
    return False


def _contradicted(con: duckdb.DuckDBPyConnection, files: Sequence[Landed], feed: str) -> dict[int, list[Refusal]]:
    """Rows that say otherwise than the one that counts, of the same version."""
    key = RECORD_FEEDS[feed].key
    found = con.execute(
        f"SELECT _file, winner_file, {', '.join(map(quoted, key))} FROM placed_records "
        "WHERE version > 1 AND as_of IS NOT DISTINCT FROM winneras_of AND _content <> winner_content ORDER BY ALL"
    ).fetchall()
    told: dict[int, list[Refusal]] = {}
    for number, winner, *values in found:
        same = ", ".join(f"{name} {value}" for name, value in zip(key, values, strict=True) if value not in (None, ""))
        text = shown(f"{same}: otherwise in {files[winner].origin}")
        step = "keep the right one, or add as_of: the newest counts"
        told.setdefault(number, []).append(Refusal("row", None, None, text, "one value a key", step, 1, feed))
    return told


def _replace(file: Landed, feed: str, rows: pa.Table, refusals: list[Refusal], store: Store, policy: IntakePolicy) -> None:
    """Land what is left of a file; what it lost is refused, or unused where another file has it too or is newer."""
    assert file.entry is not None
    before = _landing(file, feed)
    rows = rows.cast(pa.schema(arrow_schema(RECORD_FEEDS[feed]))).sort_by("date")
    landed = store.land(feed, rows, np.zeros(rows.num_rows, np.int64)) if rows.num_rows else {0: store.land_nothing(feed, ())}
    after = {**before, **landed[0], "rejected_rows": before["rejected_rows"] + len(refusals)}
    after["unused_rows"] = before["file_rows"] - after["rows"] - after["rejected_rows"]
    landings = {**file.entry["landings"], feed: after}
    told = [Refusal(**refusal) for refusal in file.entry["refusals"]] + refusals
    total = sum(landing["rejected_rows"] for landing in landings.values())
    file.entry = {**file.entry, "landings": landings, "refusals": [asdict(refusal) for refusal in capped(told, total, policy)]}
