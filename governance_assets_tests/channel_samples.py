"""What the tests of messages and channels share: sample messages, hostile texts, a receiver on loopback, and the search for leaks."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from governance_assets.pages.messages import Line, Message
from governance_assets.runtime.alerts.channels import Channel, DeliveryError

NOW = dt.datetime(2025, 11, 20, 8, 30, tzinfo=dt.UTC)
SECRET = "s3ntinel-never-shown-41c2"

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "attribute": "\"><img src=x onerror='alert(1)'>",
    "mention": "<!channel> <@U0123ABCD> <!here|now> @everyone",
    "masked link": "<https://evil.example|the report> [click](https://evil.example)",
    "header": "value\r\nBcc: victim@example.org\r\n\r\nbody",
    "terminal": "\x1b[2J\x1b]0;owned\x07 \x00 \x9b31m",
    "direction": "invoice\u202egnp.exe \u2066 \u200f \u061c",
    "surrogate": "half \ud83d of a pair",
    "entity": "&lt;b&gt; &amp;amp; &#60;",
    "template": "{{ 7*7 }} %s {0} ${HOME}",
    "markdown": "*bold* _it_ `code` ~gone~ \n> quote",
    "long": "0123456789<&" * 5_000,
    "blank": " \t\n ",
    "wide": "\U0001f9ee" * 4_000,
}


def line(**changes: Any) -> Line:
    """One failing line, with ``changes``."""
    plain: dict[str, Any] = {
        "alerts": (7,),
        "incident": "0123456789abcdef",
        "kind": "failing",
        "artifact": "calibration_metrics",
        "rule": "coverage_holds",
        "subject": "team-b",
        "partition_key": "2025-11-03",
        "outcome": "fail",
        "severity": "error",
        "value": 0.65,
        "limit": 0.75,
        "unit": "fraction",
        "since": dt.datetime(2025, 11, 10, 6, 30, tzinfo=dt.UTC),
        "trend": (0.71, 0.68, 0.65),
        "message": "team-b misses “intervals hold what they promise”",
        "remedy": "Refit the spread of team-b",
        "owner": "forecast_owner",
        "link": "https://governance.example/calibration_metrics.html?week=2025-11-03&model=team-b",
    }
    return Line(**plain | changes)


def message(*lines: Line, **changes: Any) -> Message:
    """A message of ``lines``, one failing line when none is given, with ``changes``."""
    plain: dict[str, Any] = {
        "key": "5f1d7c2e9a",
        "kind": "failing",
        "severity": "error",
        "lines": lines or (line(),),
        "is_grouped": False,
        "ledger_head": "c0ffee" * 10,
        "created_at": NOW,
    }
    return Message(**plain | changes)


def hostile(text: str) -> Message:
    """A message with ``text`` in every place that foreign text can reach."""
    names = ("artifact", "rule", "subject", "partition_key", "message", "remedy", "owner", "link", "step", "unit")
    return message(line(**dict.fromkeys(names, text)), line(subject=text), ledger_head=text, key=text or "k")


def refusal(channel: Channel, told: Message | None = None) -> DeliveryError:
    """The error that ``channel`` fails with."""
    with pytest.raises(DeliveryError) as caught:
        channel.send(told or message())
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


def assert_no_leak(channel: Channel, error: Exception, logs: pytest.LogCaptureFixture, printed: str, secret: str = SECRET) -> None:
    """Fail when ``secret`` shows in what people or logs see of a failure."""
    seen = [repr(channel), str(error), repr(error), "".join(traceback.format_exception(error)), logs.text, printed]
    assert [text for text in seen if secret in text] == []


@dataclass(frozen=True)
class Answer:
    """What the receiver says to one request."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    stated_length: int | None = None
    """A Content-Length that is not the body's: the answer breaks off."""
    drip_s: float = 0.0
    """Seconds between one byte and the next."""


@dataclass(frozen=True)
class Request:
    """What the receiver got."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Receiver:
    """A web server on loopback that notes requests and answers by ``respond``, or from a list, the last answer for ever."""

    def __init__(self, respond: Callable[[Request], Answer] | None = None) -> None:
        self.respond = respond or (lambda request: self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        self.requests: list[Request] = []
        self.answers: list[Answer] = [Answer()]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer_with(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, dict(self.headers.items()), body)
                receiver.requests.append(request)
                answer = receiver.respond(request)
                time.sleep(answer.wait_s)
                with contextlib.suppress(ConnectionError):
                    # An answer that states a Date has a clock of its own.
                    (self.send_response_only if "Date" in answer.headers else self.send_response)(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer.body) if answer.stated_length is None else answer.stated_length))
                    self.end_headers()
                    for piece in [answer.body[n : n + 1] for n in range(len(answer.body))] if answer.drip_s else [answer.body]:
                        self.wfile.write(piece)
                        time.sleep(answer.drip_s)

            do_GET = do_PATCH = do_POST

            def log_message(self, format: str, *args: object) -> None:
                """Keep the tests' output clean."""

        return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver for one test."""
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback is asked directly, whatever the machine's proxies are."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def all_logs(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that any library logs, down to the last detail."""
    with caplog.at_level(logging.DEBUG):
        yield caplog


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
