"""The generic webhook channel: a message as JSON in a signed POST.

Belongs here: signature, headers and the receiver's answers. Does not belong here: the shape of the JSON (``pages/messages.py``;
``title`` and ``text`` are added).

What arrives::

    POST … HTTP/1.1
    Content-Type: application/json
    Idempotency-Key: …                 the same however often a message is sent: keep it, and pass over what has come before
    Governance-Timestamp: 1763596800   seconds since 1970 when this attempt was made
    Governance-Signature: v1=9f86d0…   only when the channel has a key

A receiver that shares the key verifies before it parses:

1. refuse a timestamp that is no integer or more than five minutes off its own clock, so that a recorded request is worthless;
2. compute HMAC-SHA256 with the key over the timestamp's bytes, one full stop, and the body's bytes as received;
3. compare its hexadecimal form with the part after ``v1=`` in constant time (``hmac.compare_digest``), and refuse when they differ.

Any 2xx means taken. 408, 425, 429 and 5xx are tried again, not before Retry-After; every other answer is final. Redirects are not
followed: a signed message goes to the address of the policy and to no other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage
from typing import IO

from governance_assets.pages.messages import Message, as_text, title, to_json
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime import clock
from governance_assets.runtime.alerts.channels import (
    TIMEOUT_S,
    foreign,
    from_environment,
    header_key,
    needed,
    refused,
    unreachable,
    web_host,
)


@dataclass(frozen=True)
class Webhook:
    """Posts to one address, signed when there is a key."""

    name: str
    url: str
    host: str
    key: str = field(repr=False)

    def send(self, message: Message) -> None:
        """Post ``message``; any 2xx means taken."""
        body = json.dumps(to_json(message) | {"title": title(message), "text": as_text(message)}, allow_nan=False).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "governance-assets", "Idempotency-Key": header_key(message)}
        request = urllib.request.Request(self.url, body, headers | self._signed(body), method="POST")
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S):
                return
        except urllib.error.HTTPError as error:
            refusal = refused(self.name, self.host, error.code, self._said(error), error.headers.get("Retry-After"))
            error.close()
            raise refusal from None
        except (OSError, HTTPException, ValueError) as error:
            raise unreachable(self.name, self.host, error, (self.key,)) from None

    def _signed(self, body: bytes) -> dict[str, str]:
        timestamp = str(int(clock.now().timestamp()))
        signature = {"Governance-Signature": f"v1={sign(self.key, timestamp, body)}"} if self.key else {}
        return {"Governance-Timestamp": timestamp} | signature

    def _said(self, error: urllib.error.HTTPError) -> str:
        try:
            return foreign(error.read(1_000).decode("utf-8", "replace"), (self.key,))
        except (OSError, HTTPException):
            return ""


def build(entry: ChannelPolicy, environment: Mapping[str, str]) -> Webhook:
    """The channel of ``entry``: ``target`` is the address, and ``secret_env`` names the variable with the signing key, if any."""
    url = needed(entry, "target", "URL of the receiver")
    host = web_host(entry, url, "target", is_open_allowed=True)
    return Webhook(entry.name, url, host, from_environment(entry, entry.secret_env, environment))


def sign(key: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over timestamp, full stop and body, in hexadecimal."""
    return hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Makes an answer of 3xx an error like any other."""

    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> None:
        """Follow nothing."""
        return
