"""Rows of the policies that have judged: what each changed, and who approved it.

Belongs here: comparing the kept texts of policies and finding their approvals. Does not belong here: what a change would flip
(``governance policy diff``), or whether it is acceptable (``rules.py``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.model_risk.contracts import PolicyChanges
from governance_assets.domains.model_risk.facts import Row, role_of

_SHOWN = 200
"""Characters of a value that are kept: tables of settings are long, and the whole text is in the history."""


def policy_changes(ledger: pa.Table, text_of: Callable[[str], str | None], approvals: Sequence[Row], role: str) -> pa.Table:
    """Every policy of the ledger in the order in which they first judged."""
    first = ledger.group_by("policy_sha256").aggregate([("recorded_at", "min")]).sort_by("recorded_at_min").to_pylist()
    rows = []
    for place, one in enumerate(first):
        before = first[place - 1]["policy_sha256"] if place else None
        row: Row = {
            "policy_sha256": one["policy_sha256"],
            "first_judged_at": one["recorded_at_min"],
            "previous_sha256": before,
            "role": role,
        }
        changes = "" if before is None else "\n".join(_changes(text_of(before), text_of(one["policy_sha256"])))
        rows.append(row | {"changes": changes} | _answer(one["policy_sha256"], approvals, role, is_first=before is None))
    return pa.Table.from_pylist(rows, schema=arrow_schema(PolicyChanges))


def approvals_of_changes(con: duckdb.DuckDBPyConnection, view: str | None) -> list[Row]:
    """Approvals of kind change, the newest last."""
    if view is None:
        return []
    query = f"SELECT * FROM {view} WHERE kind = 'change' ORDER BY date, instant NULLS FIRST, as_of NULLS FIRST"
    return list(con.execute(query).to_arrow_table().to_pylist())


def _changes(before: str | None, after: str | None) -> list[str]:
    if before is None or after is None:
        return ["the text of one of the two is not kept"]
    was, now = (_flat(json.loads(text)) for text in (before, after))
    return [
        f"{path}: {_shown(was.get(path))} → {_shown(now.get(path))}"
        for path in sorted(was.keys() | now.keys())
        if was.get(path) != now.get(path)
    ]


def _flat(policy: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {f"{section}.{name}": value for section, values in policy.items() for name, value in values.items()}


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _answer(digest: str, approvals: Sequence[Row], role: str, is_first: bool) -> Row:
    blank: Row = dict.fromkeys(("given_on", "authenticated_by", "reason"))
    own = [one for one in approvals if _digest(one["sha256"]) == digest and role_of(one["role"]) == role]
    if not own:
        return blank | {"state": "first" if is_first else "pending"}
    last = own[-1]
    state = "rejected" if last["verdict"] == "rejected" else "approved" if last["authenticated_by"] else "asserted"
    return {"state": state, "given_on": last["date"], "authenticated_by": last["authenticated_by"], "reason": last["reason"]}


def _digest(stated: str | None) -> str:
    return (stated or "").strip().lower().removeprefix("sha256:")
