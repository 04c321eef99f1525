"""Writes the e-mail of a page: a notification in, headers, plain text and HTML out.

What a page says may come from a log, and log lines are whatever somebody wrote there: a header is one line,
and in HTML text stays text. The HTML names no colour, so that it is readable on dark and on light.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import escape

from monitor.notify.channel import Notification
from monitor.notify.page import Page
from monitor.notify.words import fit, headline, links, plain, sections, sign

#: Characters of a subject, of the whole as plain text, and of one line in HTML.
SUBJECT, TEXT, LINE = 200, 20_000, 1_000

_NAME = "llm-monitor"

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
</head>
<body style="font-family: sans-serif; line-height: 1.45; max-width: 44em">"""


def message_of(notification: Notification, *, sender: str, to: Sequence[str], at: datetime) -> EmailMessage:
    """The message that says a notification, to all of its recipients.

    ``Message-ID`` is the same over attempts, and every message of an episode refers to the same one, which
    nobody ever got (RFC 5322, 3.6.4): clients show them as one thread. ``Auto-Submitted`` (RFC 3834) keeps
    out-of-office replies away.

    Args:
        notification: what to say.
        sender: the address that it is from; its domain is in the ids.
        to: the addresses that it is to.
        at: the time of this attempt.
    """
    page = notification.page
    domain = sender.rpartition("@")[2]
    episode = f"<{notification.dedup_key}@{domain}>"
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(_NAME, addr_spec=sender)
    message["To"] = [Address(addr_spec=one) for one in to]
    message["Subject"] = fit(f"{sign(page)} {headline(page)}", SUBJECT)
    message["Date"] = at
    message["Message-ID"] = f"<{notification.id}.{notification.dedup_key}@{domain}>"
    message["In-Reply-To"] = episode
    message["References"] = episode
    message["List-Id"] = f"{_NAME} <{_NAME}.{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    if page.severity == "page" and page.status == "firing":
        message["Importance"] = "high"
    message.set_content(f"{headline(page)}\n\n{plain(page, TEXT)}\n", cte="quoted-printable")
    message.add_alternative("\n".join(_html(page)), subtype="html", cte="quoted-printable")
    return message


def _html(page: Page) -> Iterator[str]:
    yield _HEAD
    yield f'<h1 style="font-size: 1.25em">{_text(f"{sign(page)} {headline(page)}")}</h1>'
    for section in sections(page):
        if section.heading:
            yield f'<h2 style="font-size: 1em; margin: 1.2em 0 0.2em">{_text(section.heading)}</h2>'
        yield f'<p style="margin: 0.2em 0">{"<br>".join(map(_text, section.lines))}</p>'
    yield f'<p style="margin: 1.2em 0">{" · ".join(_link(name, url) for name, url in links(page))}</p>'
    yield "</body></html>"


def _link(name: str, url: str) -> str:
    """A link, where it is one of the web; else its text."""
    if not url.startswith(("https://", "http://")):
        return _text(f"{name}: {url}")
    return f'<a href="{escape(url)}">{_text(name)}</a>'


def _text(text: str) -> str:
    return escape(fit(text, LINE))
