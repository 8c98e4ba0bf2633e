"""A table of an Airtable base, whole: its records page by page, which appear in the telemetry together.

Belongs here: paging and limits as Airtable documents them. Does not belong here: what a stage or a task means.

Airtable tells nothing of what was deleted or changed since, so every fetch reads the whole table. A table of which nothing has
changed lands nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from governance_assets.policy.sources import AirtableSource, SourcesPolicy
from governance_assets.runtime.alerts.channels import foreign, pause
from governance_assets.runtime.sources.live import COVERED, Ask, Cursor, NotConfigured, Page, SourceError, instant, records_of, stamp, web

if TYPE_CHECKING:
    import requests

PER_PAGE = 100  # the most that Airtable gives


def pages(source: AirtableSource, cursor: Cursor, ask: Ask) -> Iterator[Page]:
    """The pages of the table's present state, or the rest of them; the last one publishes the folder they wait in."""
    token = ask.secret(source.token_env)
    if importlib.util.find_spec("pyairtable") is None:
        raise NotConfigured("the package pyairtable is not installed; install governance-assets[airtable]")
    table = _Table(source, token, ask.policy)
    between = {name: cursor[name] for name in ("published", COVERED) if name in cursor}
    state = dict(cursor) if "offset" in cursor else {**between, "offset": None, "page": 0, "digest": ""}
    while True:
        body, headers = table.page(state["offset"], between)
        answered = _answered(source, body)
        if not state["page"]:
            state["began"] = (web.http_date(headers.get("Date")) or ask.now()).isoformat()
        state |= {"page": state["page"] + 1, "offset": answered.get("offset"), "digest": _chained(state["digest"], answered["records"])}
        named = f"{stamp(instant(state['began']) or ask.now())}__{source.holds}"
        folder = f"{source.base}/{named}"
        page = {
            "name": f"{folder}/{named}__p{state['page']:04d}.json",
            "body": body,
            "records": len(answered["records"]),
            "part_of": folder,
        }
        if state["offset"]:
            yield Page(dict(state), **page)
            continue
        is_new = state["digest"] != state.get("published")
        yield Page({"published": state["digest"], COVERED: state["began"]}, publishes=folder if is_new else "", **page)
        return


def _answered(source: AirtableSource, body: bytes) -> dict[str, Any]:
    what = f"Airtable {source.stream}"
    answered = records_of(body, what)
    records = answered.get("records") if isinstance(answered, dict) else None
    if not isinstance(records, list) or not all(isinstance(one, dict) and "id" in one and "fields" in one for one in records):
        raise SourceError(f"{what} answered something else than records")
    return dict(answered)


def _chained(digest: str, records: list[dict[str, Any]]) -> str:
    told = json.dumps(records, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(f"{digest}{told}".encode()).hexdigest()


class _Table:
    """One table, asked through pyairtable; its own repeats are off, for the engine knows when to ask again."""

    def __init__(self, source: AirtableSource, token: str, policy: SourcesPolicy) -> None:
        from pyairtable import Api

        self._source, self._token, self._policy = source, token, policy
        endpoint = web.safe_endpoint(source.endpoint, True)
        self._api = Api(token, timeout=(policy.timeout_s, policy.timeout_s), retry_strategy=None, endpoint_url=endpoint)
        self._api.session.hooks["response"].append(self._read)
        self._body = b""
        self._headers: dict[str, str] = {}

    def page(self, offset: str | None, between: Cursor) -> tuple[bytes, dict[str, str]]:
        """One page as it was received, and its headers."""
        import requests

        what = f"Airtable {self._source.stream}"
        url = self._api.build_url(self._source.base, self._source.table)
        try:
            self._api.get(url, params={"pageSize": PER_PAGE, **({"offset": offset} if offset else {})})
        except requests.exceptions.HTTPError as error:
            raise self._refusal(what, error.response, offset, between) from None
        except requests.exceptions.JSONDecodeError:
            pass  # what was received is judged by the caller, as every other page
        except (requests.exceptions.RequestException, OSError) as error:
            raise SourceError(f"{what} cannot be reached ({foreign(str(error), (self._token,)) or type(error).__name__})") from None
        return self._body, self._headers

    def _refusal(self, what: str, response: requests.Response, offset: str | None, between: Cursor) -> SourceError:
        answer = web.Answer(response.status_code, dict(response.headers), self._body)
        if offset and response.status_code == 422 and b"ITERATOR_NOT_AVAILABLE" in self._body:
            return SourceError(f"{what} no longer knows the page to go on with; the table is read anew", forgets=between)
        error = web.refusal(answer, what, (self._token,))
        if response.status_code != 429:
            return error
        after = max(self._policy.airtable_pause_s, pause(response.headers.get("Retry-After")) or 0.0)
        return SourceError(str(error), retry_after_s=after)

    def _read(self, response: requests.Response, **_: object) -> None:
        """Take the body in before requests does, which knows neither a deadline nor a limit of size."""
        from urllib3.exceptions import HTTPError

        what = f"Airtable {self._source.stream}"
        try:
            self._body = web.whole(lambda: response.raw.read1(web.PIECE, decode_content=True), self._policy, what)
        except (HTTPError, OSError) as error:
            raise SourceError(f"{what} broke off its answer ({type(error).__name__})") from None
        self._headers = dict(response.headers)
        response.raw = io.BytesIO(self._body)
