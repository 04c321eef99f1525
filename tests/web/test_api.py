"""``/api``: who may write, what is refused, and that the document says what the routes answer."""

from __future__ import annotations

from typing import Any

import jsonschema
import msgspec
import pytest
from openapi_spec_validator import validate
from starlette.testclient import TestClient

from monitor.deploy_api import DEPLOYS
from monitor.web.api import ENDPOINTS
from monitor.web.openapi import document
from tests.web.conftest import TOKEN, Open
from tests.web.desk import FakeDesk

BEARER = {"authorization": f"Bearer {TOKEN}"}
SILENCE = {"matchers": ["service=checkout"], "duration": "2h", "comment": "deploying"}

#: A request for each endpoint, and each way to refuse one.
REQUESTS: list[tuple[str, str, Any, int]] = [
    ("GET", "/api/status", None, 200),
    ("GET", "/api/alerts", None, 200),
    ("GET", "/api/alerts?state=odd", None, 400),
    ("GET", "/api/alerts/17", None, 200),
    ("GET", "/api/alerts/18", None, 404),
    ("POST", "/api/alerts/17/acknowledge", {"by": "ann"}, 200),
    ("POST", "/api/alerts/17/acknowledge", {"name": "ann"}, 400),
    ("GET", "/api/silences", None, 200),
    ("POST", "/api/silences", SILENCE, 201),
    ("POST", "/api/silences", {**SILENCE, "matchers": ["{"]}, 400),
    ("POST", "/api/silences", {**SILENCE, "matchers": []}, 400),
    ("POST", "/api/silences", {**SILENCE, "comment": ""}, 400),
    ("POST", "/api/silences", {**SILENCE, "comment": "x" * 20_000}, 413),
    ("DELETE", "/api/silences/3", None, 204),
    ("DELETE", "/api/silences/4", None, 404),
]


def described(path: str, method: str, status: int) -> dict[str, Any] | None:
    """What the document says of an answer; ``None`` where it has no body."""
    whole = document([*ENDPOINTS, DEPLOYS])
    parts = path.partition("?")[0].split("/")
    template = "/".join("{id}" if part.isdigit() else part for part in parts)
    content = whole["paths"][template][method.lower()]["responses"][str(status)].get("content")
    return {**content["application/json"]["schema"], "components": whole["components"]} if content else None


def test_the_document_is_valid_openapi(site: TestClient) -> None:
    found = site.get("/api/openapi.json").json()
    validate(found)
    assert found == msgspec.json.decode(msgspec.json.encode(document([*ENDPOINTS, DEPLOYS])))
    assert "/api/deploys" in found["paths"]


@pytest.mark.parametrize(("method", "path", "body", "status"), REQUESTS, ids=lambda x: str(x)[:40])
def test_every_answer_is_as_the_document_says(
    site: TestClient, method: str, path: str, body: Any, status: int
) -> None:
    answer = site.request(method, path, json=body, headers=BEARER)
    assert answer.status_code == status
    schema = described(path, method, status)
    if schema is None:
        assert answer.content == b""
    else:
        jsonschema.validate(answer.json(), schema)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("end", ENDPOINTS, ids=lambda end: f"{end.method} {end.path}")
def test_without_postgres_every_endpoint_says_so(site: TestClient, desk: FakeDesk, end: Any) -> None:
    desk.away = True
    bodies = {"/api/silences": SILENCE, "/api/alerts/{id}/acknowledge": {"by": "ann"}}
    body = bodies.get(end.path) if end.writes else None
    answer = site.request(end.method, end.path.replace("{id}", "17"), json=body, headers=BEARER)
    assert (answer.status_code, answer.json()) == (503, {"error": "the database can't be reached: try again"})


@pytest.mark.parametrize(
    "authorization", ["", "Bearer x", f"Basic {TOKEN}", TOKEN, f"bearer {TOKEN}"], ids=str
)
def test_nothing_is_changed_without_the_token(site: TestClient, desk: FakeDesk, authorization: str) -> None:
    answer = site.post("/api/silences", json=SILENCE, headers={"authorization": authorization})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert desk.silenced == []


def test_a_browser_sends_it_from_our_pages_as_json_or_not_at_all(open_site: Open, desk: FakeDesk) -> None:
    site = open_site(token=None, user_header="X-User")
    ann = {"x-user": "ann"}
    body = msgspec.json.encode(SILENCE)
    text, json = {"content-type": "text/plain"}, {"content-type": "application/json"}
    elsewhere = {"origin": "https://evil.example.com"}
    assert site.post("/api/silences", content=body, headers={**ann, **text}).status_code == 403
    assert site.post("/api/silences", content=body, headers={**ann, **json, **elsewhere}).status_code == 403
    assert site.delete("/api/silences/3", headers={**ann, **elsewhere}).status_code == 403
    assert (desk.silenced, desk.ended) == ([], [])
    assert site.delete("/api/silences/3", headers=ann).status_code == 204
    assert site.post("/api/silences", content=body, headers={**ann, **json}).status_code == 201
    assert [by for _, by in desk.silenced] == ["ann"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 10_000], ids=range(5))
def test_what_is_no_json_of_ours_is_refused(site: TestClient, body: bytes) -> None:
    assert site.post("/api/silences", content=body, headers=BEARER).status_code == 400
