"""What the sources at AWS share: a client of one service, and what its refusals mean.

Belongs here: boto3. Does not belong here: any one service.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

from governance_assets.policy.sources import AwsSource
from governance_assets.runtime import aws
from governance_assets.runtime.alerts.channels import foreign, pause
from governance_assets.runtime.sources.live import Ask, Cursor, NotConfigured, SourceError, web

_MOVED = ("PreconditionFailed", "NoSuchKey")
"""An object was replaced or removed between the list and its turn; the next list says so."""


class Service:
    """A service of AWS in one region; it asks once, for the engine knows when to ask again."""

    def __init__(self, name: str, source: AwsSource, ask: Ask) -> None:
        if importlib.util.find_spec("boto3") is None:
            raise NotConfigured("the package boto3 is not installed; install governance-assets[aws]")
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        self._what, self._secrets = f"{name} in {source.region}", tuple(aws.credentials(ask.environment).values())
        policy = ask.policy
        config = Config(connect_timeout=policy.timeout_s, read_timeout=policy.timeout_s, retries={"total_max_attempts": 1})
        try:
            session = boto3.session.Session(region_name=source.region, **aws.credentials(ask.environment))
            is_known = session.get_credentials() is not None
            self._client = session.client(name, endpoint_url=source.endpoint or None, config=config)
        except (BotoCoreError, ValueError) as error:
            raise NotConfigured(f"boto3 refuses to ask {self._what} ({foreign(str(error), self._secrets)})") from None
        if not is_known:
            raise NotConfigured("no AWS credentials are found; export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the host a role")

    def ask(self, operation: str, forgets: Cursor | None = None, **given: Any) -> dict[str, Any]:
        """One answer. With ``forgets`` a refusal of a token begins anew from that cursor."""
        return dict(self.read(getattr(self._client, operation), lambda call: call(**given), forgets))

    def read(self, subject: Any, act: Callable[[Any], Any], forgets: Cursor | None = None) -> Any:
        """What ``act`` makes of ``subject``, with boto3's errors as those of a source."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            return act(subject)
        except ClientError as error:
            raise self._refusal(error.response, forgets) from None
        except (BotoCoreError, ResponseParserError, OSError, LookupError, ValueError) as error:
            told = foreign(str(error), self._secrets) or type(error).__name__
            raise SourceError(f"{self._what} cannot be reached ({told})") from None

    def _refusal(self, answer: Mapping[str, Any], forgets: Cursor | None) -> SourceError:
        code, meta = str(answer.get("Error", {}).get("Code", "")), answer.get("ResponseMetadata", {})
        status = int(meta.get("HTTPStatusCode", 0))
        said = foreign(f"{code}: {answer.get('Error', {}).get('Message', '')}", self._secrets)
        text = f"{self._what} answered {status} ({said})"
        if forgets is not None and code in ("InvalidParameterException", "ValidationException", "InvalidNextTokenException"):
            return SourceError(f"{text}; it no longer knows the page to go on with, and is asked anew", forgets=forgets)
        after = pause(meta.get("HTTPHeaders", {}).get("retry-after"))
        return SourceError(text, is_permanent=not (aws.is_passing(code, status) or code in _MOVED), retry_after_s=after)


def date_of(answer: Mapping[str, Any]) -> dt.datetime | None:
    """The service's own clock."""
    return web.http_date(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))


def plain(answer: Mapping[str, Any]) -> dict[str, Any]:
    """An answer without what boto3 adds to it."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def written(value: object) -> str:
    """An instant as AWS's command line writes it; for JSON."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    raise TypeError(f"{type(value).__name__} is no value of an answer")
