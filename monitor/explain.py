"""Says in our words what msgspec refuses: its error in; out come a message and the keys it is about.

Shared by whatever people write by hand. A message names keys and what would be right, and quotes a value
only where the right ones are a closed list: any other may be a secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import inspect

#: A key of a mapping, or a position in a list.
Step = str | int

#: What msgspec says for "some key of this mapping".
_ANY = "..."

_AT = re.compile(r"^(?P<message>.*?)(?: - at (?:`key` in )?`(?P<path>\$[^`]*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_QUOTED = re.compile(r"`([^`]+)`")

_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
}


def explain(error: msgspec.ValidationError, value: object, type_: type) -> tuple[str, list[Step]]:
    """What is wrong with ``value`` as a ``type_``, in one line, and at which keys and positions."""
    matched = _AT.match(str(error))
    assert matched is not None  # noqa: S101 - the pattern matches every text
    steps: list[Step] = [
        int(index) if index.isdigit() else key or index
        for key, index in _STEP.findall(matched["path"] or "$")
    ]
    while _ANY in steps:
        steps[steps.index(_ANY)] = _failing_key(value, steps, type_, str(error))
    message, key = _in_words(matched["message"], _types_at(type_, value, steps))
    return message, [*steps, *key]


def suggestion(word: str, known: list[str]) -> str:
    """``; did you mean 'x'?`` when something known is close, else the choices when they are few."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; it can be {', '.join(sorted(known))}" if 0 < len(known) <= 40 else ""


def _in_words(message: str, types: Sequence[inspect.Type]) -> tuple[str, tuple[str, ...]]:
    """The message, and the key it is about when that is not in msgspec's path."""
    quoted = _QUOTED.findall(message)
    if message.startswith("Object contains unknown field"):
        known = [name for type_ in types for name in _keys(type_)]
        return f"unknown key {quoted[0]!r}{suggestion(quoted[0], known)}", (quoted[0],)
    if message.startswith("Object missing required field"):
        choices = _choices(types) if quoted[0] in _tag_fields(types) else []
        return f"{quoted[0]!r} is missing{suggestion('', choices)}", ()
    if message.startswith("Invalid"):
        value = message.split("'")[1]
        return f"it can't be {value!r}{suggestion(value, _choices(types))}", ()
    if "matching regex" in message:
        return f"expected {_description(types)}", ()
    expected, got = (
        " or ".join(_WORDS.get(word, word) for word in names.split(" | ")) for names in quoted[:2]
    )
    hint = ": put it in quotes" if "text" in expected and got in ("a whole number", "true or false") else ""
    return f"expected {expected}, got {got}{hint}", ()


def _failing_key(value: Any, steps: Sequence[Step], type_: type, message: str) -> str:
    """Which key msgspec's first ``...`` stands for: the one that alone gives the same message."""
    above = steps[: steps.index(_ANY)]
    keys = value
    for step in above:
        keys = keys[step]
    for key in keys:
        try:
            msgspec.convert(_with(value, above, {key: keys[key]}), type_)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return str(key)
    raise AssertionError(message)


def _with(value: Any, steps: Sequence[Step], new: object) -> Any:
    """A copy of ``value`` with ``new`` at these keys and positions."""
    if not steps:
        return new
    first, *rest = steps
    copy: Any = value.copy()
    copy[first] = _with(value[first], rest, new)
    return copy


def _types_at(type_: type, value: Any, steps: Sequence[Step]) -> list[inspect.Type]:
    """What may stand at these keys and positions: one type, or the members of a union."""
    types = list(_members(inspect.type_info(type_), value))
    for step in steps:
        below = [part for type_info in types if (part := _below(type_info, step))]
        value = _item(value, step)
        types = [member for part in below for member in _members(part, value)]
    return types


def _members(info: inspect.Type, value: Any) -> Iterator[inspect.Type]:
    """The members of a union, without the structs that are not ``value``'s by its tag."""
    if isinstance(info, inspect.UnionType):
        members = [member for part in info.types for member in _members(part, value)]
        tagged = [
            member
            for member in members
            if isinstance(member, inspect.StructType)
            and member.tag_field
            and member.tag == _item(value, member.tag_field)
        ]
        yield from tagged or members
    else:
        yield info


def _below(info: inspect.Type, step: Step) -> inspect.Type | None:
    if isinstance(info, inspect.StructType):
        if step == info.tag_field:
            return inspect.LiteralType((info.tag,))
        return next((field.type for field in info.fields if field.encode_name == step), None)
    if isinstance(info, inspect.DictType):
        return info.value_type
    if isinstance(info, inspect.VarTupleType):
        return info.item_type
    return None


def _item(value: Any, step: Step) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _keys(info: inspect.Type) -> list[str]:
    if not isinstance(info, inspect.StructType):
        return []
    return [*([info.tag_field] if info.tag_field else []), *(field.encode_name for field in info.fields)]


def _tag_fields(types: Sequence[inspect.Type]) -> set[str | None]:
    return {info.tag_field for info in types if isinstance(info, inspect.StructType)}


def _choices(types: Sequence[inspect.Type]) -> list[str]:
    """The values of literals, or the tags of structs."""
    literals = [str(one) for info in types if isinstance(info, inspect.LiteralType) for one in info.values]
    return literals or [str(info.tag) for info in types if isinstance(info, inspect.StructType)]


def _description(types: Sequence[inspect.Type]) -> str:
    """What a type with a pattern is called, as its ``Meta`` says."""
    return next(
        str((info.extra_json_schema or {})["description"])
        for info in types
        if isinstance(info, inspect.Metadata)
    )
