"""How numbers, dates and verdicts read on every page: rounded, worded and cleaned in one place.

Belongs here: turning one value into one piece of text. Does not belong here: arranging pieces (``site.py``, templates) or
reaching a verdict (a domain's ``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import math
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from governance_assets.finding import Finding, worst

ABSENT = "–"
"""Stands where there is no value."""


@dataclass(frozen=True)
class Verdict:
    """How a verdict is shown: its word, its tone (a colour of the theme) and its shape (a symbol of the page)."""

    word: str
    tone: str
    shape: str


VERDICTS = {
    "error": Verdict("Broken", "fail", "broken"),
    "fail": Verdict("Fail", "fail", "cross"),
    "warn": Verdict("Warning", "warn", "triangle"),
    "unknown": Verdict("Unknown", "unknown", "diamond"),
    "inconclusive": Verdict("Inconclusive", "unknown", "diamond"),
    "not_enough_data": Verdict("Not enough data", "unknown", "ring"),
    "never": Verdict("No data yet", "none", "ring"),
    "not_judged": Verdict("Not judged", "none", "dash"),
    "not_applicable": Verdict("Not applicable", "none", "dash"),
    "pass": Verdict("Pass", "pass", "tick"),
}
"""Every verdict a page can show, worst first."""


def verdict_of(findings: Iterable[Finding]) -> str:
    """The verdict to show for many findings: the worst outcome, where only-warning failures are a warning."""
    found = tuple(findings)
    outcome = worst(found)
    if outcome == "fail" and all(finding.severity == "warn" for finding in found if finding.outcome == "fail"):
        return "warn"
    return outcome


def figure(value: Any, unit: str | None = None) -> str:
    """``value`` as people read it: fractions as per cent, four significant digits, ISO dates, a dash for nothing.

    >>> figure(0.7812, "fraction"), figure(1234567), figure(0.000123456), figure(None)
    ('78.1 %', '1,234,567', '0.0001235', '–')
    """
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dt.datetime):
        return instant(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, (int, float)):
        return _number(value, unit)
    return str(value)


def instant(value: dt.datetime) -> str:
    """``value`` in UTC, to the minute; a naive instant counts as UTC."""
    aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return f"{aware.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def count(number: int, noun: str, plural: str = "") -> str:
    """``number`` with its noun: 1 artifact, 2 artifacts."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def clean(text: str) -> str:
    """``text`` without characters that break XML or turn the reading direction round.

    >>> clean("a\\x00b\\u202ec\\nd") == "a\\ufffdb\\ufffdc\\nd"
    True
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if _is_harmful(character) else character for character in text)


def one_line(text: str, limit: int) -> str:
    """``text`` cleaned, without line breaks and unseen marks, and cut to ``limit`` characters."""
    unbroken = clean(" ".join(text.split())).translate(_UNSEEN)
    return cut(" ".join(unbroken.split()), limit)


def cut(text: str, limit: int, shape: Callable[[str], str] = str) -> str:
    """``text`` with each character shaped, in at most ``limit`` characters: no half shape, and saying how much is left out.

    >>> cut("a fairly long text", 40), cut("<" * 30, 40, {"<": "&lt;"}.get)
    ('a fairly long text', '&lt;&lt;&lt; … and 27 more characters')
    """
    shaped = [shape(character) for character in text]
    if sum(map(len, shaped)) <= limit:
        return "".join(shaped)
    room, kept = limit - len(more(len(text), "character")) - 1, 0
    while kept < len(shaped) and room >= len(shaped[kept]):
        room -= len(shaped[kept])
        kept += 1
    return "".join(shaped[:kept]) + " " + more(len(text) - kept, "character")


def more(number: int, noun: str) -> str:
    """Stands at the end of what was cut: … and 2 more lines."""
    return f"… and {count(number, f'more {noun}')}"


# Marks that steer the reading direction, or join and part words, without showing.
_UNSEEN = dict.fromkeys(map(ord, "\u200e\u200f\u061c\u200b\u2060\ufeff"))


def _is_harmful(character: str) -> bool:
    if character in "\n\t":
        return False
    if character in "\ufffe\uffff" or "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069":
        return True
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def _number(value: float, unit: str | None) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return ABSENT
    if unit == "fraction":
        return f"{100 * value:.1f} %"
    if isinstance(value, int):
        return f"{value:,}"
    value += 0.0  # a negative zero reads as none
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.4g}"
