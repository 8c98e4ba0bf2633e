"""What a landed row of a record feed looks like: the base class, and how one of its columns is declared.

Belongs here: the machinery that turns one typed class into a reader's instructions. Does not belong here: the columns of any
one feed (the other files of this package), or the reading of files (``runtime/sources/``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from governance_assets.contract import Column, ContractError, columns, field

_FEEDS: dict[str, type[Row]] = {}
OWN = ("date", "as_of", "details")
"""Columns that every feed has; the reader fills ``date`` and ``details``."""


def cell(
    description: str,
    *,
    also: tuple[str, ...] = (),
    scaled: Mapping[str, float] | None = None,
    words: Mapping[str, str] | None = None,
    default: str | None = None,
    is_free: bool = False,
    **declared: Any,
) -> Any:
    """Declare a column as ``contract.field`` does, and how it arrives.

    ``also`` are further names of it, ``scaled`` names whose numbers are multiplied first, ``words`` what other words for one of its
    choices are, ``default`` what stands where nothing was written, and ``is_free`` admits line breaks in a text.
    """
    info = field(description, **declared)
    info.json_schema_extra |= {
        "also": list(also),
        "scaled": dict(scaled or {}),
        "words": dict(words or {}),
        "default": default,
        "is_free": is_free,
    }
    return info


class Row(BaseModel):
    """One landed row. Subclass with ``feed=``, ``folder=``, ``key=`` and ``dated=``; ``is_single=True`` where a key has one value.

    ``dated`` are the columns whose day is the row's date, the most telling first; ``as_of`` follows when none of them is there.
    ``place`` is the column that the first folder below the feed's folder states where the file does not. A table is of the feed
    when it has the columns that may not be missing, and one ``of`` these.

    Rows that are equal but for ``as_of`` are one, within a file and across files; with ``keeps_repeats`` only across files. Of a
    feed that is single the newest ``as_of`` of a key counts, and two values of one ``as_of`` are refused; any other feed keeps
    every version of a key as its history.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    feed: ClassVar[str]
    folder: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    dated: ClassVar[tuple[str, ...]]
    of: ClassVar[tuple[str, ...]]
    is_single: ClassVar[bool]
    place: ClassVar[str | None]
    keeps_repeats: ClassVar[bool]

    date: dt.date = cell("Day, in UTC, by which the row belongs to a week, a half-month and a quarter", also=("day", "report_date"))
    as_of: dt.date | None = cell(
        "Day this version of the row was written: its as_of column, or the date in the name of the file or folder; the day the file was "
        "last changed where the row would have no date otherwise",
        also=("snapshot_date", "exported_at"),
        null="neither the row nor the name of its file says it",
    )
    details: str | None = cell("Further columns of the source, as one JSON object of texts", null="there are none", is_free=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # The class arguments belong to __pydantic_init_subclass__, which runs once the fields are known.
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        feed: str = "",
        folder: str = "",
        key: tuple[str, ...] = (),
        dated: tuple[str, ...] = (),
        of: tuple[str, ...] = (),
        is_single: bool = False,
        place: str | None = None,
        keeps_repeats: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.feed, cls.folder, cls.key, cls.dated, cls.of, cls.is_single, cls.place = feed, folder, key, dated, of, is_single, place
        cls.keeps_repeats = keeps_repeats
        names = {column.name: column for column in columns(cls)}
        if not (feed and folder and key and dated):
            raise ContractError(f"{cls.__name__}: name its feed, folder, key and dated columns")
        if missing := [name for name in (*key, *dated, *of, *([place] if place else [])) if name not in names]:
            raise ContractError(f"{feed}: {', '.join(missing)} is not declared")
        if silent := [column.name for column in names.values() if column.is_nullable and not column.null]:
            raise ContractError(f"{feed}: say what null means in {', '.join(silent)}")
        if feed in _FEEDS and _FEEDS[feed].__qualname__ != cls.__qualname__:
            raise ContractError(f"two feeds are named {feed}")
        _FEEDS[feed] = cls


def declared() -> Mapping[str, type[Row]]:
    """Every feed that has been declared, by name, in the order of declaration."""
    return dict(_FEEDS)


class Arrival:
    """How one column of a feed arrives; what ``cell`` was told."""

    def __init__(self, row: type[Row], column: Column) -> None:
        extra: Any = row.model_fields[column.name].json_schema_extra
        self.column = column
        self.scaled: Mapping[str, float] = extra["scaled"]
        self.words: Mapping[str, str] = extra["words"]
        self.default: str | None = extra["default"]
        self.is_free: bool = extra["is_free"]
        self.names: tuple[str, ...] = (column.name, *extra["also"], *self.scaled)

    @property
    def is_required(self) -> bool:
        """Whether a table without this column is none of the feed."""
        return not self.column.is_nullable and self.default is None and self.column.name not in OWN


def arrivals(row: type[Row]) -> tuple[Arrival, ...]:
    """The columns of a feed as they arrive, in the order of declaration."""
    return tuple(Arrival(row, column) for column in columns(row))
