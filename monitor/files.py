"""Reads calls from files and standard input, as ``llm-monitor score`` and replay do, without Kafka.

In come paths; out come records, each with the place it came from. A file is one JSON value or JSON lines;
a folder stands for its ``.json``, ``.jsonl`` and ``.ndjson`` files. JSON lines are read one at a time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from monitor.errors import Permanent
from monitor.records import Record

_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})

#: Standard input, as a path.
STDIN = "-"


class Found(NamedTuple):
    """One record of a file: ``place`` is the path, with ``:line`` for JSON lines."""

    place: str
    record: Record


class Unreadable(NamedTuple):
    """A file that could not be read, and why."""

    place: str
    why: str


def expand(paths: Iterable[str]) -> list[str]:
    """The files behind these paths, folders walked in sorted order.

    Raises:
        Permanent: a path that does not exist.
    """
    files: list[str] = []
    for name in paths:
        path = Path(name)
        if name == STDIN or path.is_file():
            files.append(name)
        elif path.is_dir():
            files += [str(p) for p in sorted(path.rglob("*")) if p.suffix in _SUFFIXES and p.is_file()]
        else:
            raise Permanent(f"{name}: no such file or folder")
    return files


def read_records(files: Iterable[str]) -> Iterator[Found | Unreadable]:
    """Every record of these files, in order. Calls without a time of their own get their file's."""
    for name in files:
        try:
            if name == STDIN:
                yield from _records("-", sys.stdin.buffer, datetime.now(UTC))
            else:
                with Path(name).open("rb") as stream:
                    changed = datetime.fromtimestamp(Path(name).stat().st_mtime, UTC)
                    yield from _records(name, stream, changed)
        except OSError as error:
            yield Unreadable(name, error.strerror or type(error).__name__)


def _records(name: str, stream: BinaryIO, at: datetime) -> Iterator[Found]:
    """A first line that is a whole JSON object, with more behind it, means JSON lines."""
    first = stream.readline()
    second = stream.readline()
    while second and not second.strip():
        second = stream.readline()
    if second and _is_object(first):
        yield Found(f"{name}:1", _record(name, 1, first, at))
        number = 1
        for line in _chain(second, stream):
            number += 1
            if line.strip():
                yield Found(f"{name}:{number}", _record(name, number, line, at))
    else:
        yield Found(name, _record(name, 0, first + second + stream.read(), at))


def _chain(second: bytes, stream: BinaryIO) -> Iterator[bytes]:
    yield second
    yield from stream


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (ValueError, RecursionError):
        return False


def _record(name: str, number: int, value: bytes, at: datetime) -> Record:
    return Record(topic=name, partition=0, offset=number, value=value, timestamp=at)
