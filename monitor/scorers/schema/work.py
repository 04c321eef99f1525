"""How much work a schema can make: a schema comes in, a bound on its evaluations goes out.

A validator follows every branch and every reference, so a few hundred bytes of schema that doubles at each
reference keep it busy for years. The bound is counted beforehand, by dynamic programming over the nesting of
the value: how often at most subschemas are evaluated at one place that lies ``depth`` levels down. A pattern
counts as one evaluation for each step that it takes per character, and a costly comparison as several.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import unquote

from monitor.scorers.schema.patterns import CEILING, cost, patterns
from monitor.scorers.strict import MAX_DEPTH, objects

#: Subschemas that a schema may have.
MAX_NODES = 20_000
#: Places that its references may lead to, all together.
MAX_REFERENCES = 100_000
#: Subschemas that are counted, each at every depth, before a bound is known for any depth at all: of a schema
#: that refers to itself the count may go on growing. Values that nest deeper than it got cost too much.
MAX_COUNTED = 50_000
#: Steps for one character where numbers are compared, or texts with numbers and containers: jsonschema-rs
#: reckons exactly, with numbers of any size. Measured: up to 180 ns; where it divides by a fraction, 3 µs.
COMPARING_STEPS, DIVIDING_STEPS = 20, 200
#: Schemas with an identifier of their own that a reference may be relative to.
MAX_ROOTS = 16

# The keywords that apply subschemas (JSON Schema 2020-12 core §10, and their forerunners), by where: at the
# same place, at one child each, or at children that another keyword may apply to, too.
_HERE = ("not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies")
_APART = ("properties", "prefixItems")
_SHARED = (
    "additionalProperties",
    "patternProperties",
    "unevaluatedProperties",
    "propertyNames",
    "items",
    "additionalItems",
    "unevaluatedItems",
    "contains",
)
_MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies"})
_COMPARING = (
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "uniqueItems",
)
_LARGE = 1 << 63
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_IDENTIFIERS = ("$id", "id")
_ANCHORS = ("$anchor", "$dynamicAnchor")
# Where the drafts' own schemas lie, which a validator knows without fetching them.
_META = "json-schema.org"
# Identifiers are normalised before they are compared (RFC 3986 §6.2). The last step of one without escapes
# stays what it is, unless it is a dot; all others count as ending alike.
_ODD = "?"
_PLAIN = re.compile(r"[\w:/.@+~$-]+")


class Unbounded(Exception):
    """No bound can be given. The message says why, in one line."""


class _Node(NamedTuple):
    here: list[int]
    apart: list[int]
    shared: list[int]
    steps: int


class Plan(NamedTuple):
    """What a schema applies to what, made ready for counting."""

    root: int
    nodes: dict[int, _Node]
    order: list[int]
    """Each subschema after those that it applies at the same place."""


def plan(schema: Any) -> Plan:
    """Every subschema of ``schema``, as parsed from JSON.

    Raises:
        Unbounded: a reference leads nowhere, outside or back to itself, or there are too many subschemas.
    """
    nodes = _nodes(schema)
    try:
        order = list(TopologicalSorter({key: node.here for key, node in nodes.items()}).static_order())
    except CycleError:
        raise Unbounded("schema refers to itself without end") from None
    return Plan(id(schema), nodes, order)


class Work:
    """A bound on the evaluations that a schema causes at one place of a value.

    Attributes:
        counted: how many subschemas were counted for it, each once for every depth.
    """

    def __init__(self, planned: Plan) -> None:
        root, nodes, order = planned
        self._levels: list[int] = []
        self.counted = 0
        below = dict.fromkeys(nodes, 0)
        while len(self._levels) <= MAX_DEPTH:
            if self.counted >= MAX_COUNTED:
                self._levels.append(CEILING)
                break
            counts: dict[int, int] = {}
            for key in order:
                here, apart, shared, steps = nodes[key]
                total = 1 + steps
                total += sum([counts[child] for child in here]) + sum([below[child] for child in shared])
                counts[key] = min(CEILING, total + max([below[child] for child in apart], default=0))
            self.counted += len(counts)
            self._levels.append(counts[root])
            if counts == below:
                break
            below = counts

    def at(self, depth: int) -> int:
        """Evaluations at any one place of a value that nests at most ``depth`` containers."""
        return self._levels[min(depth, len(self._levels) - 1)]


def _nodes(schema: Any) -> dict[int, _Node]:
    """Every subschema that can be reached, by identity, with those that it applies."""
    targets = _Targets(schema)
    nodes: dict[int, _Node] = {}
    references = 0
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if id(node) in nodes:
            continue
        if len(nodes) == MAX_NODES:
            raise Unbounded(f"schema has more than {MAX_NODES} subschemas")
        if not isinstance(node, dict):
            nodes[id(node)] = _Node([], [], [], 0)
            continue
        referred = [
            target
            for keyword in _REFERENCES
            if isinstance(reference := node.get(keyword), str)
            for target in targets.of(reference)
        ]
        references += len(referred)
        if references > MAX_REFERENCES:
            raise Unbounded("schema has too many references")
        here = [*_applied(node, _HERE), *referred]
        apart, shared = [*_applied(node, _APART)], [*_applied(node, _SHARED)]
        nodes[id(node)] = _Node([*map(id, here)], [*map(id, apart)], [*map(id, shared)], _steps(node))
        waiting += here + apart + shared
    return nodes


def _steps(node: dict[str, Any]) -> int:
    """What the keywords of this subschema take for one character, where that is much."""
    steps = sum([cost(pattern).steps for pattern in patterns(node)])
    steps += COMPARING_STEPS * sum([keyword in node for keyword in _COMPARING])
    if isinstance(node.get("multipleOf"), float):
        steps += DIVIDING_STEPS
    if isinstance(values := node.get("enum"), list) and not _is_looked_up(values):
        steps += COMPARING_STEPS * len(values)
    return steps


def _is_looked_up(values: list[Any]) -> bool:
    """Whether the validator finds a value among these by its hash, instead of comparing it with each."""
    texts = sum([isinstance(value, str) for value in values])
    whole = sum([type(value) is int and abs(value) < _LARGE for value in values])
    return len(values) in (texts, whole)


def _applied(node: dict[str, Any], keywords: Iterable[str]) -> Iterator[Any]:
    """The subschemas that these keywords of ``node`` apply."""
    for keyword in keywords:
        value = node.get(keyword)
        if keyword in _MAPS and isinstance(value, dict):
            yield from (child for child in value.values() if isinstance(child, dict | bool))
        elif isinstance(value, list):
            yield from (child for child in value if isinstance(child, dict | bool))
        elif isinstance(value, dict | bool):
            yield value


class _Targets:
    """Where references of a schema may lead: every place that might be meant, and maybe some more.

    An identifier within a schema moves the base that references below it are relative to. Instead of
    following bases, all schemas are taken whose identifier ends like the reference, or all that have one.
    """

    def __init__(self, schema: Any) -> None:
        self._roots: dict[str, list[Any]] = {"": [schema]}
        self._anchors: dict[str, list[Any]] = {}
        for node in objects(schema):
            for keyword in _IDENTIFIERS:
                if isinstance(name := node.get(keyword), str):
                    base, _, anchor = name.partition("#")
                    if base:
                        self._roots.setdefault(_last_step(base), []).append(node)
                    if anchor:
                        self._anchors.setdefault(anchor, []).append(node)
            for keyword in _ANCHORS:
                if isinstance(name := node.get(keyword), str):
                    self._anchors.setdefault(name, []).append(node)

    def of(self, reference: str) -> list[Any]:
        """The subschemas that ``reference`` may mean. Raises ``Unbounded`` if there is none, or too many."""
        base, _, fragment = reference.partition("#")
        fragment = unquote(fragment)
        roots = self._meant(base) if base else [*chain(*self._roots.values())]
        if not roots:
            raise Unbounded("schema refers outside itself")
        if len(roots) > MAX_ROOTS:
            raise Unbounded("schema refers within too many embedded schemas")
        if fragment and not fragment.startswith("/"):
            found = self._anchors.get(fragment, [])
        else:
            found = [target for root in roots if (target := _pointed(root, fragment)) is not None]
        if not found:
            raise Unbounded("schema refers to nothing")
        return found

    def _meant(self, base: str) -> list[Any]:
        """The schemas whose identifier may be ``base``."""
        end = _last_step(base)
        if _META in base or end == _ODD:
            return []
        if _ODD in self._roots:
            raise Unbounded("schema has an identifier that may be meant otherwise")
        return self._roots.get(end, [])


def _last_step(base: str) -> str:
    """The end of an identifier, by which it is told: the same whatever it is relative to."""
    step = base.rstrip("/").rpartition("/")[2].lower()
    return step if _PLAIN.fullmatch(base) and step not in (".", "..") else _ODD


def _pointed(root: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points at; ``None`` if that is no schema."""
    value = root
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key[:9]) < len(value):
            value = value[int(key[:9])]
        else:
            return None
    return value if isinstance(value, dict | bool) else None
