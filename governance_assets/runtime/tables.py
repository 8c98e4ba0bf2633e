"""The history's own tables: their columns, and nothing else.

Belongs here: what the ledger, the findings, the alerts, the seals and the policies look like. Does not belong here: the
columns of an artifact (a domain's ``contracts.py``) or what any row means for the next one (``runtime/ledger.py``,
``runtime/alerts/transitions.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

_INSTANT = pa.timestamp("us", tz="UTC")
LEDGER = pa.schema(
    [
        ("entry", pa.int64()),
        ("artifact", pa.string()),
        ("partition_key", pa.string()),
        ("revision", pa.int64()),
        ("kind", pa.string()),
        ("content_sha256", pa.string()),
        ("row_count", pa.int64()),
        ("is_open", pa.bool_()),
        ("as_of", _INSTANT),
        ("recorded_at", _INSTANT),
        ("run_id", pa.string()),
        ("code_version", pa.string()),
        ("git_revision", pa.string()),
        ("git_dirty", pa.bool_()),
        ("policy_sha256", pa.string()),
        ("findings_sha256", pa.string()),
        ("inputs_sha256", pa.string()),
        ("inputs", pa.string()),
        ("source_commands", pa.string()),
        ("committed_by", pa.string()),
    ]
)
FINDINGS = pa.schema(
    [
        ("entry", pa.int64()),
        ("position", pa.int64()),
        ("artifact", pa.string()),
        ("partition_key", pa.string()),
        ("revision", pa.int64()),
        ("recorded_at", _INSTANT),
        ("rule", pa.string()),
        ("subject", pa.string()),
        ("outcome", pa.string()),
        ("severity", pa.string()),
        ("value", pa.float64()),
        ("limit", pa.float64()),
        ("unit", pa.string()),
        ("message", pa.string()),
        ("remedy", pa.string()),
        ("sources", pa.string()),
    ]
)
FINDING_KEY = ("rule", "subject")
_PLACE = ("entry", "position", "artifact", "partition_key", "revision", "recorded_at")
JUDGED = pa.schema([column for column in FINDINGS if column.name not in _PLACE])
"""The columns that are a finding's own: ``findings_sha256`` is the digest of them, rows in the order of FINDING_KEY."""
ALERTS = pa.schema(
    [
        ("alert", pa.int64()),
        ("kind", pa.string()),
        ("incident", pa.string()),
        ("artifact", pa.string()),
        ("rule", pa.string()),
        ("subject", pa.string()),
        ("partition_key", pa.string()),
        ("outcome", pa.string()),
        ("severity", pa.string()),
        ("value", pa.float64()),
        ("limit", pa.float64()),
        ("unit", pa.string()),
        ("message", pa.string()),
        ("remedy", pa.string()),
        ("sources", pa.string()),
        ("owner", pa.string()),
        ("origin", pa.string()),
        ("entry", pa.int64()),
        ("run_id", pa.string()),
        ("recorded_at", _INSTANT),
        ("since", _INSTANT),
        ("is_sent", pa.bool_()),
        ("step", pa.string()),
        ("by", pa.string()),
        ("reason", pa.string()),
        ("until", _INSTANT),
    ]
)
"""Every change of state of every rule on every subject, and what people said to it: the outbox of the alerts."""
SEALS = pa.schema(
    [
        ("seal", pa.int64()),
        ("first_entry", pa.int64()),
        ("last_entry", pa.int64()),
        ("first_alert", pa.int64()),
        ("last_alert", pa.int64()),
        ("leaf_count", pa.int64()),
        ("root_sha256", pa.string()),
        ("previous_sha256", pa.string()),
        ("head_sha256", pa.string()),
        ("sealed_at", _INSTANT),
        ("sealed_by", pa.string()),
    ]
)
"""Roots over the entries and alerts since the seal before, chained; an empty range ends one below where it begins."""
POLICIES = pa.schema([("policy_sha256", pa.string()), ("text", pa.string()), ("recorded_at", _INSTANT)])
"""Every policy that ever judged, as canonical JSON."""
TABLES: Mapping[str, pa.Schema] = {"ledger": LEDGER, "findings": FINDINGS, "alerts": ALERTS, "seals": SEALS, "policies": POLICIES}
OWN_COLUMNS = ("partition_key", "revision", "recorded_at")
"""Columns that the history adds to those of a contract."""


def storable(text: str) -> str:
    """``text`` with unpaired surrogates, such as undecodable file names have, written as escapes: UTF-8 has no place for them."""
    return text.encode("utf-8", "backslashreplace").decode()
