"""Whether the rows of every revision are those whose digest the ledger recorded, and whether every row belongs to one.

Belongs here: cutting an artifact's rows into revisions and digesting them. Does not belong here: reading them (``reading.py``) or what
the ledger says of itself (``entries.py``).

A contract may have gained columns since a revision was recorded: its digest was made without them, and they must then be empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import Contract, arrow_schema
from governance_assets.runtime.proof.failures import Failure
from governance_assets.runtime.tables import OWN_COLUMNS
from governance_assets.stats.digest import part_digests

Address = tuple[str | None, int | None]
ORDER = "partition_key, revision"


@dataclass(frozen=True)
class Told:
    """What the ledger says of one revision."""

    entry: int
    content_sha256: str
    row_count: int


def told_of(ledger: pa.Table) -> dict[str, dict[Address, Told]]:
    """The revisions that the ledger tells of, by artifact: for each the entry that recorded it."""
    new = ledger.filter(pc.is_in(ledger["kind"], pa.array(["revision", "restatement"])))
    columns = (new[name].to_pylist() for name in ("artifact", "partition_key", "revision", "entry", "content_sha256", "row_count"))
    found: dict[str, dict[Address, Told]] = {}
    for artifact, key, revision, entry, content, count in zip(*columns, strict=True):
        found.setdefault(artifact, {}).setdefault((key, revision), Told(entry, content or "", count or 0))
    return found


def row_failures(
    contract: type[Contract] | None, batches: Iterable[pa.Table], artifact: str, told: Mapping[Address, Told]
) -> Iterator[Failure]:
    """Compare the rows of ``artifact``, in the order ORDER, with what the ledger has ``told`` of its revisions."""
    seen: set[Address] = set()
    schema = None
    for rows, addresses, lengths in revisions(batches):
        schema = rows.schema
        known = [at for at, address in enumerate(addresses) if address in told and address not in seen]
        for at in sorted(set(range(len(addresses))) - set(known)):
            yield Failure("store", 0, f"{lengths[at]} rows of {artifact} {_words(addresses[at])} without a ledger entry", "none")
        chosen = pa.concat_tables([rows.slice(0, 0), *_parts(rows, lengths, known)]) if len(known) < len(addresses) else rows
        digests = _matched(contract, chosen, [lengths[at] for at in known], [told[addresses[at]].content_sha256 for at in known])
        for at, problem in zip(known, digests, strict=True):
            if problem is not None:
                yield _differs(artifact, addresses[at], told[addresses[at]], lengths[at], problem)
        seen |= {addresses[at] for at in known}
    yield from _absent(contract, schema, artifact, {address: one for address, one in told.items() if address not in seen})


def revisions(batches: Iterable[pa.Table]) -> Iterator[tuple[pa.Table, list[Address], list[int]]]:
    """Whole revisions at a time: rows, the address of each revision among them, and how many rows it has."""
    kept: pa.Table | None = None
    for batch in batches:
        rows = batch if kept is None else pa.concat_tables([kept, batch])
        addresses, starts = _cut(rows)
        last = starts[-1] if starts else 0
        if last:
            yield rows.slice(0, last), addresses[:-1], np.diff(starts).tolist()
        kept = rows.slice(last)
    if kept is not None:
        addresses, starts = _cut(kept)
        yield kept, addresses, np.diff([*starts, kept.num_rows]).tolist()


def _cut(rows: pa.Table) -> tuple[list[Address], list[int]]:
    """The addresses in ``rows``, which are in their order, and where each begins."""
    if not rows.num_rows:
        return [], []
    columns = [rows[name].combine_chunks() for name in ("partition_key", "revision")]
    begins = np.zeros(rows.num_rows, dtype=bool)
    begins[0] = True
    for column in columns:
        codes = column.dictionary_encode(null_encoding="encode").indices.to_numpy(zero_copy_only=False)
        begins[1:] |= codes[1:] != codes[:-1]
    starts = np.flatnonzero(begins)
    values = (column.take(pa.array(starts)).to_pylist() for column in columns)
    return list(zip(*values, strict=True)), starts.tolist()


def _parts(rows: pa.Table, lengths: Sequence[int], chosen: Sequence[int]) -> list[pa.Table]:
    starts = np.cumsum([0, *lengths])
    return [rows.slice(int(starts[at]), lengths[at]) for at in chosen]


def _matched(contract: type[Contract] | None, rows: pa.Table, lengths: list[int], expected: list[str]) -> list[str | None]:
    """None for each part of ``rows`` that has its expected digest under some columns; else the digest under today's."""
    if contract is None:
        return ["rows that no contract declares"] * len(lengths)
    problems: list[str | None] = [""] * len(lengths)
    left = list(range(len(lengths)))
    for names in column_sets(contract, rows.column_names):
        part = rows if len(left) == len(lengths) else pa.concat_tables([rows.slice(0, 0), *_parts(rows, lengths, left)])
        digests = _digests(contract, part, names, [lengths[at] for at in left])
        strange = _filled(part, names, [lengths[at] for at in left])
        for at, digest, is_filled in zip(left, digests, strange, strict=True):
            problems[at] = problems[at] or digest
            if digest == expected[at] and not is_filled:
                problems[at] = None
        left = [at for at in left if problems[at] is not None]
        if not left:
            break
    return problems


def column_sets(contract: type[Contract], stored: Sequence[str]) -> Iterator[list[str]]:
    """The columns that a digest may have been made of, newest first: those of today, then fewer by each that came later."""
    declared = arrow_schema(contract).names
    own = [at for at, name in enumerate(stored) if name in OWN_COLUMNS]
    later = list(stored[max(own, default=len(stored)) + 1 :])
    for count in range(len(later), -1, -1):
        missing = later[count:]
        yield [name for name in declared if name in stored and name not in missing]


def _digests(contract: type[Contract], rows: pa.Table, names: Sequence[str], lengths: Sequence[int]) -> list[str]:
    declared = arrow_schema(contract)
    table = pa.table([rows[name].cast(declared.field(name).type) for name in names], names=list(names))
    if not {*contract.key} <= {*names}:
        return ["rows without their key"] * len(lengths)
    return part_digests(table, contract.key, lengths)


def _filled(rows: pa.Table, names: Sequence[str], lengths: Sequence[int]) -> list[bool]:
    """Of each part, whether a column that is none of ``names`` has a value."""
    strange = [
        name for name in rows.column_names if name not in names and name not in OWN_COLUMNS and rows[name].null_count < rows.num_rows
    ]
    ends = np.cumsum([0, *lengths])
    return [any(rows[name].slice(ends[at], length).null_count < length for name in strange) for at, length in enumerate(lengths)]


def _differs(artifact: str, address: Address, told: Told, count: int, problem: str) -> Failure:
    found = f"{count} rows of {artifact} {_words(address)}, digest {problem}"
    return Failure("entry", told.entry, found, f"{told.row_count} rows, digest {told.content_sha256}")


def _absent(contract: type[Contract] | None, schema: pa.Schema | None, artifact: str, told: Mapping[Address, Told]) -> Iterator[Failure]:
    """Revisions of which no row was seen: right only for those that have none."""
    empty: set[str] = set()
    if contract is not None:
        stored = schema or pa.schema([*arrow_schema(contract), *(pa.field(name, pa.string()) for name in OWN_COLUMNS)])
        rows = stored.empty_table()
        empty = {_digests(contract, rows, names, [0])[0] for names in column_sets(contract, stored.names)}
    for address, one in told.items():
        if one.row_count or one.content_sha256 not in empty:
            found = f"no rows of {artifact} {_words(address)}"
            yield Failure("entry", one.entry, found, f"{one.row_count} rows, digest {one.content_sha256}")


def _words(address: Address) -> str:
    return f"{address[0]} revision {address[1]}"


def recorded_revision(rows: pa.Table, contract: type[Contract], entry: Mapping[str, Any]) -> pa.Table | None:
    """The rows of the revision that ``entry`` speaks of, with the columns of its digest; None when they are not what it recorded."""
    own = pc.and_(pc.equal(rows["partition_key"], entry["partition_key"]), pc.equal(rows["revision"], entry["revision"]))
    found = rows.filter(own)
    declared = arrow_schema(contract)
    for names in column_sets(contract, rows.column_names):
        if _digests(contract, found, names, [found.num_rows]) == [entry["content_sha256"]]:
            return pa.table([found[name].cast(declared.field(name).type) for name in names], names=names)
    return None
