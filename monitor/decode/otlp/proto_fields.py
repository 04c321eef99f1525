"""The fields of a serialized Protobuf message: bytes come in, numbers and places go out, uninterpreted.

Reference: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator

from monitor.errors import BadInput, DeadLetterReason

#: Wire types. The two that marked groups have not been written for twenty years.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

#: Bytes of the longest varint, which holds 64 bits.
_LONGEST_VARINT = 10

#: One field: its number, its wire type, and where what a length-delimited one holds begins and ends.
Field = tuple[int, int, int, int]


class Fields:
    """Reads the fields of a message and of those within it, up to so many in all.

    A field may be two bytes long: what is made of each has to be little, and their number bounded.

    Args:
        value: the message.
        limit: the most fields that are read.
    """

    def __init__(self, value: bytes, limit: int) -> None:
        self._value = value
        self._limit = limit
        self._read = 0

    def within(self, start: int, end: int) -> Iterator[Field]:
        """The fields of the message at a place, in order.

        Raises:
            BadInput: ``invalid_record`` where the bytes stop being one, ``too_large`` beyond the limit.
        """
        value, position = self._value, start
        while position < end:
            if self._read == self._limit:
                raise BadInput(DeadLetterReason.TOO_LARGE, f"Protobuf with more than {self._limit} fields")
            self._read += 1
            tag, position = _varint(value, position)
            number, wire_type = tag >> 3, tag & 7
            start = position
            if wire_type == BYTES:
                length, start = _varint(value, position)
                position = start + length
            elif wire_type == VARINT:
                start = position = _varint(value, position)[1]
            elif wire_type == FIXED64:
                start = position = position + 8
            elif wire_type == FIXED32:
                start = position = position + 4
            else:
                detail = f"Protobuf with a field of wire type {wire_type}"
                raise BadInput(DeadLetterReason.INVALID_RECORD, detail)
            if number == 0 or position > end:
                raise BadInput(DeadLetterReason.INVALID_RECORD, "Protobuf that ends inside a field")
            yield number, wire_type, start, position


def _varint(value: bytes, position: int) -> tuple[int, int]:
    """The number at a position, and the position after it."""
    number = 0
    for index, byte in enumerate(value[position : position + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, position + index + 1
    raise BadInput(DeadLetterReason.INVALID_RECORD, "Protobuf that ends inside a number")
