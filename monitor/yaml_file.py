"""Reads a YAML file into a typed struct, with errors that name the line and say what would be right.

Shared by the configuration and the rule files: a path and a type in, a value of that type out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from monitor.errors import ConfigError
from monitor.explain import Step, explain

T = TypeVar("T")

#: Characters that Postgres, terminals or UTF-8 can't have; tabs and ends of lines are none of them.
_UNUSABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

#: The largest number that any setting could be: whole numbers up to it are exact, and fit everywhere.
_LARGEST = 2**53

#: PyYAML quotes what follows these words, which may be the beginning of a secret.
_VALUE = re.compile(r"\b(alias|anchor|tag|handle) ['\"].*")


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a date stays the text that it is, and a key must not stand twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


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
        self._overrides: dict[tuple[Step, ...], str] = {}
        try:
            loader = _Loader(text)
            self._root = loader.get_single_node()
            self.value: object = loader.construct_document(self._root) if self._root else None
        except RecursionError:
            raise ConfigError(f"{path}: not YAML that can be used: nested too deeply") from None
        except ValueError as error:  # a number of thousands of digits, a date that there is not
            raise ConfigError(f"{path}: not YAML that can be used: {error}") from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ConfigError(f"{path}:{line}: not YAML: {_problem(error)}") from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise ConfigError(f"{path}:{line}: not YAML: a control character") from None

    def line(self, *steps: Step) -> int:
        """The line (from 1) of the value at these keys and positions, or of its nearest ancestor."""
        return self._find(steps)[0]

    def _find(self, steps: Sequence[Step]) -> tuple[int, bool]:
        """The line, and whether the file has the value itself."""
        node = self._root
        line = 1
        for step in steps:
            found = _child(node, step)
            if found is None:
                return line, False
            line, node = found
        return line, True

    def override(self, steps: tuple[Step, ...], origin: str) -> None:
        """The value at these keys came from ``origin`` (a variable's name), not from the file."""
        self._overrides[steps] = origin

    def error(self, message: str, *steps: Step) -> ConfigError:
        """An error about the value at these keys and positions, naming its line or its variable."""
        for length in range(len(steps), 0, -1):
            if origin := self._overrides.get(steps[:length]):
                return ConfigError(f"{origin}: {message}")
        line, in_file = self._find(steps)
        if not in_file:
            for keys, origin in self._overrides.items():
                if keys[: len(steps)] == steps:
                    return ConfigError(f"{origin}: {message}")
        return ConfigError(f"{self.path}:{line}: {message}")


def parse_value(text: str) -> Any:
    """The value of a piece of YAML; the text itself where it is none.

    A number, ``true``, a list and so on are read as a file would read them.
    """
    try:
        return _Loader(text).get_single_data()
    except yaml.YAMLError:
        return text


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        ConfigError: no such file, it may not be read, or it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: can't be read: not UTF-8") from error


def read(path: Path, type_: type[T]) -> tuple[T, Located]:
    """The file as a ``type_``, and where everything stands in it.

    Raises:
        ConfigError: no such file, not YAML, an unknown key or a wrong value; names file and line.
    """
    located = Located(path, read_text(path))
    _refuse_unusable(located)
    return convert(located, {} if located.value is None else located.value, type_), located


def convert(located: Located, value: object, type_: type[T]) -> T:
    """``value`` (of the file, perhaps with changes on top) as a ``type_``.

    Raises:
        ConfigError: an unknown key or a wrong value; names file and line.
    """
    try:
        return msgspec.convert(value, type_)
    except RecursionError:
        raise ConfigError(f"{located.path}: nested too deeply") from None
    except msgspec.ValidationError as error:
        message, steps = explain(error, value, type_)
        raise located.error(message, *steps) from None


def _refuse_unusable(located: Located) -> None:
    """Refuse what no type refuses and nothing can store or count with; every value is looked at once."""
    waiting: list[tuple[tuple[Step, ...], object]] = [((), located.value)]
    seen: set[int] = set()
    while waiting:
        steps, value = waiting.pop()
        if isinstance(value, str) and _UNUSABLE.search(value):
            raise located.error("a control character, or half of one that takes two", *steps)
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise located.error("too large a number", *steps)
        if isinstance(value, dict | list) and id(value) not in seen:
            seen.add(id(value))
            below = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [((*steps, key), one) for key, one in below]
            waiting += [(steps, key) for key in value if isinstance(value, dict)]


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = ", ".join(filter(None, (error.context, error.problem)))
    if "'\\t'" in problem:
        return "a tab; indent with spaces"
    return _VALUE.sub(r"\1", problem)


def _child(node: yaml.Node | None, step: Step) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        value = node.value[step]
        return value.start_mark.line + 1, value
    return None
