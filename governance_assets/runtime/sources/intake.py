"""A telemetry folder to manifests and refused records: every file is read once, then held against the others.

Belongs here: the order of the steps, and what one file says about another. Does not belong here: any single step.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import arrow_schema, conform, empty, registry
from governance_assets.policy import IntakePolicy
from governance_assets.runtime.sources import columns, evidence, folder, media, records, saved_runs
from governance_assets.runtime.sources.across import settle
from governance_assets.runtime.sources.engine_results import EngineResultError
from governance_assets.runtime.sources.folder import Candidate
from governance_assets.runtime.sources.landing import LANDED, Store, reader_version, relative_path
from governance_assets.runtime.sources.media_file import FEED as MEDIA
from governance_assets.runtime.sources.media_file import MediaEntry
from governance_assets.runtime.sources.outcome import Context, NotTelemetry, Refusal, Table, Unreadable, shown
from governance_assets.runtime.sources.reading import Arrived, land_batch, signature
from governance_assets.runtime.sources.tables import RECORD_SUFFIXES, read_table

_BATCH_ROWS, _BATCH_FILES = 1_500_000, 400
_JUDGING = {"max_rejected_share", "max_spend_jump", "max_channel_ratio", "spend_past_weeks", "spend_recent_weeks"}
"""Policy values that judge what has been read, and change nothing in how it is read."""

_SAVED_RUN = ("the exports of one run as README describes them", "export the run again, or mend result.yaml")


@dataclass(frozen=True)
class Intake:
    """What arrived."""

    manifests: dict[str, pa.Table]
    rejected: pa.Table
    ignored: tuple[tuple[str, str], ...]
    media: pa.Table
    """All landed rows of ``media_weekly``."""


@dataclass
class File:
    """One file, at the first of the places where these bytes lie, and what is remembered of it once it is read."""

    candidate: Candidate
    sha256: str
    size: int
    key: str
    copies: int = 1
    entry: dict[str, Any] | None = None

    @property
    def origin(self) -> str:
        """Its path below the telemetry folder."""
        return self.candidate.origin

    @property
    def context(self) -> str:
        """What its place adds to its rows."""
        return str(self.entry["context"]) if self.entry else ""


def read_telemetry(telemetry: Path, home: Path, policy: IntakePolicy) -> Intake:
    """Read everything below ``telemetry``, land it below ``home``, and tell of every file what became of it.

    Raises NotADirectoryError when ``telemetry`` is no folder.
    """
    if not telemetry.is_dir():
        raise NotADirectoryError(f"{telemetry} is no folder; name a telemetry folder, or make one with `governance sample`")
    reader = _Reader(home, policy, folder.find(telemetry))
    with contextlib.closing(duckdb.connect()) as con:
        files = reader.read(con)
        for feed in LANDED:
            settle(con, files, feed, reader.store, policy)
        media_rows = media.all_rows(con, media.holding(files), reader.store)
    return Intake(
        {feed: _manifest(feed, files) for feed in LANDED},
        _rejected(files, reader),
        tuple(sorted(reader.ignored)),
        media_rows,
    )


class _Reader:
    """Reads every candidate once; bytes that were read before are recalled."""

    def __init__(self, home: Path, policy: IntakePolicy, found: folder.Found) -> None:
        self.store = Store(home)
        self.policy = policy
        self.found = found
        self.ignored = list(found.ignored)
        self.refused: list[tuple[str, str, Refusal]] = [(origin, "", refusal) for origin, refusal in found.refused]
        self._waiting: list[tuple[File, Arrived]] = []

    def read(self, con: duckdb.DuckDBPyConnection) -> list[File]:
        """Every file that landed, in the order in which they count. Truth comes first: its spacing may tell the unit of a horizon."""
        candidates = sorted(self.found.candidates, key=lambda each: (each.rank, each.origin))
        truth = [each for each in candidates if each.context.role == "observations"]
        wide = [each for each in candidates if each.context.role == "media"]
        kept = [each for each in candidates if each.context.role == "records"]
        rest = [each for each in candidates if each.context.role not in ("observations", "media", "records")]
        files = self._read_truth(con, truth) + self._read_files(con, wide, None) + self._read_files(con, kept, None)
        postponed: list[File] = []
        files += self._read_files(con, rest, postponed)
        if postponed:
            unit = self._spacing(con, files)
            again = [replace(file.candidate, context=replace(file.candidate.context, units=unit)) for file in postponed]
            files += self._read_files(con, again, None)
        return self._merged(sorted(files, key=lambda file: (file.candidate.rank, file.origin)))

    def _merged(self, files: list[File]) -> list[File]:
        """One file for equal bytes that mean the same in both their places."""
        first: dict[tuple[str, str], File] = {}
        for file in files:
            known = first.setdefault((file.sha256, file.context), file)
            if known is not file:
                self._tell_copy(known, file.origin, file.copies)
        return list(first.values())

    def _tell_copy(self, file: File, origin: str, copies: int = 1) -> None:
        file.copies += copies
        self.ignored.append((origin, f"the same bytes as {file.origin}, which counts"))

    def _read_truth(self, con: duckdb.DuckDBPyConnection, candidates: list[Candidate]) -> list[File]:
        """All of the long tables; of a hub only the best kind of truth that lands."""
        files = self._read_files(con, [each for each in candidates if each.hub is None], None)
        for hub in sorted({each.hub for each in candidates if each.hub is not None}):
            own = [each for each in candidates if each.hub == hub]
            landed = False
            for rank in sorted({each.rank for each in own}):
                ranked = [each for each in own if each.rank == rank]
                if landed:
                    self.ignored += [(each.origin, "a better kind of this hub's truth was read") for each in ranked]
                    continue
                read = self._read_files(con, ranked, None)
                landed = any(landing["rows"] for file in read if file.entry for landing in file.entry["landings"].values())
                files += read
        return files

    def _read_files(self, con: duckdb.DuckDBPyConnection, candidates: Iterable[Candidate], postponed: list[File] | None) -> list[File]:
        """Read ``candidates``; those whose horizon has no known unit go to ``postponed`` when that is given."""
        files: dict[str, File] = {}
        for candidate in candidates:
            data = self._bytes(candidate)
            if data is None:
                continue
            sha256 = hashlib.sha256(data).hexdigest()
            key = self._key(sha256, candidate)
            if key in files:
                self._tell_copy(files[key], candidate.origin)
                continue
            file = File(candidate, sha256, len(data), key, entry=self.store.recall(key))
            files[key] = file
            if file.entry is None:
                self._take(con, file, data, postponed)
            elif postponed is not None and file.entry["lacks_unit"]:
                postponed.append(replace(file, entry=None))
                file.entry = None
        self._flush(con)
        landed = []
        for file in files.values():
            if file.entry is not None and "ignored" in file.entry:
                self.ignored.append((file.origin, file.entry["ignored"]))
            elif file.entry is not None:
                landed.append(file)
        return landed

    def _bytes(self, candidate: Candidate) -> bytes | None:
        try:
            if candidate.suffix == saved_runs.SUFFIX:
                return saved_runs.listing(candidate.path, candidate.context.place or "")
            if candidate.listed is not None:
                return evidence.listing(candidate.listed, candidate.path, candidate.origin)
            return candidate.path.read_bytes()
        except OSError as error:
            self.refused.append((candidate.origin, "", folder.no_access(error)))
        except EngineResultError as error:
            self.refused.append((candidate.origin, "", Refusal("file", None, None, shown(str(error)), *_SAVED_RUN, 0, saved_runs.FEED)))
        return None

    def _key(self, sha256: str, candidate: Candidate) -> str:
        policy = self.policy.model_dump(mode="json", exclude=_JUDGING)
        identity = [reader_version(), sha256, candidate.suffix, candidate.context.identity(), policy]
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def _take(self, con: duckdb.DuckDBPyConnection, file: File, data: bytes, postponed: list[File] | None) -> None:
        candidate = file.candidate
        try:
            if candidate.context.role == "records":
                file.entry = records.land_records(con, data, candidate.suffix, candidate.context, self.policy, self.store)
                self.store.remember(file.key, file.entry)
                return
            table = read_table(data, candidate.suffix, self.policy)
            if candidate.context.media is not None:
                entry = MediaEntry.model_validate_json(candidate.context.media)
                file.entry = media.land_media(table, entry, self.policy, self.store)
                self.store.remember(file.key, file.entry)
                return
            arrived = _arrived(candidate, table)
        except NotTelemetry as reason:
            self.ignored.append((file.origin, str(reason)))
            return
        except Unreadable as unreadable:
            if candidate.context.role == "any" and candidate.suffix in RECORD_SUFFIXES:
                self.ignored.append((file.origin, f"no table of rows: {unreadable.refusal.found}"))
                return
            self.store.quarantine(data, file.sha256, file.origin, unreadable.refusal)
            self.refused.append((file.origin, file.sha256, unreadable.refusal))
            return
        if postponed is not None and _lacks_unit(arrived):
            postponed.append(file)
            return
        if self._waiting and (
            signature(arrived) != signature(self._waiting[0][1])
            or len(self._waiting) >= _BATCH_FILES
            or sum(len(each.table.rows) for _, each in self._waiting) + len(arrived.table.rows) > _BATCH_ROWS
        ):
            self._flush(con)
        self._waiting.append((file, arrived))

    def _flush(self, con: duckdb.DuckDBPyConnection) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        land_batch(con, [arrived for _, arrived in waiting], self.policy, self.store)
        for file, arrived in waiting:
            if arrived.landings:
                file.entry = arrived.entry(self.policy)
            else:
                file.entry = {
                    "landings": {},
                    "refusals": [],
                    "context": "",
                    "ignored": f"{arrived.table.file_rows:,} rows, none of a kind that is scored",
                }
            file.entry["lacks_unit"] = _lacks_unit(arrived)
            self.store.remember(file.key, file.entry)

    def _spacing(self, con: duckdb.DuckDBPyConnection, files: list[File]) -> tuple[tuple[str, str], ...]:
        """The unit of a horizon by the commonest gap between observed dates; empty when there is none."""
        paths = [
            str(self.store.path("observations", file.entry["landings"]["observations"]["landed_sha256"]))
            for file in files
            if file.entry and "observations" in file.entry["landings"]
        ]
        if not paths:
            return ()
        days = con.execute("SELECT DISTINCT target_end_date FROM read_parquet(?) ORDER BY 1", [paths]).fetchnumpy()["target_end_date"]
        gaps = Counter(np.diff(days.astype("datetime64[D]")).astype(int).tolist())
        commonest = gaps.most_common(1)[0][0] if gaps else 0
        unit = "month" if commonest in (28, 29, 30, 31) else {1: "day", 7: "week"}.get(commonest)
        return (("", unit),) if unit else ()


def _arrived(candidate: Candidate, table: Table) -> Arrived:
    """The table with its parts found. Raises Unreadable where a feed's folder holds something else, NotTelemetry elsewhere."""
    context = candidate.context
    _add_stated(table, context)
    truth = context.role == "observations"
    found = columns.layout(table.names, truth=truth, round_column=context.round_column, task_columns=context.task_columns)
    if truth and "predicted" in columns.layout(table.names, truth=False).parts and not found.holds_observations:
        found = columns.layout(table.names, truth=False)
    arrived = Arrived(context, found, table)
    problem = _missing_parts(arrived)
    if problem is None:
        return _without_measures(arrived)
    if context.role == "any" or (context.shape == "hubverse" and truth):
        raise NotTelemetry(problem)
    known = "model_id, reference_date, horizon, target_end_date, location, quantile_level or sample_id, predicted"
    expected = "columns " + ("target_end_date, location, observed" if truth else known)
    raise Unreadable(f"columns {', '.join(table.names[:20])}", expected, f"rename the columns ({problem})")


def _add_stated(table: Table, context: Context) -> None:
    """Add the columns that folder names state and the file does not hold."""
    spelled = {columns.plain(name) for name in table.names}
    for name, value in context.stated:
        if columns.plain(name) not in spelled:
            table.names.append(name)
            table.columns.append(pa.chunked_array([pa.repeat(value, len(table.rows))]))


def _missing_parts(arrived: Arrived) -> str | None:
    """Why the columns make no feed, or None."""
    layout, context = arrived.layout, arrived.context
    if layout.holds_forecasts:
        if "model_id" not in layout.parts and context.model_id is None:
            return "forecasts without a model_id"
        if "reference_date" not in layout.parts and context.reference_date is None:
            return "forecasts without a reference_date"
        if "target_end_date" not in layout.parts and "horizon" not in layout.parts and "target" not in layout.parts:
            return "forecasts without target_end_date or horizon"
        return None
    if "predicted" in layout.parts:
        return "predictions without quantile_level or sample_id"
    return None if layout.holds_observations else "neither forecasts nor observations"


def _without_measures(arrived: Arrived) -> Arrived:
    """Drop strata that are measures: a column of numbers with fractions tells no tasks apart."""
    if arrived.context.task_columns is not None:
        return arrived
    strata = {name: at for name, at in arrived.layout.strata.items() if not _is_measure(arrived.table.columns[at])}
    return replace(arrived, layout=replace(arrived.layout, strata=strata))


def _is_measure(column: pa.ChunkedArray) -> bool:
    if pa.types.is_floating(column.type):
        return True
    if not pa.types.is_string(column.type):
        return False
    values = column.unique()
    text = values.filter(pc.greater(pc.utf8_length(values), 0))
    numbers = pc.match_substring_regex(text, r"^\s*(NA|[+-]?\d*\.?\d+([eE][+-]?\d+)?)\s*$")
    return bool(len(text)) and pc.all(numbers).as_py() and pc.any(pc.match_substring(text, ".")).as_py()


def _lacks_unit(arrived: Arrived) -> bool:
    parts = arrived.layout.parts
    return arrived.layout.holds_forecasts and "target_end_date" not in parts and "horizon" in parts and not arrived.context.units


# ---------------------------------------------------------------- tables


def _manifest(feed: str, files: list[File]) -> pa.Table:
    contract = registry()[feed]
    rows = []
    for file in sorted(files, key=lambda each: each.origin):
        landing = file.entry["landings"].get(feed) if file.entry else None
        if landing is None:
            continue
        rows.append(
            {
                "file_sha256": file.sha256,
                "context": file.context,
                "origin": file.origin,
                "copies": file.copies,
                "shape": file.entry.get("shape", file.candidate.context.shape) if file.entry else "",
                "file_bytes": file.size,
                "landed_path": relative_path(feed, landing["landed_sha256"]),
                **{name: landing[name] for name in ("landed_sha256", "rows", "rejected_rows", "unused_rows", "first_date", "last_date")},
                **{name: ",".join(landing[name]) for name in ("weeks", "week_digests", "strata")},
                **({"landed_values": landing["landed_values"]} if feed == MEDIA else {}),
            }
        )
    return conform(contract, pa.Table.from_pylist(rows, arrow_schema(contract))) if rows else empty(contract)


def _rejected(files: list[File], reader: _Reader) -> pa.Table:
    contract = registry()["rejected_records"]
    rows = []
    told = [(file.origin, file.sha256, Refusal(**each)) for file in files if file.entry for each in file.entry["refusals"]]
    running: Counter[str] = Counter()
    for origin, sha256, refusal in sorted(reader.refused + told, key=lambda each: each[0]):
        running[origin] += 1
        row = {name: getattr(refusal, name) for name in ("feed", "scope", "row", "column", "found", "expected", "next_step", "rows")}
        rows.append({"file": origin, "record": running[origin], "file_sha256": sha256, **row})
    return conform(contract, pa.Table.from_pylist(rows, arrow_schema(contract))) if rows else empty(contract)
