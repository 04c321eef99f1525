"""How a value breaks its schema: the validator's errors come in, path, keyword and count of each go out.

What is shown is what the application itself declared. Neither the value nor a key that the model made up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import jsonschema_rs
import msgspec

from monitor.scorers.details import MAX_NAME, shown

#: Characters of a path that are shown.
MAX_PATH = 120
#: Different violations that a summary names, and the characters after which it names no more.
MAX_NAMED = 5
MAX_SUMMARY = 160

_Kind = jsonschema_rs.ValidationErrorKind


class Violation(msgspec.Struct, frozen=True):
    """One way in which a value breaks its schema: where, and by which keyword. Never the value itself."""

    path: str
    """A JSON pointer into the value, with ``*`` for undeclared keys; empty for the whole value."""
    keyword: str
    missing: str = ""
    """Of ``required``: the property that isn't there."""
    shape: str = ""
    """The path with ``*`` for each index, too."""

    def __str__(self) -> str:
        return self.at(self.path)

    def at(self, path: str) -> str:
        """The violation as it is shown, with this path."""
        return f"{shorten(path) or '/'}: {self.keyword}{' ' if self.missing else ''}{self.missing}"


def summary(violations: Sequence[Violation]) -> str:
    """Violations in one line: ``/id: type, /items/*/price: type ×17 (+3)``.

    Those that differ in indices only are told together, in the order in which they were found; how many are
    not told stands at the end.
    """
    alike: dict[tuple[str, str, str], list[Violation]] = {}
    for violation in violations:
        alike.setdefault((violation.shape, violation.keyword, violation.missing), []).append(violation)
    told, left = "", len(violations)
    for same in islice(alike.values(), MAX_NAMED):
        if len(told) > MAX_SUMMARY:
            break
        one = str(same[0]) if len(same) == 1 else f"{same[0].at(same[0].shape)} ×{len(same)}"
        told, left = f"{told}, {one}" if told else one, left - len(same)
    return f"{told} (+{left})" if left else told


def violation_of(error: jsonschema_rs.ValidationError, names: frozenset[str]) -> Violation | None:
    """What went wrong, looked for inside the one branch of an ``anyOf`` or ``oneOf`` that was meant.

    That is the only branch whose type the value has: for ``anyOf: [{type: object}, {type: null}]`` an object
    was meant for the first. Where no branch has its type, the type is what is wrong. ``None`` if a pattern
    ran into its backtrack limit, so that nobody knows.

    Args:
        error: what the validator found.
        names: the property names that the schema declares.
    """
    while isinstance(error.kind, _Kind.AnyOf | _Kind.OneOfNotValid):
        path = error.instance_path
        meant = [
            branch
            for branch in error.kind.context
            if not any(inner.kind.name == "type" and inner.instance_path == path for inner in branch)
        ]
        if not meant:
            return _violation(path, "type", names)
        if len(meant) > 1 or not meant[0]:
            break
        error = meant[0][0]
    kind = error.kind
    if isinstance(kind, _Kind.BacktrackLimitExceeded | _Kind.RegexEngineFailure):
        return None
    missing = kind.property[:MAX_NAME] if isinstance(kind, _Kind.Required) else ""
    return _violation(error.instance_path, kind.name, names, missing)


def shorten(path: str) -> str:
    """The path, or its beginning."""
    return path if len(path) <= MAX_PATH else path[: MAX_PATH - 1] + "…"


def _violation(
    path: Iterable[str | int], keyword: str, names: frozenset[str], missing: str = ""
) -> Violation:
    steps = list(path)
    named = [shown(step, names) for step in steps]
    shape = ["*" if isinstance(step, int) else name for step, name in zip(steps, named, strict=True)]
    return Violation(_pointer(named), keyword, missing, _pointer(shape))


def _pointer(steps: Iterable[str]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
