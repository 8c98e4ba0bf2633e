"""Where typed rows lie once they have arrived: content-addressed files, their index, and the quarantine.

Belongs here: writing, naming and finding landed files. Does not belong here: reading what arrives (``intake.py``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from governance_assets.contract import arrow_schema
from governance_assets.feeds import RECORD_FEEDS
from governance_assets.runtime.sources.cells import SQL_TYPES
from governance_assets.runtime.sources.keys import KEYED, with_keys
from governance_assets.runtime.sources.outcome import Refusal
from governance_assets.runtime.sources.typed import literal, quoted
from governance_assets.stats.digest import part_digests

FORECAST_TYPES: tuple[tuple[str, pa.DataType], ...] = (
    ("model_id", pa.string()),
    ("reference_date", pa.date32()),
    ("horizon", pa.int64()),
    ("target", pa.string()),
    ("location", pa.string()),
    ("target_end_date", pa.date32()),
)
LANDED: dict[str, tuple[tuple[str, pa.DataType], ...]] = {
    "quantile_forecasts": (*FORECAST_TYPES, ("quantile_level", pa.float64()), ("predicted", pa.float64())),
    "sample_forecasts": (*FORECAST_TYPES, ("sample_id", pa.string()), ("predicted", pa.float64())),
    "observations": (
        ("target", pa.string()),
        ("location", pa.string()),
        ("target_end_date", pa.date32()),
        ("observed", pa.float64()),
    ),
    "media_weekly": (
        ("tenant", pa.string()),
        ("week", pa.date32()),
        ("series", pa.string()),
        ("name", pa.string()),
        ("value", pa.float64()),
        ("unit", pa.string()),
        ("sign", pa.string()),
    ),
    **{feed: tuple((column.name, column.type) for column in arrow_schema(row)) for feed, row in RECORD_FEEDS.items()},
}
"""Columns every landing of a feed has, strata apart."""

MEASURES = ("predicted", "observed", "value")
"""Columns of landings that are measured; all others say of what."""

ROW_GROUP_ROWS = 1 << 18

VERSION_COLUMN = "as_of"
"""Carried by landings of observations that are versioned, and by no view."""

_DAYS_TO_MONDAY = 3  # 1970-01-01 was a Thursday


Numbers = npt.NDArray[np.int64]


def date_column(feed: str) -> str:
    """The column that says when a landed row of ``feed`` was true."""
    if feed in RECORD_FEEDS:
        return "date"
    return "week" if feed == "media_weekly" else "target_end_date"


def mondays(dates: pa.ChunkedArray) -> Numbers:
    """Days since 1970 of the Monday of each date."""
    days = dates.cast(pa.int32()).to_numpy().astype(np.int64)
    return days - (days + _DAYS_TO_MONDAY) % 7


def digests_by_week(rows: pa.Table, date: str) -> list[tuple[str, str]]:
    """The Monday and the digest of each run of ``rows`` of one week by the column ``date``: what a manifest records of a landed file."""
    weeks = mondays(rows[date])
    starts = np.flatnonzero(np.diff(weeks, prepend=weeks[:1] - 1)) if len(weeks) else np.zeros(0, dtype=np.int64)
    lengths = np.diff(np.append(starts, len(weeks))).tolist()
    digests = part_digests(rows, [name for name in rows.column_names if name not in MEASURES], lengths)
    return list(zip([iso(weeks[at]) for at in starts], digests, strict=True))


def iso(day: int) -> str:
    """An ISO date from days since 1970."""
    return (dt.date(1970, 1, 1) + dt.timedelta(days=int(day))).isoformat()


@functools.cache
def reader_version() -> str:
    """Digest of the code that reads: what other code has read is not recalled."""
    total = hashlib.sha256()
    package = Path(__file__).parents[2]
    for path in sorted([*(package / "runtime" / "sources").glob("*.py"), *(package / "feeds").glob("*.py")]):
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


class Store:
    """Landings, their index and the quarantine below one home folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._index = home / "landing" / "index"

    def path(self, feed: str, sha256: str) -> Path:
        """Where the rows with this digest lie."""
        return self.home / relative_path(feed, sha256)

    def land(self, feed: str, rows: pa.Table, file: Numbers) -> dict[int, dict[str, Any]]:
        """Write ``rows``, sorted by ``file`` (a number for each row) and week, one landing a file, unless it lies there already.

        Returns what a manifest says of each file that has rows.
        """
        weeks = mondays(rows[date_column(feed)])
        starts = np.flatnonzero(np.diff(file, prepend=-1).astype(bool) | np.diff(weeks, prepend=0).astype(bool)) if len(file) else []
        lengths = np.diff(np.append(starts, len(file))).astype(int)
        digests = part_digests(rows, [name for name in rows.column_names if name not in MEASURES], lengths.tolist())
        landed: dict[int, dict[str, Any]] = {}
        owners = file[starts] if len(file) else []
        for each in np.unique(owners).tolist():
            own = np.flatnonzero(owners == each)
            begin, size = int(starts[own[0]]), int(lengths[own].sum())
            names = [iso(weeks[starts[at]]) for at in own]
            landed[each] = self._land_file(feed, rows.slice(begin, size), names, [digests[at] for at in own])
        return landed

    def land_nothing(self, feed: str, strata: Sequence[str]) -> dict[str, Any]:
        """The landing of a file whose every row was refused."""
        schema = pa.schema([*LANDED[feed], *((name, pa.string()) for name in strata)])
        return self._land_file(feed, schema.empty_table(), [], [])

    def _land_file(self, feed: str, rows: pa.Table, weeks: list[str], digests: list[str]) -> dict[str, Any]:
        identity = json.dumps([feed, [[f.name, str(f.type)] for f in rows.schema], weeks, digests])
        sha256 = hashlib.sha256(identity.encode()).hexdigest()
        path = self.path(feed, sha256)
        if not path.is_file():
            with _replacing(path) as temporary, LandedFile(temporary, feed, _strata(feed, rows)) as file:
                for start in range(0, max(rows.num_rows, 1), ROW_GROUP_ROWS):
                    file.write(rows.slice(start, ROW_GROUP_ROWS))
        dates = rows[date_column(feed)].cast(pa.int32()).to_numpy()
        return {
            "landed_sha256": sha256,
            "rows": rows.num_rows,
            "first_date": iso(dates.min()) if len(dates) else None,
            "last_date": iso(dates.max()) if len(dates) else None,
            "weeks": weeks,
            "week_digests": digests,
            "strata": _strata(feed, rows),
        }

    def recall(self, key: str) -> dict[str, Any] | None:
        """What was remembered under ``key``, if every landing it names still lies there."""
        try:
            entry = json.loads((self._index / key[:2] / f"{key}.json").read_bytes())
            kept = all(self.path(feed, landing["landed_sha256"]).is_file() for feed, landing in entry["landings"].items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return entry if kept else None

    def remember(self, key: str, entry: dict[str, Any]) -> None:
        """Remember ``entry``; losing it only costs time."""
        with _replacing(self._index / key[:2] / f"{key}.json", is_lasting=False) as temporary:
            temporary.write_text(json.dumps(entry), encoding="utf-8")

    def quarantine(self, data: bytes, sha256: str, origin: str, refusal: Refusal) -> None:
        """Keep a copy of a file that cannot be read, with the reason beside it."""
        copy = self.home / "quarantine" / sha256
        if not copy.is_file():
            with _replacing(copy) as temporary:
                temporary.write_bytes(data)
        reason = json.dumps({"file": origin, "sha256": sha256, **asdict(refusal)}, indent=1, ensure_ascii=True, sort_keys=True)
        note = copy.with_name(f"{sha256}.json")
        if not note.is_file() or note.read_text(encoding="utf-8") != reason:
            with _replacing(note) as temporary:
                temporary.write_text(reason, encoding="utf-8")


class LandedFile:
    """A landed file while it is written, one row group at a time; keys are added where the feed has them."""

    def __init__(self, path: Path, feed: str, strata: Sequence[str]) -> None:
        self._path, self._feed, self._strata = path, feed, strata
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> LandedFile:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, rows: pa.Table) -> None:
        """Write one row group. Keys are made of its rows alone, so that its dictionary holds no others."""
        group = with_keys(rows, self._strata) if self._feed in KEYED else rows
        self._writer = self._writer or pq.ParquetWriter(self._path, group.schema, compression="zstd")
        self._writer.write_table(group, row_group_size=ROW_GROUP_ROWS)


def relative_path(feed: str, sha256: str) -> str:
    """Path of a landing below the home folder. Files with keys lie apart: one without them is never taken for one with them."""
    return f"{_folder(feed)}/{sha256}.parquet"


def _folder(feed: str) -> str:
    return f"landing/{feed}/keyed" if feed in KEYED else f"landing/{feed}"


def _strata(feed: str, rows: pa.Table) -> list[str]:
    fixed = {name for name, _ in LANDED[feed]} | {VERSION_COLUMN}
    return [name for name in rows.column_names if name not in fixed]


@contextlib.contextmanager
def _replacing(path: Path, *, is_lasting: bool = True) -> Iterator[Path]:
    """A temporary file beside ``path`` that takes its place when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if is_lasting:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def landed_relation(con: duckdb.DuckDBPyConnection, feed: str, manifest: pa.Table, home: Path, weeks: Sequence[dt.date] | None) -> str:
    """Make a view of the landed rows of ``feed`` whose date falls in ``weeks`` (Mondays; None for all); returns its name."""
    wanted = None if weeks is None else {week.isoformat() for week in weeks}
    by_strata: dict[tuple[str, ...], set[str]] = {}
    all_strata: dict[str, None] = {}
    for file in manifest.select(["landed_path", "weeks", "strata", "rows"]).to_pylist():
        strata = tuple(filter(None, file["strata"].split(",")))
        all_strata.update(dict.fromkeys(strata))
        if file["rows"] and (wanted is None or wanted & set(file["weeks"].split(","))):
            by_strata.setdefault(strata, set()).add(file["landed_path"])
    texts = [*sorted(all_strata), *_keys(feed, set().union(*by_strata.values()))]
    names = [*(f"CAST({quoted(n)} AS {SQL_TYPES[t]}) AS {quoted(n)}" for n, t in LANDED[feed]), *map(quoted, texts)]
    parts = [_part(feed, texts, strata, [str(home / path) for path in sorted(paths)]) for strata, paths in sorted(by_strata.items())]
    nothing = ", ".join(
        [f"CAST(NULL AS {SQL_TYPES[kind]}) AS {quoted(name)}" for name, kind in LANDED[feed]]
        + [f"CAST(NULL AS VARCHAR) AS {quoted(name)}" for name in texts]
    )
    union = " UNION ALL BY NAME ".join([f"(SELECT {nothing} WHERE FALSE)", *parts])
    view = f"landed_{feed}"
    where = "" if weeks is None else f" WHERE {_in_weeks(date_column(feed), weeks)}"
    con.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(view)} AS SELECT {', '.join(names)} FROM ({union}){where}")
    return view


def _keys(feed: str, paths: Collection[str]) -> tuple[str, ...]:
    """The keys that every file has: an old manifest names files without them."""
    return KEYED.get(feed, ()) if paths and all(path.startswith(f"{_folder(feed)}/") for path in paths) else ()


def _part(feed: str, texts: Sequence[str], strata: Sequence[str], paths: Sequence[str]) -> str:
    own = [name for name in texts if name in strata or name in KEYED.get(feed, ())]
    columns = ", ".join(quoted(name) for name in [*(name for name, _ in LANDED[feed]), *own])
    return f"(SELECT {columns} FROM read_parquet([{', '.join(map(literal, paths))}]))"


def _in_weeks(column: str, weeks: Sequence[dt.date]) -> str:
    """SQL: the target date lies in one of the weeks; neighbouring weeks are one range."""
    ranges: list[tuple[dt.date, dt.date]] = []
    for monday in sorted(set(weeks)):
        end = monday + dt.timedelta(days=7)
        if ranges and ranges[-1][1] == monday:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((monday, end))
    tests = [f"({column} >= DATE '{first}' AND {column} < DATE '{end}')" for first, end in ranges]
    return " OR ".join(tests) if tests else "FALSE"
