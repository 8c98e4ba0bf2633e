"""Where two tables of one contract differ, and where two lists of findings do: in words, the first few.

Belongs here: finding and wording differences. Does not belong here: where the tables come from (``rebuild.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from governance_assets.contract import Contract
from governance_assets.finding import Finding
from governance_assets.runtime.store import quoted
from governance_assets.runtime.tables import JUDGED, storable

FEW = 5
"""How many differing rows, columns of a row, rules or files are named."""
_LONGEST = 60


def rows_that_differ(contract: type[Contract], stored: pa.Table, rebuilt: pa.Table) -> list[str]:
    """The first rows that differ, in the order of the key, with their differing columns; and how many more there are."""
    key = f"{{{', '.join(f'{quoted(name)}: each.{quoted(name)}' for name in contract.key)}}}"
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.register("stored", stored)
        con.register("rebuilt", rebuilt)
        differing = con.execute(
            f"""
            WITH was AS (SELECT each AS whole, {key} AS address FROM stored AS each),
                 now AS (SELECT each AS whole, {key} AS address FROM rebuilt AS each)
            SELECT was.whole, now.whole, count(*) OVER () FROM was FULL JOIN now ON was.address = now.address
            WHERE was.whole IS DISTINCT FROM now.whole ORDER BY coalesce(was.address, now.address) LIMIT {FEW}
            """
        ).fetchall()
    told = [_row(contract, was, now) for was, now, _ in differing]
    return told + ([f"and {differing[0][2] - FEW} more rows"] if differing and differing[0][2] > FEW else [])


def _row(contract: type[Contract], was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    known = was or now or {}
    address = ", ".join(f"{name} {_value(known[name])}" for name in contract.key)
    if was is None or now is None:
        return f"row {address}: {'rebuilt, but not stored' if was is None else 'stored, but not rebuilt'}"
    columns = [name for name in was if repr(was[name]) != repr(now[name])]
    told = [f"{name} {_value(was[name])} stored, {_value(now[name])} rebuilt" for name in columns[:FEW]]
    return f"row {address}: {'; '.join(told)}" + (f"; and {len(columns) - FEW} more columns" if len(columns) > FEW else "")


def findings_that_differ(recorded: pa.Table, replayed: Sequence[Finding]) -> list[str]:
    """The rules, each with its subject, whose recorded and replayed findings are not the same."""
    was = Counter(tuple(row[name] for name in JUDGED.names) for row in recorded.to_pylist())
    now = Counter(tuple(_storable(getattr(finding, name)) for name in JUDGED.names) for finding in replayed)
    gone, new = _by_subject(was - now), _by_subject(now - was)
    told = [_finding(address, gone.get(address), new.get(address)) for address in sorted(gone.keys() | new.keys())]
    return told[:FEW] + ([f"and {len(told) - FEW} more findings"] if len(told) > FEW else [])


def _by_subject(findings: Counter[tuple[Any, ...]]) -> dict[tuple[str, str], dict[str, Any]]:
    rows = [dict(zip(JUDGED.names, values, strict=True)) for values in findings]
    return {(row["rule"], row["subject"]): row for row in rows}


def _finding(address: tuple[str, str], was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    columns = [name for name in JUDGED.names if was is not None and now is not None and was[name] != now[name]]
    shown = columns or ["outcome", "value", "limit"]
    told = ["absent" if row is None else ", ".join(f"{name} {_value(row[name])}" for name in shown) for row in (was, now)]
    return f"rule {address[0]} on {address[1]}: recorded {told[0]}; replayed {told[1]}"


def _storable(value: Any) -> Any:
    return storable(value) if isinstance(value, str) else value


def _value(value: Any) -> str:
    text = "nothing" if value is None else value if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
