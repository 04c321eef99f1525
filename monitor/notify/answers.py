"""Reads what comes back from a channel's other side: a signed request in, who acknowledges what out. Pure.

PagerDuty sends a webhook (v3) for each change of an incident, Slack a request for each press of a button.
Each is signed over the body as it came, so the body is looked at only after its signature has been.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar
from urllib.parse import parse_qs

import msgspec

from monitor.notify.channel import Acknowledging, Forged
from monitor.notify.words import fit, line

#: Seconds that a request of Slack's may be old or early; Slack's own advice against replays.
FRESH_S = 300

#: Characters of a name.
NAME = 100

#: The button's name in a message of ours, and in what Slack sends when somebody presses it.
ACKNOWLEDGE = "acknowledge"

_DEDUP_KEY = re.compile(r"[0-9a-f]{32}")
_ALERT_ID = re.compile(r"[1-9][0-9]{0,17}")
_SECONDS = re.compile(r"[0-9]{1,12}")


class _Agent(msgspec.Struct, frozen=True):
    type: str = ""
    summary: str | None = None


class _Incident(msgspec.Struct, frozen=True):
    incident_key: str | None = None


class _Event(msgspec.Struct, frozen=True):
    event_type: str
    data: _Incident
    agent: _Agent | None = None


class _Webhook(msgspec.Struct, frozen=True):
    event: _Event


class _Action(msgspec.Struct, frozen=True):
    action_id: str = ""
    value: str | None = None


class _User(msgspec.Struct, frozen=True):
    id: str
    username: str | None = None
    name: str | None = None


class _Interaction(msgspec.Struct, frozen=True):
    type: str
    user: _User
    actions: tuple[_Action, ...] = ()


def from_pagerduty(headers: Mapping[str, str], body: bytes, secret: str) -> Acknowledging | None:
    """What a webhook of PagerDuty's says: an acknowledgement by a person of an incident of ours, or nothing.

    What an integration acknowledges is nothing: ours does so with what was acknowledged here.

    Args:
        headers: with names in small letters.
        body: as it came.
        secret: that of the webhook's subscription.

    Raises:
        Forged: no signature is right. There are several while the secret changes ("Verifying Signatures").
    """
    right = f"v1={_signature(secret, body)}"
    given = headers.get("x-pagerduty-signature", "")
    if not any(_same(right, one.strip()) for one in given.split(",")):
        raise Forged("the request is not signed as PagerDuty does with the signing_secret")
    found = _read(body, _Webhook)
    if found is None or found.event.event_type != "incident.acknowledged":
        return None
    key, agent = found.event.data.incident_key or "", found.event.agent
    if not _DEDUP_KEY.fullmatch(key) or agent is None or agent.type != "user_reference":
        return None
    return Acknowledging(by=_name(agent.summary) or "somebody at PagerDuty", dedup_key=key)


def from_slack(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> Acknowledging | None:
    """What a request of Slack's says: that somebody pressed our button, or nothing.

    Args:
        headers: with names in small letters.
        body: as it came: a form, with JSON in the field ``payload``.
        secret: the app's signing secret.
        now: what time it is.

    Raises:
        Forged: the signature is wrong, or from another time ("Verifying requests from Slack").
    """
    stamp = headers.get("x-slack-request-timestamp", "")
    if not _SECONDS.fullmatch(stamp) or abs(now.timestamp() - int(stamp)) > FRESH_S:
        raise Forged("the request is not of these minutes")
    right = f"v0={_signature(secret, b':'.join([b'v0', stamp.encode(), body]))}"
    if not _same(right, headers.get("x-slack-signature", "")):
        raise Forged("the request is not signed as Slack does with the signing_secret")
    found = _read(_payload(body), _Interaction)
    if found is None or found.type != "block_actions":
        return None
    pressed = [one.value or "" for one in found.actions if one.action_id == ACKNOWLEDGE]
    if not pressed or not _ALERT_ID.fullmatch(pressed[0]):
        return None
    user = found.user
    by = _name(user.username) or _name(user.name) or _name(user.id) or "somebody at Slack"
    return Acknowledging(by=by, alert_id=int(pressed[0]))


Found = TypeVar("Found")


def _read(body: bytes, type_: type[Found]) -> Found | None:
    """The body, where it is JSON of this shape."""
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _payload(form: bytes) -> bytes:
    """The field ``payload`` of a form; empty where there is none."""
    try:
        return parse_qs(form, max_num_fields=10).get(b"payload", [b""])[0]
    except ValueError:
        return b""


def _signature(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _same(right: str, given: str) -> bool:
    """Compared in a time that does not depend on where they differ."""
    return hmac.compare_digest(right.encode(), given.encode(errors="replace"))


def _name(text: str | None) -> str:
    return fit(line(text or ""), NAME)
