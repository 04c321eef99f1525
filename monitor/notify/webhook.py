"""The ``webhook`` channel: one POST of JSON, with the headers of the Standard Webhooks specification.

``webhook-id`` is the same over retries, ``webhook-timestamp`` is the attempt's time in seconds, and with a
secret ``webhook-signature`` is ``v1,`` and the base64 HMAC-SHA256 of ``id.timestamp.body`` (Standard
Webhooks, "Webhook metadata" and "Signature scheme").
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from datetime import timedelta

import httpx
import msgspec

from monitor.clock import Clock
from monitor.errors import ConfigError, Permanent, Transient
from monitor.notify.channel import Notification, TryLater

#: Seconds that one attempt may take, from connecting to the answer's headers.
TIMEOUT_S = 10.0

#: Answers that ask for another attempt; every other 4xx is final.
_LATER = frozenset({408, 425, 429})


class WebhookChannel:
    """Posts to one URL.

    Args:
        url: where; it may hold a secret, so it is in no error and no log.
        clock: what time it is, for the timestamp.
        secret: the signing secret, as ``whsec_<base64>`` or plain text; ``None`` sends no signature.
        timeout_s: seconds that one attempt may take.

    Raises:
        ConfigError: the URL is none, or the secret says it is base64 and is not.
    """

    def __init__(
        self, url: str, clock: Clock, *, secret: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._url = _url(url)
        self._clock = clock
        self._key = _key(secret) if secret else None
        self._timeout_s = timeout_s

    def send(self, notification: Notification) -> None:
        """See ``Channel.send``. A 2xx answer means delivered; its body is not read."""
        body = msgspec.json.encode(notification.payload)
        stamp = str(int(self._clock.now().timestamp()))
        headers = {
            "content-type": "application/json",
            "user-agent": "llm-monitor",
            "webhook-id": notification.id,
            "webhook-timestamp": stamp,
        }
        if self._key is not None:
            signed = b".".join([notification.id.encode(), stamp.encode(), body])
            digest = hmac.new(self._key, signed, hashlib.sha256).digest()
            headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
        try:
            response = asyncio.run(self._post(body, headers))
        except (httpx.HTTPError, TimeoutError) as error:
            # The error's own text may hold the URL.
            raise Transient(f"no answer: {type(error).__name__}") from None
        _judge(response)

    async def _post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """The answer's head. One limit over everything: a receiver that trickles can't hold the others up."""
        async with (
            asyncio.timeout(self._timeout_s),
            httpx.AsyncClient(timeout=self._timeout_s, follow_redirects=False) as client,
            client.stream("POST", self._url, content=body, headers=headers) as response,
        ):
            return response


def _judge(response: httpx.Response) -> None:
    status = response.status_code
    if 200 <= status < 300:
        return
    if status in _LATER or status >= 500:
        raise TryLater(f"the receiver answered {status}", _retry_after(response))
    raise Permanent(f"the receiver answered {status}")


def _retry_after(response: httpx.Response) -> timedelta | None:
    """The pause of a ``Retry-After`` header in seconds (RFC 9110, 10.2.3); a date is not understood."""
    value = response.headers.get("retry-after", "")
    return timedelta(seconds=min(int(value[:9]), 86_400)) if value.isdecimal() else None


def _url(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host or (parsed.port or 0) > 65_535:
        raise ConfigError("a webhook's url must be http:// or https://, a host and a path")
    return parsed


def _key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise ConfigError("a webhook secret that starts with whsec_ must go on in base64") from None
