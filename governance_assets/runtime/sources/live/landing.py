"""Where fetched pages go: files of the telemetry folder that appear whole, and what is remembered of a fetch outside of it.

Belongs here: writing pages, cursors and records. Does not belong here: asking a source (its module) or repeating (``engine.py``).

Below ``<home>/sources/<kind>/<stream>/`` lie ``cursor.json``, ``fetches.jsonl`` (one line when a fetch begins and one when it
ends; lines are added and never changed), ``waiting/`` with the pages of a state that is not whole, and what a source keeps itself.
Nothing of the telemetry folder is deleted; a file is replaced by a source that says so, else another one is written beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance_assets.runtime.sources.live import Cursor, Page, SourceError, slug

CURSOR, FETCHES, WAITING, KEPT = "cursor.json", "fetches.jsonl", "waiting", "kept"
_INCOMING = ".incoming-"


class FetchRunning(RuntimeError):
    """Another process fetches this source now."""


@dataclass(frozen=True)
class Landing:
    """The places of one stream: ``folder`` in the telemetry, ``memory`` outside of it."""

    folder: Path
    memory: Path

    @classmethod
    def of(cls, home: Path, telemetry: Path, folder: str, kind: str, stream: str) -> Landing:
        """The places of a stream."""
        return cls(telemetry / folder, memory(home, kind, stream))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from fetching this stream; what a killed fetch left half-written is removed. Raises FetchRunning."""
        self.memory.mkdir(parents=True, exist_ok=True)
        with (self.memory / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FetchRunning("another process fetches this source now; wait for it, or end it") from None
            yield  # closing the file frees the lock

    def cursor(self) -> dict[str, Any]:
        """Where the last fetch came to; empty before the first."""
        try:
            found = json.loads((self.memory / CURSOR).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            raise SourceError(f"{self.memory / CURSOR} is damaged; remove it, and the source is fetched anew", is_permanent=True) from None
        return dict(found)

    def take(self, page: Page) -> bool:
        """Write what ``page`` brings, then remember its cursor; whether a file of the telemetry is new or another."""
        is_new = False
        if page.body is not None:
            place = _below(self.memory / WAITING if page.part_of else self.folder, page.name)
            is_new = _write(place, page.body, page.is_replacing) and not page.part_of
        if page.publishes:
            self._publish(page.publishes)
            is_new = True
        self.remember(page.cursor)
        return is_new

    def remember(self, cursor: Cursor) -> None:
        """Keep ``cursor`` for the next fetch."""
        _write(self.memory / CURSOR, json.dumps(cursor, indent=1, sort_keys=True).encode() + b"\n", True)

    def forget_waiting(self) -> None:
        """Remove the pages of a state that never became whole, or is known already."""
        shutil.rmtree(self.memory / WAITING, ignore_errors=True)

    def note(self, line: Mapping[str, Any]) -> None:
        """Add a line to the record of fetches; a line that a kill cut short is ended first."""
        path = self.memory / FETCHES
        with path.open("a+b") as file:
            is_cut = file.tell() and path.read_bytes()[-1:] != b"\n"
            file.write(b"\n" * bool(is_cut) + json.dumps(line, sort_keys=True, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _publish(self, name: str) -> None:
        """Make a folder of waiting pages appear in the telemetry in one step."""
        waiting, place = _below(self.memory / WAITING, name), _below(self.folder, name)
        if place.exists():  # published before a kill; the cursor behind it was not kept
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        incoming = place.parent / f"{_INCOMING}{place.name}"
        shutil.rmtree(incoming, ignore_errors=True)
        shutil.copytree(waiting, incoming)  # home and telemetry may lie on different disks
        incoming.rename(place)


def memory(home: Path, kind: str, stream: str) -> Path:
    """Where what is remembered of a stream lies."""
    return home / "sources" / kind / slug(stream)


def _below(folder: Path, name: str) -> Path:
    """``name`` below ``folder``, and nowhere else."""
    place = folder / name
    if not place.resolve().is_relative_to(folder.resolve()) or place.resolve() == folder.resolve():
        raise SourceError(f"{name!r} leads out of the folder it belongs in", is_permanent=True)
    return place


def _write(path: Path, body: bytes, is_replacing: bool) -> bool:
    """Make ``path`` appear whole; whether anything was written. What is there is left unless it is to be replaced."""
    if path.exists() and (not is_replacing or path.read_bytes() == body):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    incoming = path.with_name(f"{_INCOMING}{path.name}")
    with incoming.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    incoming.replace(path)
    return True
