"""Dagster's event log in SQLite, with an engine kept for each of its files.

Dagster makes a new engine for every statement, and an engine compiles each kind of statement anew; most of the time that an event
takes goes there. Belongs here: how a file of the log is opened. Does not belong here: what is stored in it, which is Dagster's.
"""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Self

from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, NullPool, Pool, QueuePool, create_engine, inspect

_KEPT = 16
"""Engines of runs that are kept; one without connections costs some kilobytes."""


class EventLog(SqliteEventLogStorage):
    """The event log below an instance's folder, where Dagster's own default keeps it.

    The connection to the index of all runs is kept open, and one event is one transaction there. Those to a run's own file are closed
    after each statement, as Dagster does it: the UI follows a run by the changes of that file, which are written to it when the last
    connection closes.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engine_of_run = functools.lru_cache(_KEPT)(functools.partial(self._create_engine, NullPool))
        self._engine_of_index = functools.cache(functools.partial(self._create_engine, QueuePool))
        self._storing = threading.local()
        self._has: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """The log of the instance whose folder ``base_dir`` names."""
        return cls(str(Path(config_value["base_dir"]) / "history" / "runs"), inst_data)

    def store_event(self, event: EventLogEntry) -> None:
        """Store ``event`` in its run's file, and in the index what Dagster mirrors there, as one transaction."""
        if not event.is_dagster_event:
            super().store_event(event)
            return
        with self._connect(INDEX_SHARD_NAME) as connection:
            self._storing.connection = connection
            try:
                super().store_event(event)
            finally:
                self._storing.connection = None

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; one that is there stays."""
        if table_name not in self._has:
            with self._connect(INDEX_SHARD_NAME) as connection:
                if not inspect(connection).has_table(table_name):
                    return False
            self._has.add(table_name)
        return True

    def dispose(self) -> None:
        """Close what is open."""
        super().dispose()
        if self._engine_of_index.cache_info().currsize:
            self._engine_of_index(INDEX_SHARD_NAME).dispose()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        storing = getattr(self._storing, "connection", None)
        if storing is not None and shard == INDEX_SHARD_NAME:
            yield storing
            return
        with nullcontext() if storing is not None else self._db_lock:
            engine = (self._engine_of_index if shard == INDEX_SHARD_NAME else self._engine_of_run)(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _create_engine(self, pool: type[Pool], shard: str) -> Engine:
        waits = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
        return create_engine(self.conn_string_for_shard(shard), poolclass=pool, connect_args=waits)
