"""``/api``: what the pages show, as JSON, and what they can have done.

Reading is open. Whoever writes sends the token, or is known to the pages; a browser must send it from one of
them. Every refusal says why: ``{"error": "…"}``. ``/api/openapi.json`` describes all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitor.errors import Transient
from monitor.web.answers import MAX_ID, SAFE, TooLarge, body
from monitor.web.auth import Guard, Visitor
from monitor.web.desk import Desk
from monitor.web.openapi import Endpoint, Problem, document
from monitor.web.values import (
    Acknowledgement,
    AlertDetail,
    Alerts,
    Filter,
    NewAcknowledgement,
    NewSilence,
    Silence,
    Status,
)

_T = TypeVar("_T")

_NO_ALERT = {404: "there is no alert of this number"}

STATUS = Endpoint(method="GET", path="/api/status", summary="How everything is", answer=Status)
ALERTS = Endpoint(
    method="GET", path="/api/alerts", summary="Alerts, those that fire first", answer=Alerts, query=Filter,
    refusals={400: "a filter is not understood"},
)  # fmt: skip
ALERT = Endpoint(
    method="GET", path="/api/alerts/{id}", summary="Everything of one alert", answer=AlertDetail,
    refusals=_NO_ALERT,
)  # fmt: skip
ACKNOWLEDGE = Endpoint(
    method="POST", path="/api/alerts/{id}/acknowledge", summary="Say who takes care of its episode",
    body=NewAcknowledgement, answer=Acknowledgement, writes=True,
    refusals={409: "nothing of its episode fires"},
)  # fmt: skip
SILENCES = Endpoint(
    method="GET", path="/api/silences", summary="Silences that are active or to come", answer=list[Silence]
)
SILENCE = Endpoint(
    method="POST", path="/api/silences", summary="Keep alerts from being told, from now on",
    body=NewSilence, answer=Silence, status=201, writes=True,
)  # fmt: skip
EXPIRE = Endpoint(
    method="DELETE", path="/api/silences/{id}", summary="End a silence now", status=204, writes=True,
    refusals={404: "no silence of this number is active or to come"},
)  # fmt: skip

ENDPOINTS = (STATUS, ALERTS, ALERT, ACKNOWLEDGE, SILENCES, SILENCE, EXPIRE)


class _Refused(Exception):
    """A request that is answered with the reason why it was refused."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def api_routes(desk: Desk, guard: Guard, others: Sequence[Endpoint] = ()) -> list[BaseRoute]:
    """The routes of ``/api``.

    Args:
        desk: answers for the service.
        guard: knows who may write.
        others: endpoints that are served elsewhere and described here.
    """
    described = msgspec.json.encode(document([*ENDPOINTS, *others]))

    def openapi(_request: Request) -> Response:
        return Response(described, media_type="application/json", headers=SAFE)

    async def acknowledge(request: Request, wanted: NewAcknowledgement, visitor: Visitor) -> object:
        by = visitor.by or wanted.by.strip() or "the API"
        who = await run_in_threadpool(desk.acknowledge, _id(request), by)
        return who or _refuse(409, "nothing of its episode fires")

    async def silence(_request: Request, wanted: NewSilence, visitor: Visitor) -> object:
        by = visitor.by or wanted.created_by.strip() or "the API"
        try:
            return await run_in_threadpool(desk.silence, wanted, by)
        except ValueError as error:
            raise _Refused(400, str(error)) from None

    async def expire(request: Request, _wanted: None, _visitor: Visitor) -> object:
        if not await run_in_threadpool(desk.expire, _id(request)):
            _refuse(404, "no silence of this number is active or to come")
        return None

    def alert(request: Request) -> object:
        return desk.alert(_id(request)) or _refuse(404, "there is no alert of this number")

    def alerts(request: Request) -> object:
        return desk.alerts(_read(partial(msgspec.convert, dict(request.query_params), strict=False), Filter))

    return [
        Route("/api/openapi.json", openapi),
        _reading(STATUS, lambda _request: desk.status()),
        _reading(ALERTS, alerts),
        _reading(ALERT, alert),
        _reading(SILENCES, lambda _request: desk.silences()),
        _writing(ACKNOWLEDGE, guard, acknowledge),
        _writing(SILENCE, guard, silence),
        _writing(EXPIRE, guard, expire),
    ]


def _reading(end: Endpoint, answer: Callable[[Request], object]) -> BaseRoute:
    """A route that is answered in a thread."""

    async def answered(request: Request) -> Response:
        try:
            return _answer(end.status, await run_in_threadpool(answer, request))
        except _Refused as refused:
            return _refusal(refused)
        except Transient:
            return _away()

    return Route(_typed(end.path), answered, methods=[end.method])


def _writing(end: Endpoint, guard: Guard, done: Callable[[Request, Any, Visitor], Any]) -> BaseRoute:
    """A route for those that may write, whose body is read first."""

    async def answered(request: Request) -> Response:
        try:
            visitor = _writer(request, guard)
            wanted = _read(partial(msgspec.json.decode, await body(request)), end.body) if end.body else None
            return _answer(end.status, await done(request, wanted, visitor))
        except _Refused as refused:
            return _refusal(refused)
        except TooLarge as error:
            return _refusal(_Refused(413, str(error)))
        except Transient:
            return _away()

    return Route(_typed(end.path), answered, methods=[end.method])


def _writer(request: Request, guard: Guard) -> Visitor:
    visitor = guard.visitor(request)
    if not guard.is_open:
        _refuse(403, "nothing is changed over HTTP: set web.token or web.user_header in the configuration")
    if not visitor.may_write:
        _refuse(401, "send the token of web.token: Authorization: Bearer …")
    # What a browser adds by itself is not enough: a form of another page has it, too, but is never JSON.
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    is_form = request.method == "POST" and kind != "application/json"
    if visitor.kind != "token" and (is_form or not guard.is_ours(request)):
        _refuse(403, "send it from these pages, as application/json")
    return visitor


def _read(read: Callable[..., _T], type_: type[_T]) -> _T:
    try:
        return read(type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _Refused(400, str(error)) from None


def _id(request: Request) -> int:
    found: int = request.path_params["id"]
    return found if found <= MAX_ID else _refuse(404, "there is nothing of this number")


def _refuse(status: int, why: str) -> NoReturn:
    raise _Refused(status, why)


def _answer(status: int, value: object) -> Response:
    content = b"" if status == 204 else msgspec.json.encode(value)
    media_type = None if status == 204 else "application/json"
    return Response(content, status, headers=SAFE, media_type=media_type)


def _refusal(refused: _Refused) -> Response:
    challenge = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {}
    content = msgspec.json.encode(Problem(str(refused)))
    return Response(content, refused.status, headers={**SAFE, **challenge}, media_type="application/json")


def _away() -> Response:
    return _refusal(_Refused(503, "the database can't be reached: try again"))


def _typed(path: str) -> str:
    return path.replace("{id}", "{id:number}")
