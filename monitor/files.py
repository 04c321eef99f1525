"""Reads calls from files and standard input, as ``llm-monitor score`` and replay do, without Kafka.

In come paths; out come records, each with the place it came from. A file is one JSON value or JSON lines;
an array has a record for each element; a Protobuf message is one record; a folder stands for its files of
``SUFFIXES``. JSON lines are read one at a time, and a line that is bad costs no other; anything else is read
as a whole.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from monitor.decode import is_binary
from monitor.errors import Permanent
from monitor.records import Record

_LINES = frozenset({".jsonl", ".ndjson"})
_BINARY = frozenset({".pb", ".binpb"})

#: How the files of a folder end that are read.
SUFFIXES = _LINES | _BINARY | {".json"}

#: Largest file, in bytes, that is read as a whole.
MAX_BYTES = 512 * 1024 * 1024

#: Standard input, as a path.
STDIN = "-"


class Found(NamedTuple):
    """One record of a file: ``place`` is the path, with ``:`` and the number of the line or element."""

    place: str
    record: Record


class Unreadable(NamedTuple):
    """A file that could not be read, or not to its end, and why."""

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


def _records(name: str, stream: BinaryIO, at: datetime) -> Iterator[Found | Unreadable]:
    """A first line that is a whole JSON object or array, with more behind it, means JSON lines.

    So does any line of a file that is not JSON as a whole: its first line is the bad one.
    """
    place = name.encode(errors="surrogateescape").decode(errors="replace")
    is_message = Path(name).suffix in _BINARY
    head = [] if is_message else _head(stream)
    written = [line for line in head if line.strip()]
    if not (written and _holds_items(written[0]) and (len(written) > 1 or Path(name).suffix in _LINES)):
        whole = b"".join(head) + stream.read(MAX_BYTES + 1)
        if len(whole) > MAX_BYTES:
            yield Unreadable(place, f"over {MAX_BYTES} bytes, of which only JSON lines are read")
            return
        elements = () if is_message else _elements(whole)
        for number, element in enumerate(elements, 1):
            yield Found(f"{place}:{number}", _record(place, number, bytes(element), at))
        if elements:
            return
        if is_message or _is_json(whole) or is_binary(whole) or not any(map(_holds_items, BytesIO(whole))):
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


def _elements(whole: bytes) -> Sequence[msgspec.Raw]:
    """The elements of an array, as views of it, so that one at a time is copied; none of anything else."""
    try:
        return msgspec.json.decode(whole, type=list[msgspec.Raw])
    except (ValueError, RecursionError):
        return ()


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return False
    return True


def _holds_items(line: bytes) -> bool:
    return line.lstrip().startswith((b"{", b"[")) and _is_json(line)


def _record(name: str, number: int, value: bytes, at: datetime) -> Record:
    return Record(topic=name, partition=0, offset=number, value=value, timestamp=at)
