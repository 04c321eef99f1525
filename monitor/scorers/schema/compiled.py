"""JSON Schemas out of logs: a schema comes in, a validator that is safe to run goes out.

Schemas in logs are attacker input: nothing remote and no file is fetched, patterns run on a linear engine
with a small backtrack limit, their size, the schema's and its depth are capped, and compiled validators live
in a bounded cache keyed by the schema's hash. A schema that cannot be used is a fact about the schema, never
about the answer.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice
from threading import Lock
from typing import Any

import jsonschema_rs
import msgspec

from monitor.scorers.details import declared
from monitor.scorers.schema.dialects import standard
from monitor.scorers.schema.patterns import NOTHING, STATE_BYTES, cost, patterns
from monitor.scorers.schema.violations import Violation, shorten, violation_of
from monitor.scorers.schema.work import Unbounded, Work
from monitor.scorers.strict import MAX_DEPTH, depth, objects

#: Bytes of a schema, encoded, above which it is not compiled.
MAX_SCHEMA_BYTES = 256 * 1024
#: Containers that a schema may nest.
MAX_SCHEMA_DEPTH = 64
#: States of all patterns of a schema, as ``patterns.cost`` estimates them.
MAX_STATES = 250_000
#: Compiled validators that are kept: how many, and of how many bytes of schemas and patterns altogether.
CACHE_ENTRIES = 1024
CACHE_BYTES = 32 * 1024 * 1024
#: Steps that one pattern may backtrack; only those with look-around or back-references do at all.
BACKTRACK_LIMIT = 1_000
#: Bytes that one compiled pattern may take.
REGEX_BYTES = 1 << 22
#: Evaluations of subschemas and steps of patterns, at most, that one value may cost: about half a second.
MAX_WORK = 50_000_000
#: Bytes of schema times bytes of value up to which every violation is collected. Each one costs the library
#: a copy of the value it is about, so where a large value breaks a large schema only one is told.
EXPLAIN_BUDGET = 1 << 26
#: Violations looked at, at most.
MAX_VIOLATIONS = 64

#: Formats that drafts before 2019-09 don't name, and schemas made for them have: those of zod, for one.
_LATER_FORMATS = {
    name: jsonschema_rs.Draft202012Validator({"format": name}, validate_formats=True).is_valid
    for name in ("uuid", "duration")
}
_EARLY = "http://json-schema.org/draft-0"
_BRANCHING = frozenset({"anyOf", "oneOf"})


class Unusable(Exception):
    """The schema cannot be judged by. The message says why, in one line."""


class Validator:
    """A compiled schema.

    Args:
        encoded: the schema as JSON, in any of the dialects that ``dialects.standard`` knows. Its draft is the
            one that ``$schema`` names, else 2020-12.

    Raises:
        Unusable: it is too deep, no valid schema, its patterns are too large, or it refers to something
            outside itself.

    Attributes:
        declared: the property names that stand anywhere in it.
        states: how large its patterns are, in units of ``STATE_BYTES``.
    """

    def __init__(self, encoded: bytes) -> None:
        self._size = len(encoded)
        schema = standard(msgspec.json.decode(encoded))
        _check_depth(schema)
        self._branches = any(not _BRANCHING.isdisjoint(node) for node in objects(schema))
        self.declared = declared(schema)
        self.states = _states(schema)
        if self.states > MAX_STATES:
            raise Unusable("patterns too large")
        try:
            self._work = Work(schema)
            self._compiled = jsonschema_rs.validator_for(
                schema,
                formats=_LATER_FORMATS if _is_early(schema) else None,
                validate_formats=True,
                offline=True,
                pattern_options=jsonschema_rs.FancyRegexOptions(
                    backtrack_limit=BACKTRACK_LIMIT, size_limit=REGEX_BYTES
                ),
            )
        except Unbounded as error:
            raise Unusable(str(error)) from None
        except jsonschema_rs.ValidationError as error:
            path = "/".join(map(str, error.instance_path))
            raise Unusable(f"invalid schema at /{shorten(path)}") from None
        except (ValueError, jsonschema_rs.ReferencingError):
            raise Unusable("invalid schema") from None

    def violations(self, value: Any, size: int) -> list[Violation]:
        """How ``value`` breaks the schema, at most ``MAX_VIOLATIONS`` ways; empty when it keeps it.

        Args:
            value: what ``strict.parse`` returned.
            size: characters of the text it was parsed from.

        Raises:
            Unusable: it would take too long, or a pattern of the schema ran into its backtrack limit.
        """
        if self._work.at(MAX_DEPTH) * size > MAX_WORK and self._work.at(depth(value)) * size > MAX_WORK:
            raise Unusable("schema too costly for this value")
        if self._compiled.is_valid(value):
            return []
        errors: Iterable[jsonschema_rs.ValidationError]
        if self._size * size <= EXPLAIN_BUDGET:
            errors = islice(self._compiled.iter_errors(value), MAX_VIOLATIONS)
        elif self._branches:
            return [Violation("", "schema")]
        else:
            errors = _first(self._compiled, value)
        found = []
        for error in errors:
            violation = violation_of(error, self.declared)
            if violation is None:
                raise Unusable("a pattern of the schema backtracks without end")
            found.append(violation)
        return found or [Violation("", "schema")]


def compile_schema(schema: dict[str, Any] | bool) -> Validator:
    """A validator for ``schema``, from the cache if it was compiled before.

    Raises:
        Unusable: the schema is too large, too deep, no valid schema, or refers to something outside itself.
    """
    _check_depth(schema)
    try:
        encoded = msgspec.json.encode(schema)
    except (TypeError, ValueError, OverflowError):
        raise Unusable("invalid schema: not JSON") from None
    if len(encoded) > MAX_SCHEMA_BYTES:
        raise Unusable(f"schema larger than {MAX_SCHEMA_BYTES // 1024} KiB")
    return _cache.get(encoded)


class _Cache:
    """Validators, or why there is none, by schema hash; the least recently used ones leave first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, tuple[int, Validator | Unusable]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, encoded: bytes) -> Validator:
        """The validator for this schema, compiled if need be. Raises ``Unusable``."""
        key = hashlib.blake2b(encoded, digest_size=16).digest()
        with self._lock:
            if key not in self._entries:
                made = _compile(encoded)
                size = len(encoded) + (made.states * STATE_BYTES if isinstance(made, Validator) else 0)
                self._entries[key] = (size, made)
                self._bytes += size
            self._entries.move_to_end(key)
            found = self._entries[key][1]
            while len(self._entries) > CACHE_ENTRIES or self._bytes > CACHE_BYTES:
                self._bytes -= self._entries.popitem(last=False)[1][0]
        if isinstance(found, Unusable):
            raise Unusable(*found.args)
        return found


_cache = _Cache()


def _compile(encoded: bytes) -> Validator | Unusable:
    try:
        return Validator(encoded)
    except Unusable as error:
        return error


def _is_early(schema: Any) -> bool:
    draft = schema.get("$schema") if isinstance(schema, dict) else None
    return isinstance(draft, str) and draft.startswith(_EARLY)


def _check_depth(schema: Any) -> None:
    if depth(schema, MAX_SCHEMA_DEPTH) > MAX_SCHEMA_DEPTH:
        raise Unusable(f"schema nested deeper than {MAX_SCHEMA_DEPTH}")


def _states(schema: Any) -> int:
    """States of all patterns that stand in ``schema``, wherever."""
    total = NOTHING
    for node in objects(schema):
        for pattern in patterns(node):
            total = total.plus(cost(pattern))
    return total.states


def _first(compiled: jsonschema_rs.Validator, value: Any) -> list[jsonschema_rs.ValidationError]:
    try:
        compiled.validate(value)
    except jsonschema_rs.ValidationError as error:
        return [error]
    return []
