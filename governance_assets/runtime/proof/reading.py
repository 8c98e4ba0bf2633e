"""Reading a store that nobody vouches for: from a copy of its catalogue, table by table, without what cannot be read.

Belongs here: getting at rows when files are missing, torn or not what they seem. Does not belong here: what the rows ought to say
(``entries.py``, ``content.py``).
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import duckdb
import pyarrow as pa

from governance_assets.runtime.commit_lock import HistoryError
from governance_assets.runtime.proof.failures import Unreadable
from governance_assets.runtime.store import CATALOG, Store, literal, qualified, quoted

# What the readers raise over bytes that are not what they seem; anything else is a fault of ours and must show.
BROKEN = (duckdb.Error, sqlite3.Error, pa.ArrowException, OSError, ValueError, OverflowError, TypeError, KeyError)
BATCH_ROWS = 200_000


class Reader:
    """The tables of one store, read-only. An SQLite catalogue is copied first, so that nobody's commit is in the way."""

    def __init__(self, location: str, data_path: str | None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="governance-verify-"))
        self._left_out: set[str] = set()
        try:
            self._location, self._data_path, self._copy = _copied(location, data_path, self._folder)
            self._store = self._open()
        except BaseException:
            shutil.rmtree(self._folder)
            raise

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._store.close()
        shutil.rmtree(self._folder)

    @property
    def left_out(self) -> list[str]:
        """Names of the data files that could not be read."""
        return sorted(self._left_out)

    def columns(self) -> dict[str, list[str]]:
        """The columns of every table, in the order they were added."""
        found: dict[str, list[str]] = {}
        try:
            rows = self._store.query(
                "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = ? ORDER BY table_name, column_index", [CATALOG]
            ).fetchall()
        except BROKEN as error:
            raise Unreadable(f"the catalogue lists no tables ({_short(error)})") from error
        for table, column in rows:
            found.setdefault(table, []).append(column)
        return found

    def rows(self, table: str, order: str) -> pa.Table:
        """All rows of ``table`` that can be read. Raises Unreadable when there is no such table, or none of it can be read."""
        batches = list(self.batches(table, order))
        return pa.concat_tables(batches)

    def batches(self, table: str, order: str) -> Iterator[pa.Table]:
        """The rows of ``table`` in an order, in pieces; the first piece says the columns even when there are no rows."""
        try:
            reader = self._ask(table, order)
            pieces = [reader.read_next_batch()]
        except StopIteration:
            yield reader.schema.empty_table()
            return
        except BROKEN:
            if not self._leave_out(table):
                raise Unreadable(f"table {table} cannot be read") from None
            yield from self._again(table, order)
            return
        yield from _tables(reader, pieces, table)

    def _again(self, table: str, order: str) -> Iterator[pa.Table]:
        try:
            reader = self._ask(table, order)
            yield from _tables(reader, [], table)
        except BROKEN as error:
            raise Unreadable(f"table {table} cannot be read ({_short(error)})") from error

    def _ask(self, table: str, order: str) -> pa.RecordBatchReader:
        return self._store.query(f"SELECT * FROM {qualified(table)} ORDER BY {order}").to_arrow_reader(BATCH_ROWS)

    def _leave_out(self, table: str) -> bool:
        """Take the files of ``table`` that cannot be read out of the copied catalogue; whether there were any."""
        if self._copy is None:
            return False
        try:
            files = [
                row[0] for row in self._store.query(f"SELECT data_file FROM ducklake_list_files('{CATALOG}', {literal(table)})").fetchall()
            ]
            broken = {Path(file).name for file in files if not self._is_readable(table, file)}
            self._store.close()
            with sqlite3.connect(self._copy) as catalog:
                for name in broken:
                    catalog.execute("DELETE FROM ducklake_data_file WHERE path LIKE ?", [f"%{name}"])
            catalog.close()
            self._store = self._open()
        except (*BROKEN, HistoryError):
            return False
        self._left_out |= broken
        return bool(broken)

    def _is_readable(self, table: str, file: str) -> bool:
        kinds = dict(
            self._store.query(
                "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = ? AND table_name = ?", [CATALOG, table]
            ).fetchall()
        )
        try:
            there = [
                row[0] for row in self._store.query("SELECT name FROM parquet_schema(?) WHERE num_children IS NULL", [file]).fetchall()
            ]
            casts = ", ".join(f"CAST({quoted(name)} AS {kinds[name]})" for name in there if name in kinds)
            self._store.query(f"SELECT {casts} FROM read_parquet(?)", [file]).to_arrow_table()
        except BROKEN:
            return False
        return True

    def _open(self) -> Store:
        try:
            return Store(self._location, self._data_path, read_only=True)
        except HistoryError as error:
            raise Unreadable(_short(error)) from error


def _copied(location: str, data_path: str | None, folder: Path) -> tuple[str, str | None, Path | None]:
    prefix = "ducklake:sqlite:"
    if not location.startswith(prefix):
        return location, data_path, None
    catalog = Path(location.removeprefix(prefix)).absolute()
    if not catalog.is_file():
        raise Unreadable(f"there is no catalogue {catalog}")
    copy = folder / "catalog.sqlite"
    try:
        source, target = sqlite3.connect(f"{catalog.as_uri()}?mode=ro", uri=True), sqlite3.connect(copy)
        try:
            source.backup(target)
        finally:
            source.close()
            target.close()
    except (sqlite3.Error, OSError) as error:
        raise Unreadable(f"the catalogue cannot be read ({_short(error)})") from error
    return f"{prefix}{copy}", data_path or str(catalog.parent / "files"), copy


def _tables(reader: pa.RecordBatchReader, pieces: list[pa.RecordBatch], table: str) -> Iterator[pa.Table]:
    try:
        yield pa.Table.from_batches(pieces, schema=reader.schema)
        for batch in reader:
            yield pa.Table.from_batches([batch])
    except BROKEN as error:
        raise Unreadable(f"table {table} cannot be read to its end ({_short(error)})") from error


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
