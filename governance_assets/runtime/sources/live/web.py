"""One GET of one web address, with a deadline and a limit of size.

Belongs here: what HTTP says about failures and pauses. Does not belong here: any one service.
"""

from __future__ import annotations

import datetime as dt
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Any
from urllib.parse import urlsplit

from governance_assets.policy.sources import SourcesPolicy
from governance_assets.runtime import clock
from governance_assets.runtime.alerts.channels import foreign, is_loopback, pause
from governance_assets.runtime.sources.live import NotConfigured, SourceError

PIECE = 1 << 16
_SAID = 2_000


@dataclass(frozen=True)
class Answer:
    """What a server answered: 200, 304, or a refusal that the caller understands."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        """A header, whatever its capitals."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)

    @property
    def date(self) -> dt.datetime | None:
        """The server's own clock."""
        return http_date(self.header("Date"))


def http_date(text: str | None) -> dt.datetime | None:
    """The instant of a Date header; None when there is none that can be read."""
    try:
        found = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError):
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=dt.UTC)


def origin(address: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address, after which it is trusted or not."""
    parts = urlsplit(address)
    return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port


def safe_endpoint(endpoint: str, has_secret: bool) -> str:
    """``endpoint`` without its last slash; a secret leaves this machine over https only."""
    scheme, host, _ = origin(endpoint)
    if has_secret and scheme != "https" and not is_loopback(host):
        raise NotConfigured(f"the endpoint {endpoint} is not https, and a token would be sent to it; write https")
    return endpoint.rstrip("/")


def get(address: str, headers: Mapping[str, str], policy: SourcesPolicy, what: str, secrets: tuple[str, ...]) -> Answer:
    """Ask for ``address``. Every status comes back as an answer; no answer, or one cut off, raises SourceError."""
    request = urllib.request.Request(address, headers={"User-Agent": "governance-assets", **headers})
    try:
        with urllib.request.build_opener(_SameOrigin).open(request, timeout=policy.timeout_s) as response:
            return Answer(
                response.status,
                dict(response.headers.items()),
                _stated_size(response, whole(lambda: response.read1(PIECE), policy, what), what),
            )
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers.items()), _said(error))
    except (OSError, HTTPException, ValueError) as error:
        told = foreign(str(error), secrets) or type(error).__name__
        raise SourceError(f"{what} cannot be reached ({told})") from None


def whole(read: Callable[[], bytes], policy: SourcesPolicy, what: str) -> bytes:
    """All that ``read`` gives piece by piece, within the policy's time and size."""
    pieces, size, start = [], 0, clock.stopwatch()
    while piece := read():
        pieces.append(piece)
        size += len(piece)
        if size > policy.max_page_mb * 1e6:
            raise SourceError(f"{what} answered more than {policy.max_page_mb:g} MB; raise max_page_mb if that is right", is_permanent=True)
        if clock.stopwatch() - start > policy.page_seconds:
            raise SourceError(f"{what} did not end its answer within {policy.page_seconds:g} s")
    return b"".join(pieces)


def _stated_size(response: HTTPResponse, body: bytes, what: str) -> bytes:
    stated = response.headers.get("Content-Length") or ""
    if stated.isdigit() and int(stated) != len(body):
        raise SourceError(f"{what} broke off after {len(body):,} of {int(stated):,} bytes")
    return body


def _said(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read(_SAID)
    except (OSError, HTTPException):
        return b""


def refusal(answer: Answer, what: str, secrets: tuple[str, ...]) -> SourceError:
    """The error of a status that is no success: servers' errors and throttling pass, everything else does not."""
    said = foreign(answer.body.decode("utf-8", "replace"), secrets)
    is_passing = answer.status in (408, 425, 429) or answer.status >= 500
    after = pause(answer.header("Retry-After"))
    return SourceError(f"{what} answered {answer.status} ({said or 'without a word'})", is_permanent=not is_passing, retry_after_s=after)


class _SameOrigin(urllib.request.HTTPRedirectHandler):
    """Follows a redirect within the host only: a token is for one host."""

    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> Any:
        """The request to follow with; None makes the redirect an error."""
        return super().redirect_request(req, fp, code, msg, headers, newurl) if origin(newurl) == origin(req.full_url) else None
