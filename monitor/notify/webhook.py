"""The ``webhook`` channel: one POST of JSON, with the headers of the Standard Webhooks specification.

``webhook-id`` is the same over retries, ``webhook-timestamp`` is the attempt's time in seconds, and with a
secret ``webhook-signature`` is ``v1,`` and the base64 HMAC-SHA256 of ``id.timestamp.body`` (Standard
Webhooks, "Webhook metadata" and "Signature scheme").
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import timedelta

import httpx
import msgspec

from monitor.clock import Clock
from monitor.errors import ConfigError, Permanent, Transient
from monitor.notify.channel import Notification, TryLater

#: Seconds that one attempt may take, connecting included.
TIMEOUT_S = 10.0

#: Answers that ask for another attempt; every other 4xx is final.
_LATER = frozenset({408, 425, 429})


class WebhookChannel:
    """Posts to one URL.

    Args:
        url: where; it may hold a secret, so it is in no error and no log.
        clock: what time it is, for the timestamp.
        secret: the signing secret, as ``whsec_<base64>`` or plain text; ``None`` sends no signature.
        client: an HTTP client, for tests.

    Raises:
        ConfigError: the secret says it is base64 and is not.
    """

    def __init__(
        self, url: str, clock: Clock, *, secret: str | None = None, client: httpx.Client | None = None
    ) -> None:
        self._url = url
        self._clock = clock
        self._key = _key(secret) if secret else None
        self._client = client or httpx.Client(timeout=TIMEOUT_S, follow_redirects=False)

    def send(self, notification: Notification) -> None:
        """See ``Channel.send``. A 2xx answer means delivered."""
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
            response = self._client.post(self._url, content=body, headers=headers)
        except httpx.InvalidURL as error:
            raise Permanent("the webhook's URL is not valid") from error
        except httpx.HTTPError as error:
            raise Transient(f"no answer: {type(error).__name__}") from error
        _judge(response)


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
    return timedelta(seconds=min(int(value), 86_400)) if value.isdecimal() else None


def _key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ConfigError("a webhook secret that starts with whsec_ must go on in base64") from error
