"""A receiver on loopback that answers as it is told to, or as a vendor would, and keeps what it got."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self


class Post(NamedTuple):
    """One request: its path, headers in small letters, and body."""

    path: str
    headers: dict[str, str]
    body: bytes


class Request(BaseHTTPRequestHandler):
    """A request under way, with what was read of it."""

    post: Post


class Reply(NamedTuple):
    """What a vendor answers: a status, and JSON or text."""

    status: int
    body: object = ""
    headers: dict[str, str] | None = None


#: Answers one request. The default answer is an empty 204.
Answer = Callable[[Request], None]

#: Judges a request as the real one would.
Vendor = Callable[[Post], Reply]


def status(code: int, **headers: str) -> Answer:
    """An answer without a body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


def judged_by(vendor: Vendor) -> Answer:
    """Whatever the vendor says to it."""

    def answer(request: Request) -> None:
        reply = vendor(request.post)
        body = (reply.body if isinstance(reply.body, str) else json.dumps(reply.body)).encode()
        request.send_response(reply.status)
        for name, value in {**(reply.headers or {}), "content-length": str(len(body))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


class _Server(ThreadingHTTPServer):
    request_queue_size = 64
    """Who comes with many others is not made to wait a second for a second try."""


class Receiver:
    """The server. Use it as a context manager.

    Attributes:
        posts: what it got, in order.
        gets: the paths that it was asked for, in order.
        answer: what it answers next.
        released: set when it ends, so that an answer that waits need not wait any longer.
    """

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.gets: list[str] = []
        self.answer: Answer = status(204)
        self.released = threading.Event()
        receiver = self

        class Handler(Request):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                receiver.gets.append(self.path)
                receiver.answer(self)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.post = Post(self.path, headers, body)
                receiver.posts.append(self.post)
                receiver.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
