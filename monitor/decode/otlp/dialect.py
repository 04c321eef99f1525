"""What a dialect is, and those that are read: a module of this folder describes its dialect and registers it.

A dialect is one way of writing calls into spans or log records. In comes a span, out come the fragments of
calls that it holds; a span that no dialect recognises is somebody's HTTP request and no call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from monitor.decode.otlp.span import LogRecord, Span
from monitor.decode.registry import Context
from monitor.records import Fragment


class Dialect(msgspec.Struct, frozen=True):
    """One way of writing calls into spans.

    Attributes:
        name: for people and tests: ``openinference``.
        recognises: whether a span is written like this: by the attributes that are there, never by a
            version. A span that it recognises may still hold no call.
        read: the fragments of a span, of the format that the context is for.
        rank: the most specific dialect is asked first; the plain conventions (rank 0) last.
    """

    name: str
    recognises: Callable[[Span], bool]
    read: Callable[[Span, Context, str], Iterable[Fragment]]
    rank: int = 1


class EventDialect(msgspec.Struct, frozen=True):
    """One way of writing what was said into log records."""

    name: str
    recognises: Callable[[LogRecord], bool]
    read: Callable[[LogRecord, Context, str], Iterable[Fragment]]


_dialects: list[Dialect] = []
_event_dialects: list[EventDialect] = []


def register(new: Dialect | EventDialect) -> None:
    """Add a dialect. Every module that defines one calls this when it is imported."""
    if isinstance(new, EventDialect):
        _event_dialects.append(new)
    else:
        _dialects.append(new)
        _dialects.sort(key=lambda dialect: -dialect.rank)


def reader(item: Span | LogRecord) -> Callable[[Context, str], Iterable[Fragment]] | None:
    """What reads the fragments of a span or log record, or ``None`` if no dialect recognises it.

    It takes the context, and the name of the format that the context is for.
    """
    if isinstance(item, Span):
        for dialect in _dialects:
            if dialect.recognises(item):
                return partial(dialect.read, item)
        return None
    for event_dialect in _event_dialects:
        if event_dialect.recognises(item):
            return partial(event_dialect.read, item)
    return None
