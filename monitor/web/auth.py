"""Who asks, and whether they may change anything: a request in, a ``Visitor`` out.

Reading is open, as ``/metrics`` is. Whoever changes something sends the token as a pipeline does
(``Authorization: Bearer``), has signed in with it once (a signed cookie), or is named by a header that a
reverse proxy sets. A browser sends cookies and a proxy its header whoever wrote the form, so those two must
come from our own pages: the request says so, and the form holds a token that only our pages know.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from monitor.clock import Clock

#: How long a sign-in lasts.
SESSION = timedelta(hours=12)

#: Wrong tokens that one address, and all of them together, may send in ``WITHIN``.
TRIES, TRIES_OF_ALL, WITHIN = 5, 60, timedelta(minutes=1)

#: Addresses whose wrong tokens are remembered.
ADDRESSES = 1_000

#: Characters of a name that are kept.
MAX_NAME = 256


class Visitor(msgspec.Struct, frozen=True):
    """Who asks. ``by`` is their name where a proxy says it; ``form`` belongs into every form they send."""

    kind: Literal["nobody", "token", "session", "header"]
    by: str = ""
    form: str = ""

    @property
    def may_write(self) -> bool:
        """Whether they may change anything."""
        return self.kind != "nobody"


class Guard:
    """Knows who may write.

    Args:
        token: of the configuration; ``None`` for none.
        user_header: the header in which a reverse proxy names who asks; ``None`` for none.
        secret: what cookies and forms are signed with; the same on every replica.
        url: the address of the pages, as browsers know it; empty if it is not known.
        clock: what time it is.
    """

    def __init__(
        self, token: str | None, user_header: str | None, secret: str, url: str, clock: Clock
    ) -> None:
        self._token, self._user_header, self._clock = token, user_header, clock
        self._key = hmac.digest(secret.encode(), b"llm-monitor pages", "sha256")
        self._origin = _origin(url)
        self._secure = url.startswith("https://")
        self._cookie = "__Host-llm-monitor" if self._secure else "llm-monitor"
        self._failures = _Failures()

    @property
    def takes_tokens(self) -> bool:
        """Whether anybody can sign in."""
        return self._token is not None

    @property
    def is_open(self) -> bool:
        """Whether anybody at all may write."""
        return self._token is not None or self._user_header is not None

    def visitor(self, request: Request) -> Visitor:
        """Who asks."""
        named = request.headers.get(self._user_header, "") if self._user_header else ""
        by, bearer = _line(named), _bearer(request)
        # A proxy may send a token of its own along, and a look at a page is no guess.
        counts = not by and request.method not in ("GET", "HEAD")
        if self._token is not None and self.is_token(request, bearer, counts=counts):
            return Visitor("token")
        if by:
            return Visitor("header", by, self._sign("form", by))
        session = request.cookies.get(self._cookie, "")
        if self._token is not None and self._is_session(session):
            return Visitor("session", "", self._sign("form", session))
        return Visitor("nobody")

    def is_token(self, request: Request, given: str | None, *, counts: bool = True) -> bool:
        """Whether this is the token; where it ``counts``, a wrong one is a guess: see ``is_guessing``."""
        if self._token is None or given is None:
            return False
        # In a time that says nothing of how much of it was right.
        if hmac.compare_digest(given.encode(errors="surrogateescape"), self._token.encode()):
            return True
        if counts:
            self._failures.add(_address(request), self._clock.now())
        return False

    def is_guessing(self, request: Request) -> bool:
        """Whether too many wrong tokens came from there lately, or from everywhere."""
        return self._failures.too_many(_address(request), self._clock.now())

    def sign_in(self, response: Response) -> None:
        """Give a cookie to whoever sent the token."""
        expires = int((self._clock.now() + SESSION).timestamp())
        value = f"{expires}.{secrets.token_urlsafe(16)}"
        response.set_cookie(
            self._cookie,
            f"{value}.{self._sign('session', value)}",
            max_age=int(SESSION.total_seconds()),
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )

    def sign_out(self, response: Response) -> None:
        """Take the cookie away."""
        response.delete_cookie(self._cookie, secure=self._secure, httponly=True, samesite="strict")

    def is_ours(self, request: Request) -> bool:
        """Whether a browser says that one of our own pages sent this; what is no browser says nothing."""
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        origin = request.headers.get("origin")
        if origin is None:
            return True
        return origin == self._origin or urlsplit(origin).netloc == request.headers.get("host")

    def is_our_form(self, request: Request, visitor: Visitor, given: str) -> bool:
        """Whether a form came from a page that this visitor was shown."""
        known = bool(visitor.form) and hmac.compare_digest(given.encode(), visitor.form.encode())
        return known and self.is_ours(request)

    def _is_session(self, cookie: str) -> bool:
        value, _, signature = cookie.rpartition(".")
        expected = self._sign("session", value)
        if not hmac.compare_digest(signature.encode(errors="replace"), expected.encode()):
            return False
        return int(value.partition(".")[0]) > self._clock.now().timestamp()

    def _sign(self, purpose: str, value: str) -> str:
        signed = f"{purpose}:{value}".encode(errors="replace")
        return hmac.new(self._key, signed, hashlib.sha256).hexdigest()


class _Failures:
    """When wrong tokens came, by address; bounded, whatever anybody sends."""

    def __init__(self) -> None:
        self._all: deque[datetime] = deque(maxlen=TRIES_OF_ALL)
        self._by_address: OrderedDict[str, deque[datetime]] = OrderedDict()

    def add(self, address: str, now: datetime) -> None:
        """Remember one."""
        self._all.append(now)
        self._by_address.setdefault(address, deque(maxlen=TRIES)).append(now)
        self._by_address.move_to_end(address)
        if len(self._by_address) > ADDRESSES:
            self._by_address.popitem(last=False)

    def too_many(self, address: str, now: datetime) -> bool:
        """Whether as many came lately as may."""
        return any(
            one is not None and len(one) == one.maxlen and now - one[0] < WITHIN
            for one in (self._all, self._by_address.get(address))
        )


def _bearer(request: Request) -> str | None:
    given = request.headers.get("authorization", "")
    return given.removeprefix("Bearer ") if given.startswith("Bearer ") else None


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _line(text: str) -> str:
    """A name as it may be stored and shown: one line, not too long."""
    return "".join(one for one in text if one.isprintable()).strip()[:MAX_NAME]
