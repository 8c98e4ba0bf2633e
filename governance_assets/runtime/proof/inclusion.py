"""The proof of one figure: a small file that leads from a value to a head, for whoever has that head from elsewhere.

Belongs here: gathering what ``figure_verifier.py`` needs. Does not belong here: verification of the whole history (``verify.py``).
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from governance_assets.contract import Contract, columns, registry
from governance_assets.runtime.commit_lock import HistoryError
from governance_assets.runtime.history import History
from governance_assets.runtime.proof.leaves import as_told, entry_text, leaf_hashes
from governance_assets.stats import merkle
from governance_assets.stats.digest import cell_proof

_EXAMPLES = 3
VERIFIER = Path(__file__).with_name("figure_verifier.py")


class ProofRefused(HistoryError):
    """There is no such figure, or nothing sealed that would prove it."""


def prove(
    history: History, artifact: str, partition_key: str, key: Mapping[str, Any], column: str, head: str | None = None
) -> dict[str, Any]:
    """The proof of the figure in ``column`` of the row with this ``key``, in the newest sealed revision of a partition.

    ``key`` names the contract's key columns; those of the partition may be left out. Values may be given as text. The proof ends
    at the seal with ``head``, by default the newest. Raises ProofRefused, with the next step, when it cannot be made.
    """
    contract = registry().get(artifact)
    if contract is None:
        raise ProofRefused(f"no contract is named {artifact}; known are {', '.join(sorted(registry()))}")
    with history.pinned():
        entry = _entry(history, artifact, partition_key)
        rows = _rows(history, contract, entry)
        seals = _seals(history, entry["entry"], head)
        sealed = [history.ledger(), history.alerts()]
    row, told = _row(contract, rows, key, partition_key)
    if column not in rows.column_names:
        raise ProofRefused(f"{artifact} has no column {column}; its columns are {', '.join(rows.column_names)}")
    first = seals[0]
    hashes = leaf_hashes(_between(sealed[0], "entry", first), _between(sealed[1], "alert", first))
    return {
        "figure": {
            "artifact": artifact,
            "partition_key": partition_key,
            "revision": entry["revision"],
            "key": told,
            "column": column,
            "value": shown(rows[column][row].as_py()),
            "unit": next(one.unit for one in columns(contract) if one.name == column),
        },
        "table": _table(contract, rows, row, list(dict.fromkeys([*told, column]))),
        "entry": entry_text(entry),
        "path": merkle.path_of_hashes(hashes, entry["entry"] - first["first_entry"]),
        "seals": [{name: value for name, value in as_told(seal).items() if name != "head_sha256"} for seal in seals],
        "head": seals[-1]["head_sha256"],
    }


def write(proof: Mapping[str, Any], path: Path) -> Path:
    """Write the proof to ``path`` and a copy of the verifier beside it; returns the path of the copy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(proof, indent=1) + "\n", encoding="utf-8")
    copy = path.with_name(VERIFIER.name)
    shutil.copyfile(VERIFIER, copy)
    return copy


def shown(value: Any) -> str | None:
    """A value as proofs write it: one text for each value, equal texts for equal values.

    >>> [shown(value) for value in (0.1, True, 7, None, dt.date(2025, 11, 3))]
    ['0.1', 'true', '7', None, '2025-11-03']
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    # Adding 0.0 gives zero one sign, as the digest does.
    return repr(value + 0.0 if isinstance(value, float) else value).lower()


def _entry(history: History, artifact: str, partition_key: str) -> dict[str, Any]:
    """The newest sealed entry that has rows."""
    known = [row for row in history.ledger(artifact, partition_key).to_pylist() if row["revision"] is not None]
    sealed = history.seals()["last_entry"].to_pylist()[-1:]
    if not known:
        raise ProofRefused(f"nothing is recorded for {artifact} {partition_key}; `governance history {artifact}` lists its partitions")
    covered = [row for row in known if sealed and row["entry"] <= sealed[0]]
    if not covered:
        raise ProofRefused(f"entry {known[0]['entry']} of {artifact} {partition_key} is not sealed yet; run governance seal")
    return covered[-1]


def _rows(history: History, contract: type[Contract], entry: Mapping[str, Any]) -> pa.Table:
    """The rows of the revision that ``entry`` speaks of, with the columns its digest was made of."""
    from governance_assets.runtime.proof.content import recorded_revision

    rows = recorded_revision(history.revisions(contract), contract, entry)
    if rows is None:
        raise ProofRefused(f"the rows of entry {entry['entry']} are not what it recorded; run governance verify")
    return rows


def _row(contract: type[Contract], rows: pa.Table, key: Mapping[str, Any], partition_key: str) -> tuple[int, dict[str, str | None]]:
    """Where the row with this ``key`` stands, and its whole key as text."""
    unknown = [name for name in key if name not in contract.key]
    if unknown:
        raise ProofRefused(f"{', '.join(unknown)} is no key column of {contract.artifact}; its key is {', '.join(contract.key)}")
    wanted = {name: shown(value) for name, value in key.items()}
    keys = [{name: shown(value) for name, value in row.items()} for row in rows.select(list(contract.key)).to_pylist()]
    found = [at for at, row in enumerate(keys) if all(row[name] == value for name, value in wanted.items())]
    if len(found) != 1:
        told = ", ".join(f"{name}={value}" for name, value in wanted.items()) or "no key at all"
        raise ProofRefused(
            f"{contract.artifact} {partition_key}: {len(found)} rows have {told}, expected one; {_hint(contract, keys, found)}"
        )
    return found[0], keys[found[0]]


def _hint(contract: type[Contract], keys: list[dict[str, str | None]], found: list[int]) -> str:
    """What tells the ``found`` rows apart, or all rows when none was found."""
    rows = [keys[at] for at in found] or keys
    told = {name: sorted({str(row[name]) for row in rows}) for name in contract.key}
    return "give " + ", or ".join(
        f"{name}= {', '.join(values[:_EXAMPLES])}" for name, values in told.items() if len(values) > 1 or not found
    )


def _table(contract: type[Contract], rows: pa.Table, row: int, names: list[str]) -> dict[str, Any]:
    proved = cell_proof(rows, contract.key, row, names)
    return {
        "rows": proved.row_count,
        "columns": proved.column_count,
        "block": proved.leaves[0].index // proved.column_count,
        "leaves": [
            {"column": leaf.index % proved.column_count, "data": base64.b64encode(leaf.data).decode(), "path": list(leaf.path)}
            for leaf in proved.leaves
        ],
    }


def _seals(history: History, entry: int, head: str | None) -> list[dict[str, Any]]:
    """The seal that covers ``entry`` and those after it, up to the one with ``head``."""
    seals = [row for row in history.seals().to_pylist() if row["last_entry"] >= entry]
    heads = [row["head_sha256"] for row in seals]
    if head is not None and head not in heads:
        raise ProofRefused(f"no seal from entry {entry} on has the head {head}; the newest is {heads[-1]}")
    return seals if head is None else seals[: heads.index(head) + 1]


def _between(rows: pa.Table, what: str, seal: Mapping[str, Any]) -> list[dict[str, Any]]:
    return rows.slice(seal[f"first_{what}"] - 1, seal[f"last_{what}"] - seal[f"first_{what}"] + 1).to_pylist()
