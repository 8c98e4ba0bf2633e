"""Verification: everything recomputed from the data files, offline, and the first entry named that does not hold.

Belongs here: which checks there are and what happens when a part of the store cannot be read. Does not belong here: the checks
themselves (``entries.py``, ``content.py``, ``sealed.py``, ``landed.py``) or sealing (``seals.py``).

What is recomputed: the content of every revision, findings, inputs and policies against their digests; numbers, order and
revisions; roots, chain and heads of the seals; seals against anchors; landed files against their manifests. In which order the
findings of one entry are listed is under no digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import registry
from governance_assets.runtime.commit_lock import without_secrets
from governance_assets.runtime.proof import anchors, content, entries, landed, sealed
from governance_assets.runtime.proof.anchors import Anchored
from governance_assets.runtime.proof.failures import Failure, Report, Unreadable
from governance_assets.runtime.proof.leaves import alert_text, entry_text
from governance_assets.runtime.proof.reading import BROKEN, Reader
from governance_assets.runtime.tables import ALERTS, FINDINGS, LEDGER, POLICIES, SEALS, TABLES
from governance_assets.stats import merkle

_ORDERS = {"ledger": "entry", "findings": "entry, position", "alerts": "alert", "seals": "seal", "policies": "policy_sha256"}


def verify(location: str, data_path: str | None, home: Path | None, files: Sequence[Path]) -> Report:
    """Recompute the history at ``location`` and compare it with the anchors in ``files``.

    Landed files are read below ``home``; None leaves them out. The contracts of all artifacts must have been imported. Nothing in
    the store can make this raise: what cannot be read is a failure.
    """
    report = Report()
    known = list(_anchors(files, report))
    try:
        with Reader(location, data_path) as reader:
            _Verification(reader, home, known, report).run()
    except Unreadable as problem:
        report.failures.append(Failure("entry", 1, without_secrets(str(problem)), "a store that can be read"))
    return report


def _anchors(files: Sequence[Path], report: Report) -> Iterator[Anchored]:
    for path in files:
        try:
            found = anchors.read(path)
        except OSError as error:
            report.failures.append(Failure("store", 0, f"anchors {path} that cannot be read ({error.strerror})", "a file of anchors"))
            continue
        if not found.anchors:
            report.notes.append(f"no anchors in {path}")
        yield found


@dataclass
class _Verification:
    reader: Reader
    home: Path | None
    known: Sequence[Anchored]
    report: Report
    columns: dict[str, list[str]] = field(default_factory=dict)
    landings: dict[tuple[str, str], landed.Landing] = field(default_factory=dict)

    def run(self) -> None:
        """All checks, each as far as what it needs can be read."""
        self.columns = self.reader.columns()
        ledger, seals, alerts = (self._own(name, schema) for name, schema in (("ledger", LEDGER), ("seals", SEALS), ("alerts", ALERTS)))
        self._count(ledger, seals)
        self._check(entries.number_failures("entry", ledger["entry"].to_pylist()), "numbers of entries")
        self._check(entries.number_failures("alert", alerts["alert"].to_pylist()), "numbers of alerts")
        ledger, alerts = ledger.filter(pc.is_valid(ledger["entry"])), alerts.filter(pc.is_valid(alerts["alert"]))
        self._check(self._sealed(ledger, alerts, seals), "seals and anchors")
        self._check(entries.order_failures(ledger), "order of entries")
        self._check(entries.continuity_failures(ledger), "revisions")
        self._check(entries.input_failures(ledger), "inputs")
        self._check(entries.policy_failures(ledger, self._own("policies", POLICIES)), "policies")
        self._check(entries.finding_failures(ledger, self._own("findings", FINDINGS)), "findings")
        self._artifacts(ledger)
        if self.home is not None:
            self._check(self._landed(self.home), "landed files")
        self.report.failures += [Failure("store", 0, f"data file {name} that cannot be read", "it whole") for name in self.reader.left_out]

    def _check(self, failures: Iterable[Failure], what: str) -> None:
        """Collect failures; values of another kind than any writer of ours makes end a check, and are one themselves."""
        try:
            self.report.failures.extend(failures)
        except (*BROKEN, Unreadable) as error:
            text = " ".join(str(error).split())[:200]
            self.report.failures.append(Failure("store", 0, f"{what} that cannot be checked ({text})", "values of their kind"))

    def _own(self, name: str, schema: pa.Schema) -> pa.Table:
        """One of the history's own tables, with all its columns; an empty one, and a failure, when it cannot be read."""
        kind = "entry" if name == "ledger" else "store"
        try:
            missing = [column for column in schema.names if column not in self.columns.get(name, [])]
            if missing:
                raise Unreadable(f"table {name} without {', '.join(missing)}" if name in self.columns else f"no table {name}")
            rows = self.reader.rows(name, _ORDERS[name])
            for column in schema:
                rows = rows.set_column(rows.column_names.index(column.name), column, rows[column.name].cast(column.type))
            return rows
        except (*BROKEN, Unreadable) as error:
            text = " ".join(str(error).split())[:200]
            self.report.failures.append(Failure(kind, 1 if kind == "entry" else 0, text, f"table {name} whole"))
            return schema.empty_table()

    def _count(self, ledger: pa.Table, seals: pa.Table) -> None:
        report = self.report
        report.entries = ledger.num_rows
        newest = seals.slice(max(seals.num_rows - 1, 0)).to_pylist()
        if newest:
            report.seals, report.sealed, report.head = (newest[0][name] or 0 for name in ("seal", "last_entry", "head_sha256"))
        report.anchored = max((anchor.last_entry for known in self.known for anchor in known.anchors.values()), default=0)

    def _sealed(self, ledger: pa.Table, alerts: pa.Table, seals: pa.Table) -> Iterator[Failure]:
        rows = seals.to_pylist()
        hashes = [_hashes(ledger, "entry", entry_text), _hashes(alerts, "alert", alert_text)]
        for known in self.known:
            yield from sealed.anchor_failures(known, rows, *hashes)
        yield from sealed.chain_failures(rows, *hashes)

    def _artifacts(self, ledger: pa.Table) -> None:
        told = content.told_of(ledger)
        for artifact in sorted({*told, *self.columns} - {*TABLES}, key=str):
            revisions, contract = told.get(artifact, {}), registry().get(artifact)
            why = ""
            if {"partition_key", "revision"} <= {*self.columns.get(artifact, [])}:
                batches = self._kept(artifact, self.reader.batches(artifact, content.ORDER), revisions)
                try:
                    self.report.failures.extend(content.row_failures(contract, batches, artifact, revisions))
                    continue
                except (*BROKEN, Unreadable) as error:
                    why = " ".join(str(error).split())[:200]
            self.report.failures.extend(content.row_failures(contract, [], artifact, revisions))
            if artifact in self.columns:
                found = f"rows of {artifact} that cannot be read ({why or 'they name no partition and revision'})"
                self.report.failures.append(Failure("store", 0, found, "a table that can"))

    def _kept(self, artifact: str, batches: Iterable[pa.Table], revisions: Mapping[content.Address, content.Told]) -> Iterator[pa.Table]:
        """The batches as they are; of a manifest, the landed files are remembered on the way."""
        newest = {one.entry for address, one in revisions.items() if (address[0], (address[1] or 0) + 1) not in revisions}
        for rows in batches:
            if {*landed.MANIFEST} <= {*rows.column_names}:
                addresses = zip(rows["partition_key"].to_pylist(), rows["revision"].to_pylist(), strict=True)
                numbers = [revisions[address].entry if address in revisions else 0 for address in addresses]
                for landing in landed.landings(artifact, rows, numbers, newest):
                    known = self.landings.setdefault((artifact, landing.path), landing)
                    if landing.is_current and not known.is_current:
                        self.landings[artifact, landing.path] = replace(known, is_current=True)
            yield rows

    def _landed(self, home: Path) -> Iterator[Failure]:
        past = []
        for landing in self.landings.values():
            try:
                problem = landed.problem(home, landing)
            except FileNotFoundError:
                problem = f"{landing.path}, which is not below {home}" if landing.is_current else None
                past += [] if landing.is_current else [landing.path]
            if problem is not None:
                yield Failure("entry", landing.entry or 1, f"landed file {problem}", "the rows that its manifest recorded")
        if past:
            self.report.notes.append(f"{len(past)} landed files that only earlier manifests name are gone: {', '.join(sorted(past)[:5])}")


def _hashes(rows: pa.Table, number: str, text: Any) -> dict[int, bytes]:
    """The hashed leaf of each row, by number; of a repeated number the first counts, and the repetition is told elsewhere."""
    found: dict[int, bytes] = {}
    for row in rows.to_pylist():
        found.setdefault(row[number], merkle.leaf_hash(text(row).encode()))
    return found
