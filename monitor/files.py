"""Reads calls from files and standard input, as ``llm-monitor score`` and replay do, without Kafka.

In come paths; out come records, each with the place it came from. A file is one JSON value or JSON lines;
a Protobuf message is one record; a folder stands for its files of ``SUFFIXES``. JSON lines are read one at
a time, and a line that is bad costs no other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from monitor.errors import Permanent
from monitor.records import Record

_LINES = frozenset({".jsonl", ".ndjson"})
_BINARY = frozenset({".pb", ".binpb"})

#: How the files of a folder end that are read.
SUFFIXES = _LINES | _BINARY | {".json"}

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
        if path.is_dir():
            files += [str(p) for p in sorted(path.rglob("*")) if p.suffix in SUFFIXES and p.is_file()]
        elif name == STDIN or path.exists():
            files.append(name)
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
    """A first line that is a whole JSON object, with more behind it, means JSON lines.

    So does any line of a file that is not JSON as a whole: its first line is the bad one.
    """
    place = name.encode(errors="surrogateescape").decode(errors="replace")
    if Path(name).suffix in _BINARY:
        yield Found(place, _record(place, 0, stream.read(), at))
        return
    head = _head(stream)
    written = [line for line in head if line.strip()]
    if not (written and _is_object(written[0]) and (len(written) > 1 or Path(name).suffix in _LINES)):
        whole = b"".join(head) + stream.read()
        if _is_json(whole) or _is_binary(whole) or not any(_is_object(line) for line in BytesIO(whole)):
            yield Found(place, _record(place, 0, whole, at))
            return
        head, stream = [], BytesIO(whole)
    for number, line in enumerate(chain(head, stream), 1):
        if line.strip():
            yield Found(f"{place}:{number}", _record(place, number, line, at))


def _head(stream: BinaryIO) -> list[bytes]:
    """The lines up to the second that has anything on it."""
    head: list[bytes] = []
    written = 0
    while written < 2 and (line := stream.readline()):
        head.append(line)
        written += bool(line.strip())
    return head


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_binary(value: bytes) -> bool:
    """Whether a value that begins as an OTLP message does is no text: its ids and times are bytes."""
    if not value.startswith(b"\n"):
        return False
    try:
        value.decode()
    except UnicodeDecodeError:
        return True
    return b"\x00" in value


def _is_object(line: bytes) -> bool:
    return line.lstrip().startswith(b"{") and _is_json(line)


def _record(name: str, number: int, value: bytes, at: datetime) -> Record:
    return Record(topic=name, partition=0, offset=number, value=value, timestamp=at)
