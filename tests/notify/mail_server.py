"""A mail server on loopback, with STARTTLS, TLS from the beginning or neither; it answers as it is told."""

from __future__ import annotations

import ssl
import subprocess
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from monitor.demo.child import free_port

PASSWORD = "5ec2e75ec2e7"


class Mail(NamedTuple):
    """A message that was taken, and for whom."""

    recipients: list[str]
    message: EmailMessage


class Certificate(NamedTuple):
    """Files with a certificate for loopback, and its key."""

    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, names: str = "IP:127.0.0.1,DNS:localhost") -> Self:
        """A new one that vouches for itself."""
        made = cls(folder / "certificate.pem", folder / "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "2", "-subj", "/CN=mail.test", "-addext", f"subjectAltName={names}",
             "-out", made.certificate, "-keyout", made.key],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        return made

    def context(self) -> ssl.SSLContext:
        """What a server shows it with."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context


class MailServer:
    """The server. Use it as a context manager.

    Attributes:
        mails: what it took, in order.
        recipients: what it says to a recipient, where that is not 250.
        data: what it says to a message.
        login: whether it takes the login.
    """

    def __init__(self, encryption: str = "none", certificate: Certificate | None = None) -> None:
        self.mails: list[Mail] = []
        self.recipients: dict[str, str] = {}
        self.data = "250 OK"
        self.login = True
        context = certificate.context() if certificate else None
        options: dict[str, Any] = {"authenticator": self._authenticate}
        if encryption == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        else:
            options |= {"auth_require_tls": False}
        self.port = free_port()
        self._controller = Controller(
            self, "127.0.0.1", self.port, ssl_context=context if encryption == "tls" else None, **options
        )

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: object, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = self.recipients.get(address, "250 OK")
        if said.startswith("250"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: object, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data.startswith("250"):
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=default)
            assert isinstance(message, EmailMessage)
            self.mails.append(Mail(list(envelope.rcpt_tos), message))
        return self.data

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()

    def _authenticate(
        self, server: object, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        good = isinstance(data, LoginPassword) and data == LoginPassword(b"ada", PASSWORD.encode())
        # Not handled: it answers a refusal by itself.
        return AuthResult(success=self.login and good, handled=False)
