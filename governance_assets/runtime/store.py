"""The DuckLake behind the history: opening it, its commit lock, its transactions, its tables.

Belongs here: everything that knows DuckDB, SQLite, PostgreSQL or Parquet. Does not belong here: what a revision or a
verdict is (``runtime/ledger.py``) or who asks for which rows (``runtime/history.py``).
"""

from __future__ import annotations

import datetime as dt
import importlib.resources
import importlib.util
import json
import logging
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from governance_assets.runtime import clock
from governance_assets.runtime.commit_lock import HistoryBusy, HistoryError, advisory_lock, file_lock, without_secrets

Result = TypeVar("Result")
_LOG = logging.getLogger(__name__)

CATALOG = "history"
LOCK_WAIT_S = 60.0
COMMIT_ATTEMPTS = 8
INLINED_CELLS = 1500
"""Inserts of at most this many cells go into the catalogue; a Parquet file is then quicker (measured: about 5 µs a cell against 10 ms)."""
INLINED_BYTES = 64 * 1024

_SQL_TYPES: Mapping[pa.DataType, str] = {
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.date32(): "DATE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}
_ARROW_TYPES = {name: kind for kind, name in _SQL_TYPES.items()}
_PASSING = re.compile(r"database is locked|busy|conflict|could not serialize|deadlock|has been altered", re.IGNORECASE)


class Store:
    """One connection to a DuckLake, for one thread at a time; close it when done."""

    def __init__(self, location: str, data_path: str | None, read_only: bool, lock_wait_s: float = LOCK_WAIT_S) -> None:
        self.location = location
        self.read_only = read_only
        self.kind, self.catalog = _parse(location)
        self.data_path = data_path or self._default_data_path()
        self._lock_wait_s = lock_wait_s
        self._mutex = threading.RLock()
        self._is_in_transaction = False
        self.connection = _connect(self.kind, self.data_path)
        try:
            self._attach()
        except BaseException:
            self.connection.close()
            raise

    def close(self) -> None:
        """Let go of the catalogue; closing twice is harmless."""
        self.connection.close()

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> duckdb.DuckDBPyConnection:
        """Run one statement of ours; what comes from elsewhere goes in as a parameter."""
        return self.connection.execute(sql, parameters)

    def dicts(self, sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        """The rows of one statement of ours, each by column name."""
        cursor = self.query(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One snapshot for everything inside, committed at the end; inside another transaction, part of that one."""
        with self._mutex:
            if self._is_in_transaction:
                yield
                return
            self.connection.execute("BEGIN")
            self._is_in_transaction = True
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._is_in_transaction = False

    def append(self, work: Callable[[], Result], afterwards: Callable[[Result], None], what: str) -> Result:
        """Run ``work`` in one transaction under the commit lock, again when a passing conflict undid it.

        ``afterwards`` runs when it is committed, before the lock is let go.
        """
        if self.read_only:
            raise HistoryError(f"{without_secrets(self.location)} was opened read-only; open it for writing to record {what}")
        for attempt in range(COMMIT_ATTEMPTS):
            try:
                with self._unpinned(what), self.exclusive():
                    with self.transaction():
                        result = work()
                    afterwards(result)
                    return result
            except duckdb.Error as error:
                if not _PASSING.search(str(error)):
                    raise HistoryError(f"{what} could not be recorded: {error}") from error
                failure = error
            time.sleep(random.uniform(0.5, 1.0) * 0.02 * 2**attempt)
        raise HistoryBusy(f"{what} could not be recorded in {COMMIT_ATTEMPTS} attempts: {failure}; try again later") from failure

    @contextmanager
    def _unpinned(self, what: str) -> Iterator[None]:
        with self._mutex:
            if self._is_in_transaction:
                raise HistoryError(f"{what} cannot be recorded while reads are pinned; leave the pinned block first")
            yield

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the commit lock of this history: no other process commits meanwhile. Freed when the holder dies."""
        if self.kind == "sqlite":
            with file_lock(Path(f"{self.catalog}.lock"), self._lock_wait_s):
                yield
        else:
            with advisory_lock(self.catalog, self._lock_wait_s):
                yield

    def tables(self) -> dict[str, pa.Schema]:
        """Columns of every table, in the order they were added."""
        found = self.query(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = ? ORDER BY table_name, column_index",
            [CATALOG],
        ).fetchall()
        fields: dict[str, list[pa.Field]] = {}
        for table, column, kind in found:
            fields.setdefault(table, []).append(pa.field(column, _ARROW_TYPES[kind]))
        return {table: pa.schema(columns) for table, columns in fields.items()}

    def mark(self) -> str | None:
        """What ``describe`` marked the newest state with; None when it was no commit of ours, such as a flush."""
        found = self.query(
            f"SELECT commit_extra_info FROM __ducklake_metadata_{CATALOG}.ducklake_snapshot_changes "
            f"WHERE snapshot_id = (SELECT id FROM {CATALOG}.current_snapshot())"
        ).fetchone()
        return None if found is None else found[0]

    def hand_over(self, note: Mapping[str, Any]) -> None:
        """Leave ``note`` for the next process that takes the commit lock. Nothing rests on it: it may be lost or torn."""
        if self.kind != "sqlite":
            return
        try:
            Path(f"{self.catalog}.recent").write_text(json.dumps(note), encoding="utf-8")
        except OSError as error:
            _LOG.warning("the next commit has to ask the ledger: %s", error)

    def handed_over(self) -> dict[str, Any] | None:
        """What the last holder of the commit lock left, if it is whole."""
        if self.kind != "sqlite":
            return None
        try:
            note = json.loads(Path(f"{self.catalog}.recent").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return note if isinstance(note, dict) else None

    def create(self, table: str, schema: pa.Schema) -> None:
        """Create ``table``; every column may be null, for what is required is the contract's affair."""
        columns = ", ".join(f"{quoted(column.name)} {_SQL_TYPES[column.type]}" for column in schema)
        self.query(f"CREATE TABLE {qualified(table)} ({columns})")

    def add_column(self, table: str, column: pa.Field) -> None:
        """Add ``column`` to ``table``; rows that are there have null in it."""
        self.query(f"ALTER TABLE {qualified(table)} ADD COLUMN {quoted(column.name)} {_SQL_TYPES[column.type]}")

    def insert(self, table: str, rows: pa.Table) -> None:
        """Insert ``rows`` in one statement; small ones lie in the catalogue, others in a Parquet file."""
        if not rows.num_rows:
            return
        is_small = rows.num_rows * rows.num_columns <= INLINED_CELLS and rows.nbytes <= INLINED_BYTES
        self.query(f"SET ducklake_default_data_inlining_row_limit = {rows.num_rows if is_small else 0}")
        self.connection.register("incoming", rows)
        try:
            self.query(f"INSERT INTO {qualified(table)} BY NAME SELECT * FROM incoming")
        finally:
            self.connection.unregister("incoming")

    def describe(self, author: str, message: str, mark: str) -> None:
        """Name who commits what, in the catalogue's own list of snapshots, and mark this state."""
        self.query(f"CALL {CATALOG}.set_commit_message(?, ?, extra_info => ?)", [printable(author), printable(message), mark])

    def flush(self) -> None:
        """Move the rows that lie in the catalogue into Parquet files. Call it under the commit lock, outside a transaction."""
        self.query("CALL ducklake_flush_inlined_data(?)", [CATALOG])

    def tidy(self) -> None:
        """Flush after a commit; what was committed stands whether this succeeds or not."""
        try:
            with self._mutex, self.exclusive():
                self.flush()
        except (duckdb.Error, HistoryBusy) as error:
            _LOG.warning("rows stay in the catalogue until the next flush: %s", error)

    def compact(self) -> None:
        """Flush, merge small files, and remove files that nothing refers to and that are older than a day.

        Younger ones may belong to a writer that has not committed yet. Snapshots are kept.
        """
        if self.read_only:
            raise HistoryError(f"{without_secrets(self.location)} was opened read-only; open it for writing to compact it")
        try:
            with self._unpinned("a compaction"), self.exclusive():
                self.flush()
                self.query("CALL ducklake_merge_adjacent_files(?)", [CATALOG])
                yesterday = literal((clock.now() - dt.timedelta(days=1)).isoformat())
                for clean_up in ("ducklake_cleanup_old_files", "ducklake_delete_orphaned_files"):
                    self.query(f"CALL {clean_up}(?, older_than => {yesterday}::TIMESTAMPTZ)", [CATALOG])
        except duckdb.Error as error:
            raise HistoryError(f"the history could not be compacted, nothing is lost: {error}; try again later") from error

    def _default_data_path(self) -> str:
        if self.kind != "sqlite":
            raise HistoryError(f"a history at {self.kind} needs a data path, a folder or s3://…; set GOVERNANCE_DATA_PATH")
        return str(Path(self.catalog).parent / "files")

    def _attach(self) -> None:
        if self.kind == "sqlite" and self.read_only and not Path(self.catalog).exists():
            raise HistoryError(f"there is no history at {self.catalog}; record something first, for example with governance run")
        # A history may be moved or copied as a whole: where its files lie is told by the setting, not by the catalogue.
        options = [f"DATA_PATH {literal(self.data_path)}", "OVERRIDE_DATA_PATH true"]
        options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 10000"] if self.kind == "sqlite" else []
        options += ["READ_ONLY"] if self.read_only else []
        attach = f"ATTACH {literal(f'ducklake:{self.kind}:{self.catalog}')} AS {CATALOG} ({', '.join(options)})"
        try:
            if self.read_only:
                self.query(attach)
            else:  # the first opener creates the catalogue; the others wait for it
                if self.kind == "sqlite":
                    Path(self.catalog).parent.mkdir(parents=True, exist_ok=True)
                with self.exclusive():
                    self.query(attach)
        except (duckdb.Error, OSError) as error:
            # Not chained: DuckDB repeats the connection string, password and all.
            raise HistoryError(f"the history at {without_secrets(self.location)} cannot be opened: {without_secrets(str(error))}") from None

    def _roll_back(self) -> None:
        try:
            self.connection.execute("ROLLBACK")
        except duckdb.Error as error:
            if "no transaction is active" not in str(error):  # a failed COMMIT has rolled back already
                raise


def quoted(name: str) -> str:
    """``name`` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def qualified(table: str) -> str:
    """``table`` of the history as an SQL identifier."""
    return f"{CATALOG}.{quoted(table)}"


def sql_type(kind: pa.DataType) -> str:
    """The type of a column in SQL."""
    return _SQL_TYPES[kind]


def literal(text: str) -> str:
    """``text`` as an SQL string, for the few statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def printable(text: str) -> str:
    """``text`` without control characters and unpaired surrogates, which the catalogue's own statements cannot carry."""
    return "".join(character if character.isprintable() else "�" for character in text)


def _parse(location: str) -> tuple[str, str]:
    match = re.fullmatch(r"ducklake:(sqlite|postgres):(.+)", location, re.DOTALL)
    if match is None:
        raise HistoryError(
            f"found history location {without_secrets(location)!r}, expected ducklake:sqlite:PATH or ducklake:postgres:CONNECTION"
        )
    kind, catalog = match.groups()
    return kind, str(Path(catalog).absolute()) if kind == "sqlite" else catalog


def _connect(kind: str, data_path: str) -> duckdb.DuckDBPyConnection:
    # Extensions come with the installation and are loaded from there: nothing is downloaded, copied or shared.
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            # The work is many small statements: handing them between threads doubled the time of a commit and of a read.
            "threads": "1",
        }
    )
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET TimeZone = 'UTC'")
    is_remote = data_path.startswith("s3://")
    for name in ("ducklake", f"{kind}_scanner", *(("httpfs",) if is_remote else ())):
        connection.execute(f"LOAD {literal(str(_extension(name)))}")
    if is_remote:
        _let_into_s3(connection)
    connection.execute("SET ducklake_max_retry_count = 100")
    return connection


def _extension(name: str) -> Path:
    package = f"duckdb_extension_{name}"
    if importlib.util.find_spec(package) is None:
        raise HistoryError(f"this history needs the package {package.replace('_', '-')}; install governance-assets[scale]")
    path = Path(str(importlib.resources.files(package))) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not path.exists():
        raise HistoryError(f"{package.replace('_', '-')} is not for duckdb {duckdb.__version__}; install equal versions of both")
    return path


def _let_into_s3(connection: duckdb.DuckDBPyConnection) -> None:
    """Hand the standard AWS variables of the environment to DuckDB, for this connection only."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    given = {
        "KEY_ID": os.environ.get("AWS_ACCESS_KEY_ID"),
        "SECRET": os.environ.get("AWS_SECRET_ACCESS_KEY"),
        "SESSION_TOKEN": os.environ.get("AWS_SESSION_TOKEN"),
        "REGION": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
    }
    if endpoint:
        scheme, _, host = endpoint.rstrip("/").partition("://")
        given |= {"ENDPOINT": host, "URL_STYLE": "path", "USE_SSL": str(scheme == "https").lower()}
    options = ", ".join(f"{name} {literal(value)}" for name, value in given.items() if value)
    connection.execute(f"CREATE SECRET history_data (TYPE s3{', ' + options if options else ''})")
