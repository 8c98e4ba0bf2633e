"""Counts over manifests and refused records.

Belongs here: sums, shares and differences of the rows handed in. Does not belong here: whether they are acceptable
(``rules.py``), or the reading of files (``runtime/sources/``).
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


def total(rows: pa.Table, column: str) -> int:
    """Sum of an integer column; 0 for no rows."""
    return pc.sum(rows[column]).as_py() or 0


def refused_share(rows: pa.Table) -> float:
    """Refused rows over refused and landed rows of all files; 0 when there are none."""
    return _share(total(rows, "rejected_rows"), total(rows, "rows"))


def refused_shares(rows: pa.Table) -> list[tuple[str, float]]:
    """Origin and share of refused rows of each file, largest first."""
    files = rows.select(["origin", "rows", "rejected_rows"]).to_pylist()
    shares = [(file["origin"], _share(file["rejected_rows"], file["rows"])) for file in files]
    return sorted(shares, key=lambda each: (-each[1], each[0]))


def unreadable_files(rejected: pa.Table) -> list[tuple[str, str]]:
    """File and what was found, for every file that was refused whole."""
    whole = rejected.filter(pc.equal(rejected["scope"], "file"))
    return list(zip(whole["file"].to_pylist(), whole["found"].to_pylist(), strict=True))


def with_ignored(rejected: pa.Table, ignored: Sequence[tuple[str, str]]) -> pa.Table:
    """The refused records and, behind them, one record for every file that is no telemetry, with the reason."""
    records = [
        {
            "file": file,
            "record": number,
            "file_sha256": None,
            "feed": None,
            "scope": "ignored",
            "row": None,
            "column": None,
            "found": reason,
            "expected": "a file of a known feed",
            "next_step": "nothing, if it is no telemetry; else give it the columns of a feed",
            "rows": 0,
        }
        for file, reasons in _grouped(ignored).items()
        for number, reason in enumerate(reasons, start=1 + rejected.filter(pc.equal(rejected["file"], file)).num_rows)
    ]
    return pa.concat_tables([rejected, pa.Table.from_pylist(records, schema=rejected.schema)])


def _grouped(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def vanished(rows: pa.Table, past: pa.Table) -> list[str]:
    """Origins of the past manifest that neither stand in the present one nor have their bytes under another name."""
    here = set(rows["origin"].to_pylist())
    bytes_here = set(rows["file_sha256"].to_pylist())
    files = past.select(["origin", "file_sha256"]).to_pylist()
    return sorted(file["origin"] for file in files if file["origin"] not in here and file["file_sha256"] not in bytes_here)


def _share(refused: int, landed: int) -> float:
    return refused / (refused + landed) if refused + landed else 0.0
