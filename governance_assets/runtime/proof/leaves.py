"""The exact text that a seal covers: one line of JSON for each ledger entry and each alert, and the head of a seal.

Belongs here: how a row becomes bytes, for ever. Does not belong here: who seals (``seals.py``) or who compares (``sealed.py``).

The text has its keys sorted, no blanks, every character beyond ASCII escaped and instants in ISO 8601 with their offset. Columns
without a value are left out, so that a column that the history gains later changes no text of before.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from governance_assets.stats import merkle

NOTHING_BEFORE = "0" * 64
"""What the first seal is chained to."""

Row = Mapping[str, Any]


def canonical(value: Any) -> str:
    """``value`` as the one JSON text that stands for it.

    >>> canonical({"b": "é", "a": dt.datetime(2025, 11, 20, tzinfo=dt.UTC)})
    '{"a":"2025-11-20T00:00:00+00:00","b":"\\\\u00e9"}'
    """
    return _ENCODER.encode(value)


def _instant(value: Any) -> str:
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).isoformat()
    raise TypeError(f"found {type(value).__name__} {value!r}, expected text, a number, a truth value or an instant with its zone")


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_instant)


def entry_text(row: Row) -> str:
    """The text of a ledger entry."""
    return canonical({"ledger": _told(row)})


def alert_text(row: Row) -> str:
    """The text of a row of the table of alerts."""
    return canonical({"alert": _told(row)})


def _told(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def leaf_hashes(entries: Sequence[Row], alerts: Sequence[Row]) -> list[bytes]:
    """The hashed leaves of a seal: its entries, then its alerts."""
    texts = [*map(entry_text, entries), *map(alert_text, alerts)]
    return [merkle.leaf_hash(text.encode()) for text in texts]


def head(seal: Row) -> str:
    """SHA-256 of a seal without its head: whoever knows it knows everything sealed so far."""
    return hashlib.sha256(canonical({name: value for name, value in seal.items() if name != "head_sha256"}).encode()).hexdigest()


def as_told(row: Row) -> dict[str, Any]:
    """A row in the words of JSON."""
    told: dict[str, Any] = json.loads(canonical(dict(row)))
    return told
