"""JSON Schemas out of logs: a schema comes in, a validator that is safe to run goes out.

Schemas in logs are attacker input: nothing remote and no file is fetched; patterns run in linear time, but
for look-around and the like, which have a small backtrack limit; their size and the schema's depth are
capped, and what running it on a value costs is estimated first. A schema that cannot be used is a fact about
the schema, never about the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import jsonschema_rs
import msgspec

from monitor.scorers.details import declared
from monitor.scorers.schema.budget import MAX_WORK, Budget, Unusable
from monitor.scorers.schema.dialects import standard
from monitor.scorers.schema.patterns import NOTHING, cost, patterns
from monitor.scorers.schema.violations import Violation, shorten, violation_of
from monitor.scorers.schema.work import Unbounded, Work, plan
from monitor.scorers.strict import MAX_DEPTH, depth, objects

#: Containers that a schema may nest.
MAX_SCHEMA_DEPTH = 64
#: States of all patterns of a schema, as ``patterns.cost`` estimates them.
MAX_STATES = 250_000
#: Characters of all patterns of a schema: estimating them takes 3 µs each.
MAX_PATTERNS_TEXT = 1 << 16
#: Steps that one pattern may backtrack; only those with look-around or back-references do at all.
BACKTRACK_LIMIT = 1_000
#: Bytes that one compiled pattern may take.
REGEX_BYTES = 1 << 22
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


class Validator:
    """A compiled schema.

    Args:
        schema: what ``read`` returned. Its draft is the one that ``$schema`` names, else 2020-12.
        size: bytes that it has, encoded.

    Raises:
        Unusable: it is no valid schema, or it refers to something outside itself.

    Attributes:
        declared: the property names that stand anywhere in it.
        counted: how many subschemas were counted to bound its work, each at every depth.
    """

    def __init__(self, schema: Any, size: int) -> None:
        self._size = size
        self._branches = any(not _BRANCHING.isdisjoint(node) for node in objects(schema))
        self.declared = declared(schema)
        try:
            planned = plan(schema)
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
        self._work = Work(planned)
        self.counted = self._work.counted

    def violations(self, value: Any, size: int, budget: Budget) -> list[Violation]:
        """How ``value`` breaks the schema, at most ``MAX_VIOLATIONS`` ways; empty when it keeps it.

        Args:
            value: what ``strict.parse`` returned.
            size: characters of the text it was parsed from.
            budget: what the call may still cost.

        Raises:
            Unusable: it would take too long, or a pattern of the schema ran into its backtrack limit.
        """
        work = self._work.at(MAX_DEPTH) * size
        if work > budget.left:
            work = self._work.at(depth(value)) * size
        if work > MAX_WORK:
            raise Unusable("schema too costly for this value")
        budget.spend(work)
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


def read(encoded: bytes) -> Any:
    """The JSON Schema that this JSON stands for, in any dialect of ``dialects.standard``.

    Raises:
        Unusable: it is too deep.
    """
    schema = standard(msgspec.json.decode(encoded))
    check_depth(schema)
    return schema


def check_depth(schema: Any) -> None:
    """Raise ``Unusable`` if ``schema`` nests too deep for a recursion."""
    if depth(schema, MAX_SCHEMA_DEPTH) > MAX_SCHEMA_DEPTH:
        raise too_deep()


def too_deep() -> Unusable:
    """That a schema nests too deep."""
    return Unusable(f"schema nested deeper than {MAX_SCHEMA_DEPTH}")


def states_of(schema: Any) -> int:
    """States of all patterns that stand in ``schema``, wherever. Raises ``Unusable`` if they are too many."""
    every = [pattern for node in objects(schema) for pattern in patterns(node)]
    if sum(map(len, every)) > MAX_PATTERNS_TEXT:
        raise Unusable("patterns too large")
    total = NOTHING
    for pattern in every:
        total = total.plus(cost(pattern))
    if total.states > MAX_STATES:
        raise Unusable("patterns too large")
    return total.states


def _is_early(schema: Any) -> bool:
    draft = schema.get("$schema") if isinstance(schema, dict) else None
    return isinstance(draft, str) and draft.startswith(_EARLY)


def _first(compiled: jsonschema_rs.Validator, value: Any) -> list[jsonschema_rs.ValidationError]:
    try:
        compiled.validate(value)
    except jsonschema_rs.ValidationError as error:
        return [error]
    return []
