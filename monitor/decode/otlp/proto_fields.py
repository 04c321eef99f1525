"""The fields of a serialized Protobuf message: bytes come in, numbers and values go out, uninterpreted.

Reference: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from monitor.errors import BadInput, DeadLetterReason

#: Wire types. The two that marked groups have not been written for twenty years.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

#: Bytes of the longest varint, which holds 64 bits.
_LONGEST_VARINT = 10


class Field(NamedTuple):
    """One field. ``value`` is what a length-delimited one holds, and empty for others."""

    number: int
    wire_type: int
    value: memoryview


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message, in order.

    Raises:
        BadInput: ``invalid_record`` where the bytes stop being one.
    """
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        start = position
        if wire_type == VARINT:
            start = position = _varint(message, position)[1]
        elif wire_type == FIXED64:
            start = position = position + 8
        elif wire_type == FIXED32:
            start = position = position + 4
        elif wire_type == BYTES:
            length, start = _varint(message, position)
            position = start + length
        else:
            raise BadInput(DeadLetterReason.INVALID_RECORD, f"Protobuf with a field of wire type {wire_type}")
        if number == 0 or position > len(message):
            raise BadInput(DeadLetterReason.INVALID_RECORD, "Protobuf that ends inside a field")
        yield Field(number, wire_type, message[start:position])


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """The number at a position, and the position after it."""
    number = 0
    for index, byte in enumerate(message[position : position + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, position + index + 1
    raise BadInput(DeadLetterReason.INVALID_RECORD, "Protobuf that ends inside a number")
