"""Whether the ledger agrees with itself and with the findings, inputs and policies that are recorded beside it.

Belongs here: numbers, order, revisions and the small digests. Does not belong here: rows of artifacts (``content.py``), seals and
anchors (``sealed.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from governance_assets.runtime.proof.failures import Failure, Kind
from governance_assets.runtime.tables import FINDING_KEY, JUDGED, OWN_COLUMNS
from governance_assets.stats.digest import part_digests

Row = Mapping[str, Any]

# What is known of a partition before each of its entries decides which revision that entry may have.
_CONTINUITY = """
    WITH told AS (
        SELECT *, revision IS NOT NULL AS has_rows FROM ledger
    ), known AS (
        SELECT *,
            max(revision) OVER before AS head,
            last_value(CASE WHEN has_rows THEN content_sha256 END IGNORE NULLS) OVER before AS content,
            last_value(CASE WHEN has_rows THEN is_open END IGNORE NULLS) OVER before AS was_open
        FROM told
        WINDOW before AS (PARTITION BY artifact, partition_key ORDER BY entry ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), expected AS (
        SELECT *, CASE
            WHEN kind IN ('revision', 'restatement') THEN coalesce(head, 0) + 1
            WHEN kind IN ('attestation', 'judgement') THEN head
        END AS wanted FROM known
    )
    SELECT entry, concat(kind, ' ', coalesce(CAST(revision AS VARCHAR), 'without rows')), CASE
        WHEN kind IS NULL OR kind NOT IN ('revision', 'restatement', 'attestation', 'judgement', 'refusal') THEN 'a known kind of entry'
        WHEN revision IS DISTINCT FROM wanted THEN concat('revision ', coalesce(CAST(wanted AS VARCHAR), 'none'), ' of its partition')
        WHEN kind IN ('attestation', 'judgement') AND content_sha256 IS DISTINCT FROM content THEN 'the content of that revision'
        WHEN kind = 'revision' AND head IS NOT NULL AND NOT was_open THEN 'a restatement, for the one before was closed'
        WHEN kind = 'restatement' AND (head IS NULL OR was_open) THEN 'a revision, for the one before was not closed'
        WHEN kind IN ('revision', 'restatement') AND content_sha256 IS NOT DISTINCT FROM content THEN 'other content than before'
        WHEN kind = 'refusal' AND (content_sha256 IS NOT NULL OR row_count IS NOT NULL) THEN 'no content'
    END AS problem
    FROM expected WHERE problem IS NOT NULL ORDER BY entry
"""
_STRAY_FINDINGS = """
    SELECT DISTINCT f.entry FROM findings AS f LEFT JOIN ledger AS l ON f.entry = l.entry
    WHERE l.entry IS NULL OR f.artifact IS DISTINCT FROM l.artifact OR f.partition_key IS DISTINCT FROM l.partition_key
        OR f.revision IS DISTINCT FROM l.revision OR f.recorded_at IS DISTINCT FROM l.recorded_at
    UNION SELECT entry FROM findings GROUP BY entry
    HAVING min(position) <> 1 OR max(position) <> count(*) OR count(DISTINCT position) <> count(*)
"""


def number_failures(kind: Kind, numbers: Sequence[int | None]) -> Iterator[Failure]:
    """Rows must be numbered 1, 2, 3, …; ``numbers`` are in order. Each gap and each repetition is told once."""
    before = 0
    for number in numbers:
        if number is None:
            yield Failure("store", 0, f"an {kind} without number", "none")
            continue
        if number <= before:
            yield Failure(kind, number, f"{kind} {number} again", f"each {kind} once")
            continue
        if number != before + 1:
            yield Failure(kind, before + 1, f"{kind} {number} after {before}", f"{kind} {before + 1}")
        before = number


def order_failures(ledger: pa.Table) -> Iterator[Failure]:
    """No entry may be recorded before the one that precedes it."""
    numbers, instants = ledger["entry"].to_pylist(), ledger["recorded_at"].to_pylist()
    before = None
    for number, instant in zip(numbers, instants, strict=True):
        if instant is None or (before is not None and instant < before):
            yield Failure("entry", number, f"recorded at {instant}", f"an instant not before {before}")
        before = instant or before


def continuity_failures(ledger: pa.Table) -> Iterator[Failure]:
    """Every entry must follow from what was known of its partition."""
    with duckdb.connect() as connection:
        connection.register("ledger", ledger)
        for entry, found, expected in connection.execute(_CONTINUITY).fetchall():
            yield Failure("entry", entry, found, expected)


def input_failures(ledger: pa.Table) -> Iterator[Failure]:
    """The digest of the recorded inputs."""
    columns = (ledger[name].to_pylist() for name in ("entry", "inputs", "inputs_sha256"))
    for number, inputs, expected in zip(*columns, strict=True):
        found = hashlib.sha256((inputs or "").encode()).hexdigest()
        if found != expected:
            yield Failure("entry", number, f"inputs with digest {found}", f"{expected}")


def policy_failures(ledger: pa.Table, policies: pa.Table) -> Iterator[Failure]:
    """The text of every policy that judged, under its own digest, recorded with the first entry that it judged."""
    known: dict[str | None, list[Row]] = {}
    for row in policies.to_pylist():
        known.setdefault(row["policy_sha256"], []).append(row)
    first: dict[str | None, tuple[int, Any]] = {}
    columns = (ledger[name].to_pylist() for name in ("entry", "policy_sha256", "recorded_at"))
    for number, digest, instant in zip(*columns, strict=True):
        first.setdefault(digest, (number, instant))
    for digest, (number, instant) in first.items():
        for row in known.get(digest, [{"text": None, "recorded_at": None}]):
            if hashlib.sha256((row["text"] or "").encode()).hexdigest() != digest:
                yield Failure(
                    "entry", number, f"{'no' if digest not in known else 'another'} text of policy {digest}", "the one that judged"
                )
            elif row["recorded_at"] != instant:
                yield Failure("entry", number, f"policy {digest} recorded at {row['recorded_at']}", f"{instant}, with its first entry")
    if policies.num_rows != len(first):
        yield Failure("store", 0, f"{policies.num_rows} policies", f"{len(first)}, each once, that judged an entry")


def finding_failures(ledger: pa.Table, findings: pa.Table) -> Iterator[Failure]:
    """The digest of each entry's findings, and that every finding belongs to an entry; ``findings`` are in order of their entry."""
    yield from _stray(ledger, findings)
    numbers = findings["entry"].fill_null(0).to_numpy()
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1)) if len(numbers) else np.zeros(0, dtype=np.int64)
    lengths = np.diff(np.append(starts, len(numbers))).tolist()
    judged = findings.select(JUDGED.names).cast(JUDGED)
    digests = part_digests(judged, FINDING_KEY, [*lengths, 0])
    found = dict(zip(numbers[starts].tolist(), digests, strict=False))
    for number, expected in zip(ledger["entry"].to_pylist(), ledger["findings_sha256"].to_pylist(), strict=True):
        if found.get(number, digests[-1]) != expected:
            yield Failure("entry", number, f"findings with digest {found.get(number, digests[-1])}", f"{expected}")


def _stray(ledger: pa.Table, findings: pa.Table) -> Iterator[Failure]:
    known = set(ledger["entry"].to_pylist())
    with duckdb.connect() as connection:
        connection.register("ledger", ledger.select(["entry", "artifact", *OWN_COLUMNS]))
        connection.register("findings", findings)
        for (entry,) in sorted(connection.execute(_STRAY_FINDINGS).fetchall(), key=lambda row: row[0] or 0):
            if entry in known:
                yield Failure("entry", entry, "findings that name another artifact, partition, revision, instant or place", "its own")
            else:
                yield Failure("store", 0, f"findings of entry {entry}, which the ledger has not", "none")
