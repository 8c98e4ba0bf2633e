"""Sealing: one root over all entries and alerts since the last seal, chained to it, then anchored outside the store.

Belongs here: making a seal, one sealer at a time, and mending anchors that a kill left out. Does not belong here: the text of a
leaf (``leaves.py``), the files of anchors (``anchors.py``) or verification (``verify.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance_assets.runtime import clock
from governance_assets.runtime.commit_lock import HistoryError, file_lock
from governance_assets.runtime.history import History
from governance_assets.runtime.proof import anchors
from governance_assets.runtime.proof.anchors import Anchored
from governance_assets.runtime.proof.leaves import NOTHING_BEFORE, head, leaf_hashes
from governance_assets.runtime.store import LOCK_WAIT_S
from governance_assets.stats import merkle

Row = dict[str, Any]
_SHOWN = 12


class SealRefused(HistoryError):
    """The history is not what was sealed or anchored before: a further seal would cover that up."""


@dataclass(frozen=True)
class Seal:
    """One row of the table of seals; ranges are inclusive, and an empty one ends one below where it begins."""

    seal: int
    first_entry: int
    last_entry: int
    first_alert: int
    last_alert: int
    leaf_count: int
    root_sha256: str
    previous_sha256: str
    head_sha256: str
    sealed_at: dt.datetime
    sealed_by: str

    @property
    def name(self) -> str:
        """As pages and messages show it: the number and the first digits of the head."""
        return f"{self.seal} {self.head_sha256[:_SHOWN]}"


def seal(history: History, files: Sequence[Path], by: str, now: Callable[[], dt.datetime] = clock.now) -> Seal | None:
    """Seal what was recorded since the last seal and anchor it in every one of ``files``; None when there is nothing new.

    Anchors that an earlier sealer did not come to write are written first. Raises SealRefused when the store and an anchors file
    contradict each other, for then somebody has changed one of them.
    """
    with _alone(files):
        hashes: list[bytes] = []
        _anchor(history, files)
        row = history.append_seal(lambda *found: _make(*found, hashes, by, now()))
        if row is None:
            return None
        for path in files:
            anchors.append(path, [(row, hashes)])
        return Seal(**row)


def newest(history: History) -> Seal | None:
    """The newest seal; None when nothing was sealed yet."""
    rows = history.seals().to_pylist()[-1:]
    return Seal(**rows[0]) if rows else None


@contextmanager
def _alone(files: Sequence[Path]) -> Iterator[None]:
    with ExitStack() as stack:
        for path in sorted(set(files)):
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(file_lock(path.with_name(f"{path.name}.lock"), LOCK_WAIT_S))
        yield


def _make(previous: Row | None, entries: list[Row], found: list[Row], hashes: list[bytes], by: str, now: dt.datetime) -> Row | None:
    """The seal after ``previous``; its leaves go to ``hashes``, afresh whenever a passing conflict has it made again."""
    if not entries and not found:
        return None
    after = (previous["last_entry"], previous["last_alert"]) if previous else (0, 0)
    _check_numbers("entry", [row["entry"] for row in entries], after[0])
    _check_numbers("alert", [row["alert"] for row in found], after[1])
    hashes[:] = leaf_hashes(entries, found)
    row = {
        "seal": previous["seal"] + 1 if previous else 1,
        "first_entry": after[0] + 1,
        "last_entry": after[0] + len(entries),
        "first_alert": after[1] + 1,
        "last_alert": after[1] + len(found),
        "leaf_count": len(hashes),
        "root_sha256": merkle.root_of_hashes(hashes).hex(),
        "previous_sha256": previous["head_sha256"] if previous else NOTHING_BEFORE,
        "sealed_at": max(now, previous["sealed_at"]) if previous else now,
        "sealed_by": by,
    }
    return row | {"head_sha256": head(row)}


def _check_numbers(what: str, numbers: list[int], after: int) -> None:
    wrong = next(((found, at) for at, found in enumerate(numbers, start=after + 1) if found != at), None)
    if wrong is not None:
        raise SealRefused(f"found {what} {wrong[0]}, expected {what} {wrong[1]}; nothing was sealed, run governance verify")


def _anchor(history: History, files: Sequence[Path]) -> None:
    """Write the anchors that are missing, after making sure that those which are there are of this history."""
    seals = {row["seal"]: row for row in history.seals().to_pylist()}
    for path in files:
        known = anchors.read(path, with_leaves=False)
        _check_agree(seals, known)
        missing = [seals[number] for number in sorted(seals.keys() - known.anchors.keys())]
        if missing:
            anchors.append(path, [(row, _leaves_of(history, row)) for row in missing])


def _check_agree(seals: Mapping[int, Row], known: Anchored) -> None:
    for number, anchor in sorted(known.anchors.items()):
        found = seals[number]["head_sha256"] if number in seals else "no such seal"
        if found != anchor.head_sha256:
            raise SealRefused(
                f"seal {number}: found {found}, expected {anchor.head_sha256} as anchored in {known.path}; "
                "the store was changed or replaced by an older copy, run governance verify"
            )


def _leaves_of(history: History, row: Row) -> list[bytes]:
    between = "{0} BETWEEN {1} AND {2} ORDER BY {0}"
    entries = history.sql("FROM ledger WHERE " + between.format("entry", row["first_entry"], row["last_entry"])).to_pylist()
    found = history.sql("FROM alerts WHERE " + between.format("alert", row["first_alert"], row["last_alert"])).to_pylist()
    return leaf_hashes(entries, found)
