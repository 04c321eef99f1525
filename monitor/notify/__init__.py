"""Notify: takes what is due in the outbox to its channel, and records what the channel said.

A channel is one module with one class: ``send`` returns when the receiver took the payload, and raises
``Transient`` (try again) or ``Permanent`` (never). ``delivery`` decides when the next attempt is;
``payload`` builds what every channel is given.
"""

from monitor.notify.channel import Channel, Notification
from monitor.notify.delivery import Delivery
from monitor.notify.log import LogChannel
from monitor.notify.payload import build_payload
from monitor.notify.webhook import WebhookChannel

__all__ = ["Channel", "Delivery", "LogChannel", "Notification", "WebhookChannel", "build_payload"]
