"""What is told about the delivery itself: dead letters, channels that cannot send, trials; and that a sync was completed.

Belongs here: these messages and which channels carry them. Does not belong here: alerts of the history (``plan.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from governance_assets.pages.messages import Line, Message
from governance_assets.policy import AlertsPolicy
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime.alerts.channels import NotConfigured
from governance_assets.runtime.alerts.delivery import Delivery
from governance_assets.runtime.alerts.plan import message_key

DELIVERY = "alert_delivery"
"""Stands where a line names an artifact: what is told is about the way, not about a figure."""
_LOCAL = {one.kind: one for one in AlertsPolicy().channels}


def entry(policy: AlertsPolicy, name: str) -> ChannelPolicy:
    """The channel called ``name``. Raises NotConfigured when the policy has none."""
    local = next((one for one in _LOCAL.values() if one.name == name), None)
    found = next((one for one in policy.channels if one.name == name), local)
    if found is None:
        known = ", ".join(one.name for one in policy.channels)
        raise NotConfigured(f"no channel of the policy is named {name}; known are {known}")
    return found


def others(policy: AlertsPolicy, channel: str, carried_by: Sequence[str]) -> tuple[str, ...]:
    """Where it is told that ``channel`` failed: the other channels of the message, and those that need no network."""
    names = [*carried_by, *(one.name for one in policy.channels if one.kind in _LOCAL)]
    found = tuple(dict.fromkeys(name for name in names if name != channel))
    if found:
        return found
    rest = tuple(one.name for one in policy.channels if one.name != channel)
    return rest or tuple(one.name for one in _LOCAL.values() if one.name != channel)


def is_about_delivery(message: Message) -> bool:
    """Whether ``message`` tells of the delivery: when it dies nothing more is told, or there would be no end."""
    return bool(message.lines) and message.lines[0].artifact == DELIVERY


def dead_letter(delivery: Delivery, error: str, now: dt.datetime) -> Message:
    """That ``delivery`` was given up, with everything it had to tell."""
    first = _line(
        rule="message_arrives",
        subject=f"channel {delivery.channel}",
        message=f"message {delivery.message.key} was given up on channel {delivery.channel}: {error}",
        remedy="Mend the channel, try it with governance alerts test, then send again with governance alerts drain --dead",
        now=now,
    )
    carried = tuple(replace(line, alerts=()) for line in delivery.message.lines)
    key = message_key("dead", delivery.message.key, delivery.channel, delivery.number, now.isoformat())
    return replace(delivery.message, key=key, kind="notice", lines=(first, *carried), is_grouped=False, created_at=now)


def not_configured(channel: str, error: str, now: dt.datetime) -> Message:
    """That ``channel`` cannot send; one a day."""
    line = _line(
        rule="channel_is_configured",
        subject=f"channel {channel}",
        message=f"messages wait for channel {channel}: {error}",
        remedy="Configure the channel and try it with governance alerts test, or take it out of the routes of the policy",
        now=now,
    )
    key = message_key("not_configured", channel, now.date().isoformat())
    return Message(key=key, kind="notice", severity="warn", lines=(line,), is_grouped=False, ledger_head="", created_at=now)


def trial(channel: str, now: dt.datetime) -> Message:
    """A message that says that messages arrive."""
    line = _line(
        rule="message_arrives",
        subject=f"channel {channel}",
        message=f"this is a test: alerts for channel {channel} arrive here",
        remedy="Nothing to do",
        now=now,
    )
    key = message_key("test", channel, now.isoformat())
    return Message(
        key=key, kind="test", severity="info", lines=(replace(line, kind="test"),), is_grouped=False, ledger_head="", created_at=now
    )


def synced(repository: str, commit: str, told: str, now: dt.datetime) -> Message:
    """That a repository shows the plan as it stands; one a commit."""
    line = _line(
        rule="sync_is_completed",
        subject=f"repository {repository}",
        message=f"repository {repository} was synced: {told}",
        remedy="Nothing to do",
        now=now,
    )
    key = message_key("synced", repository, commit)
    return Message(key=key, kind="notice", severity="info", lines=(line,), is_grouped=False, ledger_head="", created_at=now)


def _line(*, rule: str, subject: str, message: str, remedy: str, now: dt.datetime) -> Line:
    return Line(
        alerts=(),
        incident="",
        kind="notice",
        artifact=DELIVERY,
        rule=rule,
        subject=subject,
        partition_key="",
        outcome="",
        severity="warn",
        value=None,
        limit=None,
        unit=None,
        since=now,
        trend=(),
        message=message,
        remedy=remedy,
        owner="",
        link="",
    )
