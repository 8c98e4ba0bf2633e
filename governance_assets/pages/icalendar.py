"""Calendar files by RFC 5545.

Belongs here: the format. Does not belong here: which events there are (a domain's ``report.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

_OCTETS = 75


@dataclass(frozen=True)
class Entry:
    """One event; one that ends as it starts is a bare instant."""

    uid: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    stamped_at: dt.datetime
    title: str
    notes: str = ""
    is_cancelled: bool = False


def calendar_file(product: str, entries: Iterable[Entry]) -> str:
    """The entries as one calendar: lines end in CRLF, texts are escaped, lines folded at 75 octets."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:-//governance_assets//{product}//EN"]
    for entry in entries:
        minutes = (entry.ends_at - entry.starts_at) // dt.timedelta(minutes=1)
        lines += [
            "BEGIN:VEVENT",
            f"UID:{_escaped(entry.uid)}",
            f"DTSTAMP:{_stamp(entry.stamped_at)}",
            f"DTSTART:{_stamp(entry.starts_at)}",
            *([f"DURATION:PT{minutes}M"] if minutes else []),
            f"SUMMARY:{_escaped(entry.title)}",
            f"DESCRIPTION:{_escaped(entry.notes)}",
            f"STATUS:{'CANCELLED' if entry.is_cancelled else 'CONFIRMED'}",
            "END:VEVENT",
        ]
    return "".join(f"{_folded(line)}\r\n" for line in [*lines, "END:VCALENDAR"])


def _stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return "\\n".join(plain.splitlines())


def _folded(line: str) -> str:
    """``line`` in pieces of at most 75 octets, none of which splits a letter; each further one begins with a blank."""
    pieces, room = [""], _OCTETS
    for letter in line:
        size = len(letter.encode())
        if size > room:
            pieces.append("")
            room = _OCTETS - 1
        pieces[-1] += letter
        room -= size
    return "\r\n ".join(pieces)
