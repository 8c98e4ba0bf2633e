"""The e-mail channel against real SMTP servers on loopback: TLS, login, refusals, and headers that nobody can inject."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from governance_assets.pages.messages import as_html, as_text, title
from governance_assets.policy.alerts import ChannelPolicy
from governance_assets.runtime.alerts import channels
from governance_assets.runtime.alerts.channels import Channel
from governance_assets.runtime.alerts.channels import email as mail
from governance_assets_tests.channel_samples import (
    HOSTILE,
    NOW,
    SECRET,
    all_logs,
    assert_no_leak,
    free_port,
    hostile,
    message,
    no_proxy,
    refusal,
)

__all__ = ["all_logs", "no_proxy"]


class Mailbox:
    """Takes mail, and answers to single commands as told."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.mails: list[tuple[Session, Envelope]] = []

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        answer = self.answers.get(address, self.answers.get("RCPT", ""))
        if not answer:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if "DATA" not in self.answers:
            self.mails.append((session, envelope))
        return self.answers.get("DATA", "250 OK")

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return self.answers.get("QUIT", "221 Bye")

    def mail(self) -> EmailMessage:
        ((_, envelope),) = self.mails
        return email.message_from_bytes(bytes(envelope.content or b""), policy=email.policy.default)  # type: ignore[arg-type, return-value]


class Servers:
    """Starts SMTP servers and stops them."""

    def __init__(self) -> None:
        self.running: list[Controller] = []

    def start(self, box: Mailbox, **options: Any) -> str:
        controller = Controller(box, hostname="127.0.0.1", port=free_port(), ready_timeout=10, server_hostname="localhost", **options)
        controller.start()
        self.running.append(controller)
        return f"127.0.0.1:{controller.port}"


@pytest.fixture
def servers() -> Iterator[Servers]:
    made = Servers()
    yield made
    for controller in made.running:
        controller.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key, made here and signed by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(dt.datetime(2020, 1, 1)).not_valid_after(dt.datetime(2120, 1, 1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = builder.add_extension(names, False).add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The server's side of TLS, trusted by clients of this process."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def channel_to(server: str, target: str = "one@example.org, two@example.org", **changes: str) -> Channel:
    entry = ChannelPolicy(name="mail", kind="email", server=server, target=target, sender="governance@example.org", **changes)  # type: ignore[arg-type]
    return channels.build(entry, {"MAIL_USER": "governance", "MAIL_PASSWORD": SECRET}, Path())


LOGIN = {"user_env": "MAIL_USER", "secret_env": "MAIL_PASSWORD"}


def checking(logins: list[tuple[bytes, bytes]]) -> Any:
    """An authenticator that notes what it is given and takes the right password only."""

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        logins.append((given.login, given.password))
        return AuthResult(success=given.password == SECRET.encode(), handled=False)

    return check


def test_a_mail_has_text_html_and_the_headers_of_a_machine(servers: Servers) -> None:
    box = Mailbox()
    channel_to(servers.start(box)).send(message())
    got = box.mail()
    assert box.mails[0][1].rcpt_tos == ["one@example.org", "two@example.org"]
    assert (got["From"], got["To"], got["Subject"]) == ("governance@example.org", "one@example.org, two@example.org", title(message()))
    assert (got["X-Governance-Key"], got["Auto-Submitted"]) == (message().key, "auto-generated")
    assert got["Date"].datetime == NOW
    text, page = got.get_body(("plain",)), got.get_body(("html",))
    assert text is not None
    assert page is not None
    assert text.get_content().replace("\r\n", "\n") == as_text(message())
    assert page.get_content().replace("\r\n", "\n") == as_html(message())


def test_a_repeat_has_the_same_message_id_and_another_message_another(servers: Servers) -> None:
    box = Mailbox()
    server = servers.start(box)
    for key in ("a", "a", "b"):
        channel_to(server).send(message(key=key))
    first, second, other = (email.message_from_bytes(bytes(envelope.content or b""))["Message-ID"] for _, envelope in box.mails)
    assert first == second != other
    assert first.endswith("@example.org>")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_adds_no_header_and_no_part(text: str, servers: Servers) -> None:
    box = Mailbox()
    channel_to(servers.start(box)).send(hostile(text))
    got = box.mail()
    assert sorted(set(got.keys()) - {"X-Peer"}) == sorted(
        ["From", "To", "Subject", "Date", "Message-ID", "X-Governance-Key", "Auto-Submitted", "MIME-Version", "Content-Type"]
    )
    assert [part.get_content_type() for part in got.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert got["Subject"] == title(hostile(text))
    assert box.mails[0][1].rcpt_tos == ["one@example.org", "two@example.org"]
    assert max(map(len, bytes(box.mails[0][1].content or b"").split(b"\r\n"))) <= 998


def test_starttls_is_used_when_offered_and_the_login_goes_through_it(servers: Servers, tls: ssl.SSLContext) -> None:
    box, logins = Mailbox(), []  # type: ignore[var-annotated]
    server = servers.start(box, tls_context=tls, require_starttls=True, authenticator=checking(logins), auth_required=True)
    channel_to(server, **LOGIN).send(message())
    assert box.mails[0][0].ssl is not None
    assert logins == [(b"governance", SECRET.encode())]


def test_a_certificate_that_is_not_trusted_ends_it(servers: Servers, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    box, logins = Mailbox(), []  # type: ignore[var-annotated]
    server = servers.start(box, tls_context=tls, authenticator=checking(logins))
    monkeypatch.delenv("SSL_CERT_FILE")
    error = refusal(channel_to(server, **LOGIN))
    assert (error.is_permanent, "certificate" in str(error).lower()) == (False, True)
    assert (box.mails, logins) == ([], [])


def test_the_port_of_implicit_tls_is_encrypted_from_the_first_byte(
    servers: Servers, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, logins = Mailbox(), []  # type: ignore[var-annotated]
    controller = Controller(
        box, hostname="127.0.0.1", port=free_port(), ssl_context=tls, authenticator=checking(logins), auth_require_tls=False
    )

    def greeted() -> None:
        plain = socket.create_connection(("127.0.0.1", controller.port), 5)
        with ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1") as encrypted:
            encrypted.recv(1_000)

    # The controller's own first contact uses the server's side of TLS.
    monkeypatch.setattr(controller, "_trigger_server", greeted)
    controller.start()
    servers.running.append(controller)
    monkeypatch.setattr(mail, "IMPLICIT_TLS_PORT", controller.port)
    channel_to(f"127.0.0.1:{controller.port}", **LOGIN).send(message())
    assert len(box.mails) == 1
    assert logins == [(b"governance", SECRET.encode())]


def test_within_this_machine_a_login_may_go_without_tls(servers: Servers) -> None:
    box, logins = Mailbox(), []  # type: ignore[var-annotated]
    channel_to(servers.start(box, authenticator=checking(logins), auth_require_tls=False), **LOGIN).send(message())
    assert (len(box.mails), logins) == (1, [(b"governance", SECRET.encode())])


def test_a_password_never_leaves_this_machine_in_the_clear(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, all_logs: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mail, "is_loopback", lambda host: False)
    box, logins = Mailbox(), []  # type: ignore[var-annotated]
    channel = channel_to(servers.start(box, authenticator=checking(logins), auth_require_tls=False), **LOGIN)
    error = refusal(channel)
    assert (error.is_permanent, "never sent in the clear" in str(error)) == (True, True)
    assert (box.mails, logins) == ([], [])
    assert_no_leak(channel, error, all_logs, "".join(capsys.readouterr()))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.9", True),
        ("::1", True),
        ("mail.example.org", False),
        ("10.0.0.1", False),
        ("localhost.example.org", False),
    ],
)
def test_what_is_this_machine(host: str, expected: bool) -> None:
    assert channels.is_loopback(host) is expected


REFUSALS = [
    ({"DATA": "451 try later"}, False, "answered 451"),
    ({"DATA": "552 too big"}, True, "answered 552"),
    ({"MAIL": "450 busy"}, False, "answered 450"),
    ({"MAIL": f"550 sender refused {SECRET}"}, True, "answered 550"),
    ({"RCPT": "450 greylisted"}, False, "refused one@example.org (450 greylisted), two@example.org"),
    ({"RCPT": "550 no such user"}, True, "refused one@example.org (550 no such user)"),
    ({"two@example.org": "550 no such user"}, True, "refused two@example.org (550 no such user); 1 of 2 have the mail"),
    ({"two@example.org": f"451 later {SECRET}"}, False, "refused two@example.org (451 later ***); 1 of 2 have the mail"),
    ({"one@example.org": "550 no", "two@example.org": "451 later"}, False, "refused one@example.org (550 no), two@example.org (451 later)"),
]


@pytest.mark.parametrize(("answers", "is_permanent", "expected"), REFUSALS, ids=range(len(REFUSALS)))
def test_what_a_mail_server_refuses(
    answers: dict[str, str],
    is_permanent: bool,
    expected: str,
    servers: Servers,
    all_logs: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    box = Mailbox(**answers)
    logins: list[tuple[bytes, bytes]] = []
    channel = channel_to(servers.start(box, authenticator=checking(logins), auth_require_tls=False), **LOGIN)
    error = refusal(channel)
    assert (error.is_permanent, expected in str(error)) == (is_permanent, True), str(error)
    assert len(box.mails) == ("have the mail" in expected)
    all_logs.clear()  # aiosmtpd, the server of this test, logs what it is sent
    assert_no_leak(channel, error, all_logs, "".join(capsys.readouterr()))


def test_a_wrong_password_is_permanent_and_not_shown(
    servers: Servers, all_logs: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    server = servers.start(Mailbox(), authenticator=checking([]), auth_require_tls=False)
    entry = ChannelPolicy(name="mail", kind="email", server=server, target="one@example.org", sender="governance@example.org", **LOGIN)  # type: ignore[arg-type]
    channel = channels.build(entry, {"MAIL_USER": "governance", "MAIL_PASSWORD": f"wrong-{SECRET}"}, Path())
    error = refusal(channel)
    assert (error.is_permanent, "answered 535 (login refused)" in str(error)) == (True, True)
    all_logs.clear()
    assert_no_leak(channel, error, all_logs, "".join(capsys.readouterr()))


def test_a_server_without_login_is_permanent(servers: Servers) -> None:
    error = refusal(channel_to(servers.start(Mailbox()), **LOGIN))
    assert (error.is_permanent, "cannot do it" in str(error)) == (True, True)


def test_a_rude_goodbye_after_the_mail_is_taken_is_no_failure(servers: Servers) -> None:
    box = Mailbox(QUIT="451 stay")
    channel_to(servers.start(box)).send(message())
    assert len(box.mails) == 1


def test_a_server_that_is_gone_silent_or_no_mail_server_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for server in (f"127.0.0.1:{silent.getsockname()[1]}", f"127.0.0.1:{free_port()}"):
            error = refusal(channel_to(server))
            assert (error.is_permanent, f"{server} cannot be reached" in str(error)) == (False, True)


@pytest.mark.parametrize(
    ("server", "host", "port"),
    [("mail.example.org", "mail.example.org", 587), ("mail.example.org:465", "mail.example.org", 465), ("[::1]:2525", "::1", 2525)],
)
def test_host_and_port(server: str, host: str, port: int) -> None:
    built = channel_to(server)
    assert isinstance(built, mail.Mail)
    assert (built.host, built.port) == (host, port)
