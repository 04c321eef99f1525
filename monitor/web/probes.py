"""What machines ask: ``/metrics``, ``/healthz`` and ``/readyz``, and the application that answers them.

In come two questions that answer with a list of problems, and a registry; out goes an application that has
whatever other routes it is given besides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

#: Asks what is wrong; an empty list means nothing.
Probe = Callable[[], list[str]]


def build_app(
    registry: CollectorRegistry, health: Probe, ready: Probe, routes: Sequence[BaseRoute] = ()
) -> Starlette:
    """The application: 200 with ``{"status": "ok"}``, or 503 with the problems; and these ``routes``."""

    def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    def healthz(_request: Request) -> Response:
        return _answer(health())

    def readyz(_request: Request) -> Response:
        return _answer(ready())

    return Starlette(
        routes=[
            Route("/metrics", metrics),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            *routes,
        ]
    )


def _answer(problems: list[str]) -> Response:
    if problems:
        return JSONResponse({"status": "unavailable", "problems": problems}, status_code=503)
    return JSONResponse({"status": "ok"})
