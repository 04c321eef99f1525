"""``POST /api/hooks/<kind>/<channel>``: what people do on a channel's other side comes in, signed by it.

Whoever acknowledges in PagerDuty or by Slack's button acknowledges here, and every other channel is told.
Nothing is believed before its signature was checked; what is signed and says nothing to us is taken and left.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from monitor.clock import Clock
from monitor.errors import Transient
from monitor.notify import Acknowledging, Forged
from monitor.notify.channel import ChannelSettings, dedup_key
from monitor.store.alerts import Alerts
from monitor.store.views import Views
from monitor.web.answers import SAFE, TooLarge, body

log = structlog.get_logger("monitor.hooks")

#: Bytes that a request may have: Slack sends the whole message back whose button was pressed.
MAX_BODY = 262_144


def hooks_route(channels: Mapping[str, ChannelSettings], alerts: Alerts, views: Views, clock: Clock) -> Route:
    """The endpoint: 200 for what is signed, whether there was anything to do or not.

    404 for a channel that is not there or is of another kind, 401 for what it did not sign, 413 for a body
    that is too large, 503 while Postgres can't be reached: then the sender tries again.
    """

    async def post(request: Request) -> JSONResponse:
        name = request.path_params["channel"]
        settings = channels.get(name)
        if settings is None or settings.__struct_config__.tag != request.path_params["kind"]:
            return _said(404, "there is no such channel")
        try:
            heard = settings.hear(dict(request.headers), await body(request, MAX_BODY), clock.now())
            if heard is not None:
                await run_in_threadpool(acknowledge, name, heard)
        except Forged as error:
            return _said(401, str(error))
        except TooLarge as error:
            return _said(413, str(error))
        except Transient:
            return _said(503, "the database can't be reached: try again")
        return JSONResponse({}, headers=SAFE)

    def acknowledge(channel: str, heard: Acknowledging) -> None:
        for episode in _episodes(heard, alerts, views):
            who = alerts.acknowledge(episode, by=heard.by, source=channel, now=clock.now())
            log.info("acknowledged", episode=episode, channel=channel, fires=who is not None)

    return Route("/api/hooks/{kind}/{channel}", post, methods=["POST"])


def _episodes(heard: Acknowledging, alerts: Alerts, views: Views) -> set[str]:
    """The episode that is meant, if there is one."""
    if heard.alert_id is not None:
        row = views.alert(heard.alert_id)
        return {row.episode} if row is not None and row.episode is not None else set()
    open_ = {row.episode for row in alerts.open() if row.episode is not None}
    return {episode for episode in open_ if dedup_key(episode) == heard.dedup_key}


def _said(status: int, why: str) -> JSONResponse:
    return JSONResponse({"error": why}, status_code=status, headers=SAFE)
