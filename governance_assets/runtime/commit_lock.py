"""The commit lock of a history, and the errors a history raises.

Belongs here: who may commit now. Does not belong here: what a commit does (``runtime/store.py``).
"""

from __future__ import annotations

import fcntl
import importlib.util
import random
import re
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class HistoryError(RuntimeError):
    """The history refuses, or cannot do, what was asked; the message names the next step."""


class HistoryBusy(HistoryError):
    """Others held the commit lock, or kept committing, for longer than the wait allowed."""


def without_secrets(text: str) -> str:
    """``text`` with the passwords of connection strings struck out."""
    return re.sub(r"(password\s*=\s*)('[^']*'|\S+)|(://[^:@/\s]*:)[^@\s]*(?=@)", r"\1\3***", text)


@contextmanager
def file_lock(path: Path, wait_s: float) -> Iterator[None]:
    """Hold an exclusive lock on the file at ``path``, which is made if need be and stays."""
    with path.open("a") as file:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise HistoryBusy(f"another process has held {path} for {wait_s:g} s; wait for it, or end it") from None
                time.sleep(random.uniform(0.002, 0.01))
        yield  # closing the file frees the lock


@contextmanager
def advisory_lock(connection_string: str, wait_s: float) -> Iterator[None]:
    """Hold a lock in the PostgreSQL database of the catalogue.

    It is taken on a connection of its own, in autocommit, before the transaction begins: DuckLake repeats a lost commit without
    asking again what the newest revision is, so nobody else may commit between our question and our commit.
    """
    if importlib.util.find_spec("psycopg2") is None:
        raise HistoryError("a history at PostgreSQL needs the package psycopg2-binary; install governance-assets[scale]")
    import psycopg2

    try:
        connection = psycopg2.connect(connection_string)
    except psycopg2.OperationalError as error:
        raise HistoryError(f"the PostgreSQL server of the history does not answer: {without_secrets(str(error)).strip()}") from None
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [str(int(wait_s * 1000))])
            try:
                cursor.execute("SELECT pg_advisory_lock(%s)", [zlib.crc32(b"governance_assets history")])
            except psycopg2.errors.LockNotAvailable:
                raise HistoryBusy(f"another process has held the commit lock for {wait_s:g} s; wait for it, or end it") from None
        yield
    finally:
        connection.close()
