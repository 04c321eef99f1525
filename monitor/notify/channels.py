"""Every kind of channel that a configuration can name: one line for each module."""

from __future__ import annotations

from monitor.notify.alertmanager import AlertmanagerSettings
from monitor.notify.apprise import AppriseSettings
from monitor.notify.log import LogSettings
from monitor.notify.mail import EmailSettings
from monitor.notify.opsgenie import OpsgenieSettings
from monitor.notify.pagerduty import PagerDutySettings
from monitor.notify.slack import SlackSettings
from monitor.notify.teams import TeamsSettings
from monitor.notify.webhook import WebhookSettings

#: What stands below a channel's name in the configuration; ``kind`` says which.
ChannelConfig = (
    AlertmanagerSettings
    | AppriseSettings
    | EmailSettings
    | LogSettings
    | OpsgenieSettings
    | PagerDutySettings
    | SlackSettings
    | TeamsSettings
    | WebhookSettings
)
