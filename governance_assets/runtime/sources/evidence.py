"""A folder of evidence as a listing: every file with its digest and size, and what the metadata.json that covers it says.

Belongs here: hashing files and reading metadata.json. Does not belong here: what metadata must hold (the domain ``milestones``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SUFFIX = ".evidence"
"""Ending under which the listing of an evidence folder is read."""
METADATA = "metadata.json"
_AUTHOR, _DATE, _INPUTS = ("author", "authors"), ("date", "generated_on", "generated_at", "created_at"), ("inputs", "input_files")
_COMMIT, _COMMANDS = ("git_commit", "commit", "git_sha", "git_revision"), ("validation_commands", "commands", "source_commands")
_LARGEST_METADATA = 1 << 20
_LONGEST = 2000
"""Characters of metadata beyond which a field is only counted as there."""


def listing(files: Iterable[Path], folder: Path, origin: str) -> bytes:
    """The listing of ``files`` below ``folder`` as JSON. Raises OSError when one cannot be read."""
    rows = []
    known: dict[Path, Mapping[str, Any] | None] = {}
    for path in sorted(files):
        metadata = _covering(path.parent, folder, known)
        own = path.name != METADATA
        rows.append({**_file(path, folder, origin), **(_described(metadata) if own else {})})
    return json.dumps(rows, ensure_ascii=True).encode()


def modified(path: Path) -> str:
    """The day, in UTC, on which a file was last changed."""
    return dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC).date().isoformat()


def _file(path: Path, folder: Path, origin: str) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    inside = path.relative_to(folder).as_posix().encode("utf-8", "backslashreplace").decode()
    return {"path": f"{origin.removeprefix('evidence/')}{inside}", "sha256": digest, "size": path.stat().st_size, "as_of": modified(path)}


def _covering(folder: Path, top: Path, known: dict[Path, Mapping[str, Any] | None]) -> Mapping[str, Any] | None:
    """The metadata of the nearest folder upwards that has some."""
    if folder not in known:
        own = _metadata(folder / METADATA)
        known[folder] = own if own is not None or folder == top else _covering(folder.parent, top, known)
    return known[folder]


def _metadata(path: Path) -> Mapping[str, Any] | None:
    if not path.is_file() or path.is_symlink() or path.stat().st_size > _LARGEST_METADATA:
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _described(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    if metadata is None:
        return {"has_metadata": False}
    commands = _first(metadata, _COMMANDS)
    stated = _line(_first(metadata, _DATE))
    return {
        "has_metadata": True,
        "instant": stated if _is_instant(stated) else None,
        "author": _line(_first(metadata, _AUTHOR)),
        "has_author": bool(_first(metadata, _AUTHOR)),
        "has_date": bool(stated),
        "has_inputs": bool(_first(metadata, _INPUTS)),
        "has_commit": bool(_first(metadata, _COMMIT)),
        "metadata_fields": ",".join(sorted(map(str, metadata)))[:_LONGEST],
        "inputs": _lines(_first(metadata, _INPUTS)),
        "commit": _line(_first(metadata, _COMMIT)),
        "commands": _lines(commands),
        "command_count": len(commands) if isinstance(commands, list) else int(bool(commands)),
    }


def _first(metadata: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((metadata[name] for name in names if metadata.get(name)), None)


def _line(value: Any) -> str | None:
    text = ", ".join(map(str, value)) if isinstance(value, list) else None if value is None else str(value)
    return None if text is None else " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_LONGEST]


def _lines(value: Any) -> str | None:
    if value is None:
        return None
    return "\n".join(filter(None, (_line(each) for each in (value if isinstance(value, list) else [value]))))[:_LONGEST]


def _is_instant(text: str | None) -> bool:
    try:
        return text is not None and bool(dt.datetime.fromisoformat(text))
    except ValueError:
        return False
