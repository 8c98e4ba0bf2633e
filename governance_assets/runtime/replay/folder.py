"""The telemetry folder against what intake recorded of it: which files changed, vanished or appeared since.

Belongs here: naming these files. Does not belong here: reading them (``runtime/sources/``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa

from governance_assets.runtime.history import History
from governance_assets.runtime.replay.differences import FEW
from governance_assets.runtime.replay.past import SHORT
from governance_assets.runtime.replay.target import Target
from governance_assets.runtime.sources import Intake

_REJECTED = "rejected_records"
_IGNORED = "left alone"


def files_that_differ(history: History, target: Target, present: Intake) -> list[str]:
    """The files of the folder that are not as the run found them that recorded ``target``, each with both its hashes."""
    names = [*present.manifests, _REJECTED]
    end = _end_of_run(history, target, names)
    known = {name: history.rows(name, as_of=end) for name in names if history.heads(name, as_of=end)}
    now_by_name = {**present.manifests, _REJECTED: present.rejected}
    was, now = _hashes(known), _hashes({name: now_by_name[name] for name in known})
    if _REJECTED in known:
        now = dict.fromkeys((origin for origin, _ in present.ignored), _IGNORED) | now
    told = [
        f"file {origin}: recorded {was.get(origin, 'nothing')}, present {now.get(origin, 'nothing')}"
        for origin in sorted(was.keys() | now.keys())
        if was.get(origin) != now.get(origin)
    ]
    return told[:FEW] + ([f"and {len(told) - FEW} more files"] if len(told) > FEW else [])


def kept_landings(history: History, target: Target, home: Path) -> str:
    """How much of what the target's manifest names still lies among the landings."""
    manifest = history.rows(target.artifact, as_of=target.made["recorded_at"])
    if "landed_path" not in manifest.column_names:
        return "intake keeps copies only of files that cannot be read, in the quarantine"
    paths = manifest["landed_path"].to_pylist()
    kept = sum((home / path).is_file() for path in paths)
    told = f"intake keeps the typed rows of a file, not its bytes: {kept} of {len(paths)} landed files are there"
    return f"{told}, and what was computed from them can be replayed"


def _end_of_run(history: History, target: Target, names: Iterable[str]) -> dt.datetime:
    """When the whole run had been recorded: the artifacts of intake are committed one after the other."""
    ledgers = [history.ledger(name).select(["recorded_at", "run_id"]).to_pylist() for name in names]
    return max(row["recorded_at"] for rows in ledgers for row in rows if row["run_id"] == target.made["run_id"])


def _hashes(tables: Mapping[str, pa.Table]) -> dict[str, str]:
    """Hash of every file that a manifest names, or that was refused; a file may be both."""
    found: dict[str, str] = {}
    for name, table in sorted(tables.items(), key=lambda pair: pair[0] != _REJECTED):
        files = zip(table["file" if name == _REJECTED else "origin"].to_pylist(), table["file_sha256"].to_pylist(), strict=True)
        found |= {file: sha256[:SHORT] if sha256 else _IGNORED for file, sha256 in files}
    return found
