"""Notify: takes what is due in the outbox to its channel, and records what the channel said.

A channel is one module with its settings and one class: ``send`` returns when the receiver took the page, and
raises ``Transient`` (try again) or ``Permanent`` (never). ``page`` is what is said, ``words`` says it in
sentences, ``delivery`` decides when the next attempt is, ``answers`` reads what comes back; ``channels``
knows every kind.
"""

from monitor.notify.channel import Acknowledging, Channel, Forged, Notification
from monitor.notify.channels import ChannelConfig
from monitor.notify.delivery import Delivery
from monitor.notify.log import LogChannel, LogSettings
from monitor.notify.page import Page
from monitor.notify.webhook import WebhookChannel, WebhookSettings

__all__ = [
    "Acknowledging",
    "Channel",
    "ChannelConfig",
    "Delivery",
    "Forged",
    "LogChannel",
    "LogSettings",
    "Notification",
    "Page",
    "WebhookChannel",
    "WebhookSettings",
]
