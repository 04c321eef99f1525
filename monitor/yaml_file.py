"""Reads a YAML file into a typed struct, with errors that name the line and say what would be right.

Shared by the configuration and the rule files: a path and a type in, a value of that type out.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TypeVar

import msgspec
import yaml

from monitor.errors import ConfigError

T = TypeVar("T")

_AT = re.compile(r"^(?P<message>.*?)(?: - at `(?P<path>\$[^`]*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"unknown field `([^`]+)`")


class Located:
    """A parsed YAML file that can say on which line something stands.

    Args:
        path: the file, for messages.
        text: its content.

    Raises:
        ConfigError: the text is not YAML.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._overrides: dict[tuple[str | int, ...], str] = {}
        try:
            self._root = yaml.compose(text, Loader=yaml.SafeLoader)
            self.value: object = yaml.safe_load(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line = mark.line + 1 if mark else 1
            raise ConfigError(f"{path}:{line}: not YAML: {error.problem}") from error
        except yaml.YAMLError as error:
            raise ConfigError(f"{path}: not YAML: {error}") from error

    def line(self, *steps: str | int) -> int:
        """The line (from 1) of the value at these keys and positions, or of its nearest ancestor."""
        node = self._root
        line = 1
        for step in steps:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return line

    def override(self, steps: tuple[str | int, ...], origin: str) -> None:
        """The value at these keys came from ``origin`` (a variable's name), not from the file."""
        self._overrides[steps] = origin

    def error(self, message: str, *steps: str | int) -> ConfigError:
        """An error about the value at these keys and positions, naming its line or its variable."""
        for length in range(len(steps), 0, -1):
            if origin := self._overrides.get(steps[:length]):
                return ConfigError(f"{origin}: {message}")
        return ConfigError(f"{self.path}:{self.line(*steps)}: {message}")


def read(path: Path, type_: type[T]) -> tuple[T, Located]:
    """The file as a ``type_``, and where everything stands in it.

    Raises:
        ConfigError: no such file, not YAML, an unknown key or a wrong value; names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: can't be read: {error}") from error
    located = Located(path, text)
    return convert(located, {} if located.value is None else located.value, type_), located


def convert(located: Located, value: object, type_: type[T]) -> T:
    """``value`` (of the file, perhaps with changes on top) as a ``type_``.

    Raises:
        ConfigError: an unknown key or a wrong value; names file and line.
    """
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        matched = _AT.match(str(error))
        assert matched is not None  # noqa: S101 - the pattern matches every text
        message = matched["message"]
        steps: list[str | int] = [
            int(index) if index.isdigit() else key or index
            for key, index in _STEP.findall(matched["path"] or "$")
        ]
        if unknown := _UNKNOWN.search(message):
            key = unknown[1]
            message = f"unknown key {key!r}{suggestion(key, _known_keys(type_))}"
            steps.append(key)
        raise located.error(message[0].lower() + message[1:], *steps) from error


def suggestion(word: str, known: list[str]) -> str:
    """``; did you mean 'x'?`` when something known is close, else the choices when they are few."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; it can be {', '.join(sorted(known))}" if 0 < len(known) <= 40 else ""


def _child(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        value = node.value[step]
        return value.start_mark.line + 1, value
    return None


def _known_keys(type_: object) -> list[str]:
    """The keys of every struct below a type: msgspec's message does not say which struct it was in."""
    found: set[str] = set()
    pending: list[object] = [msgspec.inspect.type_info(type_)]
    seen: set[type] = set()
    while pending:
        info = pending.pop()
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls in seen:
                continue
            seen.add(info.cls)
            found.update(field.encode_name for field in info.fields)
            pending += [field.type for field in info.fields]
        for name in ("types", "item_types"):
            pending += getattr(info, name, ())
        pending += [part for name in ("item_type", "value_type") if (part := getattr(info, name, None))]
    return sorted(found)
