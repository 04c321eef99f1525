"""``POST /api/deploys``: a deploy marker as JSON comes in from a pipeline, a row of ``deploys`` goes out.

It is the one request that changes anything, so it needs the token of the configuration, and without one it is
refused. The body is bounded before it is read.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Annotated

import msgspec
import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from monitor.clock import Clock
from monitor.errors import Transient
from monitor.store.deploys import LONGEST, Deploy, add, check
from monitor.web.openapi import Endpoint

#: Bytes that a request may have.
MAX_BODY = 16_384

# One line of text: what is shown in a table, and what Postgres takes.
_LINE = r"^[^\x00-\x1f\x7f]*\Z"
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST["service"], pattern=_LINE)]
_Text = Annotated[str, msgspec.Meta(max_length=LONGEST["environment"], pattern=_LINE)]
_Comment = Annotated[str, msgspec.Meta(max_length=LONGEST["comment"], pattern=_LINE)]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class NewDeploy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A deploy, as a pipeline tells it."""

    service: _Name
    version: _Name
    environment: _Text = ""
    comment: _Comment = ""
    at: _Time | None = None


class Stored(msgspec.Struct, frozen=True):
    """The marker that there is now."""

    deploy_id: int


#: As ``/api/openapi.json`` describes it.
DEPLOYS = Endpoint(
    method="POST",
    path="/api/deploys",
    summary="Mark a deploy",
    body=NewDeploy,
    answer=Stored,
    status=201,
    again=200,
    writes=True,
)


def deploys_route(engine: sa.Engine, clock: Clock, token: str | None) -> Route:
    """The endpoint: 201 with the new marker's id, or 200 with the one's that was there already.

    403 without a token in the configuration, 401 for another one, 413 for a body that is too large, 400 for
    one that is no marker, 503 while Postgres can't be reached. Every refusal says why: ``{"error": "…"}``.
    """

    async def post(request: Request) -> JSONResponse:
        if token is None:
            return _refused(403, "deploys are not taken over HTTP: set web.token in the configuration")
        if not _has_token(request, token):
            return _refused(401, "send the token of web.token: Authorization: Bearer …")
        body = await _body(request)
        if body is None:
            return _refused(413, f"a deploy may have at most {MAX_BODY:,} bytes")
        now = clock.now()
        try:
            posted = msgspec.json.decode(body, type=NewDeploy)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _refused(400, str(error))
        at = posted.at or now
        deploy = Deploy(
            at=at,
            service=posted.service,
            version=posted.version,
            environment=posted.environment,
            comment=posted.comment,
            source="http",
        )
        try:
            check(deploy, now)
        except ValueError as error:
            return _refused(400, str(error))
        try:
            id_, new = await run_in_threadpool(add, engine, deploy)
        except Transient:
            return _refused(503, "the database can't be reached: try again")
        return JSONResponse({"deploy_id": id_}, status_code=201 if new else 200)

    return Route("/api/deploys", post, methods=["POST"])


def _refused(status: int, why: str) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"error": why}, status_code=status, headers=headers)


def _has_token(request: Request, token: str) -> bool:
    """Compared in a time that says nothing of how much of it was right."""
    given = request.headers.get("authorization", "").encode("latin-1")
    return hmac.compare_digest(given, f"Bearer {token}".encode())


async def _body(request: Request) -> bytes | None:
    """The body, or ``None`` where it is too large: then the rest is not read."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return body
