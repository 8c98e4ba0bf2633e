"""Whether the landed files hold the rows whose digests their manifests recorded.

Belongs here: reading landed files again. Does not belong here: landing them (``runtime/sources/landing.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance_assets.runtime.proof.reading import BROKEN
from governance_assets.runtime.sources.keys import KEYED, with_keys
from governance_assets.runtime.sources.landing import date_column, digests_by_week

MANIFEST = ("landed_path", "weeks", "week_digests", "strata")
"""The columns by which a manifest is known."""


@dataclass(frozen=True)
class Landing:
    """A landed file as a manifest recorded it, the entry that did so first, and whether the newest manifest still names it."""

    feed: str
    path: str
    weeks: tuple[str, ...]
    digests: tuple[str, ...]
    strata: tuple[str, ...]
    entry: int
    is_current: bool


def landings(feed: str, rows: pa.Table, entries: Sequence[int], newest: Set[int]) -> Iterator[Landing]:
    """Of the rows of a manifest, each with the entry it belongs to, the landed files; ``newest`` are the entries that still count."""
    columns = (rows[name].to_pylist() for name in MANIFEST)
    for entry, path, *lists in zip(entries, *columns, strict=True):
        weeks, digests, strata = (tuple(filter(None, (text or "").split(","))) for text in lists)
        yield Landing(feed, path or "", weeks, digests, strata, entry, entry in newest)


def problem(home: Path, landing: Landing) -> str | None:
    """What is wrong with a landed file; None when it holds what was recorded. Raises FileNotFoundError when it is not there."""
    path = (home / landing.path).resolve()
    if not path.is_relative_to(home.resolve()):
        return f"path {landing.path} outside the home folder"
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        rows = pq.read_table(path)
        return _difference(rows, landing)
    except BROKEN as error:
        return f"{landing.path}, which cannot be read ({' '.join(str(error).split())[:200]})"


def _difference(rows: pa.Table, landing: Landing) -> str | None:
    keys = KEYED.get(landing.feed, ())
    own = rows.select([name for name in rows.column_names if name not in keys])
    found = digests_by_week(own, date_column(landing.feed))
    expected = list(zip(landing.weeks, landing.digests, strict=True))
    wrong = sorted(set(found) ^ set(expected))
    if wrong or len(found) != len(expected):
        return f"{landing.path} with other rows in week {wrong[0][0] if wrong else 'unknown'}"
    there = [name for name in keys if name in rows.column_names]
    if there and rows.num_rows:
        made = with_keys(own, landing.strata)
        for name in there:
            if not pc.all(pc.equal(_text(rows[name]), _text(made[name]))).as_py():
                return f"{landing.path} with keys in {name} that its rows do not have"
    return None


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())
