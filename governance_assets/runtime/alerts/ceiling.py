"""How many messages a channel gets: each by itself up to a number an hour, the rest in one digest an hour.

Belongs here: that decision, and the digest. Does not belong here: which messages there are (``plan.py``) or sending them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from governance_assets.pages.messages import Message
from governance_assets.runtime.alerts.causes import worst
from governance_assets.runtime.alerts.plan import Planned, View, message_key

HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Load:
    """What a channel was given within the hour, and what waits for its next digest."""

    messages: int = 0
    digest_at: dt.datetime | None = None
    gathered: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Digest:
    """What waited for a channel, in one message."""

    channel: str
    message: Message
    keys: tuple[str, ...]


@dataclass
class Shares:
    """What goes where: (message key, channel) sent by itself or gathered for a digest, and the digests that are due."""

    single: list[tuple[str, str]] = field(default_factory=list)
    gathered: list[tuple[str, str]] = field(default_factory=list)
    digests: list[Digest] = field(default_factory=list)


def share(planned: Sequence[Planned], loads: Mapping[str, Load], view: View) -> Shares:
    """Share ``planned`` out to their channels, the loudest first.

    Once something waits for a digest everything of that channel does, so that nothing overtakes what happened before it.
    """
    shares = Shares()
    waiting: dict[str, list[Message]] = {name: list(load.gathered) for name, load in loads.items()}
    given = {name: load.messages for name, load in loads.items()}
    for one in planned:
        for channel in one.channels:
            ahead = waiting.setdefault(channel, [])
            if ahead or given.get(channel, 0) >= view.policy.max_messages_per_hour:
                ahead.append(one.message)
                shares.gathered.append((one.message.key, channel))
            else:
                given[channel] = given.get(channel, 0) + 1
                shares.single.append((one.message.key, channel))
    for channel, messages in waiting.items():
        last = loads[channel].digest_at if channel in loads else None
        if messages and (last is None or not last <= view.now < last + HOUR):
            shares.digests.append(Digest(channel, _digest(channel, messages, view), tuple(message.key for message in messages)))
    return shares


def _digest(channel: str, messages: Sequence[Message], view: View) -> Message:
    return Message(
        key=message_key("digest", channel, *(message.key for message in messages)),
        kind="digest",
        severity=worst(message.severity for message in messages),
        lines=tuple(line for message in messages for line in message.lines),
        is_grouped=False,
        ledger_head=view.ledger_head,
        created_at=view.now,
    )
