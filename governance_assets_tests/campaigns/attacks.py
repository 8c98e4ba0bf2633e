"""What somebody with write access to a store can do to it: the edits of the tampering campaign.

Each attack changes the store of a ``Site`` and says in words what it did; None when the store gives it nothing to work on.
"""

from __future__ import annotations

import datetime as dt
import math
import random
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from governance_assets.runtime.history import History
from governance_assets.runtime.proof import anchors
from governance_assets.runtime.proof.leaves import NOTHING_BEFORE, head, leaf_hashes
from governance_assets.runtime.proof.seals import seal
from governance_assets.runtime.store import Store, qualified, quoted
from governance_assets.runtime.tables import FINDING_KEY, JUDGED
from governance_assets.stats import merkle
from governance_assets.stats.digest import table_digest
from governance_assets_tests.campaigns import workload

ARTIFACT = workload.Trial.artifact
TABLES = (ARTIFACT, "ledger", "findings", "alerts", "seals", "policies")


@dataclass
class Site:
    """A copy of a store, an older copy of it, and how far the anchors reach that the attacker cannot write."""

    folder: Path
    older: Path
    anchored: int
    anchored_alerts: int
    older_entries: int
    draw: random.Random

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def location(self) -> str:
        return workload.location(self.store)

    @property
    def catalog(self) -> Path:
        return self.store / "catalog.sqlite"

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of ``table`` with their row ids."""
        with closing(Store(self.location, None, read_only=True)) as store:
            return store.dicts(f"SELECT rowid, * FROM {qualified(table)} ORDER BY ALL", ())

    def run(self, *statements: tuple[str, list[Any]]) -> None:
        """Run SQL as any client of the store can."""
        with closing(Store(self.location, None, read_only=False)) as store, store.transaction():
            for sql, parameters in statements:
                store.query(sql, parameters)

    def files(self) -> list[Path]:
        """The data files that are in use."""
        with closing(Store(self.location, None, read_only=True)) as store:
            listed = [store.query(f"SELECT data_file FROM ducklake_list_files('history', '{table}')").fetchall() for table in TABLES]
        return sorted(Path(row[0]) for rows in listed for row in rows)


Attack = Callable[[Site], str | None]


def another(value: Any, draw: random.Random) -> Any:
    """A value close to ``value``, of its kind, that is not it."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + draw.choice((-1, 1, 7))
    if isinstance(value, float):
        return draw.choice((math.nextafter(value, math.inf), value + 1.0, -value - 1.0))
    if isinstance(value, dt.datetime):
        return value + draw.choice((-1, 1)) * dt.timedelta(microseconds=1)
    if isinstance(value, dt.date):
        return value + dt.timedelta(days=1)
    at = draw.randrange(len(value)) if value else 0
    return value[:at] + ("a" if value[at : at + 1] != "a" else "b") + value[at + 1 :]


def covered(site: Site, table: str) -> list[dict[str, Any]]:
    """Rows that the anchors cover."""
    rows = site.rows(table)
    if table in ("ledger", "findings"):
        return [row for row in rows if row["entry"] <= site.anchored]
    if table == ARTIFACT:
        known = {(row["partition_key"], row["revision"]) for row in covered(site, "ledger")}
        return [row for row in rows if (row["partition_key"], row["revision"]) in known]
    if table == "alerts":
        return [row for row in rows if row["alert"] <= site.anchored_alerts]
    return rows


def edit_cell(site: Site) -> str | None:
    """Change one value."""
    table = site.draw.choice(TABLES)
    rows = covered(site, table)
    if not rows:
        return None
    row = site.draw.choice(rows)
    column = site.draw.choice([name for name, value in row.items() if name != "rowid" and value is not None])
    value = another(row[column], site.draw) if site.draw.random() < 0.9 else None
    site.run((f"UPDATE {qualified(table)} SET {quoted(column)} = ? WHERE rowid = ?", [value, row["rowid"]]))
    return f"{table}.{column}: {row[column]!r} became {value!r}"


def fill_cell(site: Site) -> str | None:
    """Put a value where none was."""
    rows = [row for row in covered(site, ARTIFACT) if row["note"] is None]
    if not rows:
        return None
    row = site.draw.choice(rows)
    site.run((f"UPDATE {qualified(ARTIFACT)} SET note = '' WHERE rowid = ?", [row["rowid"]]))
    return "a missing note became an empty one"


def delete_row(site: Site) -> str | None:
    """Delete one row."""
    table = site.draw.choice(TABLES)
    rows = covered(site, table)
    if not rows:
        return None
    row = site.draw.choice(rows)
    site.run((f"DELETE FROM {qualified(table)} WHERE rowid = ?", [row["rowid"]]))
    return f"deleted from {table}"


def insert_row(site: Site) -> str | None:
    """Insert a row like one that is there, with another value, and perhaps another address."""
    table = site.draw.choice(TABLES)
    rows = covered(site, table)
    if not rows:
        return None
    row = {name: value for name, value in site.draw.choice(rows).items() if name != "rowid"}
    choices = {ARTIFACT: ["score", "revision", "model_id"], "seals": ["seal"], "policies": ["text"]}.get(
        table, ["recorded_at", "kind", "message"]
    )
    column = site.draw.choice([name for name in choices if row.get(name) is not None])
    row[column] = 99 if column in ("seal", "revision") else another(row[column], site.draw)
    places = ", ".join("?" for _ in row)
    site.run((f"INSERT INTO {qualified(table)} ({', '.join(map(quoted, row))}) VALUES ({places})", list(row.values())))
    return f"inserted into {table}, other {column}"


def swap_entries(site: Site) -> str | None:
    """Give two entries each other's numbers, with their findings."""
    numbers = [row["entry"] for row in covered(site, "ledger")]
    if len(numbers) < 2:
        return None
    one, other = site.draw.sample(numbers, 2)
    tables = ("ledger", "findings") if site.draw.random() < 0.7 else ("ledger",)
    swap = "SET entry = CASE entry WHEN ? THEN ? ELSE ? END WHERE entry IN (?, ?)"
    site.run(*((f"UPDATE {qualified(table)} {swap}", [one, other, one, one, other]) for table in tables))
    return f"entries {one} and {other} swapped"


def truncate_tail(site: Site) -> str | None:
    """Remove the newest entries with all that belongs to them, and the seals over them."""
    first = site.draw.randint(1, site.anchored)
    gone = [row for row in site.rows("ledger") if row["entry"] >= first]
    statements = [("DELETE FROM history." + table + " WHERE entry >= ?", [first]) for table in ("ledger", "findings", "alerts")]
    statements.append(("DELETE FROM history.seals WHERE last_entry >= ?", [first]))
    for row in gone:
        if row["kind"] in ("revision", "restatement"):
            statements.append(
                (f"DELETE FROM {qualified(ARTIFACT)} WHERE partition_key = ? AND revision = ?", [row["partition_key"], row["revision"]])
            )
    site.run(*statements)
    return f"entries from {first} on removed"


def replace_file(site: Site) -> str | None:
    """Put a Parquet file of the same shape in the place of another, with one value changed; the catalogue is told its size."""
    files = [file for file in site.files() if pq.read_metadata(file).num_rows]
    if not files:
        return None
    file = site.draw.choice(files)
    rows = pq.read_table(file)
    name = site.draw.choice([name for name in rows.column_names if not name.startswith("_") and rows[name].null_count < rows.num_rows])
    values = rows[name].to_pylist()
    at = site.draw.choice([number for number, value in enumerate(values) if value is not None])
    values[at] = another(values[at], site.draw)
    index = rows.column_names.index(name)
    pq.write_table(rows.set_column(index, rows.schema.field(name), pa.array(values, rows.schema.field(name).type)), file)
    _tell_size(site, file)
    return f"{file.parent.name} file replaced: {name} of row {at}"


def _tell_size(site: Site, file: Path) -> None:
    data = file.read_bytes()
    (footer,) = struct.unpack("<I", data[-8:-4])
    with closing(sqlite3.connect(site.catalog)) as catalog, catalog:
        catalog.execute(
            "UPDATE ducklake_data_file SET file_size_bytes = ?, footer_size = ? WHERE path LIKE ?", [len(data), footer, f"%{file.name}"]
        )


def swap_files(site: Site) -> str | None:
    """Let two data files of one table have each other's place in the catalogue, so that rows get other snapshots, or hide one."""
    files = [file for file in site.files() if file.parent.name == ARTIFACT]
    if not files:
        return None
    file = site.draw.choice(files)
    with closing(sqlite3.connect(site.catalog)) as catalog, catalog:
        snapshot = catalog.execute("SELECT max(snapshot_id) FROM ducklake_snapshot").fetchone()[0]
        catalog.execute("UPDATE ducklake_data_file SET end_snapshot = ? WHERE path LIKE ?", [snapshot, f"%{file.name}"])
    return f"file {file.name} ended in the catalogue"


def edit_catalogue(site: Site) -> str | None:
    """Change a value of a row that lies in the catalogue itself."""
    with closing(sqlite3.connect(site.catalog)) as catalog, catalog:
        names = [row[0] for row in catalog.execute("SELECT table_name FROM ducklake_inlined_data_tables ORDER BY 1")]
        filled = [name for name in names if catalog.execute(f"SELECT count(*) FROM {name}").fetchone()[0]]
        if not filled:
            return None
        name = site.draw.choice(filled)
        cursor = catalog.execute(f"SELECT * FROM {name} ORDER BY row_id")
        columns = [one[0] for one in cursor.description]
        row = dict(zip(columns, site.draw.choice(cursor.fetchall()), strict=True))
        column = site.draw.choice(
            [one for one in columns if one not in ("row_id", "begin_snapshot") and row[one] is not None] or ["row_id"]
        )
        value = row[column]
        forged = another(value, site.draw) if isinstance(value, (int, float, str)) else b"x"
        catalog.execute(f'UPDATE {name} SET "{column}" = ? WHERE row_id = ?', [forged, row["row_id"]])
    return f"{name}.{column}: {value!r} became {forged!r}"


def add_column(site: Site) -> str | None:
    """Add a column to an artifact and fill it for one row."""
    rows = covered(site, ARTIFACT)
    if not rows:
        return None
    site.run((f"ALTER TABLE {qualified(ARTIFACT)} ADD COLUMN approved_by VARCHAR", []))
    site.run((f"UPDATE {qualified(ARTIFACT)} SET approved_by = 'somebody' WHERE rowid = ?", [site.draw.choice(rows)["rowid"]]))
    return "a column was added and filled"


def rehash(site: Site) -> str | None:
    """Change a value, then every digest that depends on it, all roots, the chain, the heads and the anchors within reach."""
    table = site.draw.choice((ARTIFACT, "findings", "ledger"))
    rows = covered(site, table)
    if not rows:
        return None
    row = site.draw.choice(rows)
    column = {ARTIFACT: "score", "findings": "message", "ledger": site.draw.choice(("code_version", "run_id", "as_of", "committed_by"))}[
        table
    ]
    site.run((f"UPDATE {qualified(table)} SET {quoted(column)} = ? WHERE rowid = ?", [another(row[column], site.draw), row["rowid"]]))
    if table == ARTIFACT:
        _rehash_content(site, row["partition_key"], row["revision"])
    if table == "findings":
        own = [{name: one[name] for name in JUDGED.names} for one in site.rows("findings") if one["entry"] == row["entry"]]
        digest = table_digest(pa.Table.from_pylist(own, schema=JUDGED), FINDING_KEY)
        site.run(("UPDATE history.ledger SET findings_sha256 = ? WHERE entry = ?", [digest, row["entry"]]))
    _reseal(site)
    return f"{table}.{column} changed and everything hashed again"


def _rehash_content(site: Site, partition_key: str, revision: int) -> None:
    own = [row for row in site.rows(ARTIFACT) if (row["partition_key"], row["revision"]) == (partition_key, revision)]
    table = pa.Table.from_pylist([{name: row[name] for name in workload.SCHEMA.names} for row in own], schema=workload.SCHEMA)
    digest = table_digest(table, workload.Trial.key)
    site.run(("UPDATE history.ledger SET content_sha256 = ? WHERE partition_key = ? AND revision = ?", [digest, partition_key, revision]))


def _reseal(site: Site) -> None:
    plain = lambda row: {name: value for name, value in row.items() if name != "rowid"}  # noqa: E731
    ledger, alerts, seals = (
        sorted(map(plain, site.rows(name)), key=lambda row: next(iter(row.values()))) for name in ("ledger", "alerts", "seals")
    )
    before, forged = NOTHING_BEFORE, []
    for row in seals:
        hashes = leaf_hashes(ledger[row["first_entry"] - 1 : row["last_entry"]], alerts[row["first_alert"] - 1 : row["last_alert"]])
        row |= {"root_sha256": merkle.root_of_hashes(hashes).hex(), "previous_sha256": before}
        row["head_sha256"] = before = head(row)
        forged.append((row, hashes))
    names = ("root_sha256", "previous_sha256", "head_sha256")
    site.run(*(("UPDATE history.seals SET root_sha256 = ?, previous_sha256 = ?, head_sha256 = ? WHERE seal = ?",
                [*(row[name] for name in names), row["seal"]]) for row, _ in forged))  # fmt: skip
    shutil.rmtree(site.folder / "home", ignore_errors=True)
    anchors.append(site.folder / "home" / "anchors.jsonl", forged)


def roll_back(site: Site) -> str | None:
    """Put the older copy in the place of the store."""
    if site.older_entries >= site.anchored:
        return None
    shutil.rmtree(site.store)
    shutil.copytree(site.older, site.store)
    return f"rolled back to {site.older_entries} entries"


def fork(site: Site) -> str | None:
    """Roll back, forget the anchors within reach, and go on recording and sealing otherwise."""
    if roll_back(site) is None:
        return None
    shutil.rmtree(site.folder / "home", ignore_errors=True)
    with History.open(site.location) as history:
        for number in range(site.draw.randint(1, 6)):
            history.commit(workload.entries(f"forked {number} {site.draw.random()}", 2, 2), workload.judged_provenance(f"fork {number}"))
            seal(history, [site.folder / "home" / "anchors.jsonl"], "attacker")
    return f"rolled back to {site.older_entries} entries and gone on otherwise"


def break_file(site: Site) -> str | None:
    """Truncate, remove or scribble over a data file."""
    files = site.files()
    if not files:
        return None
    file = site.draw.choice(files)
    how = site.draw.choice(("truncated", "removed", "scribbled over", "emptied"))
    data = bytearray(file.read_bytes())
    if how == "removed":
        file.unlink()
    else:
        middle = slice(4, len(data) - 8)
        data[middle] = site.draw.randbytes(len(data) - 12) if how == "scribbled over" else data[middle]
        file.write_bytes(data[: {"truncated": len(data) // 2, "emptied": 0}.get(how, len(data))])
    return f"file {file.parent.name}/{file.name} {how}"


def scribble(site: Site) -> str | None:
    """Overwrite some bytes of the catalogue."""
    with closing(sqlite3.connect(site.catalog)) as catalog:
        catalog.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(site.catalog.read_bytes())
    start, length = site.draw.randrange(100, len(data)), site.draw.choice((1, 8, 64, 4096))
    data[start : start + length] = site.draw.randbytes(min(length, len(data) - start))
    site.catalog.write_bytes(data)
    return f"{length} bytes of the catalogue from {start} on overwritten"


def drop_table(site: Site) -> str | None:
    """Drop a table."""
    table = site.draw.choice(TABLES)
    if table in ("alerts", "seals", "policies", "findings") and not site.rows(table):
        return None
    site.run((f"DROP TABLE {qualified(table)}", []))
    return f"dropped {table}"


ATTACKS: tuple[Attack, ...] = (
    edit_cell,
    edit_cell,
    edit_cell,
    fill_cell,
    delete_row,
    delete_row,
    insert_row,
    insert_row,
    swap_entries,
    truncate_tail,
    replace_file,
    replace_file,
    swap_files,
    edit_catalogue,
    edit_catalogue,
    add_column,
    rehash,
    rehash,
    roll_back,
    fork,
    break_file,
    scribble,
    drop_table,
)
