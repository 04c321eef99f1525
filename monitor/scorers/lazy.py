"""Values that are made when they are first asked for: a method comes in, an attribute goes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class Lazy(Generic[T]):
    """As ``functools.cached_property``, without its lock, which costs more than most of what is made here.

    Where two threads ask at the same time it is made twice: that has to do no harm.

    Args:
        make: makes the value; its name is that of the attribute.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> Lazy[T]: ...
    @overload
    def __get__(self, owner: object, kind: type) -> T: ...
    def __get__(self, owner: object | None, kind: type) -> T | Lazy[T]:
        """The value; from then on it is found on ``owner`` itself."""
        if owner is None:
            return self
        value = owner.__dict__[self._name] = self._make(owner)
        return value
