"""Makes dead letters: a record or an item of it, and what is wrong, come in; what may be kept goes out.

Size and hash are of the bytes as they came, also where none of them may be kept. Headers are kept without
those that hold a credential, and are bounded: they are attacker input like everything else. Of a part that
waited for the rest of its call only the place is known.
"""

from __future__ import annotations

import base64
import codecs
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice

from monitor.decode import credentials
from monitor.decode.redact import redact
from monitor.errors import BadInput, DeadLetterReason, TookTooLong
from monitor.records import DeadLetter, Place, Record, Waiting

#: Most headers that are kept, and most of one: characters of its name, bytes of its value.
MAX_HEADERS = 64
MAX_NAME = 256
MAX_VALUE = 1024

#: What begins a value that is no text: the rest of it is its bytes in base64.
BINARY = "base64:"


class Letters:
    """The dead letters of one item, which is hashed and kept once for all that is wrong in it.

    Args:
        record: what was read.
        value: the bytes of the item: the record's, where it is one item.
        keep_content: whether the first letter keeps these bytes, without the credentials in them.
    """

    def __init__(self, record: Record, value: bytes, keep_content: bool) -> None:
        self._record = record
        self._value = value
        self._keep_content = keep_content
        self._sha256: bytes | None = None

    def letter(self, number: int, bad: BadInput) -> DeadLetter:
        """The dead letter of the thing with this number within the record."""
        if self._sha256 is None:
            self._sha256 = hashlib.sha256(self._value).digest()
        kept = None
        if self._keep_content and bad.reason is not DeadLetterReason.CARRIES_CREDENTIAL:
            self._keep_content = False
            kept = redact(self._value)
        return DeadLetter(
            topic=self._record.topic,
            partition=self._record.partition,
            offset=self._record.offset,
            item=number,
            reason=bad.reason.value,
            detail=bad.detail,
            size=len(self._value),
            sha256=self._sha256,
            value=kept,
            headers=tuple(_headers(self._record.headers)),
            recorded_at=self._record.timestamp,
        )


def dead_letter(record: Record, bad: BadInput, *, keep_content: bool, item: int = 0) -> DeadLetter:
    """The dead letter of a whole record, or of the item with this number where its own bytes aren't known."""
    return Letters(record, record.value or b"", keep_content).letter(item, bad)


def part_letters(parts: Iterable[Waiting], reason: DeadLetterReason, detail: str) -> list[DeadLetter]:
    """The dead letters of a call's parts: a replay needs every part that says something of the call.

    Of a part that waited twice, since it came or was replayed twice, there is one.
    """
    sources = dict.fromkeys(part.fragment.call.source for part in parts if part.fragment.call)
    return [
        DeadLetter(
            topic=source.topic,
            partition=source.partition,
            offset=source.offset,
            item=source.item,
            reason=reason,
            detail=detail,
            size=0,
            sha256=b"",
        )
        for source in sources
    ]


def costly_letter(
    record: Record,
    bad: BadInput,
    *,
    keep_content: bool,
    guard: Callable[[Place], AbstractContextManager[object]],
) -> DeadLetter:
    """The dead letter of a record that has just taken too long, or too much memory.

    Taking the credentials out of its bytes may do so again: then none of them are kept.
    """
    try:
        with guard(Place(record.topic, record.partition, record.offset)):
            return dead_letter(record, bad, keep_content=keep_content)
    except (TookTooLong, MemoryError):
        return dead_letter(record, bad, keep_content=False)


def _headers(headers: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, str]]:
    """The headers that may be kept, as text that Postgres takes."""
    for name, value in islice(headers, MAX_HEADERS):
        opening = redact((value or b"")[:MAX_VALUE])
        said = _text(opening, cut=len(value or b"") > MAX_VALUE)
        if _is_open(name) and not credentials.is_secret(said) and not credentials.holds_secret(opening):
            yield name[:MAX_NAME], said


def _is_open(name: str) -> bool:
    """Whether the name of a header says nothing of a credential. Who has a session's id has the session."""
    return not credentials.is_named(name) and "session" not in name.lower()


def _text(value: bytes, *, cut: bool) -> str:
    """A header's value as text, where it is text; one that was cut may end within a character."""
    try:
        said, _ = codecs.utf_8_decode(value, "strict", not cut)
    except UnicodeDecodeError:
        said = "\x00"
    return said if "\x00" not in said else BINARY + base64.b64encode(value).decode()
