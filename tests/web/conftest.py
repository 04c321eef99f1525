"""What every test of the pages gets: a site on a fake desk, asked in process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from monitor.deploy_api import DEPLOYS
from monitor.web.api import api_routes
from monitor.web.auth import Guard
from monitor.web.pages import page_routes
from tests.web.desk import AtNow, FakeDesk

TOKEN = "correct-horse-battery-staple"

#: Makes a site: with this token, and this header of a proxy.
Open = Callable[..., TestClient]


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def clock() -> AtNow:
    return AtNow()


@pytest.fixture
def open_site(desk: FakeDesk, clock: AtNow) -> Iterator[Open]:
    made = []

    def make(token: str | None = TOKEN, user_header: str | None = None, url: str = "") -> TestClient:
        guard = Guard(token, user_header, token or "the database's", url, clock)
        routes = [*api_routes(desk, guard, [DEPLOYS]), *page_routes(desk, guard, clock, url)]
        client = TestClient(Starlette(routes=routes), base_url="http://testserver", follow_redirects=False)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def site(open_site: Open) -> TestClient:
    return open_site()
