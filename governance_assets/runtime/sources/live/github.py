"""Issues and pull requests of a repository, by GitHub's REST interface.

Belongs here: paging, conditional requests and limits as GitHub documents them. Does not belong here: what an issue means.

A sweep lists what was updated since the last one, oldest first by creation: an issue that is updated meanwhile can only move in,
never make another one slip past. The next sweep begins where the server's clock stood when this one began.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator
from urllib.parse import urlencode

from governance_assets.policy.sources import GithubSource
from governance_assets.runtime.alerts.channels import pause
from governance_assets.runtime.sources.live import COVERED, Ask, Cursor, Page, SourceError, instant, records_of, slug, stamp, web

PER_PAGE = 100  # the most that GitHub gives
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')
_SECONDS = "%Y-%m-%dT%H:%M:%SZ"


def pages(source: GithubSource, cursor: Cursor, ask: Ask) -> Iterator[Page]:
    """Every page behind ``cursor``: the rest of a sweep that broke off, else a sweep of what was updated since the last one."""
    token = ask.secret(source.token_env)
    endpoint = web.safe_endpoint(source.endpoint, bool(token))
    between = {name: cursor[name] for name in ("since", "etag", COVERED) if name in cursor}
    state = dict(cursor) if "next" in cursor else {**between, "next": _first(endpoint, source, cursor.get("since")), "page": 0}
    while state["next"]:
        answer = _ask(source, state, token, between, ask)
        if answer.status == 304:
            yield Page({**between, COVERED: (answer.date or ask.now()).isoformat()})
            return
        records = _records(source, answer)
        if not state["page"]:
            state |= {"began": (answer.date or ask.now()).isoformat(), "since_next": _since_next(answer.date, ask)}
        state |= {"page": state["page"] + 1, "next": _following(source, endpoint, answer)}
        began = instant(state["began"]) or ask.now()
        digest = hashlib.sha256(answer.body).hexdigest()[:8]
        name = f"{slug(source.repository)}/{stamp(began)}__p{state['page']:04d}__{digest}.json"
        is_empty = state["page"] == 1 and not records
        behind = state if state["next"] else _settled(state, answer.header("ETag") if is_empty else None, is_empty)
        yield Page(behind, name, answer.body if records else None, len(records))


def _settled(state: Cursor, etag: str | None, is_empty: bool) -> dict[str, object]:
    """The cursor between two sweeps.

    ``since`` moves on only behind records: as long as nothing comes the address stays the same, and its ETag saves the answer.
    """
    since = state.get("since") if is_empty else state["since_next"] or state.get("since")
    kept = {"since": since, "etag": etag, COVERED: state["began"]}
    return {name: value for name, value in kept.items() if value is not None}


def _records(source: GithubSource, answer: web.Answer) -> list[object]:
    records = records_of(answer.body, f"GitHub {source.repository}")
    if not isinstance(records, list) or not all(isinstance(record, dict) and "number" in record for record in records):
        raise SourceError(f"GitHub {source.repository} answered something else than a list of issues")
    return records


def _first(endpoint: str, source: GithubSource, since: object) -> str:
    query = {"state": "all", "sort": "created", "direction": "asc", "per_page": str(PER_PAGE)}
    query |= {"since": str(since)} if since else {}
    return f"{endpoint}/repos/{source.repository}/issues?{urlencode(query)}"


def _ask(source: GithubSource, state: Cursor, token: str, between: Cursor, ask: Ask) -> web.Answer:
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"If-None-Match": str(state["etag"])} if state.get("etag") and not state["page"] else {}
    answer = web.get(str(state["next"]), headers, ask.policy, f"GitHub {source.repository}", (token,))
    if answer.status == 200 or (answer.status == 304 and "If-None-Match" in headers):
        return answer
    if answer.status == 422 and state["page"]:
        raise SourceError(f"GitHub {source.repository} no longer knows the page to go on with; the sweep begins anew", forgets=between)
    raise _refusal(source, answer, token, ask)


def _refusal(source: GithubSource, answer: web.Answer, token: str, ask: Ask) -> SourceError:
    """403 and 429 are limits when GitHub says so: a pause, a count that is used up, or the words of the secondary limit."""
    error = web.refusal(answer, f"GitHub {source.repository}", (token,))
    if answer.status not in (403, 429):
        return error
    after = pause(answer.header("Retry-After"))
    if after is None and answer.header("X-RateLimit-Remaining") == "0":
        after = _until_reset(answer, ask)
    if after is None and (answer.status == 429 or b"rate limit" in answer.body.lower()):
        after = ask.policy.github_pause_s
    return error if after is None else SourceError(str(error), retry_after_s=after)


def _until_reset(answer: web.Answer, ask: Ask) -> float | None:
    """Seconds until the limit is reset, by the server's own clock: this machine's may be wrong."""
    try:
        reset = dt.datetime.fromtimestamp(int(answer.header("X-RateLimit-Reset") or ""), dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return max(0.0, (reset - (answer.date or ask.now())).total_seconds()) + 1


def _following(source: GithubSource, endpoint: str, answer: web.Answer) -> str | None:
    found = _NEXT.search(answer.header("Link") or "")
    if found is None:
        return None
    if web.origin(found[1]) != web.origin(endpoint):
        raise SourceError(
            f"GitHub {source.repository} points to a page of another host; name the host that answers as endpoint", is_permanent=True
        )
    return found[1]


def _since_next(date: dt.datetime | None, ask: Ask) -> str | None:
    """Where the next sweep begins; None when the server states no time: then it begins where this one did."""
    return (date - ask.overlap).astimezone(dt.UTC).strftime(_SECONDS) if date else None
