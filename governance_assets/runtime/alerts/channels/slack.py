"""The Slack channels: an incoming webhook, or a bot that posts into a channel, both through Slack's SDK.

Belongs here: handing blocks over and reading Slack's answers. Does not belong here: the blocks (``pages/messages.py``).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from governance_assets.pages.messages import Message, as_slack, slack_escaped, title
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime.alerts.channels import (
    TIMEOUT_S,
    DeliveryError,
    foreign,
    header_key,
    need_package,
    needed,
    needed_secret,
    pause,
    refused,
    unreachable,
    web_host,
)

API = "https://slack.com/api/"

# The SDK logs addresses and bodies, and the address of a webhook is its secret.
_SILENT = logging.Logger(f"{__name__}.silent", level=logging.CRITICAL + 1)
# ValueError and below: the SDK stumbles over text that is no UTF-8 and JSON that is no object.
_NO_ANSWER = (OSError, HTTPException, ValueError, LookupError, AttributeError)

# Answers that come back the same until somebody changes the channel; any other may pass.
_PERMANENT = frozenset(
    """
    access_denied account_inactive action_prohibited as_user_not_supported channel_is_archived channel_not_found ekm_access_denied
    enterprise_is_restricted invalid_arg_name invalid_arguments invalid_auth invalid_blocks invalid_blocks_format invalid_payload
    invalid_token is_archived is_inactive messages_tab_disabled metadata_too_large missing_scope msg_blocks_too_long msg_too_long
    no_active_hooks no_permission no_service no_service_id no_team no_text not_allowed_token_type not_authed not_in_channel
    org_login_required posting_to_general_channel_denied restricted_action restricted_action_read_only_channel
    team_access_not_granted team_disabled team_not_found token_expired token_revoked two_factor_setup_required user_not_found
    """.split()  # noqa: SIM905 - forty names one below the other are harder to read
)


@dataclass(frozen=True)
class SlackWebhook:
    """Posts through an incoming webhook; its address is the secret."""

    name: str
    url: str = field(repr=False)
    host: str

    def send(self, message: Message) -> None:
        """Post ``message``; Slack must answer ok."""
        from slack_sdk.webhook import WebhookClient

        client = WebhookClient(self.url, timeout=TIMEOUT_S, logger=_SILENT, retry_handlers=[])
        try:
            answer = client.send_dict(_body(message))
        except _NO_ANSWER as error:
            raise unreachable(self.name, self.host, error, (self.url,)) from None
        # A page that some proxy put in between is answered with 200 too.
        if answer.status_code == 200 and answer.body.strip() == "ok":
            return
        said = foreign(answer.body, (self.url,))
        if answer.status_code == 200:
            raise DeliveryError(f"channel {self.name}: {self.host} answered {said or 'nothing'}, expected ok; look for a proxy in between")
        raise refused(self.name, self.host, answer.status_code, said, _retry_after(answer.headers))


@dataclass(frozen=True)
class SlackBot:
    """Posts as a bot into one channel."""

    name: str
    token: str = field(repr=False)
    target: str
    server: str
    host: str

    def send(self, message: Message) -> None:
        """Post ``message``; Slack must answer ok."""
        from slack_sdk import WebClient
        from slack_sdk.errors import SlackApiError, SlackClientError

        client = WebClient(self.token, base_url=self.server, timeout=TIMEOUT_S, logger=_SILENT, retry_handlers=[])
        try:
            client.chat_postMessage(channel=self.target, link_names=False, parse="none", mrkdwn=False, **_body(message))
        except SlackApiError as error:
            raise self._refused(error.response) from None
        except (SlackClientError, *_NO_ANSWER) as error:
            raise unreachable(self.name, self.host, error, (self.token,)) from None

    def _refused(self, answer: Any) -> DeliveryError:
        data = answer.data if isinstance(answer.data, dict) else {}
        code = str(data.get("error", "no reason given"))
        after = _retry_after(answer.headers)
        said = foreign(code, (self.token,))
        if answer.status_code != 200 and code not in _PERMANENT:
            return refused(self.name, self.host, answer.status_code, said, after)
        hint = "mend the channel" if code in _PERMANENT else "it is tried again"
        return DeliveryError(f"channel {self.name}: Slack answered {said}; {hint}", code in _PERMANENT, pause(after))


def _retry_after(headers: Mapping[str, str]) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == "retry-after"), None)


def build_webhook(entry: ChannelPolicy, environment: Mapping[str, str]) -> SlackWebhook:
    """The channel of ``entry``; the webhook's address is in the environment variable that ``secret_env`` names."""
    need_package(entry, "slack_sdk", "slack")
    url = needed_secret(entry, environment, "address of the incoming webhook")
    return SlackWebhook(entry.name, url, web_host(entry, url, f"the environment variable {entry.secret_env}"))


def build_bot(entry: ChannelPolicy, environment: Mapping[str, str]) -> SlackBot:
    """The channel of ``entry``: ``target`` is a Slack channel, and the token is in the variable that ``secret_env`` names."""
    need_package(entry, "slack_sdk", "slack")
    token = needed_secret(entry, environment, "bot token")
    server = f"{(entry.server or API).rstrip('/')}/"
    return SlackBot(entry.name, token, needed(entry, "target", "id of a Slack channel"), server, web_host(entry, server, "server"))


def _body(message: Message) -> dict[str, Any]:
    payload = {"key": header_key(message), "kind": message.kind, "severity": message.severity}
    return {
        "text": slack_escaped(title(message)),
        "blocks": as_slack(message),
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {"event_type": "governance_alert", "event_payload": payload},
    }
