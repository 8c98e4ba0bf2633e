"""What the history says about a partition: entries, their identity, and what a further entry makes of them.

Belongs here: the shapes of the ledger and the decision between revision, restatement, attestation and nothing at all.
Does not belong here: connections and files (``runtime/store.py``) or reads and commits (``runtime/history.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import pyarrow as pa

from governance_assets.contract import Contract
from governance_assets.finding import Finding
from governance_assets.runtime.alerts.transitions import Alerting
from governance_assets.runtime.tables import FINDING_KEY, FINDINGS, JUDGED, LEDGER, storable
from governance_assets.stats.digest import part_digests

Kind = Literal["revision", "restatement", "attestation", "judgement", "refusal", "unchanged"]

TOLD = tuple(name for name in LEDGER.names if name not in ("inputs", "source_commands", "git_revision", "git_dirty", "committed_by"))
"""The columns that decide what a further entry is."""
_TOLD = ", ".join(TOLD)
ENTRIES_AFTER = f"SELECT {_TOLD}, recorded_at AS first_recorded_at FROM history.ledger WHERE entry > ? ORDER BY entry"
"""Every entry after one, as ``state_after`` takes them."""


def newest_entries(condition: str) -> str:
    """A query for what ``state_after`` needs of the entries that meet ``condition``.

    These are, of each partition, the newest and the newest with rows. The narrow columns of all entries are read first, the
    wide ones of those few after: at 10,000 entries that halves the time.
    """
    return f"""
        WITH known AS MATERIALIZED (
            SELECT entry, artifact, partition_key, revision, recorded_at FROM history.ledger WHERE {condition}
        ), newest AS (
            SELECT max(entry) AS last, max(entry) FILTER (WHERE revision IS NOT NULL) AS head
            FROM known GROUP BY artifact, partition_key
        ), first AS (
            SELECT artifact, partition_key, revision, min(recorded_at) AS first_recorded_at
            FROM known WHERE revision IS NOT NULL GROUP BY artifact, partition_key, revision
        )
        SELECT told.*, first.first_recorded_at
        FROM (SELECT last AS entry FROM newest UNION SELECT head FROM newest) AS wanted
        JOIN (SELECT {_TOLD} FROM history.ledger) AS told USING (entry)
        LEFT JOIN first USING (artifact, partition_key, revision)
        ORDER BY told.entry
        """


@dataclass(frozen=True)
class Input:
    """Something recorded that an entry was computed from.

    A landed file has its feed as artifact, its origin as partition and revision 0.
    """

    artifact: str
    partition_key: str
    revision: int
    sha256: str


@dataclass(frozen=True)
class Provenance:
    """Who commits, from where and under which policy: shared by all entries of one commit.

    ``policy_text`` is the policy that ``policy_sha256`` is the digest of; ``alerting`` says when a verdict is news.
    """

    run_id: str
    as_of: dt.datetime
    code_version: str
    git_revision: str | None
    git_dirty: bool | None
    policy_sha256: str
    source_commands: tuple[str, ...]
    committed_by: str
    policy_text: str
    alerting: Alerting


@dataclass(frozen=True)
class Entry:
    """What one computation has to say about one partition of one artifact; ``rows`` None means they were refused."""

    contract: type[Contract]
    partition_key: str
    rows: pa.Table | None
    inputs: tuple[Input, ...]
    findings: tuple[Finding, ...]
    code_version: str
    is_open: bool


@dataclass(frozen=True)
class Receipt:
    """What the history made of an entry; ``recorded_at`` is when its content stood in the ledger with these findings."""

    artifact: str
    partition_key: str
    revision: int | None
    content_sha256: str | None
    kind: Kind
    recorded_at: dt.datetime | None
    row_count: int | None


@dataclass(frozen=True)
class Head:
    """The newest revision of a partition, with what its newest entry says of it.

    ``recorded_at`` is when the revision was recorded, ``attested_at`` when an entry last confirmed or judged it.
    """

    artifact: str
    partition_key: str
    revision: int
    content_sha256: str
    row_count: int
    is_open: bool
    as_of: dt.datetime
    recorded_at: dt.datetime
    attested_at: dt.datetime
    entry: int
    kind: Kind
    run_id: str
    code_version: str
    policy_sha256: str
    inputs_sha256: str


Identity = tuple[str | None, str, str, str, str, dt.date | None]


@dataclass(frozen=True)
class State:
    """What is known of a partition: its head, if rows were ever recorded, and its newest entry."""

    head: Head | None
    identity: Identity
    recorded_at: dt.datetime


@dataclass(frozen=True)
class Claim:
    """An entry made ready before the lock is taken: everything but its place in the ledger.

    A judgement says nothing about rows, openness and inputs: it takes them from the head that it judges.
    """

    artifact: str
    partition_key: str
    is_judgement: bool
    content_sha256: str | None
    row_count: int | None
    is_open: bool
    as_of: dt.datetime
    code_version: str
    policy_sha256: str
    findings_sha256: str
    inputs: str

    def about(self, head: Head, inputs: str) -> Claim:
        """This judgement, with what it takes from the ``head`` that it judges."""
        return replace(self, content_sha256=head.content_sha256, row_count=head.row_count, is_open=head.is_open, inputs=inputs)

    def identity(self) -> Identity:
        """What must be equal for nothing to be written; run and commit are no part of it."""
        return identity(
            self.content_sha256,
            sha256(self.inputs),
            self.code_version,
            self.policy_sha256,
            self.findings_sha256,
            self.as_of if self.is_open else None,
        )


def identity(content: str | None, inputs: str, code: str, policy: str, findings: str, open_as_of: dt.datetime | None) -> Identity:
    """The identity of an entry; an open partition has the UTC day it was looked at among it."""
    return content, inputs, code, policy, findings, None if open_as_of is None else open_as_of.astimezone(dt.UTC).date()


def decide(claim: Claim, known: State | None) -> tuple[Kind, int | None]:
    """The kind of entry that ``claim`` becomes after what is ``known``, and its revision.

    Changed content is a new revision, and a restatement when the one before was closed. Equal content with another identity
    is an attestation of the same revision; an identity equal to that of the newest entry is nothing new.
    """
    head = known.head if known else None
    revision = head.revision if head else None
    if known is not None and claim.identity() == known.identity:
        return "unchanged", None if claim.content_sha256 is None else revision
    if claim.is_judgement:
        return "judgement", revision
    if claim.content_sha256 is None:
        return "refusal", None
    if head is None:
        return "revision", 1
    if head.content_sha256 == claim.content_sha256:
        return "attestation", head.revision
    return "revision" if head.is_open else "restatement", head.revision + 1


def state_after(known: State | None, row: Mapping[str, Any]) -> State:
    """What is known of a partition after one more ledger ``row`` of it."""
    before = known.head if known else None
    head = before
    if row["revision"] is not None:
        is_same = before is not None and before.revision == row["revision"]
        recorded_at = before.recorded_at if before is not None and is_same else row["first_recorded_at"]
        copied = {one.name: row[one.name] for one in fields(Head) if one.name not in ("recorded_at", "attested_at")}
        head = Head(recorded_at=recorded_at, attested_at=row["recorded_at"], **copied)
    open_as_of = row["as_of"] if row["is_open"] else None
    told = (row["content_sha256"], row["inputs_sha256"], row["code_version"], row["policy_sha256"], row["findings_sha256"])
    return State(head, identity(*told, open_as_of), row["recorded_at"])


_INSTANTS = ("as_of", "recorded_at", "first_recorded_at")


def to_note(row: Mapping[str, Any]) -> dict[str, Any]:
    """A ledger row as ``state_after`` takes it, in the words of JSON."""
    return {name: value.isoformat() if name in _INSTANTS and value else value for name, value in row.items()}


def from_note(note: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of ``to_note``."""
    return {name: dt.datetime.fromisoformat(value) if name in _INSTANTS and value else value for name, value in note.items()}


def inputs_text(inputs: Iterable[Input]) -> str:
    """The inputs as JSON, sorted, each once."""
    return json.dumps([vars(one) for one in sorted(set(inputs), key=_address)], separators=(",", ":"))


def _address(one: Input) -> tuple[str, str, int, str]:
    return one.artifact, one.partition_key, one.revision, one.sha256


def findings_digests(findings: Sequence[Sequence[Finding]]) -> list[str]:
    """The digest of each list of findings, in any order, over the columns that the history keeps of a finding."""
    every = [finding for part in findings for finding in part]
    table = pa.table([_column(name, every) for name in JUDGED.names], schema=JUDGED)
    return part_digests(table, FINDING_KEY, [len(part) for part in findings])


def sha256(text: str) -> str:
    """SHA-256 of ``text`` in UTF-8; unpaired surrogates count as their escapes."""
    return hashlib.sha256(storable(text).encode()).hexdigest()


def findings_table(findings: Sequence[Finding], row: Mapping[str, Any]) -> pa.Table:
    """The findings of one ledger ``row``, as the history keeps them."""
    shared = {name: [row[name]] * len(findings) for name in ("entry", "artifact", "partition_key", "revision", "recorded_at")}
    columns = shared | {"position": list(range(1, len(findings) + 1))}
    columns |= {name: _column(name, findings) for name in JUDGED.names}
    return pa.table([columns[name] for name in FINDINGS.names], schema=FINDINGS)


def findings_of(rows: pa.Table) -> list[Finding]:
    """The findings that ``rows`` of the history keep, in their order."""
    return [Finding(**row) for row in rows.select(list(Finding.model_fields)).to_pylist()]


def _column(name: str, findings: Sequence[Finding]) -> list[Any]:
    values = [getattr(finding, name) for finding in findings]
    return [storable(value) if isinstance(value, str) else value for value in values]
