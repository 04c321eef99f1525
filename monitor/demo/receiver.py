"""A webhook receiver on loopback: what it was sent, in order, each notification once."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

#: The largest notification it reads, in bytes.
_LARGEST = 1_000_000


class Receiver:
    """Takes notifications on a free port of 127.0.0.1 for as long as a ``with`` block lasts.

    Attributes:
        received: the payloads in the order of arrival; a repeated ``webhook-id`` is left out.
        repeats: how many were left out.
    """

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.repeats = 0
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True)

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self._server.server_port}/alerts"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, id_: str, payload: dict[str, Any]) -> None:
        with self._lock:
            if id_ in self._seen:
                self.repeats += 1
            else:
                self._seen.add(id_)
                self.received.append(payload)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take = self._take

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(min(int(self.headers.get("content-length") or 0), _LARGEST))
                try:
                    take(self.headers.get("webhook-id", ""), json.loads(body))
                except ValueError:
                    self.send_response(400)
                else:
                    self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
