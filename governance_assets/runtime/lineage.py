"""The tree behind one figure: from a partition to its inputs' hashes, the code, the commit, the run and the command."""

import json

from rich.markup import escape
from rich.tree import Tree

from governance_assets.runtime.history import History
from governance_assets.runtime.settings import SettingsError

_SHORT = 12


def tree(history: History, artifact: str, partition: str) -> Tree:
    """The newest ledger entry of a partition and, below it, what it was made from, down to landed files.

    An input that was recorded again since is marked. Raises SettingsError when nothing is recorded.
    """
    entry = _newest(history, artifact, partition)
    if entry is None:
        raise SettingsError(f"nothing is recorded for {artifact} {partition}; `governance history {artifact}` lists its partitions")
    root = Tree(_title(artifact, partition, entry))
    _grow(history, root, entry, {(artifact, partition)})
    return root


def _grow(history: History, node: Tree, entry: dict[str, object], seen: set[tuple[str, str]]) -> None:
    node.add(f"code {str(entry['code_version'])[:_SHORT]}, commit {_commit(entry)}, policy {str(entry['policy_sha256'])[:_SHORT]}")
    node.add(escape(f"run {entry['run_id']} by {entry['committed_by']}: {_commands(entry)}"))
    for used in json.loads(str(entry["inputs"])):
        name, key = used["artifact"], used["partition_key"]
        if used["revision"] == 0:
            node.add(escape(f"file {key} ({name}){_bytes(history, used)}, its rows {used['sha256'][:_SHORT]}"))
            continue
        below = _newest(history, name, key)
        if below is None or (name, key) in seen:
            node.add(escape(f"{name} {key} revision {used['revision']}, content {used['sha256'][:_SHORT]} (shown above)"))
            continue
        seen.add((name, key))
        later = "" if below["revision"] == used["revision"] else f" — used revision {used['revision']}, restated since"
        _grow(history, node.add(_title(name, key, below) + later), below, seen)


def _bytes(history: History, used: dict[str, str]) -> str:
    """The hash of the file's bytes, when the newest manifest still has the rows that were used."""
    for file in history.rows(used["artifact"]).select(["origin", "file_sha256", "week_digests"]).to_pylist():
        if file["origin"] == used["partition_key"]:
            return f", bytes {file['file_sha256'][:_SHORT]}" if used["sha256"] in file["week_digests"] else ", replaced since"
    return ", gone since"


def _newest(history: History, artifact: str, partition: str) -> dict[str, object] | None:
    entries = history.ledger(artifact, partition).to_pylist()
    recorded = [entry for entry in entries if entry["revision"] is not None]
    return max(recorded, key=lambda entry: entry["entry"]) if recorded else None


def _title(artifact: str, partition: str, entry: dict[str, object]) -> str:
    what = f"revision {entry['revision']}, {entry['row_count']} rows, content {str(entry['content_sha256'])[:_SHORT]}"
    return escape(f"{artifact} {partition}: {what}, recorded {entry['recorded_at']}")


def _commit(entry: dict[str, object]) -> str:
    revision = entry["git_revision"]
    if not revision:
        return "unknown (not run from a checkout)"
    return f"{str(revision)[:_SHORT]}{' with uncommitted changes' if entry['git_dirty'] else ''}"


def _commands(entry: dict[str, object]) -> str:
    return ", ".join(json.loads(str(entry["source_commands"])))
