"""What the readers hand to each other: a table with its origin, a refusal, a file that cannot be read.

Belongs here: plain data. Does not belong here: how any of it comes about.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pyarrow as pa

_SHOWN = 120


@dataclass(frozen=True)
class Context:
    """What a file's place says about its rows. Part of a landing's identity: the same bytes elsewhere may mean other rows."""

    shape: Literal["hubverse", "long", "wide", "records"]
    role: Literal["forecasts", "observations", "media", "records", "any"]
    model_id: str | None = None
    reference_date: str | None = None
    as_of: str | None = None
    units: tuple[tuple[str, str], ...] = ()
    """Target to the unit of its horizon; the target '' stands for every other."""
    round_column: str | None = None
    task_columns: tuple[str, ...] | None = None
    stated: tuple[tuple[str, str], ...] = ()
    """Columns that the names of folders state, as in ``as_of=2025-11-03/``."""
    media: str | None = None
    """What ``media.yaml`` says of a wide table, as JSON."""
    folder: str | None = None
    """Folder of the record feed, and with it: the first folder below, the file's name, and the day it was last changed."""
    place: str | None = None
    name: str = ""
    modified: str | None = None

    def identity(self) -> dict[str, Any]:
        """Everything of it, for hashing."""
        return asdict(self)


@dataclass(frozen=True)
class Refusal:
    """One refused row, task or file; ``rows`` of them are told by it."""

    scope: Literal["row", "task", "file"]
    row: int | None
    column: str | None
    found: str
    expected: str
    next_step: str
    rows: int
    feed: str | None = None


class Unreadable(Exception):
    """A file that cannot be read at all."""

    def __init__(self, found: str, expected: str, next_step: str) -> None:
        super().__init__(f"found {found}, expected {expected}; {next_step}")
        self.refusal = Refusal("file", None, None, shown(found), expected, next_step, 0)


class NotTelemetry(Exception):
    """A file that holds something else than a feed."""


@dataclass
class Table:
    """The rows of one file as they were written: text or plain numbers, with the line of each row."""

    names: list[str]
    columns: list[pa.ChunkedArray]
    rows: pa.Array
    file_rows: int
    refusals: list[Refusal] = field(default_factory=list)


def shown(value: object) -> str:
    """``value`` as one short line in which every control character is visible.

    >>> shown("a\\nb")
    'a\\\\nb'
    """
    text = value if isinstance(value, str) else str(value)
    if not text.strip(" "):
        return "only blanks" if text else "nothing"
    cut = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", lambda match: match[0].encode("unicode_escape").decode(), cut)
