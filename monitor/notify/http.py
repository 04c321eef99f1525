"""One bounded request to a receiver: URL, headers and body in, its answer out, or what its answer means.

Everything that may go wrong between us and a receiver is said by type alone: an error's text, like a URL,
may hold a secret.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache

import httpx
import msgspec

from monitor.daemons import Daemons
from monitor.errors import ConfigError, Permanent, Transient
from monitor.notify.channel import TryLater

#: Seconds that one request may take, from connecting to the end of the answer.
TIMEOUT_S = 10.0

#: Bytes of an answer that are read, unless it is said otherwise.
LONGEST_ANSWER = 65_536

#: The longest pause that a receiver can ask for.
LONGEST_PAUSE = timedelta(days=1)

#: Bytes of a key that signs, at least: what is shorter was left empty, or can be guessed.
SHORTEST_KEY = 8

#: Characters of a receiver's own words that are shown.
_SAYABLE = 200

#: Answers that ask for another attempt; every other 4xx is final.
_LATER = frozenset({408, 425, 429})


class Answer(msgspec.Struct, frozen=True):
    """What a receiver answered, with the first bytes of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def taken(self) -> bool:
        """Whether it took what was sent."""
        return 200 <= self.status < 300

    def json(self) -> dict[str, object]:
        """The body's JSON object; empty where it is none."""
        try:
            found = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def request(
    method: str,
    url: httpx.URL | str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
    reads: int = LONGEST_ANSWER,
) -> Answer:
    """Ask once, with one limit over everything: a receiver that trickles can't hold the others up.

    ``reads`` is how many bytes of the answer's body are read; 0 does not wait for any.

    Raises:
        Transient: there was no answer.
    """

    async def ask() -> Answer:
        async with (
            asyncio.timeout(timeout_s),
            httpx.AsyncClient(timeout=timeout_s, follow_redirects=False, verify=_trusted()) as client,
            client.stream(
                method, url, content=body, headers={"user-agent": "llm-monitor", **(headers or {})}
            ) as response,
        ):
            found = b""
            if reads:
                async for chunk in response.aiter_bytes(8_192):
                    found += chunk
                    if len(found) >= reads:
                        break
            return Answer(response.status_code, dict(response.headers), found[:reads])

    # A name is looked up in a thread that nothing can stop, and ``asyncio.run`` waits for it: we don't.
    asking = Daemons().submit(lambda: asyncio.run(ask()))
    try:
        answer: Answer = asking.result(timeout_s)
        return answer
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise Transient(f"no answer: {type(error).__name__}") from None


@cache
def _trusted() -> ssl.SSLContext:
    """Whom TLS trusts, read once: to read it takes longer than a request."""
    return httpx.create_ssl_context()


def post_json(
    url: httpx.URL | str,
    body: object,
    *,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Answer:
    """POST a value as JSON; see ``request``."""
    return request(
        "POST",
        url,
        body=msgspec.json.encode(body),
        headers={"content-type": "application/json", **(headers or {})},
        timeout_s=timeout_s,
    )


def sayable(said: object, secret: str) -> str:
    """A receiver's own words as they may be shown: one short line, and never the secret that it was sent."""
    line = " ".join(str(said).split()).replace(secret, "…") if said else ""
    return "".join(letter for letter in line if letter.isprintable())[:_SAYABLE]


def judge(answer: Answer, said: str = "") -> None:
    """Return if the receiver took it, else raise what its status means.

    Args:
        answer: its answer.
        said: what it gives as the reason, in words that may be shown.

    Raises:
        TryLater: 408, 425, 429 or 5xx; with the pause that it asks for.
        Permanent: anything else that is no 2xx.
    """
    if answer.taken:
        return
    message = f"the receiver answered {answer.status}{f': {said}' if said else ''}"
    if answer.status in _LATER or answer.status >= 500:
        raise TryLater(message, retry_after(answer.headers))
    raise Permanent(message)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> timedelta | None:
    """The pause that ``Retry-After`` asks for, in seconds or until a date (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return min(timedelta(seconds=int(value[:9])), LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(timedelta(), min(until - (now or datetime.now(UTC)), LONGEST_PAUSE))


def checked_url(url: str, what: str = "url") -> httpx.URL:
    """The URL, if it is one that can be posted to.

    Raises:
        ConfigError: it is not; does not repeat it, as it may hold a secret.
    """
    try:
        parsed = httpx.URL(url)
        host = parsed.host
    except (httpx.InvalidURL, UnicodeError):
        parsed, host = httpx.URL(), ""
    if parsed.scheme not in ("http", "https") or not host or (parsed.port or 0) > 65_535:
        raise ConfigError(f"{what} must be http:// or https://, a host and a path")
    return parsed


def checked_key(key: bytes, what: str) -> bytes:
    """The key, if it is long enough to sign with: anybody can sign with one that is empty.

    Raises:
        ConfigError: it is shorter than ``SHORTEST_KEY``; does not repeat it.
    """
    if len(key) < SHORTEST_KEY:
        raise ConfigError(f"{what} must have at least {SHORTEST_KEY} bytes")
    return key
