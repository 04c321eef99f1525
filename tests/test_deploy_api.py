"""``POST /api/deploys`` over real HTTP, into a real database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from monitor.clock import SystemClock
from monitor.deploy_api import MAX_BODY, deploys_route
from monitor.store import connect
from monitor.store.deploys import Deploy, between
from monitor.web import WebServer, build_app
from tests.store.helpers import empty

TOKEN = "correct-horse-battery-staple"
NOW = datetime.now(UTC).replace(microsecond=0)
GOOD = {"service": "checkout", "version": "v8"}

#: Sends a body with a token (the right one unless told otherwise).
Post = Callable[..., httpx.Response]


@pytest.fixture
def engine(module_database: str) -> Iterator[sa.Engine]:
    engine = connect(module_database)
    yield engine
    empty(engine)
    engine.dispose()


def serve(engine: sa.Engine, token: str | None) -> Iterator[Post]:
    route = deploys_route(engine, SystemClock(), token)
    server = WebServer(build_app(CollectorRegistry(), list, list, [route]), "127.0.0.1", 0)
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=60) as client:

        def post(body: object = GOOD, authorization: str | None = f"Bearer {TOKEN}") -> httpx.Response:
            headers = {} if authorization is None else {"authorization": authorization}
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return client.post("/api/deploys", content=content, headers=headers)

        yield post
    server.close()


@pytest.fixture
def post(engine: sa.Engine) -> Iterator[Post]:
    yield from serve(engine, TOKEN)


@pytest.fixture
def closed(engine: sa.Engine) -> Iterator[Post]:
    yield from serve(engine, None)


def stored(engine: sa.Engine) -> list[Deploy]:
    return between(engine, NOW - timedelta(days=400), NOW + timedelta(days=2))


def test_a_deploy_is_stored_and_answered_with_its_id(post: Post, engine: sa.Engine) -> None:
    at = NOW - timedelta(minutes=5)
    given = {**GOOD, "environment": "production", "comment": "by ann", "at": at.isoformat()}
    answer = post(given)
    assert (answer.status_code, list(answer.json())) == (201, ["deploy_id"])
    assert stored(engine) == [
        Deploy(
            at=at,
            service="checkout",
            version="v8",
            environment="production",
            comment="by ann",
            source="http",
        )
    ]


def test_without_a_time_it_is_now(post: Post, engine: sa.Engine) -> None:
    assert post().status_code == 201
    (one,) = stored(engine)
    assert abs(one.at - datetime.now(UTC)) < timedelta(minutes=5)


def test_the_same_deploy_again_is_answered_with_the_same_id(post: Post, engine: sa.Engine) -> None:
    first, again = (post({**GOOD, "at": NOW.isoformat()}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert len(stored(engine)) == 1


@pytest.mark.parametrize("name", ["service", "version"])
@pytest.mark.parametrize("text", ["  ", "\u2003", "a\x85b"])
def test_what_the_command_refuses_is_refused_here_too(
    post: Post, engine: sa.Engine, name: str, text: str
) -> None:
    answer = post({**GOOD, name: text})
    assert answer.status_code == 400
    assert f"`{name}` must" in answer.json()["error"]
    assert stored(engine) == []


def test_without_a_configured_token_nothing_is_taken(closed: Post, engine: sa.Engine) -> None:
    answer = closed()
    assert answer.status_code == 403
    assert answer.json() == {"error": "deploys are not taken over HTTP: set web.token in the configuration"}
    assert stored(engine) == []


@pytest.mark.parametrize(
    "authorization",
    [None, "", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer \xff"],
    ids=["none", "empty", "bare", "basic", "longer", "shorter", "latin"],
)
def test_another_token_is_refused(post: Post, engine: sa.Engine, authorization: str | None) -> None:
    answer = post(authorization=authorization and authorization.encode("latin-1"))
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert TOKEN not in answer.text
    assert stored(engine) == []


def _with(**fields: Any) -> dict[str, Any]:
    return {**GOOD, **fields}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "truncated"),
        (b"service=checkout", "malformed"),
        (b"[" * 16_000, ""),
        (b'{"service": "\xff", "version": "v8"}', ""),
        ({"version": "v8"}, "missing required field `service`"),
        ([], "Expected `object`"),
        (_with(service=""), "length >= 1"),
        (_with(version="v" * 257), "length <= 256"),
        (_with(comment="a\nb"), "matching regex"),
        (_with(comment="a\x00b"), "matching regex"),
        (_with(version=8), "Expected `str`"),
        (_with(servcie="x"), "unknown field `servcie`"),
        (_with(at="2026-11-22T13:30:00"), "timezone"),
        (_with(at="noon"), "RFC3339"),
        (_with(at="2020-01-01T00:00:00Z"), "within the last year"),
        (_with(at="9999-12-31T23:59:59Z"), "at most a day ahead"),
    ],
    ids=[
        *("empty", "form", "deep", "no-utf-8", "no-service", "list", "empty-service", "long", "newline"),
        *("nul", "number", "typo", "no-zone", "no-time", "long-ago", "far-ahead"),
    ],
)
def test_what_is_no_deploy_is_refused(post: Post, engine: sa.Engine, body: object, says: str) -> None:
    answer = post(body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert stored(engine) == []


def test_a_body_that_is_too_large_is_refused(post: Post, engine: sa.Engine) -> None:
    assert post(b" " * (MAX_BODY + 1)).status_code == 413
    assert post(json.dumps(GOOD).encode().ljust(MAX_BODY)).status_code == 201


def test_while_the_database_is_away_it_says_to_try_again() -> None:
    engine = connect("postgresql://monitor:hunter2@127.0.0.1:1/monitor")
    posting = serve(engine, TOKEN)
    answer = next(posting)()
    assert answer.status_code == 503
    assert answer.json() == {"error": "the database can't be reached: try again"}
    list(posting)
    engine.dispose()
