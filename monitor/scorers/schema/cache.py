"""Compiled schemas, and those that are of no use: a schema comes in, its validator goes out, made once.

The cache is bounded, keyed by the schema's hash, and shared by all calls. What making a validator costs is
taken from the call's budget all the same when it lies there already.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import Any, NamedTuple

import msgspec

from monitor.scorers.details import declared
from monitor.scorers.schema.budget import Budget, Unusable
from monitor.scorers.schema.compiled import (
    MAX_SCHEMA_DEPTH,
    Validator,
    check_depth,
    read,
    states_of,
    too_deep,
)
from monitor.scorers.schema.patterns import STATE_BYTES
from monitor.scorers.schema.violations import Violation

#: Bytes of a schema, encoded, above which it is not compiled.
MAX_SCHEMA_BYTES = 256 * 1024
#: Compiled validators that are kept: how many, and of how many bytes of schemas and patterns altogether.
CACHE_ENTRIES = 1024
CACHE_BYTES = 32 * 1024 * 1024
#: Work, as a budget counts it, of making a validator: for a byte of its schema, a state of its patterns, and
#: a subschema that is counted once at one depth. Measured: 1 µs, 0.7 to 1 µs, and 2.5 µs.
BYTE_WORK, STATE_WORK, COUNT_WORK = 100, 100, 250


class Schemas:
    """The schemas of one call: each is compiled once, and all that they cost is taken from one budget.

    Attributes:
        budget: what is left of it.
    """

    def __init__(self) -> None:
        self.budget = Budget()
        # By identity, each with the schema itself, so that no other takes its place in memory.
        self._made: dict[int, tuple[Any, Validator | Unusable]] = {}
        self._declared: dict[int, tuple[Any, frozenset[str]]] = {}

    def violations(self, schema: dict[str, Any] | bool, value: Any, size: int) -> list[Violation]:
        """How ``value`` breaks ``schema``, as ``Validator.violations`` says. Raises ``Unusable``."""
        if id(schema) not in self._made:
            self._made[id(schema)] = schema, self._compile(schema)
        made = self._made[id(schema)][1]
        if isinstance(made, Unusable):
            raise Unusable(*made.args)
        return made.violations(value, size, self.budget)

    def declared(self, schema: Any) -> frozenset[str]:
        """The property names that stand anywhere in ``schema``."""
        if id(schema) not in self._declared:
            self._declared[id(schema)] = schema, declared(schema)
        return self._declared[id(schema)][1]

    def _compile(self, schema: dict[str, Any] | bool) -> Validator | Unusable:
        try:
            return compile_schema(schema, self.budget)
        except Unusable as error:
            return error


def compile_schema(schema: dict[str, Any] | bool, budget: Budget) -> Validator:
    """A validator for ``schema``, from the cache if it was compiled before.

    Raises:
        Unusable: the schema is too large, too deep, no valid schema, or refers to something outside itself;
            or what making it costs is more than the budget has.
    """
    try:
        encoded = msgspec.json.encode(schema)
    except RecursionError:
        raise too_deep() from None
    except (TypeError, ValueError, OverflowError):
        raise Unusable("invalid schema: not JSON") from None
    if encoded.count(b"{") + encoded.count(b"[") > MAX_SCHEMA_DEPTH:  # else it can't be too deep
        check_depth(schema)
    if len(encoded) > MAX_SCHEMA_BYTES:
        raise Unusable(f"schema larger than {MAX_SCHEMA_BYTES // 1024} KiB")
    budget.spend(BYTE_WORK * len(encoded))
    entry = _cache.get(encoded)
    budget.spend(entry.work)
    if isinstance(entry.made, Unusable):
        raise Unusable(*entry.made.args)
    return entry.made


class _Entry(NamedTuple):
    """A validator, or why there is none."""

    made: Validator | Unusable
    size: int
    """Bytes that it takes."""
    work: int
    """What it took to make, besides reading its bytes."""


class _Cache:
    """Validators, or why there is none, by schema hash; the least recently used ones leave first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, encoded: bytes) -> _Entry:
        """What became of this schema, compiled if need be."""
        key = hashlib.blake2b(encoded, digest_size=16).digest()
        with self._lock:
            if key not in self._entries:
                self._entries[key] = _compile(encoded)
                self._bytes += self._entries[key].size
            self._entries.move_to_end(key)
            found = self._entries[key]
            while len(self._entries) > CACHE_ENTRIES or self._bytes > CACHE_BYTES:
                self._bytes -= self._entries.popitem(last=False)[1].size
        return found


_cache = _Cache()


def _compile(encoded: bytes) -> _Entry:
    work = 0
    try:
        schema = read(encoded)
        states = states_of(schema)
        work = STATE_WORK * states
        made = Validator(schema, len(encoded))
    except Unusable as error:
        return _Entry(error, len(encoded), work)
    return _Entry(made, len(encoded) + STATE_BYTES * states, work + COUNT_WORK * made.counted)
