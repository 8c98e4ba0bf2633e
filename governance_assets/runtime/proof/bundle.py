"""A bundle of one quarter for somebody who audits it: rows, findings, ledger, seals, policies, site and two verifiers, in one folder.

Belongs here: gathering and writing what ``bundle_verifier.py`` checks. Does not belong here: the site's pages (``runtime/overview.py``)
or verification of the whole history (``verify.py``).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from governance_assets.contract import WHOLE, Contract, arrow_schema, columns
from governance_assets.runtime.history import Head, History
from governance_assets.runtime.ledger import findings_digests, findings_of
from governance_assets.runtime.periods import owner
from governance_assets.runtime.proof.content import recorded_revision
from governance_assets.runtime.proof.inclusion import VERIFIER, ProofRefused
from governance_assets.runtime.proof.leaves import as_told, canonical, entry_text, leaf_hashes
from governance_assets.runtime.tables import FINDING_KEY, JUDGED
from governance_assets.stats import merkle
from governance_assets.stats.digest import in_order, table_digest

BUNDLE_VERIFIER = Path(__file__).with_name("bundle_verifier.py")
NULL = "\\N"
_KINDS = ((pa.types.is_string, "t"), (pa.types.is_boolean, "b"), (pa.types.is_integer, "i"), (pa.types.is_floating, "f"))
_KINDS += ((pa.types.is_date, "d"), (pa.types.is_timestamp, "u"))
_README = """A bundle of {quarter}, made from a history of model governance.

rows/, findings/   what was recorded and how it was judged, by artifact and partition; \\N stands for no value
ledger.jsonl       every ledger entry of these partitions, with the path to its seal
seals.jsonl        the seals, chained up to the head {head}
policies/          every policy that judged, named by its digest
columns.csv        what each column means
site/              the pages as they are made from this history

Check it without anything but Python, with the head as you know it from elsewhere:

    python bundle_verifier.py . --head {head}

figure_verifier.py checks proofs of single figures that `governance prove` writes.
"""


@dataclass(frozen=True)
class Bundle:
    """What was written, and what an auditor has to keep."""

    folder: Path
    head: str
    partitions: int
    entries: int
    files: int
    manifest_sha256: str


def export(history: History, contracts: Iterable[type[Contract]], quarter: str, site: Mapping[str, bytes], folder: Path) -> Bundle:
    """Write the bundle of ``quarter`` into the new ``folder``: every partition that belongs to it, and artifacts without partitions.

    Raises ProofRefused when nothing of the quarter is recorded, or something of it is not sealed yet.
    """
    with history.pinned():
        chosen = _chosen(history, contracts, quarter)
        entries = _entries(history, {(contract.artifact, key) for contract, key, _ in chosen})
        seals = _seals(history, entries)
        tables = {"rows": [*_rows(history, chosen, entries)], "findings": [*_findings(history, entries)]}
        files: dict[str, bytes] = {"ledger.jsonl": _ledger(history, entries, seals), "seals.jsonl": _lines(map(_sealed, seals))}
        for sha256 in sorted({entry["policy_sha256"] for entry in entries}):
            files[f"policies/{sha256}.json"] = _policy(history, sha256)
    files |= {f"site/{path}": content for path, content in site.items()}
    head = seals[-1]["head_sha256"]
    described = {what: [one for one, _ in found] for what, found in tables.items()}
    files["tables.json"] = json.dumps(described, indent=1, sort_keys=True).encode() + b"\n"
    files["columns.csv"] = _columns({contract for contract, _, _ in chosen})
    files["README.txt"] = _README.format(quarter=quarter, head=head).encode()
    files |= {VERIFIER.name: VERIFIER.read_bytes(), BUNDLE_VERIFIER.name: BUNDLE_VERIFIER.read_bytes()}
    written = _write(folder, files, [pair for found in tables.values() for pair in found], head)
    return Bundle(folder, head, len(chosen), len(entries), written[1], written[0])


def _chosen(history: History, contracts: Iterable[type[Contract]], quarter: str) -> list[tuple[type[Contract], str, Head]]:
    found = []
    for contract in contracts:
        for key, head in history.heads(contract).items():
            if key == WHOLE or (contract.grain != "none" and owner(contract.grain, key, "quarter") == quarter):
                found.append((contract, key, head))
    if not any(key != WHOLE for _, key, _ in found):
        raise ProofRefused(f"nothing is recorded of {quarter}; `governance run --quarter {quarter}` records it")
    return found


def _entries(history: History, addresses: set[tuple[str, str]]) -> list[dict[str, Any]]:
    return [row for row in history.ledger().to_pylist() if (row["artifact"], row["partition_key"]) in addresses]


def _seals(history: History, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The seals from the one of the first entry on. Raises ProofRefused when an entry is not sealed."""
    seals = list(history.seals().to_pylist())
    first, last = entries[0]["entry"], entries[-1]["entry"]
    if not seals or seals[-1]["last_entry"] < last:
        raise ProofRefused(f"ledger entry {last} is not sealed yet; run governance seal")
    return [seal for seal in seals if seal["last_entry"] >= first]


def _sealed(seal: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in as_told(seal).items() if name != "head_sha256"}


def _ledger(history: History, entries: Sequence[Mapping[str, Any]], seals: Sequence[Mapping[str, Any]]) -> bytes:
    """One line an entry: its text, its seal and the path that leads there."""
    every, alerts = history.ledger(), history.alerts()
    lines = []
    for seal in seals:
        own = [entry for entry in entries if seal["first_entry"] <= entry["entry"] <= seal["last_entry"]]
        if own:
            hashes = leaf_hashes(_between(every, "entry", seal), _between(alerts, "alert", seal))
            paths = merkle.paths_of_hashes(hashes, [entry["entry"] - seal["first_entry"] for entry in own])
            lines += [{"entry": entry_text(entry), "seal": seal["seal"], "path": path} for entry, path in zip(own, paths, strict=True)]
    return _lines(lines)


def _between(rows: pa.Table, what: str, seal: Mapping[str, Any]) -> list[dict[str, Any]]:
    count = seal[f"last_{what}"] - seal[f"first_{what}"] + 1
    return list(rows.slice(seal[f"first_{what}"] - 1, count).to_pylist())


def _lines(told: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(f"{canonical(one)}\n" for one in told).encode()


def _policy(history: History, sha256: str) -> bytes:
    text = history.policy(sha256)
    if text is None or hashlib.sha256(text.encode()).hexdigest() != sha256:
        raise ProofRefused(f"the text of policy {sha256} is not kept, or was changed; `governance verify` says more")
    return text.encode()


# ---------------------------------------------------------------- tables


Described = tuple[dict[str, Any], pa.Table]


def _rows(
    history: History, chosen: Sequence[tuple[type[Contract], str, Head]], entries: Sequence[Mapping[str, Any]]
) -> Iterable[Described]:
    """Each partition's rows with what describes them, and the newest entry that speaks of them."""
    told = {
        (one["artifact"], one["partition_key"]): one["entry"] for one in entries if one["revision"] is not None and one["content_sha256"]
    }
    by_contract: dict[type[Contract], list[tuple[str, Head]]] = {}
    for contract, key, head in chosen:
        by_contract.setdefault(contract, []).append((key, head))
    for contract, heads in by_contract.items():
        rows, column = history.rows(contract, [key for key, _ in heads]), contract.partition_column()
        for key, head in heads:
            part = rows if column is None else rows.filter(pc.equal(rows[column].cast(pa.string()), key))
            if table_digest(part, contract.key) != head.content_sha256:
                part = _as_recorded(history, contract, key, head)
            described = {
                "artifact": contract.artifact,
                "partition_key": key,
                "entry": told[contract.artifact, key],
                "path": f"rows/{contract.artifact}/{key}.csv",
            }
            yield described | {"columns": _kinds(part.schema)}, in_order(part, contract.key)


def _as_recorded(history: History, contract: type[Contract], key: str, head: Head) -> pa.Table:
    """The rows with the columns that their digest was made of, when the contract has gained some since."""
    entry = {"partition_key": key, "revision": head.revision, "content_sha256": head.content_sha256}
    rows = recorded_revision(history.revisions(contract), contract, entry)
    if rows is None:
        raise ProofRefused(f"the rows of {contract.artifact} {key} are not what the ledger recorded; run governance verify")
    return rows


def _findings(history: History, entries: Sequence[Mapping[str, Any]]) -> Iterable[Described]:
    """The findings of the newest entry of each partition."""
    newest = {(entry["artifact"], entry["partition_key"]): entry for entry in entries}
    every = history.findings()
    addresses = every.select(["artifact", "partition_key"])
    for (artifact, key), entry in sorted(newest.items()):
        own = every.filter(pc.and_(pc.equal(addresses["artifact"], artifact), pc.equal(addresses["partition_key"], key)))
        if findings_digests([findings_of(own)])[0] != entry["findings_sha256"]:
            raise ProofRefused(f"the findings of {artifact} {key} are not what the ledger recorded; run governance verify")
        described = {"artifact": artifact, "partition_key": key, "entry": entry["entry"], "path": f"findings/{artifact}/{key}.csv"}
        yield described | {"columns": _kinds(JUDGED)}, in_order(own.select(JUDGED.names).cast(JUDGED), FINDING_KEY)


def _kinds(schema: pa.Schema) -> list[list[str]]:
    return [[one.name, next(kind for is_of, kind in _KINDS if is_of(one.type))] for one in schema]


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as the bundle writes it: no value as NULL, and texts that begin with a backslash with one more."""
    kind = column.type
    if pa.types.is_string(kind):
        text = pc.if_else(pc.starts_with(column, "\\"), pc.binary_join_element_wise("\\", column, ""), column)
    elif pa.types.is_timestamp(kind):
        text = pc.strftime(column, "%Y-%m-%dT%H:%M:%S+00:00")
    elif pa.types.is_floating(kind):
        text = pa.chunked_array([pa.array([None if value is None else repr(value) for value in column.to_pylist()], pa.string())])
    else:
        text = column.cast(pa.string())
    return pc.fill_null(text, NULL)


def _columns(contracts: Iterable[type[Contract]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("artifact", "column", "type", "unit", "description", "no value means"))
    for contract in sorted(contracts, key=lambda one: one.artifact):
        types = {one.name: str(one.type) for one in arrow_schema(contract)}
        writer.writerows((contract.artifact, one.name, types[one.name], one.unit, one.description, one.null) for one in columns(contract))
    return text.getvalue().encode()


# ---------------------------------------------------------------- files


def _write(folder: Path, files: Mapping[str, bytes], tables: Sequence[Described], head: str) -> tuple[str, int]:
    """Write everything below ``folder``, whole or not at all; the digest of the manifest, and how many files it names."""
    waiting = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(waiting, ignore_errors=True)
    for name, content in files.items():
        _place(waiting, name).write_bytes(content)
    for described, rows in tables:
        text = pa.table([_as_text(rows[name]) for name in rows.column_names], names=rows.column_names)
        pa_csv.write_csv(text, _place(waiting, described["path"]))
    digests = {
        path.relative_to(waiting).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in waiting.rglob("*") if path.is_file()
    }
    manifest = json.dumps({"files": digests, "head": head}, sort_keys=True, indent=1).encode() + b"\n"
    (waiting / "manifest.json").write_bytes(manifest)
    if folder.exists():
        folder.rmdir()
    waiting.replace(folder)
    return hashlib.sha256(manifest).hexdigest(), len(digests)


def _place(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
