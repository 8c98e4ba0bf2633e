"""Channels: the ways a message leaves, one module a kind, all behind ``build`` and ``Channel``.

Belongs here: what every channel promises, and what they share: errors, secrets, pauses asked for by a receiver. Does not
belong here: what a message says (``pages/messages.py``), or when it is sent again (``runtime/alerts/drain.py``).

Errors: DeliveryError (one attempt failed) and NotConfigured (the channel cannot be built). No text of either holds a secret.
"""

from __future__ import annotations

import base64
import email.utils
import importlib.util
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from governance_assets.pages import wording
from governance_assets.pages.messages import Message
from governance_assets.policy import ChannelPolicy
from governance_assets.runtime import clock

TIMEOUT_S = 10.0
"""A receiver that says nothing for this long has failed."""


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
    from governance_assets.runtime.alerts.channels import console, file

    match entry.kind:
        case "console":
            return console.ConsoleChannel(entry.name)
        case "file":
            return file.build(entry, home)
    raise NotConfigured(f"channel {entry.name}: found kind {entry.kind}, which has no module; use another kind")


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
            seconds = (email.utils.parsedate_to_datetime(header) - clock.now()).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
