"""What a format is, and those that exist: a module of this folder describes its format and registers it."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

import msgspec

from monitor.records import Call, Record, Source


class Context(msgspec.Struct, frozen=True):
    """Where an object was read, for what a format wants to know besides the object itself.

    Attributes:
        record: the record that held the object.
        item: its position in the record.
        raw: the object's bytes, as they were received.
    """

    record: Record
    item: int
    raw: bytes

    def source(self, format_name: str) -> Source:
        """The provenance of a call of this format."""
        record = self.record
        return Source(
            format=format_name,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            item=self.item,
        )


class Format(msgspec.Struct, frozen=True):
    """One way in which a call is written down as a JSON object.

    Attributes:
        name: as in ``Source.format`` and in the configuration.
        recognises: whether an object has this format's shape. It looks at which fields are there,
            never at a version, and no two formats recognise the same object.
        decode: the call of an object. Raises ``BadInput`` for one that can't be used.
    """

    name: str
    recognises: Callable[[dict[str, Any]], bool]
    decode: Callable[[dict[str, Any], Context], Call]


_formats: dict[str, Format] = {}


def register(new: Format) -> None:
    """Add a format. Every module that defines one calls this when it is imported."""
    _formats[new.name] = new


def registered() -> dict[str, Format]:
    """The formats by name, in the order they were registered."""
    return _formats


def load(package: str, path: Iterable[str]) -> None:
    """Import every public module of a package, so that what they define registers itself.

    Args:
        package: the package's full name.
        path: its ``__path__``.
    """
    for module in pkgutil.iter_modules(path):
        if not module.name.startswith("_"):
            import_module(f"{package}.{module.name}")
