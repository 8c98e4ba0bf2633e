"""Anchors: the heads of all seals, written where whoever can write the store should not be able to write.

Belongs here: the files of anchors, their lines, appending and reading them. Does not belong here: what a seal is (``seals.py``) or
whether anchors and seals agree (``sealed.py``).

An anchors file has one line of JSON a seal, and beside it lies a file of leaves: the seal itself and the hashes of its leaves.
The anchors alone prove everything; the leaves let a verification name the very entry that was changed, not only the seal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from governance_assets.runtime.proof.leaves import as_told, canonical, head
from governance_assets.stats import merkle

VARIABLE = "GOVERNANCE_ANCHORS"
_DIGITS = 2 * merkle.DIGEST_BYTES


@dataclass(frozen=True)
class Anchor:
    """One line of an anchors file."""

    seal: int
    head_sha256: str
    last_entry: int
    last_alert: int
    sealed_at: str


@dataclass(frozen=True)
class Anchored:
    """What one anchors file says: its anchors by seal, the leaves of those seals as far as they are kept, and unreadable lines."""

    path: Path
    anchors: dict[int, Anchor] = field(default_factory=dict)
    seals: dict[int, dict[str, Any]] = field(default_factory=dict)
    leaves: dict[int, list[bytes]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def default_files(home: Path, environment: Mapping[str, str]) -> list[Path]:
    """The anchors files of an installation: its own, and the one that the environment names, which should lie elsewhere."""
    outside = environment.get(VARIABLE)
    return [home / "anchors" / "anchors.jsonl", *([Path(outside).absolute()] if outside else [])]


def leaves_file(path: Path) -> Path:
    """The file of leaves beside the anchors file at ``path``."""
    return path.with_name(f"{path.stem}.leaves{path.suffix or '.jsonl'}")


def append(path: Path, sealed: Iterable[tuple[Mapping[str, Any], Sequence[bytes]]]) -> None:
    """Append seals with their hashed leaves to the anchors file at ``path``: on disk when this returns."""
    lines, details = [], []
    for seal, hashes in sealed:
        told = as_told(seal)
        lines.append(canonical({name: told[name] for name in Anchor.__dataclass_fields__}))
        details.append(canonical({"leaves": b"".join(hashes).hex(), "seal": told}))
    # The leaves first: an anchor is never without them.
    for file, new in ((leaves_file(path), details), (path, lines)):
        _append(file, new)


def _append(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        if file.tell():  # a kill may have left part of a line: it stays, and the next one starts afresh
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write("".join(f"{line}\n" for line in lines).encode())
        file.flush()
        os.fsync(file.fileno())


def read(path: Path, with_leaves: bool = True) -> Anchored:
    """What the anchors file at ``path`` says; nothing when there is none. Raises OSError when it cannot be read."""
    found = Anchored(path)
    for number, line, known in _objects(path, found.problems):
        try:
            anchor = Anchor(**{name: known[name] for name in Anchor.__dataclass_fields__})
            if not isinstance(anchor.seal, int) or not isinstance(anchor.head_sha256, str) or not isinstance(anchor.last_entry, int):
                raise TypeError("a number or head of another kind")
        except (KeyError, TypeError):
            found.problems.append(f"{path.name}, line {number}: found {line[:80]!r}, expected an anchor")
            continue
        if found.anchors.setdefault(anchor.seal, anchor).head_sha256 != anchor.head_sha256:
            found.problems.append(f"{path.name}, line {number}: found another head of seal {anchor.seal}, expected the one before it")
    if with_leaves:
        _read_leaves(found)
    return found


def _read_leaves(found: Anchored) -> None:
    """The leaves of the anchored seals. They need no trust: what does not lead to an anchor's head is left out."""
    for _, _, known in _objects(leaves_file(found.path), []):
        try:
            seal, text = dict(known["seal"]), str(known["leaves"])
            anchor = found.anchors.get(seal["seal"])
            if anchor is None or head(seal) != anchor.head_sha256:
                continue
            hashes = [bytes.fromhex(text[start : start + _DIGITS]) for start in range(0, len(text), _DIGITS)]
            if merkle.root_of_hashes(hashes).hex() == seal["root_sha256"]:
                found.seals[anchor.seal], found.leaves[anchor.seal] = seal, hashes
        except (KeyError, TypeError, ValueError):
            continue  # torn, or not ours: the anchor stands without it


def _objects(path: Path, problems: list[str]) -> Iterable[tuple[int, str, dict[str, Any]]]:
    if not path.exists():
        return
    lines = path.read_bytes().decode("utf-8", "replace").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            known = json.loads(line)
        except (ValueError, RecursionError):
            known = None
        if isinstance(known, dict):
            yield number, line, known
        elif not _is_torn(line, lines[number:]):
            problems.append(f"{path.name}, line {number}: found {line[:80]!r}, expected an anchor")


def _is_torn(line: str, later: Sequence[str]) -> bool:
    """Whether ``line`` is what a kill left of one that was then written again, or of the last one."""
    return not later or any(again.startswith(line) for again in later)
