"""The SNS channel against moto's server: what a subscriber reads, FIFO topics, and what AWS refuses."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from governance_assets.pages.messages import as_text, title
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime.alerts import channels
from governance_assets.runtime.alerts.channels import Channel, sns
from governance_assets_tests.channel_samples import (
    HOSTILE,
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

REGION = "eu-west-1"
KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": SECRET}
ENVIRONMENT = {name.upper(): value for name, value in KEYS.items()}
TOPIC = f"arn:aws:sns:{REGION}:123456789012:alerts"


@dataclass(frozen=True)
class Topic:
    """A topic of moto with a queue that subscribes to it."""

    url: str
    arn: str
    queues: Any
    queue: str

    def received(self) -> list[dict[str, Any]]:
        """What the queue holds, taken out of it."""
        found: list[dict[str, Any]] = []
        while taken := self.queues.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
            for one in taken:
                found.append(json.loads(one["Body"]))
                self.queues.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
        return found


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of moto's server."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def plain(moto: str) -> Topic:
    """A topic that is no FIFO."""
    return topic_of(moto, "plain")


def topic_of(url: str, name: str) -> Topic:
    """A new topic called ``name``, FIFO when the name says so, and its queue."""
    topics, queues = (boto3.client(service, endpoint_url=url, region_name=REGION, **KEYS) for service in ("sns", "sqs"))
    fifo = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
    arn = topics.create_topic(Name=name, Attributes=fifo)["TopicArn"]
    queue = queues.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if fifo else {})["QueueUrl"]
    queue_arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topics.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)
    return Topic(url, arn, queues, queue)


def channel_to(url: str, arn: str = TOPIC, environment: dict[str, str] = ENVIRONMENT) -> Channel:
    return channels.build(ChannelPolicy(name="topic", kind="sns", target=arn, server=url), environment, Path())


def test_a_subscriber_reads_subject_text_and_attributes(moto: str, plain: Topic) -> None:
    channel_to(moto, plain.arn).send(message())
    (got,) = plain.received()
    assert got["Message"] == as_text(message())
    assert got["Subject"] == "FAIL calibration_metrics: coverage_holds - team-b (2025-11-03)"
    attributes = {name: (value["Type"], value["Value"]) for name, value in got["MessageAttributes"].items()}
    assert attributes == {"key": ("String", message().key), "severity": ("String", "error"), "kind": ("String", "failing")}


def test_a_fifo_topic_passes_on_a_repeat_once(moto: str) -> None:
    topic = topic_of(moto, "ordered.fifo")
    channel = channel_to(moto, topic.arn)
    for key in ("first", "first", "second", "k" * 300, "k" * 300):
        channel.send(message(key=key))
    keys = [one["MessageAttributes"]["key"]["Value"] for one in topic.received()]
    assert keys == ["first", "second", hashlib.sha256(b"k" * 300).hexdigest()]


def test_the_publication_to_a_fifo_topic_names_key_and_group() -> None:
    made = sns._publication(f"{TOPIC}.fifo", message())
    assert (made["MessageDeduplicationId"], made["MessageGroupId"]) == (message().key, "governance")
    assert "MessageGroupId" not in sns._publication(TOPIC, message())


def test_hostile_text_arrives_within_the_limits(moto: str, plain: Topic) -> None:
    channel = channel_to(moto, plain.arn)
    for text in HOSTILE.values():
        channel.send(hostile(text))
    got = plain.received()
    assert sorted(one["Message"] for one in got) == sorted(as_text(hostile(text)) for text in HOSTILE.values())
    subjects = [one["Subject"] for one in got]
    assert [text for text in subjects if not (1 <= len(text) <= 100 and text.isascii() and text.isprintable())] == []


def test_a_message_of_many_lines_is_cut_to_what_sns_takes(moto: str, plain: Topic) -> None:
    told = message(*[line(message="ü" * 2_000, remedy="€" * 2_000)] * 100)
    channel_to(moto, plain.arn).send(told)
    (got,) = plain.received()
    shown, rest = got["Message"].rsplit("\n… and ", 1)
    assert len(got["Message"].encode()) <= 200_000
    assert as_text(told).startswith(shown)
    assert rest == f"{len(as_text(told)) - len(shown):,} more characters\n"


def test_the_subject_is_a_short_line_of_ascii() -> None:
    told = message(line(subject="Zoë – naïve … → 模型", artifact="a" * 90))
    assert (
        sns.subject(message(line(subject="Zoë – naïve … → 模型", rule="")))
        == "FAIL calibration_metrics - Zoe? - nai?ve ... -> ?? (2025-11-03)"
    )
    assert sns.subject(told).endswith("...")
    assert len(sns.subject(told)) == 100
    assert title(told).startswith(sns.subject(told)[:90])


def test_a_topic_that_does_not_exist_is_permanent(
    moto: str, all_logs: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    channel = channel_to(moto, f"{TOPIC}-gone")
    error = refusal(channel)
    assert (error.is_permanent, "NotFound" in str(error)) == (True, True)
    assert_no_leak(channel, error, all_logs, "".join(capsys.readouterr()))


def answer(status: int, code: str, headers: dict[str, str] | None = None) -> Answer:
    error = f"<Error><Type>x</Type><Code>{code}</Code><Message>no: {SECRET}</Message></Error>"
    return Answer(
        status, f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>".encode(), {"Content-Type": "text/xml"} | (headers or {})
    )


ANSWERS = [
    (answer(403, "AuthorizationError"), True, None),
    (answer(403, "InvalidClientTokenId"), True, None),
    (answer(403, "SignatureDoesNotMatch"), True, None),
    (answer(400, "InvalidParameter"), True, None),
    (answer(404, "NotFound"), True, None),
    (answer(400, "Throttling"), False, None),
    (answer(400, "KMSThrottling"), False, None),
    (answer(429, "TooManyRequests", {"Retry-After": "9"}), False, 9.0),
    (answer(403, "ExpiredToken"), False, None),
    (answer(500, "InternalError"), False, None),
    (answer(503, "ServiceUnavailable", {"Retry-After": "4"}), False, 4.0),
    (Answer(502, b"<html>bad gateway"), False, None),
    (Answer(200, b"<html>please log in</html>", {"Content-Type": "text/html"}), False, None),
    (Answer(200, b"please log in", {"Content-Type": "text/plain"}), False, None),
]


@pytest.mark.parametrize(("said", "is_permanent", "after"), ANSWERS, ids=range(len(ANSWERS)))
def test_what_sns_refuses(
    said: Answer,
    is_permanent: bool,
    after: float | None,
    receiver: Receiver,
    all_logs: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    receiver.answer_with(said)
    channel = channel_to(receiver.url)
    error = refusal(channel)
    assert (error.is_permanent, error.retry_after_s) == (is_permanent, after)
    assert len(receiver.requests) == 1
    all_logs.clear()  # botocore's debug log shows what the server said; ours is the error
    assert_no_leak(channel, error, all_logs, "".join(capsys.readouterr()))


def test_an_endpoint_that_is_gone_or_silent_is_tried_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, all_logs: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sns, "TIMEOUT_S", 0.2)
    receiver.answer_with(Answer(wait_s=1.0))
    for url in (receiver.url, f"http://127.0.0.1:{free_port()}"):
        channel = channel_to(url)
        error = refusal(channel)
        assert (error.is_permanent, error.retry_after_s) == (False, None)
        assert f"SNS in {REGION} cannot be reached" in str(error)
        assert_no_leak(channel, error, all_logs, "".join(capsys.readouterr()))


def test_without_credentials_the_error_says_so(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    error = refusal(channel_to(receiver.url, environment={}))
    assert (error.is_permanent, "Unable to locate credentials" in str(error)) == (False, True)


@pytest.mark.parametrize(
    ("server", "region", "endpoint"),
    [("", REGION, None), ("us-east-2", "us-east-2", None), ("https://sns.example.org", REGION, "https://sns.example.org")],
)
def test_region_and_endpoint(server: str, region: str, endpoint: str | None) -> None:
    built = sns.build(ChannelPolicy(name="topic", kind="sns", target=TOPIC, server=server), ENVIRONMENT)
    assert (built.region, built.endpoint) == (region, endpoint)
