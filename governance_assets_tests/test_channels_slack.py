"""The Slack channels against a server on loopback that answers like Slack: taken, refused, throttled, silent, and in between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from governance_assets.pages.messages import as_slack, title
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime.alerts import channels
from governance_assets.runtime.alerts.channels import Channel, slack
from governance_assets_tests.channel_samples import (
    SECRET,
    Answer,
    Receiver,
    all_logs,
    assert_no_leak,
    free_port,
    hostile,
    line,
    message,
    no_proxy,
    receiver,
    refusal,
)

__all__ = ["all_logs", "no_proxy", "receiver"]
pytestmark = pytest.mark.usefixtures("no_proxy")


def webhook(url: str) -> Channel:
    entry = ChannelPolicy(name="team", kind="slack_webhook", secret_env="HOOK")
    return channels.build(entry, {"HOOK": f"{url}/services/T0/B0/{SECRET}"}, Path())


def bot(url: str) -> Channel:
    entry = ChannelPolicy(name="team", kind="slack_bot", secret_env="TOKEN", target="C012345", server=f"{url}/api")
    return channels.build(entry, {"TOKEN": f"xoxb-{SECRET}"}, Path())


KINDS = {"webhook": webhook, "bot": bot}
TAKEN = Answer(body=b'{"ok": true, "ts": "1763627400.000100"}')


def test_the_webhook_posts_blocks_text_and_key(receiver: Receiver) -> None:
    webhook(receiver.url).send(message())
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", f"/services/T0/B0/{SECRET}")
    body = json.loads(request.body)
    assert body["text"] == title(message())
    assert body["blocks"] == as_slack(message())
    assert body["metadata"]["event_payload"]["key"] == message().key
    assert (body["unfurl_links"], body["unfurl_media"]) == (False, False)


def test_the_bot_posts_into_its_channel_with_the_key_in_the_metadata(receiver: Receiver) -> None:
    receiver.answer_with(TAKEN)
    bot(receiver.url).send(message())
    (request,) = receiver.requests
    assert request.path == "/api/chat.postMessage"
    assert request.headers["Authorization"] == f"Bearer xoxb-{SECRET}"
    body = json.loads(request.body)
    assert body["metadata"] == {
        "event_type": "governance_alert",
        "event_payload": {"key": message().key, "kind": "failing", "severity": "error"},
    }
    assert (body["channel"], body["text"], body["blocks"]) == ("C012345", title(message()), as_slack(message()))
    assert (body["parse"], body["link_names"], body["mrkdwn"]) == ("none", False, False)


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_mentioned_by_foreign_text(kind: str, receiver: Receiver) -> None:
    receiver.answer_with(Answer() if kind == "webhook" else TAKEN)
    KINDS[kind](receiver.url).send(hostile("<!channel> <@U0123ABCD> & <https://evil.example|x>"))
    sent = receiver.requests[0].body.decode()
    assert "<!" not in sent
    assert "<@" not in sent
    assert "<https://evil" not in sent
    assert "&lt;!channel&gt; &lt;@U0123ABCD&gt; &amp; &lt;https://evil.example|x&gt;" in sent


HOOK_ANSWERS = [
    (Answer(429, b"rate_limited", {"Retry-After": "30"}), False, 30.0),
    (Answer(503, b"", {"retry-after": "7"}), False, 7.0),
    (Answer(500, b"rollup_error"), False, None),
    (Answer(408, b""), False, None),
    (Answer(400, b"invalid_payload"), True, None),
    (Answer(403, b"invalid_token"), True, None),
    (Answer(404, b"no_service"), True, None),
    (Answer(404, b"channel_not_found"), True, None),
    (Answer(410, b"channel_is_archived"), True, None),
    (Answer(200, b"<html>please log in</html>"), False, None),
    (Answer(200, b""), False, None),
    (Answer(200, b"\xff\xfe", {"Content-Type": "text/plain; charset=utf-8"}), False, None),
    (Answer(500, b"x", {"Content-Type": "text/plain; charset=no-such-charset"}), False, None),
]


@pytest.mark.parametrize(("answer", "is_permanent", "after"), HOOK_ANSWERS, ids=range(len(HOOK_ANSWERS)))
def test_what_a_webhook_refuses(
    answer: Answer,
    is_permanent: bool,
    after: float | None,
    receiver: Receiver,
    all_logs: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = Answer(answer.status, answer.body + f" {receiver.url}/services/T0/B0/{SECRET}".encode(), answer.headers)
    for one in (answer, said):
        receiver.answer_with(one)
        channel = webhook(receiver.url)
        error = refusal(channel)
        assert (error.is_permanent, error.retry_after_s) == (is_permanent, after)
        assert_no_leak(channel, error, all_logs, "".join(capsys.readouterr()))
    assert len(receiver.requests) == 2


def said(code: str) -> bytes:
    return json.dumps({"ok": False, "error": code}).encode()


BOT_ANSWERS = [
    (Answer(429, said("ratelimited"), {"Retry-After": "12"}), False, 12.0),
    (Answer(200, said("ratelimited"), {"Retry-After": "12"}), False, 12.0),
    (Answer(200, said("invalid_auth")), True, None),
    (Answer(200, said("channel_not_found")), True, None),
    (Answer(200, said("not_in_channel")), True, None),
    (Answer(200, said("is_archived")), True, None),
    (Answer(200, said("token_revoked")), True, None),
    (Answer(401, said("invalid_auth")), True, None),
    (Answer(200, said("internal_error")), False, None),
    (Answer(200, said("something_new")), False, None),
    (Answer(500, b"oops"), False, None),
    (Answer(503, said("service_unavailable"), {"Retry-After": "3"}), False, 3.0),
    (Answer(404, b"<html>"), True, None),
    (Answer(200, b"<html>please log in</html>"), False, None),
    (Answer(200, b""), False, None),
    (Answer(200, b"[1]"), False, None),
    (Answer(200, b"\xff"), False, None),
]


@pytest.mark.parametrize(("answer", "is_permanent", "after"), BOT_ANSWERS, ids=range(len(BOT_ANSWERS)))
def test_what_a_bot_is_refused(
    answer: Answer,
    is_permanent: bool,
    after: float | None,
    receiver: Receiver,
    all_logs: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    receiver.answer_with(answer)
    channel = bot(receiver.url)
    error = refusal(channel)
    assert (error.is_permanent, error.retry_after_s) == (is_permanent, after)
    assert len(receiver.requests) == 1
    assert_no_leak(channel, error, all_logs, "".join(capsys.readouterr()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_gone_or_silent_is_tried_again(
    kind: str,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    all_logs: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(slack, "TIMEOUT_S", 0.2)
    receiver.answer_with(Answer(wait_s=1.0))
    for url in (receiver.url, f"http://127.0.0.1:{free_port()}"):
        channel = KINDS[kind](url)
        error = refusal(channel)
        assert (error.is_permanent, error.retry_after_s) == (False, None)
        assert "127.0.0.1 cannot be reached" in str(error)
        assert_no_leak(channel, error, all_logs, "".join(capsys.readouterr()))


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_after_a_redirect_is_no_delivery(kind: str, receiver: Receiver) -> None:
    receiver.answer_with(Answer(302, b"", {"Location": "/login"}), Answer(200, b"<html>welcome</html>"))
    assert "team" in str(refusal(KINDS[kind](receiver.url)))


def test_a_long_message_is_posted_within_slacks_limits(receiver: Receiver) -> None:
    webhook(receiver.url).send(message(*(line(subject=f"team-{n}", message="<&>" * 2_000) for n in range(200))))
    blocks = json.loads(receiver.requests[0].body)["blocks"]
    assert len(blocks) <= 50
    assert "more lines" in json.dumps(blocks)
