"""The small web surface, on one port: ``/metrics``, ``/healthz``, ``/readyz``, and what it is given besides.

In come two questions that answer with a list of problems, and a registry; out goes a server in a thread of
its own, started before Kafka or Postgres are asked for, so that a waiting service says what it waits for.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from monitor.errors import Permanent

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


class WebServer:
    """Serves an application on a port, in a thread.

    Args:
        app: what is served.
        host: the address to listen on.
        port: the port; 0 picks a free one.

    Attributes:
        port: the port that is listened on.

    Raises:
        Permanent: the address can't be listened on.
    """

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        try:
            self._socket = socket.create_server(
                (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
            )
        except OSError as error:
            raise Permanent(
                f"web: can't listen on {host}:{port}: {error.strerror or error}; set web.port to a free one"
            ) from error
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="web", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving, after answers that are under way."""
        self._server.should_exit = True
        self._thread.join(5)
        self._socket.close()
