"""The telemetry folder against what intake recorded of it: which files changed, vanished or appeared since.

Belongs here: naming these files. Does not belong here: reading them (``runtime/sources/``).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from governance_assets.runtime.history import History
from governance_assets.runtime.replay.differences import FEW
from governance_assets.runtime.replay.past import SHORT
from governance_assets.runtime.replay.targets import Target
from governance_assets.runtime.sources import Intake

_REJECTED = "rejected_records"
_IGNORED = "left alone"


def files_that_differ(history: History, target: Target, present: Intake) -> list[str]:
    """The files of the folder that are not as the run found them that recorded ``target``, each with both its hashes."""
    was = _recorded(history, target, list(present.manifests))
    now = dict.fromkeys((origin for origin, _ in present.ignored), _IGNORED) | _hashes(present.rejected, present.manifests.values())
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


def _recorded(history: History, target: Target, feeds: list[str]) -> dict[str, str]:
    """Hash of every file as the whole run recorded it: its artifacts are committed one after the other."""
    ledgers = [history.ledger(name).select(["recorded_at", "run_id"]).to_pylist() for name in (*feeds, _REJECTED)]
    end = max(row["recorded_at"] for rows in ledgers for row in rows if row["run_id"] == target.made["run_id"])
    return _hashes(history.rows(_REJECTED, as_of=end), [history.rows(feed, as_of=end) for feed in feeds])


def _hashes(rejected: pa.Table, manifests: Iterable[pa.Table]) -> dict[str, str]:
    """Hash of every file that landed or was refused."""
    refused = zip(rejected["file"].to_pylist(), rejected["file_sha256"].to_pylist(), strict=True)
    found = {file: sha256[:SHORT] if sha256 else _IGNORED for file, sha256 in refused}
    for manifest in manifests:
        found |= zip(manifest["origin"].to_pylist(), (sha256[:SHORT] for sha256 in manifest["file_sha256"].to_pylist()), strict=True)
    return found
