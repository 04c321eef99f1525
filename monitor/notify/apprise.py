"""The ``apprise`` channel: every service that the library apprise knows, by a URL of its kind.

What apprise gives back is whether it worked, and nothing else: not why, not for how long to wait, and no
handle by which a message could be changed. So a failure is always tried again, and each page is a message of
its own.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from monitor.clock import Clock
from monitor.daemons import Daemons
from monitor.errors import ConfigError, Transient
from monitor.notify.channel import ChannelSettings, Notification
from monitor.notify.page import Page
from monitor.notify.words import fit, headline, plain, sign

if TYPE_CHECKING:
    from apprise import NotifyBase

#: Seconds that one attempt may take; apprise itself goes on for no longer.
TIMEOUT_S = 30.0

#: Characters of a title, where the service has no limit of its own that is smaller.
TITLE = 250

#: Characters between title and text, where the service has no titles and apprise puts it before the text.
_BETWEEN = 8


class AppriseSettings(ChannelSettings, frozen=True, kw_only=True, tag="apprise", tag_field="kind"):
    """Sends by one ``url`` of apprise, which names a service and holds its secrets."""

    url: str

    def channel(self, clock: Clock) -> AppriseChannel:  # noqa: ARG002 - the service has its own
        """See ``ChannelSettings``."""
        return AppriseChannel(self.url)


class AppriseChannel:
    """Sends by one URL of apprise.

    Args:
        url: which service, and its secrets.
        timeout_s: seconds that one attempt may take.

    Raises:
        ConfigError: apprise knows no such service, or the URL lacks something.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        # It logs what it sends, to where, and what was answered.
        logging.getLogger("apprise").disabled = True
        self._url = url
        self._timeout_s = timeout_s
        self._service()

    def send(self, notification: Notification) -> None:
        """See ``Channel.send``. Raises ``Transient`` whatever the reason is: apprise does not say."""
        from apprise import Apprise, NotifyFormat

        # Each attempt has a service of its own: one that hangs keeps none of the others waiting.
        service = self._service()
        subject, body = _said(notification.page, service)
        kind = _kind(notification.page)
        one = Apprise(asset=service.asset)
        one.add(service)
        attempt = Daemons().submit(
            one.notify, title=subject, body=body, notify_type=kind, body_format=NotifyFormat.TEXT
        )
        try:
            taken = bool(attempt.result(self._timeout_s))
        except TimeoutError:
            raise Transient("no answer: TimeoutError") from None
        if not taken:
            raise Transient("the service did not take it; apprise does not say why")

    def _service(self) -> NotifyBase:
        # Loads a hundred modules, which only those shall wait for who use it.
        from apprise import Apprise, AppriseAsset, OverflowMode, PersistentStoreMode

        asset = AppriseAsset(
            app_id="llm-monitor",
            async_mode=False,
            storage_mode=PersistentStoreMode.MEMORY,
            service_timeout=self._timeout_s,
        )
        service = Apprise.instantiate(self._url, asset=asset)
        if service is None:
            raise ConfigError("apprise knows no such service, or the url lacks something that it needs")
        service.overflow_mode = OverflowMode.TRUNCATE
        return service


def _said(page: Page, service: NotifyBase) -> tuple[str, str]:
    """A title and a text within the limits of a service: the first sections, and all links.

    The text is never empty, as apprise sends no such thing.
    """
    subject = fit(f"{sign(page)} {headline(page)}", min(TITLE, service.title_maxlen or TITLE))
    return subject, plain(page, max(0, service.body_maxlen - len(subject) - _BETWEEN)) or subject


def _kind(page: Page) -> Any:
    """What apprise calls it, for services that show a sign or a colour."""
    from apprise import NotifyType

    if page.kind == "test":
        return NotifyType.INFO
    if page.status == "resolved":
        return NotifyType.SUCCESS
    return NotifyType.FAILURE if page.severity == "page" else NotifyType.WARNING
