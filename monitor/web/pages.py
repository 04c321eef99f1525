"""The pages: ``/``, ``/alerts``, ``/alerts/<id>``, ``/silences`` and the sign-in, as routes.

Requests come in, the ``Desk`` is asked or told, and pages go out. Whoever may not write sees the same pages
without the forms. A form that was taken is answered with a redirect, so that reloading does nothing twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import structs
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from monitor.clock import Clock
from monitor.errors import Transient
from monitor.web.answers import MAX_ID, SAFE, TooLarge, form
from monitor.web.auth import Guard, Visitor
from monitor.web.desk import Desk
from monitor.web.render import Pages
from monitor.web.values import Filter, NewAcknowledgement, NewSilence

_T = TypeVar("_T")

#: What is said on the page that one comes back to, by the word in its address: text in an address would be
#: anybody's to write.
_DONE = {
    "acknowledged": "Acknowledged. Every channel that heard of it is told.",
    "silenced": "Silenced. It is still evaluated and shown; only nobody is told.",
    "over": "Nothing of this episode fires any more.",
}


class _Refused(Exception):
    """A request that is answered with a page that says why."""

    def __init__(self, status: int, heading: str, why: str) -> None:
        super().__init__(why)
        self.status, self.heading, self.why = status, heading, why


def page_routes(desk: Desk, guard: Guard, clock: Clock, url: str = "") -> list[BaseRoute]:
    """The routes of the pages.

    Args:
        desk: answers for the service.
        guard: knows who may write.
        clock: what time it is.
        url: the address of the pages, as browsers know it; empty if that is where they are served.
    """
    site = _Site(desk, guard, clock, url)
    return [
        site.route("/", site.status),
        site.route("/alerts", site.alerts),
        site.route("/alerts/{id:number}", site.alert),
        site.route("/alerts/{id:number}/acknowledge", site.acknowledge, "POST"),
        site.route("/alerts/{id:number}/silence", site.silence, "POST"),
        site.route("/silences", site.silences),
        site.route("/silences/{id:number}/expire", site.expire, "POST"),
        site.route("/sign-in", site.sign_in),
        site.route("/sign-in", site.signed_in, "POST"),
        site.route("/sign-out", site.sign_out, "POST"),
    ]


class _Site:
    def __init__(self, desk: Desk, guard: Guard, clock: Clock, url: str) -> None:
        self._desk, self._guard, self._clock = desk, guard, clock
        self._base = urlsplit(url).path.rstrip("/")
        self._pages = Pages(self._base)

    def route(
        self, path: str, answer: Callable[[Request], Awaitable[Response]], method: str = "GET"
    ) -> BaseRoute:
        """A route whose refusals are pages."""

        async def answered(request: Request) -> Response:
            try:
                return await answer(request)
            except _Refused as refused:
                return self._said(request, refused.status, refused.heading, refused.why)
            except TooLarge as error:
                return self._said(request, 413, "Too large", f"A form may have {error}.")
            except Transient:
                why = "The database can't be reached. Rules are not evaluated meanwhile either: try again."
                return self._said(request, 503, "Not available", why)

        return Route(path, answered, methods=[method])

    async def status(self, request: Request) -> Response:
        """How everything is."""
        return self._page(request, "status.html", {"status": await run_in_threadpool(self._desk.status)})

    async def alerts(self, request: Request) -> Response:
        """A list of alerts."""
        wanted = _read(dict(request.query_params), Filter)
        found = await run_in_threadpool(self._desk.alerts, wanted)
        values = {
            "wanted": wanted,
            "found": found,
            "newer": _query(wanted, wanted.page - 1),
            "older": _query(wanted, wanted.page + 1),
        }
        return self._page(request, "alerts.html", values)

    async def alert(self, request: Request) -> Response:
        """One alert."""
        return await self._alert(request, message=_DONE.get(request.query_params.get("done", "")))

    async def acknowledge(self, request: Request) -> Response:
        """Somebody takes care of it."""
        fields, visitor = await self._form(request)
        wanted = _read({"by": visitor.by or fields.get("by", "").strip()}, NewAcknowledgement)
        if not wanted.by:
            raise _Refused(400, "Who are you?", "Give your name, so that others know who takes care of it.")
        id_ = _id(request)
        who = await run_in_threadpool(self._desk.acknowledge, id_, wanted.by)
        return self._back(f"/alerts/{id_}?done={'acknowledged' if who else 'over'}")

    async def silence(self, request: Request) -> Response:
        """Nobody is to be told of it for a while."""
        fields, visitor = await self._form(request)
        by = visitor.by or fields.get("by", "").strip()
        lines = [line.strip() for line in fields.get("matchers", "").splitlines()]
        asked = {**{name: fields.get(name, "") for name in ("matchers", "duration", "comment")}, "by": by}
        given = {
            "matchers": [line for line in lines if line],
            "duration": asked["duration"],
            "comment": asked["comment"].strip(),
            "created_by": by,
        }
        if await run_in_threadpool(self._desk.alert, _id(request)) is None:
            raise _Refused(404, "No such alert", "There is no alert of this number.")
        try:
            wanted = msgspec.convert(given, NewSilence)
            if not by:
                raise ValueError("give your name")
            await run_in_threadpool(self._desk.silence, wanted, by)
        except (ValueError, msgspec.ValidationError) as error:
            return await self._alert(request, status=400, message=str(error), wrong=True, asked=asked)
        return self._back(f"/alerts/{_id(request)}?done=silenced")

    async def silences(self, request: Request) -> Response:
        """Those that are active or to come."""
        found = await run_in_threadpool(self._desk.silences)
        return self._page(request, "silences.html", {"silences": found})

    async def expire(self, request: Request) -> Response:
        """End a silence."""
        await self._form(request)
        await run_in_threadpool(self._desk.expire, _id(request))
        return self._back("/silences")

    async def sign_in(self, request: Request) -> Response:
        """Where the token is asked for."""
        self._needs_token()
        return self._page(request, "sign_in.html", {"to": _ours(request.query_params.get("to", ""))})

    async def signed_in(self, request: Request) -> Response:
        """The token was sent."""
        self._needs_token()
        fields = await form(request)
        to = _ours(fields.get("to", ""))
        if not self._guard.is_ours(request):
            raise _Refused(403, "Not from here", "The form did not come from these pages.")
        if self._guard.is_guessing(request):
            why = "Too many wrong tokens came. Wait a minute."
            return self._page(request, "sign_in.html", {"to": to, "message": why}, status=429)
        if not self._guard.is_token(request, fields.get("token", "")):
            why = "That is not the token."
            return self._page(request, "sign_in.html", {"to": to, "message": why}, status=401)
        back = self._back(to)
        self._guard.sign_in(back)
        return back

    async def sign_out(self, request: Request) -> Response:
        """No longer who they were."""
        await self._form(request)
        back = self._back("/alerts")
        self._guard.sign_out(back)
        return back

    async def _alert(
        self,
        request: Request,
        *,
        status: int = 200,
        message: str | None = None,
        wrong: bool = False,
        asked: Mapping[str, str] | None = None,
    ) -> Response:
        found = await run_in_threadpool(self._desk.alert, _id(request))
        if found is None:
            raise _Refused(404, "No such alert", "There is no alert of this number.")
        values = {
            "alert": found,
            "now": self._clock.now(),
            "message": message,
            "message_kind": "wrong" if wrong else "done",
            "asked": asked,
        }
        return self._page(request, "alert.html", values, status=status)

    async def _form(self, request: Request) -> tuple[dict[str, str], Visitor]:
        """The fields of a form that this visitor may send."""
        fields, visitor = await form(request), self._guard.visitor(request)
        if not visitor.may_write:
            raise _Refused(401, "Sign in first", "The sign-in is over, or there was none.")
        if not self._guard.is_our_form(request, visitor, fields.get("form", "")):
            raise _Refused(403, "Not from here", "The form did not come from these pages, or is of before.")
        return fields, visitor

    def _needs_token(self) -> None:
        if not self._guard.takes_tokens:
            raise _Refused(404, "Nothing to sign in with", "No web.token is set in the configuration.")

    def _page(
        self, request: Request, template: str, values: Mapping[str, Any], *, status: int = 200
    ) -> Response:
        about = {"visitor": self._guard.visitor(request), "guard": self._guard, "path": request.url.path}
        return self._pages.page(template, {"message": None, **about, **values}, status=status)

    def _said(self, request: Request, status: int, heading: str, why: str) -> Response:
        return self._page(request, "message.html", {"heading": heading, "message": why}, status=status)

    def _back(self, path: str) -> RedirectResponse:
        return RedirectResponse(f"{self._base}{path}", status_code=303, headers=SAFE)


def _read(given: Mapping[str, Any], type_: type[_T]) -> _T:
    try:
        return msgspec.convert(given, type_, strict=False)
    except msgspec.ValidationError as error:
        raise _Refused(400, "Not understood", str(error)) from None


def _id(request: Request) -> int:
    found: int = request.path_params["id"]
    if found > MAX_ID:
        raise _Refused(404, "No such number", "There is nothing of this number.")
    return found


def _query(wanted: Filter, page: int) -> str:
    """The same filter, of another page."""
    fields = structs.asdict(structs.replace(wanted, page=max(page, 1)))
    return urlencode({name: value for name, value in fields.items() if value})


def _ours(path: str) -> str:
    """A page of ours to go to after the sign-in, and never anywhere else."""
    return path if path in ("/", "/silences") or _is_alert(path) else "/alerts"


def _is_alert(path: str) -> bool:
    number = path.removeprefix("/alerts/")
    return path != number and number.isascii() and number.isdigit()
