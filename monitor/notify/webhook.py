"""The ``webhook`` channel: one POST of JSON, with the headers of the Standard Webhooks specification.

``webhook-id`` is the same over retries, ``webhook-timestamp`` is the attempt's time in seconds, and with a
secret ``webhook-signature`` is ``v1,`` and the base64 HMAC-SHA256 of ``id.timestamp.body`` (Standard
Webhooks, "Webhook metadata" and "Signature scheme").
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import msgspec

from monitor.clock import Clock
from monitor.errors import ConfigError
from monitor.notify.channel import ChannelSettings, Notification
from monitor.notify.http import TIMEOUT_S, checked_key, checked_url, judge, request


class WebhookSettings(ChannelSettings, frozen=True, kw_only=True, tag="webhook", tag_field="kind"):
    """POSTs JSON to ``url``, signed when there is a ``secret``: ``whsec_<base64>``, or plain text."""

    url: str
    secret: str | None = None

    def channel(self, clock: Clock) -> WebhookChannel:
        """See ``ChannelSettings``."""
        return WebhookChannel(self.url, clock, secret=self.secret)


class WebhookChannel:
    """Posts to one URL.

    Args:
        url: where; it may hold a secret, so it is in no error and no log.
        clock: what time it is, for the timestamp.
        secret: the signing secret, as ``whsec_<base64>`` or plain text; ``None`` sends no signature.
        timeout_s: seconds that one attempt may take.

    Raises:
        ConfigError: the URL is none, or the secret is too short, or says it is base64 and is not.
    """

    def __init__(
        self, url: str, clock: Clock, *, secret: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._url = checked_url(url, "a webhook's url")
        self._clock = clock
        self._key = checked_key(_key(secret), "a webhook's secret") if secret is not None else None
        self._timeout_s = timeout_s

    def send(self, notification: Notification) -> None:
        """See ``Channel.send``. A 2xx answer means delivered, whatever its body says."""
        body = msgspec.json.encode(notification.page)
        stamp = str(int(self._clock.now().timestamp()))
        headers = {
            "content-type": "application/json",
            "webhook-id": notification.id,
            "webhook-timestamp": stamp,
        }
        if self._key is not None:
            signed = b".".join([notification.id.encode(), stamp.encode(), body])
            digest = hmac.new(self._key, signed, hashlib.sha256).digest()
            headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
        answer = request("POST", self._url, body=body, headers=headers, timeout_s=self._timeout_s, reads=0)
        judge(answer)


def _key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise ConfigError("a webhook secret that starts with whsec_ must go on in base64") from None
