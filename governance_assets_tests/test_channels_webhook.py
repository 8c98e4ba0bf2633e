"""The generic webhook: signed so that a receiver can verify it, sent to one address, and its answers."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from pathlib import Path

import pytest

from governance_assets.pages.messages import as_text, from_json, title
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime import clock
from governance_assets.runtime.alerts import channels
from governance_assets.runtime.alerts.channels import Channel, webhook
from governance_assets_tests.channel_samples import (
    HOSTILE,
    NOW,
    SECRET,
    Answer,
    Receiver,
    Request,
    all_logs,
    assert_no_leak,
    free_port,
    hostile,
    message,
    no_proxy,
    receiver,
    refusal,
)

__all__ = ["all_logs", "no_proxy", "receiver"]
pytestmark = pytest.mark.usefixtures("no_proxy")


def channel_to(url: str, key: str = SECRET) -> Channel:
    entry = ChannelPolicy(name="hook", kind="webhook", target=f"{url}/alerts?site=1", secret_env="KEY" if key else "")
    return channels.build(entry, {"KEY": key}, Path())


def accepts(request: Request, key: str, now: dt.datetime, window_s: int = 300) -> bool:
    """What a receiver does, by the module's instructions and with nothing of ours."""
    timestamp = request.headers.get("Governance-Timestamp", "")
    version, _, given = request.headers.get("Governance-Signature", "").partition("=")
    if version != "v1" or not timestamp.isdigit() or abs(now.timestamp() - int(timestamp)) > window_s:
        return False
    expected = hmac.new(key.encode(), timestamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, given)


def test_a_receiver_verifies_what_arrives_and_refuses_replays_and_forgeries(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    channel_to(receiver.url).send(message())
    (request,) = receiver.requests
    assert accepts(request, SECRET, NOW)
    assert accepts(request, SECRET, NOW + dt.timedelta(minutes=5))
    assert not accepts(request, SECRET, NOW + dt.timedelta(minutes=5, seconds=1))
    assert not accepts(request, SECRET, NOW - dt.timedelta(minutes=6))
    assert not accepts(request, "another key", NOW)
    assert not accepts(Request("POST", request.path, request.headers, request.body.replace(b"0.65", b"0.95")), SECRET, NOW)
    later = dict(request.headers) | {"Governance-Timestamp": str(int(NOW.timestamp()) + 600)}
    assert not accepts(Request("POST", request.path, later, request.body), SECRET, NOW + dt.timedelta(minutes=10))


def test_the_body_is_the_message_with_title_and_text(receiver: Receiver) -> None:
    channel_to(receiver.url).send(message())
    (request,) = receiver.requests
    body = json.loads(request.body)
    assert (request.method, request.path) == ("POST", "/alerts?site=1")
    assert (from_json(body), body["title"], body["text"]) == (message(), title(message()), as_text(message()))
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_taken_and_a_repeat_has_the_same_key(status: int, receiver: Receiver) -> None:
    receiver.answer_with(Answer(status, b""))
    for _ in range(2):
        channel_to(receiver.url).send(message())
    assert [request.headers["Idempotency-Key"] for request in receiver.requests] == [message().key] * 2


def test_without_a_key_nothing_is_signed(receiver: Receiver) -> None:
    channel_to(receiver.url, key="").send(message())
    assert "Governance-Signature" not in receiver.requests[0].headers
    assert receiver.requests[0].headers["Governance-Timestamp"].isdigit()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_arrives_in_the_body_and_in_no_header(text: str, receiver: Receiver) -> None:
    channel_to(receiver.url).send(hostile(text))
    (request,) = receiver.requests
    assert accepts(request, SECRET, clock.now())
    assert set(request.headers) == {
        *("Accept-Encoding", "Connection", "Content-Length", "Content-Type", "Host", "User-Agent"),
        *("Idempotency-Key", "Governance-Timestamp", "Governance-Signature"),
    }
    assert from_json(json.loads(request.body)).lines[1].subject == text


ANSWERS = [
    (Answer(429, b"slow down", {"Retry-After": "17"}), False, 17.0),
    (Answer(503, b"", {"Retry-After": "Thu, 20 Nov 2025 08:31:00 GMT"}), False, 60.0),
    (Answer(500, b"oops"), False, None),
    (Answer(599, b""), False, None),
    (Answer(408, b""), False, None),
    (Answer(425, b""), False, None),
    (Answer(400, b"bad"), True, None),
    (Answer(401, b""), True, None),
    (Answer(404, b""), True, None),
    (Answer(410, b"gone"), True, None),
    (Answer(422, b"x" * 100_000), True, None),
    (Answer(304, b""), True, None),
]


@pytest.mark.parametrize(("answer", "is_permanent", "after"), ANSWERS, ids=range(len(ANSWERS)))
def test_what_a_receiver_refuses(
    answer: Answer,
    is_permanent: bool,
    after: float | None,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    all_logs: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    receiver.answer_with(Answer(answer.status, f"key {SECRET} ".encode() + answer.body if answer.body else b"", answer.headers))
    channel = channel_to(receiver.url)
    error = refusal(channel)
    assert (error.is_permanent, error.retry_after_s) == (is_permanent, after)
    assert f"answered {answer.status}" in str(error)
    assert len(str(error)) < 400
    assert_no_leak(channel, error, all_logs, "".join(capsys.readouterr()))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int, receiver: Receiver) -> None:
    elsewhere = Receiver()
    try:
        receiver.answer_with(Answer(status, b"", {"Location": f"{elsewhere.url}/stolen"}))
        error = refusal(channel_to(receiver.url))
    finally:
        elsewhere.close()
    assert (error.is_permanent, elsewhere.requests, len(receiver.requests)) == (True, [], 1)


def test_a_receiver_that_is_gone_silent_or_no_web_server_is_tried_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, all_logs: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.2)
    receiver.answer_with(Answer(wait_s=1.0))
    for url in (receiver.url, f"http://127.0.0.1:{free_port()}", f"https://{receiver.url.removeprefix('http://')}"):
        channel = channel_to(url)
        error = refusal(channel)
        assert (error.is_permanent, error.retry_after_s) == (False, None)
        assert "127.0.0.1 cannot be reached" in str(error)
        assert_no_leak(channel, error, all_logs, "".join(capsys.readouterr()))
