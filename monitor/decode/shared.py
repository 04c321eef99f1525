"""One object for what is said again and again: a value comes in, the first one that was the same goes out.

An application offers the same few tools and asks for the same schema with every call. One object for all of
them is checked once, is held once by a batch of thousands of calls, and can be known by its identity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Shared(Generic[T]):
    """Remembers what was made of values, by what they are as JSON.

    What was not asked for while so many bytes of others came is forgotten.

    Args:
        make: makes of a value the one that is shared.
        most_bytes: of JSON that may be remembered; parsed, it is some ten times as large. A value of a
            hundredth of that is not remembered.
    """

    def __init__(self, make: Callable[[T], T], most_bytes: int) -> None:
        self._make = make
        self._most_bytes = most_bytes
        self._size = 0
        self._young: dict[bytes, T] = {}
        self._old: dict[bytes, T] = {}

    def __call__(self, value: T) -> T:
        """The value that is shared by all that are the same."""
        try:
            key = msgspec.json.encode(value)
        except RecursionError:
            return self._make(value)
        found = self._young.get(key)
        if found is not None:
            return found
        found = self._old.get(key)
        if found is None:
            found = self._make(value)
        if len(key) * 100 <= self._most_bytes:
            self._remember(key, found)
        return found

    def _remember(self, key: bytes, value: T) -> None:
        if self._size > self._most_bytes // 2:
            self._old, self._young, self._size = self._young, {}, 0
        self._size += len(key)
        self._young[key] = value
