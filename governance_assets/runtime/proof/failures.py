"""What a verification finds: failures, each with its place, and the report over all of them.

Belongs here: the order of failures and their wording. Does not belong here: finding them (``sealed.py``, ``entries.py``,
``content.py``, ``landed.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["entry", "alert", "seal", "store"]
_ORDER: dict[str, int] = {"entry": 0, "alert": 1, "seal": 2, "store": 3}
_PLURAL = {"entry": "entries", "alert": "alerts", "seal": "seals", "store": "store"}
SHOWN = 20


class Unreadable(Exception):
    """Something of the store cannot be read; the message says what and why."""


@dataclass(frozen=True)
class Failure:
    """Something that does not hold: at one place, or at one of the places from ``number`` to ``last``."""

    kind: Kind
    number: int
    found: str
    expected: str
    last: int | None = None

    @property
    def place(self) -> str:
        """Where it is, in words."""
        if self.kind == "store":
            return "store"
        if self.last is None or self.last == self.number:
            return f"{self.kind} {self.number}"
        return f"one of {_PLURAL[self.kind]} {self.number} to {self.last}"

    @property
    def order(self) -> tuple[int, int, bool, int]:
        """Entries first, by number; a range counts from its end, for what is exact says more."""
        return _ORDER[self.kind], self.number if self.last is None else self.last, self.last is not None, self.number

    def __str__(self) -> str:
        return f"{self.place}: found {self.found}, expected {self.expected}"


@dataclass
class Report:
    """What a verification found: numbers up to which entries exist, are sealed and are anchored, failures in order, and notes."""

    entries: int = 0
    sealed: int = 0
    anchored: int = 0
    seals: int = 0
    head: str = ""
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_intact(self) -> bool:
        """Whether everything holds."""
        return not self.failures

    @property
    def first(self) -> Failure | None:
        """The first thing that does not hold."""
        return min(self.failures, key=lambda one: one.order, default=None)

    @property
    def first_entry(self) -> int | None:
        """The number of the first entry that does not hold; None when no failure is one of an entry."""
        return self.first.number if self.first is not None and self.first.kind == "entry" else None

    def text(self) -> str:
        """The report in lines."""
        lines = [f"{self.entries:,} ledger entries, sealed up to {self.sealed:,}, anchored up to {self.anchored:,}", self._tail()]
        if self.head:
            lines.append(f"seal {self.seals}, head {self.head}")
        lines += self.notes
        if self.first is None:
            return "\n".join([*lines, "everything that was read holds"])
        lines.append(f"{len(self.failures):,} failures, first: {self.first}")
        ordered = sorted(self.failures, key=lambda one: one.order)
        lines += [f"  {failure}" for failure in ordered[1 : 1 + SHOWN]]
        hidden = len(self.failures) - 1 - SHOWN
        return "\n".join([*lines, *([f"  … and {hidden:,} more"] if hidden > 0 else [])])

    def _tail(self) -> str:
        if self.entries <= self.anchored:
            return "no entry follows the last anchor"
        tail = f"entries {self.anchored + 1:,} to {self.entries:,}" if self.entries > self.anchored + 1 else f"entry {self.entries:,}"
        return f"{tail} after the last anchor: recomputed from the store alone, an edit with new digests would not show there"
