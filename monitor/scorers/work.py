"""How much work a schema can make: a schema comes in, a bound on its evaluations goes out.

A validator follows every branch and every reference, so a few hundred bytes of schema that doubles at each
reference keep it busy for years. The bound is counted beforehand, by dynamic programming over the nesting of
the value: how often at most subschemas are evaluated at one place that lies ``depth`` levels down. A pattern
counts as one evaluation for each step that it takes per character.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple
from urllib.parse import unquote

from monitor.scorers.patterns import CEILING, cost, patterns
from monitor.scorers.strict import MAX_DEPTH, objects

#: Subschemas that a schema may have.
MAX_NODES = 20_000

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
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class Unbounded(Exception):
    """No bound can be given. The message says why, in one line."""


class _Node(NamedTuple):
    here: list[int]
    apart: list[int]
    shared: list[int]
    steps: int


class Work:
    """A bound on the evaluations that a schema causes at one place of a value.

    Args:
        schema: the schema, as parsed from JSON.

    Raises:
        Unbounded: a reference leads nowhere, outside or back to itself, or there are too many subschemas.
    """

    def __init__(self, schema: Any) -> None:
        nodes = _nodes(schema)
        try:
            order = list(TopologicalSorter({key: node.here for key, node in nodes.items()}).static_order())
        except CycleError:
            raise Unbounded("schema refers to itself without end") from None
        self._levels: list[int] = []
        below = dict.fromkeys(nodes, 0)
        for _ in range(MAX_DEPTH + 1):
            counts: dict[int, int] = {}
            for key in order:
                here, apart, shared, steps = nodes[key]
                total = 1 + steps
                total += sum([counts[child] for child in here]) + sum([below[child] for child in shared])
                counts[key] = min(CEILING, total + max([below[child] for child in apart], default=0))
            self._levels.append(counts[id(schema)])
            if counts == below:
                break
            below = counts

    def at(self, depth: int) -> int:
        """Evaluations at any one place of a value that nests at most ``depth`` containers."""
        return self._levels[min(depth, len(self._levels) - 1)]


def _nodes(schema: Any) -> dict[int, _Node]:
    """Every subschema that can be reached, by identity, with those that it applies."""
    anchors = _anchors(schema)
    nodes: dict[int, _Node] = {}
    embeds = refers = False
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
        embeds |= node is not schema and isinstance(node.get("$id"), str)
        referred = [*_referred(node, schema, anchors)]
        refers |= bool(referred)
        here = [*_applied(node, _HERE), *referred]
        apart, shared = [*_applied(node, _APART)], [*_applied(node, _SHARED)]
        steps = sum([cost(pattern).steps for pattern in patterns(node)])
        nodes[id(node)] = _Node([*map(id, here)], [*map(id, apart)], [*map(id, shared)], steps)
        waiting += here + apart + shared
    if embeds and refers:  # an identifier within moves the base that references are relative to
        raise Unbounded("schema refers within embedded schemas")
    return nodes


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


def _referred(node: dict[str, Any], root: Any, anchors: dict[str, list[Any]]) -> Iterator[Any]:
    """The subschemas that ``node`` refers to."""
    for keyword in _REFERENCES:
        reference = node.get(keyword)
        if not isinstance(reference, str):
            continue
        base, _, fragment = reference.partition("#")
        if base and base != str(root.get("$id", "")).rstrip("#"):
            raise Unbounded("schema refers outside itself")
        fragment = unquote(fragment)
        if fragment and not fragment.startswith("/"):
            if fragment not in anchors:
                raise Unbounded("schema refers to nothing")
            yield from anchors[fragment]
        else:
            yield _pointed(root, fragment)


def _pointed(root: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points at."""
    value = root
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key[:9]) < len(value):
            value = value[int(key[:9])]
        else:
            raise Unbounded("schema refers to nothing")
    return value


def _anchors(schema: Any) -> dict[str, list[Any]]:
    """The subschemas that carry an anchor, by its name; several may share a dynamic one."""
    anchors: dict[str, list[Any]] = {}
    for node in objects(schema):
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(name := node.get(keyword), str):
                anchors.setdefault(name, []).append(node)
    return anchors
