"""Events of a CloudWatch log group.

Belongs here: windows and paging of FilterLogEvents. Does not belong here: what an event means.

A window reaches from where the last one ended, less an overlap for events that are filed late, to now by the service's clock.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator

from governance_assets.policy.sources import CloudwatchSource
from governance_assets.runtime.sources.live import COVERED, Ask, Cursor, Page, SourceError, instant, slug, stamp
from governance_assets.runtime.sources.live.amazon import Service, date_of, plain, written

PER_PAGE = 10_000  # the most that FilterLogEvents gives


def pages(source: CloudwatchSource, cursor: Cursor, ask: Ask) -> Iterator[Page]:
    """Every page behind ``cursor``: the rest of a window that broke off, else one window up to now."""
    service = Service("logs", source, ask)
    between = {COVERED: cursor[COVERED]} if COVERED in cursor else {}
    state = dict(cursor) if "token" in cursor else {**between, **_window(cursor, ask), "token": None, "page": 0}
    while True:
        given = {"logGroupName": source.log_group, "startTime": _ms(state["start"]), "endTime": _ms(state["end"]), "limit": PER_PAGE}
        given |= {"filterPattern": source.filter_pattern} if source.filter_pattern else {}
        given |= {"nextToken": state["token"]} if state["token"] else {}
        answer = service.ask("filter_log_events", between if state["token"] else None, **given)
        events = answer.get("events")
        if not isinstance(events, list):
            raise SourceError(f"CloudWatch {source.stream} answered no list of events")
        if not state["page"]:
            state["end_known"] = min(filter(None, (date_of(answer), instant(state["end"])))).isoformat()
        state |= {"page": state["page"] + 1, "token": answer.get("nextToken")}
        start, end = (stamp(instant(state[which]) or ask.now()) for which in ("start", "end"))
        digest = hashlib.sha256(json.dumps(events, sort_keys=True, default=written).encode()).hexdigest()[:8]
        name = f"{slug(source.stream)}/{start}--{end}__p{state['page']:04d}__{digest}.json"
        body = json.dumps(plain(answer), ensure_ascii=False, default=written).encode() if events else None
        yield Page(dict(state) if state["token"] else {COVERED: state["end_known"]}, name, body, len(events))
        if not state["token"]:
            return


def _window(cursor: Cursor, ask: Ask) -> dict[str, str]:
    covered, now = instant(cursor.get(COVERED)), ask.now()
    start = covered - ask.overlap if covered else now - dt.timedelta(days=ask.policy.lookback_days)
    # A clock of ours that is behind must not make a window that ends before it begins.
    return {"start": start.isoformat(), "end": max(now, start + ask.overlap).isoformat()}


def _ms(text: object) -> int:
    found = instant(text)
    assert found is not None
    return int(found.timestamp() * 1000)
