"""The file of the delivery database: its tables, opening it, and moving a damaged one aside.

Belongs here: what SQLite is asked before anything else. Does not belong here: what is stored (``delivery.py``).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from governance_assets.runtime import clock
from governance_assets.runtime.commit_lock import HistoryError

FOLDER, FILE = "alerts", "delivery.sqlite"
_VERSION = 1
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE messages (key TEXT PRIMARY KEY, kind TEXT NOT NULL, content TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE covers (alert INTEGER PRIMARY KEY, message TEXT REFERENCES messages, reason TEXT NOT NULL);
CREATE TABLE waiting (alert INTEGER PRIMARY KEY, until TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE told (subject TEXT PRIMARY KEY, told_at TEXT NOT NULL);
CREATE TABLE deliveries (
    delivery INTEGER PRIMARY KEY, message TEXT NOT NULL REFERENCES messages, channel TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'dead', 'gathered')),
    made_at TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, attempted_at TEXT NOT NULL DEFAULT '', next_attempt_at TEXT NOT NULL,
    last_error TEXT NOT NULL DEFAULT '', digest TEXT REFERENCES messages, UNIQUE (message, channel)
);
CREATE INDEX deliveries_by_state ON deliveries (state, next_attempt_at);
CREATE INDEX deliveries_by_channel ON deliveries (channel, made_at);
CREATE TABLE attempts (
    attempt INTEGER PRIMARY KEY, delivery INTEGER NOT NULL REFERENCES deliveries, begun_at TEXT NOT NULL, ended_at TEXT, error TEXT
);
CREATE TABLE heartbeats (
    heartbeat INTEGER PRIMARY KEY, at TEXT NOT NULL, sent INTEGER NOT NULL, pending INTEGER NOT NULL, dead INTEGER NOT NULL,
    origin TEXT NOT NULL, error TEXT NOT NULL
);
PRAGMA user_version = {_VERSION};
COMMIT;
"""


class DeliveryUnreadable(HistoryError):
    """The delivery database cannot be used now; the message says why and what to do."""


class DeliveryDamaged(sqlite3.DatabaseError):
    """What stands in the delivery database cannot be read back."""


_SIDE_FILES = ("", "-wal", "-shm")


def open_file(home: Path) -> tuple[sqlite3.Connection, list[str]]:
    """The delivery database below ``home``, and what had to be mended to open it.

    A missing one is made; a damaged one is moved aside and made anew.
    """
    path = home / FOLDER / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _opened(path), []
    except sqlite3.OperationalError as error:
        raise DeliveryUnreadable(f"{path} cannot be opened ({error}); mend its folder, its disk or its permissions") from None
    except sqlite3.DatabaseError as error:
        sentence = f"{path.name} was damaged ({error}) {move_aside(path)}"
        return _opened(path), [sentence]


def move_aside(path: Path) -> str:
    """Rename the database at ``path`` with its side files; returns the rest of the sentence that tells of it."""
    aside = path.with_name(f"{path.name}.aside-{clock.now():%Y%m%dT%H%M%S%f}")
    for suffix in _SIDE_FILES:
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return f"and is now {aside.name}; a new one was made, recent messages are sent again"


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10.0, isolation_level=None)
    try:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if found != "ok" or version not in (0, _VERSION):
            raise sqlite3.DatabaseError(found if found != "ok" else f"its version is {version}, expected {_VERSION}")
        if version == 0:
            _create(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(connection: sqlite3.Connection) -> None:
    try:
        connection.executescript(_SCHEMA)
    except sqlite3.OperationalError as error:
        connection.rollback()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:  # else another process was quicker
            raise sqlite3.DatabaseError(str(error)) from error
