"""Whether entries, alerts, seals and anchors agree.

Belongs here: roots, the chain of seals, and comparing both with anchors. Does not belong here: sealing (``seals.py``) or the files of
anchors (``anchors.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from governance_assets.runtime.proof.anchors import Anchored
from governance_assets.runtime.proof.failures import Failure
from governance_assets.runtime.proof.leaves import NOTHING_BEFORE, head
from governance_assets.stats import merkle

Hashes = Mapping[int, bytes]
Row = Mapping[str, Any]
Part = Literal["entry", "alert"]
_PARTS: tuple[Part, Part] = ("entry", "alert")
_NUMBERS = ("seal", "first_entry", "last_entry", "first_alert", "last_alert")


def chain_failures(seals: Sequence[Row], entries: Hashes, alerts: Hashes) -> Iterator[Failure]:
    """Every seal must begin where the one before ended, be chained to it, and have the root of what it covers."""
    before: Row = {"seal": 0, "last_entry": 0, "last_alert": 0, "head_sha256": NOTHING_BEFORE}
    for row in seals:
        number = before["seal"] + 1
        unknown = [name for name in _NUMBERS if row[name] is None]
        if unknown:
            yield Failure("seal", number, f"no {', '.join(unknown)}", "numbers; it and what follows cannot be compared")
            return
        expected = {
            "seal": number,
            "first_entry": before["last_entry"] + 1,
            "first_alert": before["last_alert"] + 1,
            "previous_sha256": before["head_sha256"],
            "head_sha256": _head(row),
        }
        for name, value in expected.items():
            if row[name] != value:
                yield Failure("seal", number, f"{name} {row[name]}", f"{value}")
        yield from _root_failures(row, entries, alerts)
        before = row


def _head(row: Row) -> str:
    try:
        return head(row)
    except TypeError as error:
        return f"that of a whole seal ({error})"


def _root_failures(row: Row, entries: Hashes, alerts: Hashes) -> Iterator[Failure]:
    hashes, missing = _covered(row, entries, alerts)
    yield from missing
    if missing:
        return
    if len(hashes) != row["leaf_count"]:
        yield Failure("seal", row["seal"], f"leaf_count {row['leaf_count']}", f"{len(hashes)}")
    if not hashes or merkle.root_of_hashes(hashes).hex() != row["root_sha256"]:
        yield _somewhere(row, f"another root than seal {row['seal']} has", f"root {row['root_sha256']}")


def _covered(row: Row, entries: Hashes, alerts: Hashes) -> tuple[list[bytes], list[Failure]]:
    """The leaves that a seal covers, and the first of each kind that is not there."""
    found: list[bytes] = []
    missing: list[Failure] = []
    for part, hashes in zip(_PARTS, (entries, alerts), strict=True):
        first, last = row[f"first_{part}"], row[f"last_{part}"]
        # A forged range may be huge: the numbers that are there bound the search.
        absent = next((number for number in range(first, min(last, max(hashes, default=0) + 1) + 1) if number not in hashes), None)
        if absent is not None:
            missing.append(Failure(part, absent, f"no {part} {absent}", f"it, for seal {row['seal']} covers it"))
        else:
            found += [hashes[number] for number in range(first, last + 1)]
    return found, missing


def _somewhere(row: Row, found: str, expected: str) -> Failure:
    part: Part = "entry" if row["last_entry"] >= row["first_entry"] else "alert"
    return Failure(part, row[f"first_{part}"], found, expected, row[f"last_{part}"])


def anchor_failures(known: Anchored, seals: Sequence[Row], entries: Hashes, alerts: Hashes) -> Iterator[Failure]:
    """Every anchor must have its seal; where the leaves beside the anchors are kept, every entry its leaf."""
    for problem in known.problems:
        yield Failure("store", 0, problem, "a file of anchors that is whole")
    heads = {row["seal"]: row["head_sha256"] for row in seals}
    before = (0, 0)
    for number, anchor in sorted(known.anchors.items()):
        exact = list(_leaf_failures(known, number, entries, alerts))
        yield from exact
        after = (anchor.last_entry, anchor.last_alert)
        if number not in heads:
            yield Failure("seal", number, "no such seal, the history ends before it", f"head {anchor.head_sha256} as anchored")
        elif heads[number] != anchor.head_sha256:
            yield Failure("seal", number, f"head {heads[number]}", f"{anchor.head_sha256} as anchored")
        if not exact and number not in known.leaves and heads.get(number) != anchor.head_sha256:
            yield _unsure(number, before, after, entries)
        before = after


def _unsure(number: int, before: tuple[int, int], after: tuple[int, int], entries: Hashes) -> Failure:
    """Without the leaves the anchor tells only between which entries something was changed, or from where on all are gone."""
    found, expected = f"other content than anchored with seal {number}", "what was anchored"
    absent = next((entry for entry in range(before[0] + 1, min(after[0], max(entries, default=0) + 1) + 1) if entry not in entries), None)
    if absent is not None:
        return Failure(
            "entry", before[0] + 1, f"no entry {absent}, and perhaps others before it", f"what was anchored with seal {number}", absent
        )
    if after[0] > before[0]:
        return Failure("entry", before[0] + 1, found, expected, after[0])
    return Failure("alert", before[1] + 1, found, expected, after[1])


def _leaf_failures(known: Anchored, number: int, entries: Hashes, alerts: Hashes) -> Iterator[Failure]:
    if number not in known.leaves:
        return
    seal, left = known.seals[number], iter(known.leaves[number])
    for part, hashes in zip(_PARTS, (entries, alerts), strict=True):
        for at in range(seal[f"first_{part}"], seal[f"last_{part}"] + 1):
            expected = next(left, b"").hex()
            if at not in hashes:
                yield Failure(part, at, f"no {part} {at}", f"it, with leaf {expected} as anchored with seal {number}")
            elif hashes[at].hex() != expected:
                yield Failure(part, at, f"leaf {hashes[at].hex()}", f"{expected} as anchored with seal {number}")
