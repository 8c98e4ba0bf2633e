"""What is recorded of fetches, read: one row for each source of the policy, and one for each kind that has none.

Belongs here: reading the lines that fetches leave. Does not belong here: fetching, or judging how it went.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance_assets.policy.sources import SourcesPolicy
from governance_assets.runtime.sources.live import instant
from governance_assets.runtime.sources.live.landing import FETCHES, memory

BEGAN, ENDED = "began", "ended"
NOT_CONFIGURED, CONFIGURED, OK, PARTIAL, FAILED = "not_configured", "configured", "ok", "partial", "failed"
_HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Record:
    """The lines of one source that matter: its first fetch, its last one, and the last that ended whole."""

    first: dict[str, Any] | None = None
    began: dict[str, Any] | None = None
    ended: dict[str, Any] | None = None
    whole: dict[str, Any] | None = None

    @classmethod
    def read(cls, folder: Path, until: dt.datetime | None = None) -> Record:
        """The record in ``folder``, up to an instant; a line that a kill cut short is none."""
        first = began = ended = whole = None
        path = folder / FETCHES
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
            line = _line(text)
            when = instant(line.get("at")) if line else None
            if line is None or when is None or (until is not None and when > until):
                continue
            if line.get("event") == BEGAN:
                first, began = first or line, line
            else:
                ended = line
                whole = line if line.get("state") == OK else whole
        return cls(first, began, ended, whole)

    @property
    def is_cut(self) -> bool:
        """Whether the last fetch left no word of its end."""
        return self.began is not None and (self.ended is None or self.ended["at"] < self.began["at"])


def _line(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def fetches(home: Path, policy: SourcesPolicy, until: dt.datetime) -> list[dict[str, Any]]:
    """One row for each source that the policy names, and one for each kind of which it names none, as they stood at ``until``."""
    rows = []
    for kind in policy.KINDS:
        named = policy.of(kind)
        rows += [_row(kind, entry.stream, Record.read(memory(home, kind, entry.stream), until), policy, until) for entry in named]
        if not named:
            rows.append(_row(kind, "", Record(), policy, until) | {"state": NOT_CONFIGURED, "reason": _nothing_named(kind)})
    return rows


def _nothing_named(kind: str) -> str:
    return f"governance.yaml names no source below sources.{kind}; files of the telemetry folder are read all the same"


def _row(kind: str, stream: str, record: Record, policy: SourcesPolicy, until: dt.datetime) -> dict[str, Any]:
    last = record.ended or {}
    state, reason = (
        (CONFIGURED, "it was never fetched; `governance fetch` does, as its schedule will") if not last else (last["state"], last["error"])
    )
    gap_until = last.get("gap_until")
    if record.is_cut and record.began is not None:
        state, gap_until = PARTIAL, record.began["at"]
        reason = f"the fetch that began at {gap_until} has not ended: it runs now, or was killed; the next one goes on"
    covered = instant(last.get("covered_until")) or instant((record.whole or {}).get("covered_until"))
    since = record.whole or record.first
    return {
        "source": kind,
        "stream": stream,
        "state": state,
        "reason": reason,
        "started_at": instant((record.began or {}).get("at")),
        "ended_at": None if record.is_cut else instant(last.get("at")),
        "pages": int(last.get("pages", 0)),
        "records": int(last.get("records", 0)),
        "files": int(last.get("files", 0)),
        "cursor": str(last.get("cursor", "")),
        "last_whole_at": instant((record.whole or {}).get("at")),
        "gap_since": covered if gap_until else None,
        "gap_until": instant(gap_until),
        "not_before": instant(last.get("not_before")),
        "hours_since_whole": max(0, (until - _at(since)) // _HOUR) if since else None,
        "stale_after_hours": policy.stale_after_hours,
    }


def _at(line: dict[str, Any]) -> dt.datetime:
    when = instant(line["at"])
    assert when is not None
    return when
