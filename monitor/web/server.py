"""Serves an application on a port, in a thread of its own.

It is started before Kafka or Postgres are asked for, so that a waiting service says what it waits for.
"""

from __future__ import annotations

import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from monitor.errors import Permanent


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

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
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
