"""The e-mail channel: a message as text and HTML over SMTP.

Belongs here: headers, TLS, login and the server's answers. Does not belong here: the two bodies (``pages/messages.py``).

A mail that is sent again has the same Message-ID and X-Governance-Key, so that mail programs can tell a repeat.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import email.policy
import email.utils
import hashlib
import re
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import urlsplit

from governance_assets.pages.messages import Message, as_html, as_text, title
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime.alerts.channels import (
    TIMEOUT_S,
    DeliveryError,
    NotConfigured,
    foreign,
    from_environment,
    header_key,
    is_loopback,
    needed,
    unreachable,
)

IMPLICIT_TLS_PORT = 465
SUBMISSION_PORT = 587
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Mail:
    """Sends mail through one server."""

    name: str
    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    user: str = field(repr=False)
    password: str = field(repr=False)

    def send(self, message: Message) -> None:
        """Send ``message`` to every recipient; one that is refused is named in the error although the others have it."""
        mail = self.mail(message)
        try:
            with self._session() as server:
                turned_away = server.send_message(mail, self.sender, list(self.recipients))
        except smtplib.SMTPRecipientsRefused as error:
            raise self._turned_away(error.recipients) from None
        except smtplib.SMTPAuthenticationError as error:
            # What the server says may repeat what was sent.
            raise self._answered(error.smtp_code, "login refused") from None
        except smtplib.SMTPResponseException as error:
            raise self._answered(error.smtp_code, self._said(error.smtp_error)) from None
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryError(
                f"channel {self.name}: {self._server} cannot do it ({self._said(str(error))}); mend the channel", True
            ) from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise unreachable(self.name, self._server, error, (self.password,)) from None
        if turned_away:
            raise self._turned_away(turned_away)

    def mail(self, message: Message) -> EmailMessage:
        """``message`` as a mail with text and HTML."""
        mail = EmailMessage(policy=email.policy.SMTP)
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.recipients)
        mail["Subject"] = title(message)
        created = message.created_at if message.created_at.tzinfo else message.created_at.replace(tzinfo=dt.UTC)
        mail["Date"] = email.utils.format_datetime(created)
        mail["Message-ID"] = f"<{hashlib.sha256(header_key(message).encode()).hexdigest()[:32]}@{self.sender.rpartition('@')[2]}>"
        mail["X-Governance-Key"] = header_key(message)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(as_text(message))
        mail.add_alternative(as_html(message), subtype="html")
        return mail

    @property
    def _server(self) -> str:
        return f"{self.host}:{self.port}"

    @contextlib.contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """A session that is encrypted when the server offers it, and logged in when there is a user or password."""
        context = ssl.create_default_context()
        if self.port == IMPLICIT_TLS_PORT:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
        try:
            self._prepare(server, context)
            yield server
            # The mail is taken; how the goodbye goes does not matter any more.
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.quit()
        finally:
            server.close()

    def _prepare(self, server: smtplib.SMTP, context: ssl.SSLContext) -> None:
        server.ehlo_or_helo_if_needed()
        is_encrypted = self.port == IMPLICIT_TLS_PORT
        if not is_encrypted and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
            is_encrypted = True
        if not self.password:
            return
        if not is_encrypted and not is_loopback(self.host):
            raise DeliveryError(
                f"channel {self.name}: {self._server} offers no TLS, and a password is never sent in the clear; use a port with TLS", True
            )
        server.login(self.user, self.password)

    def _said(self, answer: bytes | str) -> str:
        return foreign(answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer, (self.password,))

    def _answered(self, code: int, said: str) -> DeliveryError:
        is_permanent = 500 <= code < 600
        hint = "mend the channel" if is_permanent else "it is tried again"
        return DeliveryError(f"channel {self.name}: {self._server} answered {code} ({said or 'without a word'}); {hint}", is_permanent)

    def _turned_away(self, refusals: Mapping[str, tuple[int, bytes]]) -> DeliveryError:
        named = ", ".join(f"{address} ({code} {self._said(said)})" for address, (code, said) in sorted(refusals.items()))
        rest = len(self.recipients) - len(refusals)
        others = f"; {rest} of {len(self.recipients)} have the mail" if rest else ""
        is_permanent = all(500 <= code < 600 for code, _ in refusals.values())
        return DeliveryError(f"channel {self.name}: {self._server} refused {named}{others}; mend target", is_permanent)


def build(entry: ChannelPolicy, environment: Mapping[str, str]) -> Mail:
    """The channel of ``entry``: ``server`` is host:port, ``target`` the recipients, separated by commas."""
    host, port = _host_and_port(entry, needed(entry, "server", "host and port of a mail server"))
    given = needed(entry, "target", "mail addresses, separated by commas")
    recipients = tuple(dict.fromkeys(_address(entry, text, "target") for text in given.split(",") if text.strip()))
    sender = _address(entry, needed(entry, "sender", "address that mail comes from"), "sender")
    if not recipients:
        raise NotConfigured(f"channel {entry.name}: target names no mail address; write addresses, separated by commas")
    if bool(entry.user_env) != bool(entry.secret_env):
        raise NotConfigured(f"channel {entry.name}: a login needs both user_env and secret_env; name both or none")
    user, password = from_environment(entry, entry.user_env, environment), from_environment(entry, entry.secret_env, environment)
    return Mail(entry.name, host, port, sender, recipients, user, password)


def _host_and_port(entry: ChannelPolicy, server: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{server}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or "@" in server or "/" in server or not (server.isascii() and server.isprintable()):
        raise NotConfigured(f"channel {entry.name}: found server {server!r}, expected host and port; write it as mail.example.org:587")
    return host, SUBMISSION_PORT if port is None else port


def _address(entry: ChannelPolicy, text: str, key: str) -> str:
    address = text.strip()
    if _ADDRESS.fullmatch(address) is None:
        raise NotConfigured(f"channel {entry.name}: found {address!r} in {key}, expected a mail address; write it as role@example.org")
    return address
