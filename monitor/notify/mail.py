"""The ``email`` channel: one message to all recipients, by SMTP with TLS.

What the server says of a recipient decides for that one alone (RFC 5321, 4.2.1: 4yz later, 5yz never). Who
has the message is remembered, so that an attempt which is repeated for the others does not send it to them
twice; after a restart only its ``Message-ID``, which stays the same, tells a mailbox so.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Literal

from monitor.clock import Clock
from monitor.daemons import Daemons
from monitor.errors import ConfigError, MonitorError, Permanent, Transient
from monitor.notify.channel import ChannelSettings, Notification
from monitor.notify.mail_message import message_of

#: Seconds that one attempt may take, from connecting to the answer to the message.
TIMEOUT_S = 20.0

#: Messages of which it is remembered who has them.
REMEMBERED = 1_000

#: A mailbox without the forms that nobody has: comments, quotes, addresses of networks.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")

#: A status that a server may begin its text with (RFC 3463): the one part of it that is worth saying.
_ENHANCED = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")

#: "Too many recipients", which servers of before RFC 5321 say with a code for never (there, 4.5.3.1.10).
_TOO_MANY = 552

Encryption = Literal["starttls", "tls", "none"]

_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class EmailSettings(ChannelSettings, frozen=True, kw_only=True, tag="email", tag_field="kind"):
    """Mails to every address of ``to``, by the server ``host``.

    ``encryption`` is ``starttls`` (port 587), ``tls`` from the beginning (465) or ``none`` (25), which is
    refused together with a password unless the server is on this machine. The server's certificate is
    checked, against ``ca_file`` where there is one.
    """

    host: str
    sender: str
    to: tuple[str, ...]
    port: int | None = None
    encryption: Encryption = "starttls"
    user: str | None = None
    password: str | None = None
    ca_file: str | None = None

    def channel(self, clock: Clock) -> EmailChannel:
        """See ``ChannelSettings``."""
        return EmailChannel(self, clock)


class EmailChannel:
    """Sends messages by one server.

    Args:
        settings: the server, who it is from and to, the login.
        clock: what time it is, for the date.
        timeout_s: seconds that one attempt may take.

    Raises:
        ConfigError: an address is none, or the login would go over the network in the clear.
    """

    def __init__(self, settings: EmailSettings, clock: Clock, *, timeout_s: float = TIMEOUT_S) -> None:
        _check(settings)
        self._settings = settings
        self._to = tuple(dict.fromkeys(settings.to))
        self._context = None if settings.encryption == "none" else _context(settings.ca_file)
        self._clock = clock
        self._timeout_s = timeout_s
        self._said = _Said()

    def send(self, notification: Notification) -> None:
        """See ``Channel.send``. Delivered means that the server took it for every recipient."""
        waiting = self._said.waiting(notification.id, self._to)
        if waiting:
            message = message_of(
                notification, sender=self._settings.sender, to=self._to, at=self._clock.now()
            )
            session = _Session(self._settings, self._context, self._timeout_s)
            talk = Daemons().submit(
                session.deliver, message.as_bytes(), waiting, self._said.of(notification.id)
            )
            try:
                talk.result(self._timeout_s)
            except TimeoutError:
                session.cut()
                if self._said.waiting(notification.id, self._to):
                    raise Transient("no answer: TimeoutError") from None
        self._judge(notification.id)

    def _judge(self, number: str) -> None:
        """Raise what is left of the recipients."""
        refused = {one: said for one, said in self._said.of(number).items() if said}
        later = self._said.waiting(number, self._to)
        if later:
            raise Transient(f"the server takes it later for {', '.join(later)}")
        if refused:
            reasons = ", ".join(f"{one} ({said})" for one, said in refused.items())
            raise Permanent(f"the server refused {len(refused)} of {len(self._to)} recipients: {reasons}")


class _Said:
    """What the server finally said of each recipient of the newest messages: empty where it took it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: OrderedDict[str, dict[str, str]] = OrderedDict()

    def of(self, number: str) -> dict[str, str]:
        """Of each recipient of a message; to be written to."""
        with self._lock:
            found = self._messages.setdefault(number, {})
            self._messages.move_to_end(number)
            while len(self._messages) > REMEMBERED:
                self._messages.popitem(last=False)
            return found

    def waiting(self, number: str, to: Sequence[str]) -> list[str]:
        """Those of whom it has not said anything final."""
        said = self.of(number)
        return [one for one in to if one not in said]


class _Server(smtplib.SMTP):
    """A server that somebody knows of while it is still being connected to, which can take long too."""

    def __init__(self, note: Callable[[smtplib.SMTP], None], *arguments: Any, **options: Any) -> None:
        note(self)
        super().__init__(*arguments, **options)


class _TlsServer(smtplib.SMTP_SSL):
    """As ``_Server``, with TLS from the beginning."""

    def __init__(self, note: Callable[[smtplib.SMTP], None], *arguments: Any, **options: Any) -> None:
        note(self)
        super().__init__(*arguments, **options)


class _Session:
    """One talk with the server, which another thread may cut short."""

    def __init__(self, settings: EmailSettings, context: ssl.SSLContext | None, timeout_s: float) -> None:
        self._settings = settings
        self._context = context
        self._timeout_s = timeout_s
        self._server: smtplib.SMTP | None = None

    def deliver(self, message: bytes, to: Sequence[str], said: dict[str, str]) -> None:
        """Hand the message over, and write down what the server finally said of each recipient.

        Raises:
            Transient: it can't be handed over now.
            Permanent: the server refuses us or the message.
        """
        try:
            server = self._connect()
            self._log_in(server)
            _accepted(server.mail(self._settings.sender))
            taken = [one for one in to if self._takes(server, one, said)]
            if taken:
                _accepted(server.data(message))
                said.update((one, "") for one in taken)
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
        except (smtplib.SMTPException, OSError) as error:
            raise _meaning(error) from None
        finally:
            if self._server is not None:
                self._server.close()

    def cut(self) -> None:
        """Break the connection: whatever waits for the server hears that it is gone."""
        connection = None if self._server is None else self._server.sock
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _connect(self) -> smtplib.SMTP:
        settings, timeout = self._settings, self._timeout_s
        port = settings.port or _PORTS[settings.encryption]
        if settings.encryption == "tls":
            return _TlsServer(self._note, settings.host, port, timeout=timeout, context=self._context)
        return _Server(self._note, settings.host, port, timeout=timeout)

    def _note(self, server: smtplib.SMTP) -> None:
        self._server = server

    def _log_in(self, server: smtplib.SMTP) -> None:
        settings = self._settings
        server.ehlo_or_helo_if_needed()
        if settings.encryption == "starttls":
            server.starttls(context=self._context)
            server.ehlo_or_helo_if_needed()
        if settings.user is not None and settings.password is not None:
            server.login(settings.user, settings.password)

    def _takes(self, server: smtplib.SMTP, recipient: str, said: dict[str, str]) -> bool:
        code, text = server.rcpt(recipient)
        if code in (250, 251):
            return True
        if code >= 500 and code != _TOO_MANY:
            said[recipient] = _status(code, text)
        return False


def _accepted(reply: tuple[int, bytes]) -> None:
    code, text = reply
    if code != 250:
        raise smtplib.SMTPResponseException(code, text)


def _meaning(error: smtplib.SMTPException | OSError) -> MonitorError:
    """What ended a talk, in words without anything that the server said but its status."""
    if isinstance(error, smtplib.SMTPResponseException):
        status = _status(error.smtp_code, error.smtp_error)
        final = 500 <= error.smtp_code <= 599
        return (Permanent if final else Transient)(f"the server answered {status}")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Permanent("the server does not offer what is configured: STARTTLS, or a login")
    if isinstance(error, ssl.SSLCertVerificationError):
        return Permanent("the server's certificate can't be verified: set ca_file to that of its authority")
    if type(error) is smtplib.SMTPException:
        return Permanent("the server offers no way to log in that is known here")
    return Transient(f"no answer: {type(error).__name__}")


def _status(code: int, text: bytes | str) -> str:
    found = _ENHANCED.match(text if isinstance(text, bytes) else text.encode())
    return f"{code} {found[0].decode()}" if found else str(code)


def _context(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError):
        raise ConfigError("ca_file must be a file with certificates in PEM") from None


def _check(settings: EmailSettings) -> None:
    for what, address in [("sender", settings.sender), *(("to", one) for one in settings.to)]:
        if not _ADDRESS.fullmatch(address):
            raise ConfigError(f"{what} must be an address such as oncall@example.com, without a name")
    if not settings.to:
        raise ConfigError("to is empty: name at least one address")
    if not settings.host or not settings.host.isprintable() or " " in settings.host:
        raise ConfigError("host must be the name or the address of a mail server")
    if settings.port is not None and not 1 <= settings.port <= 65_535:
        raise ConfigError("port must be between 1 and 65535")
    if (settings.user is None) is not (settings.password is None):
        raise ConfigError("user and password belong together: give both")
    if settings.encryption == "none" and settings.password is not None and not _is_here(settings.host):
        raise ConfigError("a password never goes over the network in the clear: use starttls or tls")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
