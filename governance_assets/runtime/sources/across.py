"""What one landed file says about another: tasks stated twice, observations that are superseded or contradicted.

Belongs here: comparing landings. Does not belong here: making one from a file (``reading.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

import duckdb
import numpy as np
import pyarrow as pa

from governance_assets.feeds import RECORD_FEEDS
from governance_assets.policy import IntakePolicy
from governance_assets.runtime.sources.across_records import settle_records
from governance_assets.runtime.sources.columns import STRATUM_PREFIX
from governance_assets.runtime.sources.landing import LANDED, VERSION_COLUMN, Store
from governance_assets.runtime.sources.media import settle_media
from governance_assets.runtime.sources.media_file import FEED as MEDIA
from governance_assets.runtime.sources.outcome import Refusal, shown
from governance_assets.runtime.sources.reading import MEMBER, PLACE, TASK, capped
from governance_assets.runtime.sources.typed import OBSERVATION, literal, quoted


class Landed(Protocol):
    """A file with its landings."""

    entry: dict[str, Any] | None

    @property
    def origin(self) -> str:
        """Its path below the telemetry folder."""
        ...


def settle(con: duckdb.DuckDBPyConnection, files: Sequence[Landed], feed: str, store: Store, policy: IntakePolicy) -> None:
    """Make every task stand in one file only and every observation have one value; ``files`` are in the order of their paths."""
    holding = [file for file in files if file.entry and feed in file.entry["landings"] and file.entry["landings"][feed]["rows"]]
    if feed == MEDIA:
        settle_media(con, holding, store, policy)
        return
    if feed in RECORD_FEEDS:
        settle_records(con, holding, feed, store, policy)
        return
    if feed == OBSERVATION:
        _settle_observations(con, holding, store, policy)
        return
    suspects = _sharing_blocks(holding, feed)
    if suspects:
        _settle_tasks(con, suspects, feed, store, policy)


def _sharing_blocks(files: Sequence[Landed], feed: str) -> list[Landed]:
    owner: dict[tuple[str, ...], int] = {}
    suspects: set[int] = set()
    for number, file in enumerate(files):
        assert file.entry is not None
        for block in map(tuple, file.entry["landings"][feed]["blocks"]):
            first = owner.setdefault(block, number)
            if first != number:
                suspects |= {first, number}
    return [files[number] for number in sorted(suspects)]


def _stack(con: duckdb.DuckDBPyConnection, files: Sequence[Landed], feed: str, store: Store) -> list[str]:
    """Make the table ``stacked`` of all rows with the number of their file; returns the columns of its strata."""
    strata: set[str] = set()
    parts = []
    for number, file in enumerate(files):
        assert file.entry is not None
        landing = file.entry["landings"][feed]
        strata.update(landing["strata"])
        path = literal(str(store.path(feed, landing["landed_sha256"])))
        renamed = ", ".join(f"{quoted(name)} AS {quoted(STRATUM_PREFIX + name)}" for name in landing["strata"])
        rest = f"* EXCLUDE ({', '.join(map(quoted, landing['strata']))}), {renamed}" if renamed else "*"
        parts.append(f"SELECT {number} AS file, {rest} FROM read_parquet({path})")
    empty = ", ".join(f"CAST(NULL AS VARCHAR) AS {quoted(STRATUM_PREFIX + name)}" for name in sorted(strata)) or "1 AS nothing"
    version = f"CAST(NULL AS DATE) AS {VERSION_COLUMN}, " if feed == OBSERVATION else ""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE stacked AS SELECT * FROM (SELECT 0 AS file, {version} {empty} WHERE FALSE) "
        f"UNION ALL BY NAME {' UNION ALL BY NAME '.join(parts)}"
    )
    return [STRATUM_PREFIX + name for name in sorted(strata)]


def _settle_tasks(con: duckdb.DuckDBPyConnection, files: Sequence[Landed], feed: str, store: Store, policy: IntakePolicy) -> None:
    strata = _stack(con, files, feed, store)
    task = ", ".join(map(quoted, (*TASK, *strata)))
    con.execute(f"CREATE OR REPLACE TEMP TABLE placed AS SELECT *, min(file) OVER (PARTITION BY {task}) AS first_file FROM stacked")
    repeats = con.execute(
        f"SELECT file, first_file, model_id, reference_date, horizon, target, location, count(*) AS size FROM placed "
        f"WHERE file <> first_file GROUP BY file, first_file, {task} ORDER BY file, {task}"
    ).fetchall()
    told: dict[int, list[Refusal]] = {}
    for number, first, model, date, horizon, target, location, size in repeats:
        place = f"{target or 'the only target'}, {location or 'the only place'}"
        found = f"{model}, {date}, horizon {horizon}, {place}: also in {files[first].origin}"
        told.setdefault(number, []).append(
            Refusal("task", None, None, shown(found), "each task in one file", "keep it in one of the two files", size, feed)
        )
    for number, refusals in told.items():
        kept = con.execute(
            f"SELECT * EXCLUDE (first_file) FROM placed WHERE file = ? AND first_file = file ORDER BY {task}, {MEMBER[feed]}", [number]
        )
        _replace_landing(files[number], feed, kept.to_arrow_table(), refusals, sum(refusal.rows for refusal in refusals), store, policy)


def _settle_observations(con: duckdb.DuckDBPyConnection, files: Sequence[Landed], store: Store, policy: IntakePolicy) -> None:
    if len(files) < 2:
        return
    strata = _stack(con, files, OBSERVATION, store)
    place = ", ".join(map(quoted, (*PLACE, *strata)))
    # The newest version wins, a value beats a null, and among equals the first file.
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE placed AS SELECT *,
            row_number() OVER (PARTITION BY {place} ORDER BY as_of DESC NULLS LAST, observed IS NULL, file) AS position,
            first_value(observed) OVER (PARTITION BY {place} ORDER BY as_of DESC NULLS LAST, observed IS NULL, file) AS chosen,
            first_value(as_of) OVER (PARTITION BY {place} ORDER BY as_of DESC NULLS LAST, observed IS NULL, file) AS chosen_as_of,
            first_value(file) OVER (PARTITION BY {place} ORDER BY as_of DESC NULLS LAST, observed IS NULL, file) AS first_file
        FROM stacked"""
    )
    contradicted = "position > 1 AND as_of IS NOT DISTINCT FROM chosen_as_of AND observed IS NOT NULL AND observed <> chosen"
    told: dict[int, list[Refusal]] = {}
    for number, first, date, location, value, chosen in con.execute(
        f"SELECT file, first_file, target_end_date, location, observed, chosen FROM placed WHERE {contradicted} ORDER BY file, {place}"
    ).fetchall():
        found = f"{value} for {date} at {location or 'the only place'}, but {chosen} in {files[first].origin}"
        told.setdefault(number, []).append(
            Refusal(
                "row",
                None,
                "observed",
                shown(found),
                "one value a place and date",
                "add a target or an as_of column, or the date to the file name",
                1,
                OBSERVATION,
            )
        )
    losing = [row[0] for row in con.execute("SELECT DISTINCT file FROM placed WHERE position > 1 ORDER BY file").fetchall()]
    for number in losing:
        kept = con.execute(
            f"SELECT * EXCLUDE (position, chosen, chosen_as_of, first_file) FROM placed WHERE file = ? AND position = 1 ORDER BY {place}",
            [number],
        )
        refusals = told.get(number, [])
        _replace_landing(files[number], OBSERVATION, kept.to_arrow_table(), refusals, len(refusals), store, policy)


def _replace_landing(
    file: Landed, feed: str, rows: pa.Table, refusals: list[Refusal], refused_rows: int, store: Store, policy: IntakePolicy
) -> None:
    """Land what is left of a file; what it lost is refused, or unused where another file is newer."""
    assert file.entry is not None
    before = file.entry["landings"][feed]
    own = {name: rows[name] for name, _ in LANDED[feed]}
    if feed == OBSERVATION and rows[VERSION_COLUMN].null_count < rows.num_rows:
        own[VERSION_COLUMN] = rows[VERSION_COLUMN]
    own |= {name: rows[STRATUM_PREFIX + name] for name in before["strata"]}
    landed = store.land(feed, pa.table(own), np.zeros(rows.num_rows, np.int64)) if rows.num_rows else {}
    after = {**before, **(landed[0] if landed else store.land_nothing(feed, before["strata"]))}
    after["rejected_rows"] = before["rejected_rows"] + refused_rows
    after["unused_rows"] = before["file_rows"] - after["rows"] - after["rejected_rows"]
    landings = {**file.entry["landings"], feed: after}
    told = [Refusal(**refusal) for refusal in file.entry["refusals"]] + refusals
    total = sum(landing["rejected_rows"] for landing in landings.values())
    file.entry = {**file.entry, "landings": landings, "refusals": [asdict(refusal) for refusal in capped(told, total, policy)]}
