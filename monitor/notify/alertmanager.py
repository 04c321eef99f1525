"""The ``alertmanager`` channel: hands alerts as they stand to one or several Alertmanagers, by their API v2.

Alertmanager wants no news, but what stands: each alert again and again while it fires, with a time at which
it ends unless it is sent again by then. ``resend`` says what is due when; here alerts come in, and bounded
POSTs of their labels, annotations and times go out.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import httpx
import msgspec
import structlog

from monitor.clock import Clock
from monitor.durations import Duration, seconds
from monitor.errors import ConfigError, MonitorError, Permanent, Transient
from monitor.notify.channel import ChannelSettings, Notification
from monitor.notify.http import TIMEOUT_S, checked_url, judge, request
from monitor.notify.page import Page
from monitor.notify.words import fit, fit_bytes, plain

log = structlog.get_logger("monitor.notify.alertmanager")

#: How many times the pause between two sendings an alert holds that is not sent again (alert-generator
#: compliance specification 1.0, "Payload Format"; counted from each sending, as Prometheus does).
AHEAD = 4

#: Alerts, and bytes, that one POST has at most. An alert by itself is far below the second.
ALERTS_AT_ONCE = 64
BYTES_AT_ONCE = 1 << 20

#: Characters of a title and a summary, and bytes of a description, that an alert carries.
_LINE, _TEXT = 1_024, 8_192

_SHORTEST, _LONGEST = timedelta(seconds=10), timedelta(hours=1)

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")


class AlertmanagerSettings(ChannelSettings, frozen=True, kw_only=True, tag="alertmanager", tag_field="kind"):
    """Every alert goes to each of ``urls``, the addresses of the replicas of one Alertmanager.

    ``user`` and ``password`` are sent as Basic, ``token`` as Bearer, ``headers`` as they are. An alert that
    fires is sent again every ``resend``.
    """

    urls: tuple[str, ...]
    resend: Duration = "1m"
    user: str | None = None
    password: str | None = None
    token: str | None = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def reads_digests(self) -> bool:
        """It groups by itself, and a digest has no end."""
        return False

    def channel(self, clock: Clock) -> AlertmanagerChannel:
        """See ``ChannelSettings``."""
        return AlertmanagerChannel(
            self.urls,
            clock,
            resend=timedelta(seconds=seconds(self.resend)),
            headers={**self.headers, **_login(self.user, self.password, self.token)},
        )


class StandingAlert(msgspec.Struct, frozen=True):
    """One alert as it stands: what is said of it, since when it fires, and when it ends or has ended."""

    page: Page
    starts_at: datetime
    ends_at: datetime


class AlertmanagerChannel:
    """Posts to every replica of one Alertmanager.

    Args:
        urls: their addresses, with the path prefix if there is one; they may hold secrets.
        clock: what time it is.
        resend: the pause between two sendings of an alert that fires.
        headers: sent with every request.
        timeout_s: seconds that one request may take.

    Raises:
        ConfigError: there is no address, one is none, or a header can't be sent.
    """

    def __init__(
        self,
        urls: Sequence[str],
        clock: Clock,
        *,
        resend: timedelta = timedelta(minutes=1),
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        if not urls:
            raise ConfigError("urls is empty: name the address of at least one Alertmanager")
        if not _SHORTEST <= resend <= _LONGEST:
            raise ConfigError("resend must be between 10s and 1h")
        self.resend = resend
        self._urls = [_endpoint(url) for url in urls]
        self._clock = clock
        self._headers = {"content-type": "application/json", **_checked(headers or {})}
        self._timeout_s = timeout_s

    def post(self, alerts: Sequence[StandingAlert]) -> None:
        """Send these to every replica; returning means that at least one has them all.

        Without alerts it only asks whether anybody is there. A replica that did not take them is logged: it
        gets all that stands with the next sending.

        Raises:
            Transient: no replica took them, and one may later.
            Permanent: every replica refuses them.
        """
        bodies = list(_bodies(alerts))
        with ThreadPoolExecutor(len(self._urls), thread_name_prefix="alertmanager") as pool:
            problems = list(pool.map(lambda url: self._deliver(url, bodies), self._urls))
        errors = [error for error in problems if error is not None]
        if len(errors) == len(self._urls):
            raise next((error for error in errors if isinstance(error, Transient)), errors[0])
        for number, error in enumerate(problems, 1):
            if error is not None:
                log.warning("a replica did not take the alerts", replica=number, reason=str(error))

    def send(self, notification: Notification) -> None:
        """Send what is no alert of a rule by itself: a test, or what another channel could not take.

        It stands for as long as an alert that is not sent again. See ``Channel.send``.
        """
        page, now = notification.page, self._clock.now()
        ends_at = now + AHEAD * self.resend if page.status == "firing" else page.at
        self.post([StandingAlert(page, min(page.started_at, ends_at), ends_at)])

    def _deliver(self, url: httpx.URL, bodies: Sequence[bytes]) -> MonitorError | None:
        try:
            for body in bodies:
                judge(
                    request("POST", url, body=body, headers=self._headers, timeout_s=self._timeout_s, reads=0)
                )
        except (Transient, Permanent) as error:
            return error
        return None


def label_set(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels that are an alert's identity for Alertmanager, of those that our own matchers see.

    Names become ones that it takes, of two that become the same the later one stays. A label without a value
    is none: Alertmanager drops it.
    """
    return {_legal(name): value for name, value in labels.items() if value}


def _endpoint(url: str) -> httpx.URL:
    base = checked_url(url, "an Alertmanager's url")
    if base.query or base.fragment:
        raise ConfigError("an Alertmanager's url must be http:// or https://, a host and perhaps a path")
    return base.copy_with(path=f"{base.path.rstrip('/')}/api/v2/alerts")


def _login(user: str | None, password: str | None, token: str | None) -> dict[str, str]:
    if token is not None and (user is not None or password is not None):
        raise ConfigError("token and user are two ways to log in: give one")
    if (user is None) is not (password is None):
        raise ConfigError("user and password belong together: give both")
    if token is not None:
        return {"authorization": f"Bearer {token}"}
    if user is None:
        return {}
    return {"authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def _checked(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigError("headers, token included, must be visible ASCII characters and spaces")
    return headers


def _bodies(alerts: Sequence[StandingAlert]) -> Iterator[bytes]:
    """The bodies of as many POSTs as it takes; one with an empty list where there is no alert."""
    batch: list[bytes] = []
    for one in alerts:
        encoded = msgspec.json.encode(_alert(one))
        full = len(batch) == ALERTS_AT_ONCE or sum(map(len, batch)) + len(encoded) > BYTES_AT_ONCE
        if batch and full:
            yield b"[%b]" % b",".join(batch)
            batch = []
        batch.append(encoded)
    yield b"[%b]" % b",".join(batch)


def _alert(one: StandingAlert) -> dict[str, object]:
    page = one.page
    annotations = {
        "title": fit(page.title, _LINE),
        "summary": fit(page.summary, _LINE),
        "description": fit_bytes(plain(page), _TEXT),
        "runbook_url": page.links.runbook,
        "dashboard_url": page.links.dashboard,
        "silence_url": page.links.silence,
    }
    return {
        "labels": label_set(
            {
                **page.routing,
                **page.labels,
                "alertname": page.alert,
                "severity": page.severity,
                "metric": page.metric,
            }
        ),
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": _stamp(one.starts_at),
        "endsAt": _stamp(one.ends_at),
        **({"generatorURL": page.links.alert} if page.links.alert else {}),
    }


@lru_cache(1_024)
def _legal(name: str) -> str:
    """A label's name with an underscore for whatever Prometheus' data model has no place for."""
    legal = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    return f"_{legal}" if not legal or legal[0].isdigit() else legal


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
