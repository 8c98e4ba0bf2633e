"""The SNS channel: a message published to a topic of AWS.

Belongs here: SNS's limits and answers. Does not belong here: credentials, which boto3 finds as everywhere on AWS.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from governance_assets.pages.messages import Message, as_text, title
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime.alerts.channels import (
    TIMEOUT_S,
    DeliveryError,
    NotConfigured,
    foreign,
    header_key,
    need_package,
    needed,
    pause,
    unreachable,
    web_host,
)
from governance_assets.runtime.aws import credentials, is_passing

_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")
_SUBJECT = 100
_BODY_BYTES = 200_000  # SNS takes 262,144 with attributes
_GROUP = "governance"


@dataclass(frozen=True)
class SnsTopic:
    """Publishes to one topic; a FIFO topic is given the key as its deduplication id."""

    name: str
    topic: str
    region: str
    endpoint: str | None
    credentials: Mapping[str, str] = field(repr=False)

    def send(self, message: Message) -> None:
        """Publish ``message``; SNS answers with an id."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        where = f"SNS in {self.region}"
        secrets = tuple(self.credentials.values())
        try:
            self._client.publish(**_publication(self.topic, message))
        except ClientError as error:
            raise _refused(self.name, where, error.response, secrets) from None
        except (BotoCoreError, ResponseParserError, OSError, LookupError, ValueError) as error:
            # The last two: boto3 stumbles over a page that some proxy put in between.
            raise unreachable(self.name, where, error, secrets) from None

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 1})
        session = boto3.session.Session(region_name=self.region, **self.credentials)
        return session.client("sns", endpoint_url=self.endpoint, config=config)


def build(entry: ChannelPolicy, environment: Mapping[str, str]) -> SnsTopic:
    """The channel of ``entry``: ``target`` is a topic's ARN, ``server`` a region or an endpoint when it is not the ARN's own."""
    need_package(entry, "boto3", "aws")
    topic = needed(entry, "target", "ARN of a topic")
    matched = _TOPIC.fullmatch(topic)
    if matched is None:
        raise NotConfigured(
            f"channel {entry.name}: found target {topic}, expected a topic such as arn:aws:sns:eu-west-1:123456789012:alerts"
        )
    is_endpoint = "://" in entry.server
    if is_endpoint:
        web_host(entry, entry.server, "server")
    region = matched.group(1) if is_endpoint or not entry.server else entry.server
    return SnsTopic(entry.name, topic, region, entry.server if is_endpoint else None, credentials(environment))


def _publication(topic: str, message: Message) -> dict[str, Any]:
    attributes = {"key": header_key(message), "severity": message.severity, "kind": message.kind}
    publication: dict[str, Any] = {
        "TopicArn": topic,
        "Subject": subject(message),
        "Message": _within(as_text(message), _BODY_BYTES),
        "MessageAttributes": {name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()},
    }
    if topic.endswith(".fifo"):
        publication |= {"MessageDeduplicationId": header_key(message), "MessageGroupId": _GROUP}
    return publication


def subject(message: Message) -> str:
    """The title as SNS takes it: at most 100 characters of printable ASCII."""
    told = title(message).replace("—", "-").replace("–", "-").replace("…", "...").replace("→", "->")
    text = unicodedata.normalize("NFKD", told).encode("ascii", "replace").decode()
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= _SUBJECT else shown[: _SUBJECT - 3] + "..."


def _within(text: str, n_bytes: int) -> str:
    data = text.encode()
    if len(data) <= n_bytes:
        return text
    kept = data[: n_bytes - 100].decode(errors="ignore")
    return f"{kept}\n… and {len(text) - len(kept):,} more characters\n"


def _refused(name: str, where: str, answer: Mapping[str, Any], secrets: tuple[str, ...]) -> DeliveryError:
    code = str(answer.get("Error", {}).get("Code", ""))
    meta = answer.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    may_pass = is_passing(code, status)
    said = foreign(f"{code}: {answer.get('Error', {}).get('Message', '')}", secrets)
    hint = "it is tried again" if may_pass else "mend the topic, its permissions or the credentials"
    after = pause(meta.get("HTTPHeaders", {}).get("retry-after"))
    return DeliveryError(f"channel {name}: {where} answered {status} ({said}); {hint}", not may_pass, after)
