"""Channels: the ways a message leaves, one module a kind, all behind ``build`` and ``Channel``.

Belongs here: what every channel promises, and what they share: errors, secrets, pauses asked for by a receiver. Does not
belong here: what a message says (``pages/messages.py``), or when it is sent again (``runtime/alerts/drain.py``).

Errors: DeliveryError (one attempt failed) and NotConfigured (the channel cannot be built). No text of either holds a secret.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import ipaddress
import math
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from governance_assets.pages import wording
from governance_assets.pages.messages import Message
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime import clock

TIMEOUT_S = 10
"""A receiver that says nothing for this many seconds has failed."""

LONGEST_PAUSE_S = 86_400.0
"""A receiver that asks for a longer pause is asked again after a day."""


class Channel(Protocol):
    """A way out. ``send`` returns when the receiver has taken the message, and raises DeliveryError when it has not."""

    @property
    def name(self) -> str:
        """Name that routes refer to."""

    def send(self, message: Message) -> None:
        """Hand ``message`` over, once."""


class DeliveryError(RuntimeError):
    """An attempt failed; it is worth repeating unless ``is_permanent``, and not before ``retry_after_s`` when that is given."""

    def __init__(self, text: str, is_permanent: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.is_permanent = is_permanent
        self.retry_after_s = retry_after_s


class NotConfigured(ValueError):
    """A channel lacks an environment variable, a package or a policy key; the message names it and what to do."""


def build(entry: ChannelPolicy, environment: Mapping[str, str], home: Path) -> Channel:
    """The channel that ``entry`` describes; secrets come from ``environment``. Raises NotConfigured."""
    # Imported here so that one kind never loads the packages of another.
    from governance_assets.runtime.alerts.channels import console, email, file, slack, sns, webhook

    match entry.kind:
        case "console":
            return console.ConsoleChannel(entry.name)
        case "file":
            return file.build(entry, home)
        case "slack_webhook":
            return slack.build_webhook(entry, environment)
        case "slack_bot":
            return slack.build_bot(entry, environment)
        case "sns":
            return sns.build(entry, environment)
        case "email":
            return email.build(entry, environment)
        case "webhook":
            return webhook.build(entry, environment)


def needed_secret(entry: ChannelPolicy, environment: Mapping[str, str], meaning: str) -> str:
    """The secret that ``secret_env`` names, which the channel cannot do without."""
    if not entry.secret_env:
        raise NotConfigured(f"channel {entry.name}: secret_env is empty; name there the environment variable with the {meaning}")
    return from_environment(entry, entry.secret_env, environment)


def from_environment(entry: ChannelPolicy, variable: str, environment: Mapping[str, str]) -> str:
    """The value of ``variable``, without blanks around it; an empty variable name gives empty text."""
    value = environment.get(variable, "").strip() if variable else ""
    if variable and not value:
        raise NotConfigured(
            f"channel {entry.name}: the environment variable {variable} is not set or empty; export it where alerts are sent"
        )
    if not (value.isascii() and value.isprintable()):
        raise NotConfigured(
            f"channel {entry.name}: the environment variable {variable} holds line breaks or letters outside ASCII; set it anew"
        )
    return value


def needed(entry: ChannelPolicy, key: str, meaning: str) -> str:
    """The policy key ``key`` of ``entry``, which must not be empty."""
    value = str(getattr(entry, key)).strip()
    if not value:
        raise NotConfigured(f"channel {entry.name}: {key} is empty; a channel of kind {entry.kind} needs the {meaning} there")
    return value


def need_package(entry: ChannelPolicy, package: str, extra: str) -> None:
    """Refuse when ``package`` is not installed, naming the extra that brings it; does not load it."""
    if importlib.util.find_spec(package) is None:
        raise NotConfigured(f"channel {entry.name}: the package {package} is not installed; install governance-assets[{extra}]")


def foreign(text: str, secrets: Iterable[str] = (), limit: int = 200) -> str:
    """What a receiver said, fit for an error: on one line, cut, and with the secrets struck out, plain or in base64."""
    for secret in filter(None, secrets):
        for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()):
            text = text.replace(form, "***")
    return wording.one_line(text, limit)


def pause(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, given as a number or as a date; None when it says nothing usable."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - clock.now()).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(0.0, seconds), LONGEST_PAUSE_S) if math.isfinite(seconds) else None


def refused(name: str, receiver: str, status: int, said: str, retry_after: str | None) -> DeliveryError:
    """The error for an HTTP status: time-outs, throttling and errors of the server may pass, everything else will not."""
    is_permanent = not (status in (408, 425, 429) or 500 <= status < 600)
    hint = "change the channel's address" if 300 <= status < 400 else "mend the channel" if is_permanent else "it is tried again"
    return DeliveryError(
        f"channel {name}: {receiver} answered {status} ({said or 'without a word'}); {hint}", is_permanent, pause(retry_after)
    )


def unreachable(name: str, receiver: str, error: Exception, secrets: Iterable[str] = ()) -> DeliveryError:
    """The error for a receiver that could not be asked, or gave no answer that can be read."""
    return DeliveryError(
        f"channel {name}: {receiver} cannot be reached ({foreign(str(error), secrets) or type(error).__name__}); it is tried again"
    )


def web_host(entry: ChannelPolicy, address: str, where: str, is_open_allowed: bool = False) -> str:
    """The host of a web address, after refusing every scheme but https, and http unless allowed or within this machine."""
    try:
        parts = urlsplit(address)
        host, scheme, _ = parts.hostname or "", parts.scheme.lower(), parts.port
    except ValueError:
        host, scheme = "", ""
    is_safe = scheme == "https" or (scheme == "http" and (is_open_allowed or is_loopback(host)))
    if not host or not is_safe or not (address.isascii() and address.isprintable()) or " " in address:
        expected = "an http or https address" if is_open_allowed else "an https address"
        raise NotConfigured(f"channel {entry.name}: {where} holds no usable address; expected {expected} with a host")
    if parts.username is not None or parts.password is not None:
        raise NotConfigured(f"channel {entry.name}: {where} carries a user or password; take them out of the address")
    return host


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def header_key(message: Message) -> str:
    """The idempotency key as a header may carry it: printable ASCII without blanks; an overlong one becomes its digest."""
    key = quote(message.key, safe="!#$&'()*+,/:;=?@[]^_`{|}~-.", errors="replace")
    return key if len(key) <= _KEY_LENGTH else hashlib.sha256(key.encode()).hexdigest()


_KEY_LENGTH = 128  # what SNS takes as a deduplication id
