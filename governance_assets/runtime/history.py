"""The append-only history of every artifact: what was recorded, when, from what, and how it was judged.

Belongs here: commits and reads, each with an as-of instant. Does not belong here: the store's own language and locks
(``runtime/store.py``), what makes an entry new (``runtime/ledger.py``) or somebody's own queries (``runtime/sandbox.py``).

Two clocks: a partition key says when something was true, ``recorded_at`` when it was learned. Nothing is ever updated or deleted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import Contract, arrow_schema, registry
from governance_assets.runtime import clock, sandbox
from governance_assets.runtime.alerts.outbox import Decide, Row
from governance_assets.runtime.commit_lock import HistoryBusy, HistoryError, without_secrets
from governance_assets.runtime.ledger import (
    Entry,
    Head,
    Input,
    Provenance,
    Receipt,
    State,
    newest_entries,
    state_after,
)
from governance_assets.runtime.recorder import MakeSeal, Recorder
from governance_assets.runtime.sandbox import QueryError
from governance_assets.runtime.store import LOCK_WAIT_S, Store, qualified, quoted, sql_type
from governance_assets.runtime.tables import ALERTS, FINDINGS, LEDGER, OWN_COLUMNS, POLICIES, SEALS, TABLES

__all__ = ["Entry", "Head", "History", "HistoryBusy", "HistoryError", "Input", "Provenance", "QueryError", "Receipt"]

ContractOrName = type[Contract] | str


class History:
    """One open history. For one thread at a time; any number of processes may have it open and commit."""

    def __init__(self, store: Store, now: Callable[[], dt.datetime] = clock.now) -> None:
        self._store = store
        self._recorder = Recorder(store, now)

    @classmethod
    def open(
        cls,
        location: str,
        data_path: str | None = None,
        read_only: bool = False,
        *,
        lock_wait_s: float = LOCK_WAIT_S,
        now: Callable[[], dt.datetime] = clock.now,
    ) -> History:
        """Open the history at ``location``, and create it unless ``read_only``.

        ``location`` is ``ducklake:sqlite:PATH`` or ``ducklake:postgres:CONNECTION``; ``data_path``, a folder or ``s3://…``, is
        where rows lie, by default ``files`` beside an SQLite catalogue. Raises HistoryError when it cannot be opened.
        """
        store = Store(location, data_path, read_only, lock_wait_s)
        try:
            if not TABLES.keys() <= store.tables().keys():
                if read_only:
                    raise HistoryError(f"nothing was ever recorded at {without_secrets(location)}; record something first")
                store.append(lambda: _create_missing(store), lambda _: None, "the ledger")
        except BaseException:
            store.close()
            raise
        return cls(store, now)

    def close(self) -> None:
        """Close the history; what was acknowledged is on disk already."""
        self._store.close()

    def __enter__(self) -> History:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @contextmanager
    def pinned(self) -> Iterator[None]:
        """All reads inside see one state of the history, whatever is committed meanwhile."""
        with self._store.transaction():
            yield

    # ---------------------------------------------------------------- commits

    def commit(self, entries: Sequence[Entry], provenance: Provenance) -> list[Receipt]:
        """Record ``entries`` in one transaction, all or none, and say what became of each, in their order.

        Rows must have been checked against their contract; ``rows`` None records a refusal with its findings. An entry equal to
        the newest one of its partition writes nothing, so a commit may be repeated when nobody knows whether it arrived.
        """
        return self._recorder.commit(entries, provenance)

    def judge(self, entries: Sequence[Entry], provenance: Provenance) -> list[Receipt]:
        """Record findings on the revisions that are recorded already; rows, inputs and openness stay theirs."""
        return self._recorder.judge(entries, provenance)

    def record_alerts(self, decide: Decide, provenance: Provenance) -> list[Row]:
        """Append what ``decide`` makes of every row of the table of alerts, and return the appended rows.

        It is asked under the commit lock, so that what must happen once is decided where nobody else can write.
        """
        return self._recorder.record_alerts(decide, provenance)

    def append_seal(self, make: MakeSeal) -> Row | None:
        """Append the seal that ``make`` makes, under the commit lock, of the newest seal and all entries and alerts since."""
        return self._recorder.append_seal(make)

    def compact(self) -> None:
        """Gather small pieces into larger files; no row, revision or answer changes."""
        self._store.compact()

    # ---------------------------------------------------------------- reads

    def rows(self, contract_or_name: ContractOrName, partitions: Iterable[str] | None = None, as_of: dt.datetime | None = None) -> pa.Table:
        """The rows of the newest revisions recorded up to ``as_of``, with the contract's columns, sorted by partition and key."""
        with self._store.transaction():
            return self._rows(contract_or_name, partitions, as_of, with_address=False)

    def heads(self, artifact: ContractOrName, partitions: Iterable[str] | None = None, as_of: dt.datetime | None = None) -> dict[str, Head]:
        """The newest revision of each partition recorded up to ``as_of``, by partition key in order."""
        condition, parameters = _condition(_name(artifact), partitions, as_of)
        states: dict[str, State] = {}
        with self._store.transaction():
            for row in self._store.dicts(newest_entries(condition), parameters):
                states[row["partition_key"]] = state_after(states.get(row["partition_key"]), row)
        return {key: state.head for key, state in sorted(states.items()) if state.head is not None}

    def heads_by_artifact(self) -> dict[str, dict[str, Head]]:
        """The newest revision of each partition of every artifact, by artifact, then by partition key in order."""
        states: dict[tuple[str, str], State] = {}
        with self._store.transaction():
            for row in self._store.dicts(newest_entries("true"), []):
                address = row["artifact"], row["partition_key"]
                states[address] = state_after(states.get(address), row)
        found: dict[str, dict[str, Head]] = {}
        for (artifact, key), state in sorted(states.items()):
            if state.head is not None:
                found.setdefault(artifact, {})[key] = state.head
        return found

    def restatements(self) -> dict[str, int]:
        """How often closed partitions of each artifact were restated; artifacts without any are left out."""
        with self._store.transaction():
            found = self._store.query(
                "SELECT artifact, count(*) FROM history.ledger WHERE kind = 'restatement' GROUP BY artifact"
            ).fetchall()
        return {str(artifact): int(count) for artifact, count in found}

    def revisions(self, artifact: str | type[Contract]) -> pa.Table:
        """Every row that was ever recorded of an artifact, with ``partition_key`` and ``revision``, in no particular order."""
        name = _name(artifact) or ""
        with self._store.transaction():
            if name in TABLES or name not in self._store.tables():
                raise HistoryError(f"nothing was ever recorded as {name}; recorded are {', '.join(self._artifacts()) or 'no artifacts'}")
            return self._store.query(f"SELECT * FROM {qualified(name)}").to_arrow_table()

    def ledger(
        self, artifact: ContractOrName | None = None, partition_key: str | None = None, as_of: dt.datetime | None = None
    ) -> pa.Table:
        """Every entry recorded up to ``as_of``, in order."""
        condition, parameters = _condition(_name(artifact), None if partition_key is None else [partition_key], as_of)
        return self._arrow(f"SELECT * FROM history.ledger WHERE {condition} ORDER BY entry", parameters, LEDGER)

    def findings(
        self,
        artifact: ContractOrName | None = None,
        partition_key: str | None = None,
        as_of: dt.datetime | None = None,
        *,
        all: bool = False,
    ) -> pa.Table:
        """The findings of the newest entry of each partition, or with ``all`` of every entry, recorded up to ``as_of``."""
        condition, parameters = _condition(_name(artifact), None if partition_key is None else [partition_key], as_of)
        if not all:
            newest = f"SELECT max(entry) FROM history.ledger WHERE {condition} GROUP BY artifact, partition_key"
            condition, parameters = f"{condition} AND entry IN ({newest})", parameters * 2
        return self._arrow(f"SELECT * FROM history.findings WHERE {condition} ORDER BY entry, position", parameters, FINDINGS)

    def alerts(self, as_of: dt.datetime | None = None, after: int = 0) -> pa.Table:
        """Every change of state and what people said to it, recorded up to ``as_of`` and numbered above ``after``, in order."""
        condition, parameters = _condition(None, None, as_of)
        return self._arrow(f"SELECT * FROM history.alerts WHERE {condition} AND alert > ? ORDER BY alert", [*parameters, after], ALERTS)

    def seals(self) -> pa.Table:
        """Every seal, in order."""
        return self._arrow("SELECT * FROM history.seals ORDER BY seal", [], SEALS)

    def policy(self, policy_sha256: str) -> str | None:
        """The text of a policy that has judged; None when no such policy is known."""
        found = self._arrow("SELECT * FROM history.policies WHERE policy_sha256 = ? LIMIT 1", [policy_sha256], POLICIES)
        return found["text"][0].as_py() if found.num_rows else None

    def entry_count(self) -> int:
        """How many entries the ledger has."""
        with self._store.transaction():
            ((count,),) = self._store.query("SELECT count(*) FROM history.ledger").fetchall()
        return int(count)

    def sql(self, query: str, as_of: dt.datetime | None = None) -> pa.Table:
        """Answer one query over the history as it was at ``as_of``; it can read, and nothing else.

        Every recorded artifact is a table of its current rows with ``partition_key``, ``revision`` and ``recorded_at``;
        ``ledger`` has every entry, ``findings`` every finding with ``is_current``, ``alerts`` every change of state, ``seals``
        and ``policies`` what they say.
        """
        _check_instant("as_of", as_of)
        with self._store.transaction():
            tables = self._store.tables()
            recorded_at = pa.field("recorded_at", LEDGER.field("recorded_at").type)
            schemas = {name: schema if name in TABLES else schema.append(recorded_at) for name, schema in tables.items()}
            schemas["findings"] = FINDINGS.append(pa.field("is_current", pa.bool_()))
            return sandbox.answer(query, schemas, lambda name: self._view(name, as_of))

    def _view(self, name: str, as_of: dt.datetime | None) -> pa.Table:
        if name == "ledger":
            return self.ledger(as_of=as_of)
        if name == "alerts":
            return self.alerts(as_of=as_of)
        if name in ("seals", "policies"):
            clock_column = "sealed_at" if name == "seals" else "recorded_at"
            condition, parameters = ("true", []) if as_of is None else (f"{clock_column} <= ?", [as_of])
            return self._arrow(f"SELECT * FROM {qualified(name)} WHERE {condition}", parameters, TABLES[name])
        if name != "findings":
            return self._rows(name, None, as_of, with_address=True)
        every, current = self.findings(as_of=as_of, all=True), self.findings(as_of=as_of)
        return every.append_column("is_current", pc.is_in(every["entry"], value_set=current["entry"].combine_chunks()))

    def _rows(
        self, contract_or_name: ContractOrName, partitions: Iterable[str] | None, as_of: dt.datetime | None, with_address: bool
    ) -> pa.Table:
        _check_instant("as_of", as_of)
        name = _name(contract_or_name) or ""
        contract = registry().get(name) if isinstance(contract_or_name, str) else contract_or_name
        known = self._store.tables().get(name) if name not in TABLES else None
        if known is None:
            if contract is None:
                raise HistoryError(f"nothing was ever recorded as {name}; recorded are {', '.join(self._artifacts()) or 'no artifacts'}")
            return pa.schema([pa.field(c.name, c.type) for c in arrow_schema(contract)]).empty_table()
        recorded = pa.schema([column for column in known if column.name not in OWN_COLUMNS])
        declared = recorded if contract is None or with_address else arrow_schema(contract)
        condition, parameters = _condition(name, partitions, as_of)
        columns = [f"r.{quoted(c.name)}" if c.name in recorded.names else f"NULL::{sql_type(c.type)} AS {quoted(c.name)}" for c in declared]
        columns += ["h.partition_key", "h.revision", "h.recorded_at"] if with_address else []
        key = contract.key if contract is not None and {*contract.key} <= {*recorded.names} else recorded.names
        wanted, own = _partition_term(partitions)
        schema = pa.schema([pa.field(c.name, c.type) for c in declared])
        if with_address:
            for own_name in OWN_COLUMNS:
                schema = schema.append(pa.field(own_name, LEDGER.field(own_name).type))
        return self._arrow(
            f"""
            WITH h AS (
                SELECT partition_key, revision, min(recorded_at) AS recorded_at FROM history.ledger
                WHERE {condition} AND revision IS NOT NULL GROUP BY partition_key, revision
                QUALIFY row_number() OVER (PARTITION BY partition_key ORDER BY revision DESC) = 1
            )
            SELECT {", ".join(columns)} FROM (SELECT * FROM {qualified(name)} WHERE {wanted}) AS r
            JOIN h ON r.partition_key = h.partition_key AND r.revision = h.revision
            ORDER BY {", ".join(["r.partition_key", *(f"r.{quoted(column)}" for column in key)])}
            """,
            [*parameters, *own],
            schema,
        )

    def _artifacts(self) -> list[str]:
        return [name for name in self._store.tables() if name not in TABLES]

    def _arrow(self, sql: str, parameters: list[Any], schema: pa.Schema) -> pa.Table:
        with self._store.transaction():
            return self._store.query(sql, parameters).to_arrow_table().select(schema.names).cast(schema)


def _create_missing(store: Store) -> None:
    known = store.tables()
    for name, schema in TABLES.items():
        if name not in known:
            store.create(name, schema)


def _name(artifact: ContractOrName | None) -> str | None:
    return artifact.artifact if isinstance(artifact, type) else artifact


def _condition(artifact: str | None, partitions: Iterable[str] | None, as_of: dt.datetime | None) -> tuple[str, list[Any]]:
    """What entries must meet, as SQL with parameters."""
    _check_instant("as_of", as_of)
    terms, parameters = _partition_term(partitions)
    if artifact is not None:
        terms, parameters = f"{terms} AND artifact = ?", [*parameters, artifact]
    if as_of is not None:
        terms, parameters = f"{terms} AND recorded_at <= ?", [*parameters, as_of]
    return terms, parameters


def _partition_term(partitions: Iterable[str] | None) -> tuple[str, list[Any]]:
    if partitions is None:
        return "true", []
    wanted = [key for key in partitions if key.isprintable()]  # no other key was ever recorded, and the catalogue chokes on some
    return ("partition_key = ?", wanted) if len(wanted) == 1 else ("partition_key IN (SELECT unnest(?::VARCHAR[]))", [wanted])


def _check_instant(name: str, instant: dt.datetime | None) -> None:
    if instant is not None and instant.tzinfo is None:
        raise HistoryError(f"{name} {instant} has no time zone; give an instant in UTC")
