"""Recording: from entries to one committed transaction, with the decisions taken under the commit lock.

Belongs here: what must happen between taking the lock and acknowledging. Does not belong here: reads (``runtime/history.py``),
the decision itself (``runtime/ledger.py``) or the store's language (``runtime/store.py``).
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import WHOLE, Contract, arrow_schema, conform
from governance_assets.runtime.alerts.outbox import Decide, Outbox, Row
from governance_assets.runtime.alerts.transitions import Evaluation
from governance_assets.runtime.commit_lock import HistoryError
from governance_assets.runtime.ledger import (
    ENTRIES_AFTER,
    TOLD,
    Claim,
    Entry,
    Head,
    Provenance,
    Receipt,
    State,
    decide,
    findings_digests,
    findings_table,
    from_note,
    inputs_text,
    newest_entries,
    sha256,
    state_after,
    to_note,
)
from governance_assets.runtime.periods import partition_end
from governance_assets.runtime.store import Store
from governance_assets.runtime.tables import LEDGER, OWN_COLUMNS, POLICIES, SEALS, TABLES, storable
from governance_assets.stats.digest import part_digests

ENTRIES_BETWEEN_FLUSHES = 256
"""Rows that lie in the catalogue are read whole: this bounds how many there are (measured: a flush takes about 50 ms)."""
RECENT_ENTRIES = 64
"""How many entries a committer hands to the next one; whoever is further behind asks the ledger."""
LONGEST_KEY = 200
_TICK = dt.timedelta(microseconds=1)
_START = dt.datetime(1, 1, 1, tzinfo=dt.UTC)

Address = tuple[str, str]
Written = list[tuple[int, dict[str, Any]]]
MakeSeal = Callable[[Row | None, list[Row], list[Row]], Row | None]


class Recorder:
    """Appends to one store, and remembers the newest entry of every partition between two commits."""

    def __init__(self, store: Store, now: Callable[[], dt.datetime]) -> None:
        self._store = store
        self._now = now
        self._states: dict[Address, State] = {}
        self._last_entry = 0
        self._last_recorded_at = _START
        self._known_mark: str | None = None
        self._recent: deque[dict[str, Any]] = deque(maxlen=RECENT_ENTRIES)
        self._fitted: set[type[Contract]] = set()
        self._outbox = Outbox(store)
        self._policies: set[str] = set()

    def commit(self, entries: Sequence[Entry], provenance: Provenance) -> list[Receipt]:
        """Record ``entries`` with their rows, or their refusal, in one transaction."""
        _check(entries, provenance)
        rows = _ready_rows(entries)
        digests = _content_digests(entries, rows)
        judged = findings_digests([entry.findings for entry in entries])
        claims = [_claim(entry, provenance, digests.get(i), judged[i], is_judgement=False) for i, entry in enumerate(entries)]
        return self._append(entries, claims, rows, provenance)

    def judge(self, entries: Sequence[Entry], provenance: Provenance) -> list[Receipt]:
        """Record findings on the revisions that are recorded already."""
        _check(entries, provenance)
        with_rows = [entry.partition_key for entry in entries if entry.rows is not None]
        if with_rows:
            raise HistoryError(f"a judgement has no rows, found some for {', '.join(with_rows)}; use commit")
        judged = findings_digests([entry.findings for entry in entries])
        claims = [_claim(entry, provenance, None, judged[i], is_judgement=True) for i, entry in enumerate(entries)]
        return self._append(entries, claims, {}, provenance)

    def _append(
        self, entries: Sequence[Entry], claims: Sequence[Claim], rows: Mapping[int, pa.Table], provenance: Provenance
    ) -> list[Receipt]:
        if not entries:
            return []
        what = _what(entries)
        mark = uuid.uuid4().hex
        receipts, written = self._store.append(
            lambda: self._write(claims, entries, rows, provenance, what, mark), lambda done: self._remember(done[1], mark), what
        )
        self._fitted |= {entries[index].contract for index, row in written if _has_new_rows(row)}
        if self._last_entry // ENTRIES_BETWEEN_FLUSHES > (self._last_entry - len(written)) // ENTRIES_BETWEEN_FLUSHES:
            self._store.tidy()
        return receipts

    def _write(
        self,
        claims: Sequence[Claim],
        entries: Sequence[Entry],
        rows: Mapping[int, pa.Table],
        provenance: Provenance,
        what: str,
        mark: str,
    ) -> tuple[list[Receipt], Written]:
        """Under the commit lock, in its transaction: decide, then insert everything with one statement a table."""
        self._catch_up()
        # Asked inside the lock: a commit that waited must not be recorded before one that is answered already.
        recorded_at = max(self._now(), self._last_recorded_at + _TICK)
        receipts: list[Receipt] = []
        written: Written = []
        for index, claim in enumerate(self._completed(claims)):
            known = self._states.get((claim.artifact, claim.partition_key))
            kind, revision = decide(claim, known)
            told_at = known.recorded_at if known is not None and kind == "unchanged" else recorded_at
            receipts.append(Receipt(claim.artifact, claim.partition_key, revision, claim.content_sha256, kind, told_at, claim.row_count))
            if kind != "unchanged":
                number = self._last_entry + len(written) + 1
                written.append((index, _ledger_row(number, claim, kind, revision, recorded_at, provenance)))
        if written:
            evaluations = [_evaluation(entries[index], row) for index, row in written]
            self._outbox.judge(evaluations, provenance.alerting, recorded_at)
            self._insert(entries, written, rows)
            self._outbox.insert()
            self._keep_policy(provenance, recorded_at)
            self._store.describe(provenance.committed_by, what, mark)
        return receipts, written

    def _catch_up(self) -> None:
        """Learn what others have recorded since this process last looked; entries only ever get added."""
        mark = self._store.mark()
        if mark is not None and mark == self._known_mark:
            self._outbox.catch_up(self._outbox.last)
            return
        left = self._handed_over(mark)
        for row in left["entries"] if left else self._store.dicts(*self._added()):
            self._learn(row)
        self._outbox.catch_up(left["last_alert"] if left else None)
        self._known_mark = mark

    def _added(self) -> tuple[str, list[Any]]:
        return (ENTRIES_AFTER, [self._last_entry]) if self._last_entry else (newest_entries("true"), [])

    def _handed_over(self, mark: str | None) -> dict[str, Any] | None:
        """What the last committer left for the next one: a third of the time that asking the ledger takes.

        None unless it is of exactly the present state and reaches back to what this process knows.
        """
        left = self._store.handed_over()
        if mark is None or left is None or left.get("mark") != mark or left["entries"][0]["entry"] > self._last_entry + 1:
            return None
        return left | {"entries": [from_note(row) for row in left["entries"] if row["entry"] > self._last_entry]}

    def _remember(self, written: Written, mark: str) -> None:
        """After the commit, still under the lock: only what was committed is remembered, and handed to whoever comes next."""
        if not written:
            return
        self._policies.add(written[0][1]["policy_sha256"])
        for _, row in written:
            self._learn({name: row[name] for name in TOLD} | {"first_recorded_at": row["recorded_at"]})
        self._outbox.remember()
        self._known_mark = mark
        self._store.hand_over({"mark": mark, "entries": [to_note(row) for row in self._recent], "last_alert": self._outbox.last})

    def _learn(self, row: Mapping[str, Any]) -> None:
        address = (row["artifact"], row["partition_key"])
        self._states[address] = state_after(self._states.get(address), row)
        if self._recent and self._recent[-1]["entry"] + 1 != row["entry"]:
            self._recent.clear()  # what is handed over has no gaps
        self._recent.append(dict(row))
        self._last_entry = max(self._last_entry, row["entry"])
        self._last_recorded_at = max(self._last_recorded_at, row["recorded_at"])

    def record_alerts(self, decide: Decide, provenance: Provenance) -> list[Row]:
        """Append what ``decide`` makes of every row of the table of alerts, in one transaction."""
        what = "alerts"

        def work() -> list[Row]:
            self._catch_up()
            self._outbox.decide(decide, max(self._now(), self._last_recorded_at + _TICK))
            rows = self._outbox.insert()
            if rows:
                self._store.describe(provenance.committed_by, what, uuid.uuid4().hex)
            return rows

        return self._store.append(work, lambda _: self._outbox.remember(), what)

    def append_seal(self, make: MakeSeal) -> Row | None:
        """Append the seal that ``make`` makes of the seal before and of the entries and alerts since, in their order."""
        what = "a seal"

        def work() -> Row | None:
            newest = self._store.dicts("SELECT * FROM history.seals ORDER BY seal DESC LIMIT 1", ())
            previous = newest[0] if newest else None
            bounds = (previous["last_entry"], previous["last_alert"]) if previous else (0, 0)
            entries = self._store.dicts("SELECT * FROM history.ledger WHERE entry > ? ORDER BY entry", bounds[:1])
            alerts = self._store.dicts("SELECT * FROM history.alerts WHERE alert > ? ORDER BY alert", bounds[1:])
            made = make(previous, entries, alerts)
            if made is not None:
                self._store.insert("seals", pa.Table.from_pylist([made], schema=SEALS))
                self._store.describe(made["sealed_by"], what, uuid.uuid4().hex)
            return made

        return self._store.append(work, lambda _: None, what)

    def _keep_policy(self, provenance: Provenance, recorded_at: dt.datetime) -> None:
        """Keep the text of a policy the first time it judges."""
        digest = provenance.policy_sha256
        if not provenance.policy_text or digest in self._policies:
            return
        if not self._store.dicts("SELECT 1 AS known FROM history.policies WHERE policy_sha256 = ? LIMIT 1", [digest]):
            row = {"policy_sha256": digest, "text": provenance.policy_text, "recorded_at": recorded_at}
            self._store.insert("policies", pa.Table.from_pylist([row], schema=POLICIES))

    def _completed(self, claims: Sequence[Claim]) -> list[Claim]:
        """The claims, judgements with what they take from the heads that they judge."""
        judged = [claim for claim in claims if claim.is_judgement]
        if not judged:
            return list(claims)
        heads = {claim: self._head(claim) for claim in judged}
        without = [f"{claim.artifact} {claim.partition_key}" for claim, head in heads.items() if head is None]
        if without:
            raise HistoryError(f"nothing is recorded to judge for {', '.join(without)}; materialise it first")
        entries = [head.entry for head in heads.values() if head is not None]
        inputs = dict(self._store.query("SELECT entry, inputs FROM history.ledger WHERE entry IN (SELECT unnest(?))", [entries]).fetchall())
        return [claim if (head := heads.get(claim)) is None else claim.about(head, inputs[head.entry]) for claim in claims]

    def _head(self, claim: Claim) -> Head | None:
        known = self._states.get((claim.artifact, claim.partition_key))
        return known.head if known is not None else None

    def _insert(self, entries: Sequence[Entry], written: Written, rows: Mapping[int, pa.Table]) -> None:
        new_rows: dict[type[Contract], list[pa.Table]] = {}
        for index, row in written:
            if _has_new_rows(row):
                new_rows.setdefault(entries[index].contract, []).append(_addressed(rows[index], row["partition_key"], row["revision"]))
        for contract, parts in new_rows.items():
            self._fit(contract)
            self._store.insert(contract.artifact, pa.concat_tables(parts))
        self._store.insert("ledger", pa.Table.from_pylist([row for _, row in written], schema=LEDGER))
        findings = pa.concat_tables([findings_table(entries[index].findings, row) for index, row in written])
        self._store.insert("findings", findings)

    def _fit(self, contract: type[Contract]) -> None:
        """Make the table of ``contract``, or add the columns it gained; refuse what would rewrite the past."""
        if contract in self._fitted:
            return
        declared = arrow_schema(contract)
        clash = sorted({*OWN_COLUMNS} & {*declared.names})
        if clash or contract.artifact in TABLES:
            raise HistoryError(f"{contract.artifact}: {', '.join(clash) or 'this name'} is the history's own; rename it in the contract")
        known = self._store.tables().get(contract.artifact)
        if known is None:
            self._store.create(contract.artifact, _addressed(declared.empty_table(), "", 0).schema)
            return
        problems = [
            f"column {name} is recorded but no longer declared; keep it, nullable, in the contract"
            for name in known.names
            if name not in declared.names and name not in OWN_COLUMNS
        ]
        for column in declared:
            if column.name not in known.names:
                if not column.nullable:
                    problems.append(f"column {column.name} is new and has no value in what is recorded; declare it nullable")
            elif known.field(column.name).type != column.type:
                was = known.field(column.name).type
                problems.append(f"column {column.name} is recorded as {was}, declared as {column.type}; give the new one another name")
        if problems:
            raise HistoryError(f"{contract.artifact} no longer fits its history: {'; '.join(problems)}")
        for column in declared:
            if column.name not in known.names:
                self._store.add_column(contract.artifact, column)


def _check(entries: Sequence[Entry], provenance: Provenance) -> None:
    if provenance.as_of.tzinfo is None:
        raise HistoryError(f"as_of {provenance.as_of} has no time zone; give an instant in UTC")
    seen: set[Address] = set()
    for entry in entries:
        key = entry.partition_key
        if not key or len(key) > LONGEST_KEY or not key.isprintable():
            raise HistoryError(f"{entry.contract.artifact}: partition key {key!r} is not 1 to {LONGEST_KEY} printable characters")
        if (entry.contract.artifact, key) in seen:
            raise HistoryError(f"{entry.contract.artifact} {key} stands twice in one commit; give each partition one entry")
        seen.add((entry.contract.artifact, key))


def _ready_rows(entries: Sequence[Entry]) -> dict[int, pa.Table]:
    """The rows of each entry that has some, in the types of their contract and under the right partition."""
    ready = {}
    for index, entry in enumerate(entries):
        if entry.rows is None:
            continue
        rows = conform(entry.contract, entry.rows)
        column = entry.contract.partition_column()
        key = entry.partition_key
        if column is None and key != WHOLE:
            raise HistoryError(f"{entry.contract.artifact} has no partitions, found {key}; record it as {WHOLE}")
        if column is not None and rows.num_rows and not pc.all(pc.equal(pc.fill_null(rows[column].cast(pa.string()), ""), key)).as_py():
            raise HistoryError(f"{entry.contract.artifact} {key}: column {column} has rows of another partition; split them first")
        ready[index] = rows
    return ready


def _content_digests(entries: Sequence[Entry], rows: Mapping[int, pa.Table]) -> dict[int, str]:
    """The digest of each entry's rows; those of one contract are made together, which is much quicker for many small ones."""
    by_contract: dict[type[Contract], list[int]] = {}
    for index in rows:
        by_contract.setdefault(entries[index].contract, []).append(index)
    digests: dict[int, str] = {}
    for contract, indices in by_contract.items():
        parts = [rows[index] for index in indices]
        made = part_digests(pa.concat_tables(parts), contract.key, [part.num_rows for part in parts])
        digests |= dict(zip(indices, made, strict=True))
    return digests


def _claim(entry: Entry, provenance: Provenance, content: str | None, judged: str, is_judgement: bool) -> Claim:
    return Claim(
        artifact=entry.contract.artifact,
        partition_key=entry.partition_key,
        is_judgement=is_judgement,
        content_sha256=content,
        row_count=None if entry.rows is None else entry.rows.num_rows,
        is_open=entry.is_open,
        as_of=provenance.as_of,
        code_version=storable(entry.code_version or provenance.code_version),
        policy_sha256=provenance.policy_sha256,
        findings_sha256=judged,
        inputs=inputs_text(entry.inputs),
    )


def _ledger_row(
    entry: int, claim: Claim, kind: str, revision: int | None, recorded_at: dt.datetime, provenance: Provenance
) -> dict[str, Any]:
    return {
        "entry": entry,
        "artifact": claim.artifact,
        "partition_key": claim.partition_key,
        "revision": revision,
        "kind": kind,
        "content_sha256": claim.content_sha256,
        "row_count": claim.row_count,
        "is_open": claim.is_open,
        "as_of": provenance.as_of,
        "recorded_at": recorded_at,
        "run_id": storable(provenance.run_id),
        "code_version": claim.code_version,
        "git_revision": provenance.git_revision,
        "git_dirty": provenance.git_dirty,
        "policy_sha256": claim.policy_sha256,
        "findings_sha256": claim.findings_sha256,
        "inputs_sha256": sha256(claim.inputs),
        "inputs": claim.inputs,
        "source_commands": json.dumps(provenance.source_commands),
        "committed_by": storable(provenance.committed_by),
    }


def _evaluation(entry: Entry, row: Mapping[str, Any]) -> Evaluation:
    return Evaluation(
        artifact=row["artifact"],
        partition_key=row["partition_key"],
        ended_at=partition_end(entry.contract.grain, row["partition_key"]),
        findings=entry.findings,
        owner=entry.contract.owner,
        entry=row["entry"],
        run_id=row["run_id"],
        is_complete=row["kind"] != "refusal",
    )


def _addressed(rows: pa.Table, partition_key: str, revision: int) -> pa.Table:
    """``rows`` with the partition and revision they belong to."""
    addressed = rows.append_column("partition_key", pa.repeat(pa.scalar(partition_key, pa.string()), rows.num_rows))
    return addressed.append_column("revision", pa.repeat(pa.scalar(revision, pa.int64()), rows.num_rows))


def _has_new_rows(row: Mapping[str, Any]) -> bool:
    return row["kind"] in ("revision", "restatement")


def _what(entries: Sequence[Entry]) -> str:
    names = sorted({entry.contract.artifact for entry in entries})
    return f"{', '.join(names)} ({entries[0].partition_key if len(entries) == 1 else f'{len(entries)} partitions'})"
