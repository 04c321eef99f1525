"""What a format is, and those that exist: a module of this folder describes its format and registers it."""

from __future__ import annotations

import hashlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from importlib import import_module
from typing import Any, TypeVar

import msgspec

from monitor.decode.dimensions import Mapping
from monitor.errors import BadInput, DeadLetterReason
from monitor.records import Call, Fragment, Record, Source

T = TypeVar("T")

#: One thing that was found in an item: a call, a piece of one, or something that can't be used.
Found = Call | Fragment | BadInput


class Context(msgspec.Struct, frozen=True):
    """Where an item was read, for what a format wants to know besides the item itself.

    Attributes:
        record: the record that held the item.
        item: the number of the next thing found in the record.
        raw: the item's bytes, as they were received.
        mapping: which attributes become which dimensions.
    """

    record: Record
    item: int
    raw: bytes
    mapping: Mapping = Mapping()

    @property
    def fingerprint(self) -> str:
        """An id for a call that has none: the same bytes received at the same time are the same call."""
        digest = hashlib.sha256(self.raw)
        digest.update(str(self.record.timestamp).encode())
        return f"sha256:{digest.hexdigest()}"

    def received_at(self) -> datetime:
        """When the record was received: the time of a call that has none of its own.

        Raises:
            BadInput: ``invalid_record`` where the record has no time either.
        """
        if self.record.timestamp is None:
            raise BadInput(DeadLetterReason.INVALID_RECORD, "no time: neither its own nor the record's")
        return self.record.timestamp

    def source(self, format_name: str, *, logged: bool = False) -> Source:
        """The provenance of a call of this format; ``logged`` where its record says no start."""
        record = self.record
        return Source(
            format=format_name,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            item=self.item,
            logged=logged,
        )


class Format(msgspec.Struct, frozen=True):
    """One way in which calls are written down as a JSON object.

    Attributes:
        name: as in ``Source.format`` and in the configuration.
        recognises: whether an object has this format's shape. It looks at which fields are there,
            never at a version, and no two formats recognise the same object.
        decode: what an object holds; nothing, where it holds no call. Raises ``BadInput`` for an object
            that can't be used, and yields one for a part of it that can't.
        refused: whether it is known only to be refused with a reason.
    """

    name: str
    recognises: Callable[[dict[str, Any]], bool]
    decode: Callable[[dict[str, Any], Context], Iterable[Found]]
    refused: bool = False


class BinaryFormat(msgspec.Struct, frozen=True):
    """One way in which calls are written down as bytes that are not JSON. As ``Format``, but of bytes."""

    name: str
    recognises: Callable[[bytes], bool]
    decode: Callable[[bytes, Context], Iterable[Found]]


_formats: dict[str, Format | BinaryFormat] = {}


def register(new: Format | BinaryFormat) -> None:
    """Add a format. Every module that defines one calls this when it is imported."""
    _formats[new.name] = new


def registered() -> dict[str, Format | BinaryFormat]:
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


def each(parts: Iterable[T], read: Callable[[T], Iterable[Found]]) -> Iterator[Found]:
    """What is found in each part. One that can't be read costs itself only.

    Anything but ``BadInput`` that a decoder raises is a bug of ours, and becomes one. None brings its
    traceback along: its frames hold what was read and, in a circle, the error itself.
    """
    for part in parts:
        try:
            yield from read(part)
        except RecursionError:
            yield BadInput(DeadLetterReason.TOO_DEEP, "nested too deeply to read")
        except MemoryError:
            yield BadInput(DeadLetterReason.OUT_OF_MEMORY, "needs more memory than there is")
        except BadInput as bad:
            yield bad.with_traceback(None)
        except Exception as bug:  # noqa: BLE001 - the declared edge: one part must not cost its neighbours
            yield BadInput(DeadLetterReason.DECODER_FAILED, type(bug).__name__)
