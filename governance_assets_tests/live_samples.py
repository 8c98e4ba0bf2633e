"""What the tests of live sources share: a fetch into a temporary folder, and servers that answer as GitHub and Airtable document."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from governance_assets.policy.sources import LiveSource, SourcesPolicy
from governance_assets.runtime.sources.live import engine, records
from governance_assets.runtime.sources.live.landing import CURSOR, memory
from governance_assets_tests.channel_samples import SECRET, Answer, Receiver, Request

NOW = dt.datetime(2025, 11, 20, 8, 30, tzinfo=dt.UTC)
HTTP_NOW = "Thu, 20 Nov 2025 08:30:00 GMT"
ENVIRONMENT = {"GITHUB_TOKEN": SECRET, "AIRTABLE_TOKEN": SECRET}


@dataclass
class Bench:
    """A telemetry folder and a home, a clock that stands until it is moved, and the pauses that were kept."""

    root: Path
    policy: SourcesPolicy = field(default_factory=lambda: SourcesPolicy(timeout_s=2.0, page_seconds=2.0))
    environment: dict[str, str] = field(default_factory=lambda: dict(ENVIRONMENT))
    now: dt.datetime = NOW
    pauses: list[float] = field(default_factory=list)

    @property
    def places(self) -> engine.Places:
        return engine.Places(self.root / "home", self.root / "telemetry")

    def fetch(self, kind: str, source: LiveSource) -> engine.Fetched:
        """One fetch; pauses take no time."""
        return engine.fetch(kind, source, self.policy, self.places, self.environment, now=lambda: self.now, sleep=self.pauses.append)

    def files(self) -> dict[str, bytes]:
        """Every file of the telemetry folder."""
        folder = self.places.telemetry
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    def cursor(self, kind: str, source: LiveSource) -> dict[str, Any]:
        """What is remembered of a source."""
        return dict(json.loads((memory(self.places.home, kind, source.stream) / CURSOR).read_text()))

    def row(self, kind: str, source: LiveSource, **named: object) -> dict[str, Any]:
        """The row of source_fetches."""
        policy = self.policy.model_copy(update={kind: (source,), **named})
        (row,) = [one for one in records.fetches(self.places.home, policy, self.now) if one["stream"] == source.stream]
        return row

    def everything(self) -> bytes:
        """The bytes of all that a fetch left anywhere, names included."""
        paths = sorted(self.root.rglob("*"))
        return b"\n".join([str(paths).encode(), *(path.read_bytes() for path in paths if path.is_file())])


@dataclass
class Github:
    """The list of issues of one repository, as GitHub's REST interface documents it."""

    issues: list[dict[str, Any]]
    date: str = HTTP_NOW
    faults: list[Answer | None] = field(default_factory=list)
    """What is said to the next requests in place of an answer; None answers."""

    def __post_init__(self) -> None:
        self.server = Receiver(self._respond)

    @property
    def requests(self) -> list[Request]:
        return self.server.requests

    def _respond(self, request: Request) -> Answer:
        if self.faults and (fault := self.faults.pop(0)) is not None:
            return fault
        assert request.path.startswith("/repos/octo/data/issues?")
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        assert (query["state"], query["sort"], query["direction"]) == ("all", "created", "asc")
        found = [one for one in self.issues if one["updated_at"] >= query.get("since", "")]
        size, number = int(query["per_page"]), int(query.get("page", 1))
        body = json.dumps(found[size * (number - 1) : size * number]).encode()
        etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
        headers = {"Date": self.date, "ETag": etag, "X-RateLimit-Remaining": "4999", "Content-Type": "application/json; charset=utf-8"}
        if request.headers.get("If-None-Match") == etag:
            return Answer(304, b"", headers)
        if size * number < len(found):
            first = f"{self.server.url}/repos/octo/data/issues?{urlencode({**query, 'page': 1})}"
            following = f"{self.server.url}/repos/octo/data/issues?{urlencode({**query, 'page': number + 1})}"
            headers["Link"] = f'<{first}>; rel="first", <{following}>; rel="next", <{following}>; rel="last"'
        return Answer(200, body, headers)


def issue(number: int, updated: str = "2025-11-10T00:00:00Z") -> dict[str, Any]:
    """One issue; every third is a pull request."""
    plain = {"id": 9_000 + number, "number": number, "title": f"issue {number}", "state": "open", "labels": []}
    told = {"created_at": "2025-11-01T00:00:00Z", "updated_at": updated, "closed_at": None, "html_url": f"https://example.org/{number}"}
    return plain | told | ({"pull_request": {"merged_at": None}} if number % 3 == 0 else {})


@dataclass
class Airtable:
    """The records of one table, as Airtable's interface documents it: pages by offset, an offset that may be forgotten."""

    records: list[dict[str, Any]]
    date: str = HTTP_NOW
    faults: list[Answer | None] = field(default_factory=list)
    state: int = 0

    def __post_init__(self) -> None:
        self.server = Receiver(self._respond)

    @property
    def requests(self) -> list[Request]:
        return self.server.requests

    def _respond(self, request: Request) -> Answer:
        if self.faults and (fault := self.faults.pop(0)) is not None:
            return fault
        parts = urlsplit(request.path)
        assert parts.path == "/v0/appPlan1/The%20Stages"
        assert request.headers["Authorization"] == f"Bearer {SECRET}"
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        iterator, _, at = query.get("offset", f"itr{self.state}/0").partition("/")
        if iterator != f"itr{self.state}":
            error = {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "message": "The iterator is not available"}}
            return Answer(422, json.dumps(error).encode(), {"Date": self.date})
        size, start = int(query["pageSize"]), int(at)
        page: dict[str, Any] = {"records": self.records[start : start + size]}
        if start + size < len(self.records):
            page["offset"] = f"itr{self.state}/{start + size}"
        return Answer(200, json.dumps(page).encode(), {"Date": self.date, "Content-Type": "application/json"})


def stage(number: int, status: str = "Todo") -> dict[str, Any]:
    """One record of a table."""
    return {
        "id": f"rec{number:04d}",
        "createdTime": "2025-10-01T00:00:00.000Z",
        "fields": {"Stage ID": f"S{number}", "Name": f"stage {number}", "Status": status, "Estimated Cost": 10.5},
    }


def numbers(files: Iterable[bytes]) -> list[int]:
    """The numbers of the issues in pages."""
    return [one["number"] for body in files for one in json.loads(body)]
