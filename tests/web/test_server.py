"""The web surface over real HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter

from monitor.errors import Permanent
from monitor.web import WebServer, build_app


class Site:
    """A running server and what its probes say."""

    def __init__(self) -> None:
        self.sick: list[str] = []
        self.unready: list[str] = []
        self.registry = CollectorRegistry()
        app = build_app(self.registry, lambda: self.sick, lambda: self.unready)
        self.server = WebServer(app, "127.0.0.1", 0)

    def get(self, path: str, method: str = "GET") -> tuple[int, str, str]:
        """Status, content type and body."""
        request = Request(f"http://127.0.0.1:{self.server.port}{path}", method=method)
        try:
            with urlopen(request, timeout=30) as answer:  # noqa: S310
                return answer.status, answer.headers["content-type"], answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.headers["content-type"], error.read().decode()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.close()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_without_problems_is_ok(site: Site, path: str) -> None:
    assert site.get(path) == (200, "application/json", '{"status":"ok"}')


def test_a_probe_with_problems_is_503_and_names_them(site: Site) -> None:
    site.unready = ["Postgres: connection refused", "no partition"]
    status, _, body = site.get("/readyz")
    assert (status, json.loads(body)) == (503, {"status": "unavailable", "problems": site.unready})
    assert site.get("/healthz")[0] == 200
    site.sick = ["stuck"]
    assert site.get("/healthz")[0] == 503


def test_a_probe_is_asked_each_time(site: Site) -> None:
    site.sick = ["stuck"]
    assert site.get("/healthz")[0] == 503
    site.sick = []
    assert site.get("/healthz")[0] == 200


def test_metrics_are_prometheus_text(site: Site) -> None:
    Counter("calls", "Calls.", ["service"], registry=site.registry).labels('a"b\\c\nd').inc(3)
    status, kind, body = site.get("/metrics")
    assert status == 200
    assert kind.startswith("text/plain")
    assert 'calls_total{service="a\\"b\\\\c\\nd"} 3.0' in body


@pytest.mark.parametrize("path", ["/", "/metrics/x", "/../etc/passwd", "/docs", "/%00"])
def test_there_is_nothing_else(site: Site, path: str) -> None:
    assert site.get(path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_changed(site: Site, method: str) -> None:
    assert site.get("/metrics", method)[0] == 405


def test_many_may_ask_at_once(site: Site) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(site.get("/metrics")[0])) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 16


def test_a_port_that_is_taken_is_one_line_that_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Permanent) as caught:
            WebServer(build_app(CollectorRegistry(), list, list), "127.0.0.1", port)
    message = str(caught.value)
    assert message.startswith(f"web: can't listen on 127.0.0.1:{port}: Address already in use")
    assert message.endswith("; set web.port to a free one")
    assert "\n" not in message


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_one_line(host: str) -> None:
    with pytest.raises(Permanent, match=rf"^web: can't listen on {host}:0: "):
        WebServer(build_app(CollectorRegistry(), list, list), host, 0)


def test_after_close_nobody_listens_and_the_port_is_free() -> None:
    site = Site()
    port = site.server.port
    site.server.close()
    with pytest.raises(OSError, match="refused"):
        site.get("/healthz")
    again = WebServer(build_app(CollectorRegistry(), list, list), "127.0.0.1", port)
    again.close()


def test_ipv6_works_where_there_is_any() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    server = WebServer(build_app(CollectorRegistry(), list, list), "::1", 0)
    with urlopen(f"http://[::1]:{server.port}/healthz", timeout=30) as answer:
        assert answer.status == 200
    server.close()
