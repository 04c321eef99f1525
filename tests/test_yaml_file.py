"""YAML into structs: every refusal names file and line, and says what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from monitor.durations import Duration
from monitor.errors import ConfigError
from monitor.yaml_file import Located, parse_value, read


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Square(Strict, tag="square", tag_field="shape"):
    side: float


class Circle(Strict, tag="circle", tag_field="shape"):
    radius: float
    colour: str = "red"


class Sheet(Strict):
    title: str
    size: Literal["a3", "a4"] = "a4"
    copies: int = 1
    every: Duration = "1h"
    shapes: tuple[Square | Circle, ...] = ()
    named: dict[str, Square | Circle] = {}
    notes: dict[str, str | tuple[str, ...]] = {}
    extra: dict[str, Any] = {}


def refusal(folder: Path, text: str | bytes) -> str:
    path = folder / "sheet.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        read(path, Sheet)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, OSError | UnicodeDecodeError)
    return message.removeprefix(str(path))


def test_a_file_becomes_its_struct(tmp_path: Path) -> None:
    path = tmp_path / "sheet.yaml"
    path.write_text("title: t\nshapes:\n  - {shape: square, side: 2}\n")
    sheet, located = read(path, Sheet)
    assert sheet == Sheet("t", shapes=(Square(2.0),))
    assert located.line("shapes", 0, "side") == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ":1: 'title' is missing"),
        ("# only a comment\n", ":1: 'title' is missing"),
        ("- title\n", ":1: expected a mapping, got a list"),
        ("just text\n", ":1: expected a mapping, got text"),
        ("title: t\nsise: a4\n", ":2: unknown key 'sise'; did you mean 'size'?"),
        (
            "title: t\nqq: 1\n",
            ":2: unknown key 'qq'; it can be copies, every, extra, named, notes, shapes, size, title",
        ),
        ("title: 5\n", ":1: expected text, got a whole number: put it in quotes"),
        ("title: yes\n", ":1: expected text, got true or false: put it in quotes"),
        ("title:\n", ":1: expected text, got nothing"),
        ("title: t\ncopies: many\n", ":2: expected a whole number, got text"),
        ("title: t\ncopies: 1.5\n", ":2: expected a whole number, got a number"),
        ("title: t\nsize: a4x\n", ":2: it can't be 'a4x'; did you mean 'a4'?"),
        ("title: t\nsize: legal\n", ":2: it can't be 'legal'; it can be a3, a4"),
        ("title: t\nevery: 5 minutes\n", ":2: expected a duration like 90s, 5m, 24h or 7d"),
        ("title: t\nevery: 5\n", ":2: expected text, got a whole number: put it in quotes"),
        ("title: t\nshapes: square\n", ":2: expected a list, got text"),
        ("title: t\nshapes:\n  - side: 2\n", ":3: 'shape' is missing; it can be circle, square"),
        (
            "title: t\nshapes:\n  - side: 1\n    shape: sqare\n",
            ":4: it can't be 'sqare'; did you mean 'square'?",
        ),
        (
            "title: t\nshapes:\n  - {shape: square, side: 1}\n  - shape: circle\n    side: 1\n",
            ":5: unknown key 'side'; it can be colour, radius, shape",
        ),
        ("title: t\nshapes:\n  - shape: circle\n", ":3: 'radius' is missing"),
        (
            "title: t\nnamed:\n  a: {shape: square, side: 1}\n  b: {shape: squar}\n",
            ":4: it can't be 'squar'; did you mean 'square'?",
        ),
        (
            "title: t\nnotes:\n  a: x\n  b: 5\n",
            ":4: expected text or a list, got a whole number: put it in quotes",
        ),
        (
            "title: t\nnotes:\n  a: [x, y]\n  b: [x, 5]\n",
            ":4: expected text, got a whole number: put it in quotes",
        ),
        ("title: t\nnotes:\n  5: x\n", ":2: expected text, got a whole number: put it in quotes"),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    assert refusal(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title: t\n\tsize: a4\n", ":2: not YAML: a tab; indent with spaces"),
        (
            "title: t\nsize: [a4\n",
            ":3: not YAML: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'",
        ),
        ("title: 'open\n", ":2: not YAML: while scanning a quoted scalar, found unexpected end of stream"),
        (
            "title: t\n---\ntitle: u\n",
            ":2: not YAML: expected a single document in the stream, but found another document",
        ),
        ("title: t\nsize: a4\ntitle: u\n", ":3: not YAML: the key 'title' stands twice"),
        ("title: t\nnotes:\n  a: x\n  a: y\n", ":4: not YAML: the key 'a' stands twice"),
        ("title: t\nnotes: {a: \x01}\n", ":2: not YAML: a control character"),
        (
            "title: t\n? [a, b]\n: x\n? {c: d}\n: y\n",
            ":2: not YAML: while constructing a mapping, found unhashable key",
        ),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    assert refusal(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('"a\\0b"', ":2: a control character"),
        ('"a\\eb"', ":2: a control character"),
        ('"a\\x85b"', ":2: a control character"),
        ('"a\\uD800"', ":2: a control character, or half of one"),
        ('{"a\\0": 1}', ":2: a control character"),
        ("1" + "0" * 400, ":2: too large a number"),
        ("-1" + "0" * 400, ":2: too large a number"),
        ("1" + "0" * 5000, ": not YAML that can be used: Exceeds the limit"),
        ("[1, [9007199254740993]]", ":2: too large a number"),
        ("[" * 3000 + "]" * 3000, ": not YAML that can be used: nested too deeply"),
        ("&a [*a, 9007199254740993]", ":2: too large a number"),
    ],
    ids=[
        *("nul", "escape", "next-line", "surrogate", "key", "huge", "huge-negative", "digits"),
        *("below", "deep", "of-itself"),
    ],
)
def test_what_nothing_can_store_or_count_with_is_refused_whatever_its_key(
    tmp_path: Path, value: str, said: str
) -> None:
    path = tmp_path / "any.yaml"
    path.write_text(f"a: 1\nb: {value}\n")
    with pytest.raises(ConfigError) as caught:
        read(path, dict[str, Any])
    assert str(caught.value).startswith(f"{path}{said}")


def test_text_of_several_lines_and_with_tabs_is_text(tmp_path: Path) -> None:
    path = tmp_path / "any.yaml"
    path.write_text('a: |\n  one\n  two\nb: "x\\ty🙂"\n')
    assert read(path, dict[str, str])[0] == {"a": "one\ntwo\n", "b": "x\ty🙂"}


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"title: \xff\n") == ": can't be read: not UTF-8"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: can't be read: No such file or directory$"):
        read(tmp_path / "none.yaml", Sheet)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't be read: Is a directory$"):
        read(tmp_path, Sheet)


@pytest.mark.parametrize(
    "text",
    [
        "title: *hunter2\n",
        "title: !hunter2 x\n",
        "title: !<hunter2> x\n",
        "title: !a!hunter2 x\n",
        "title: &hunter2 x\nextra: {a: &hunter2 y, b: *hunter3}\n",
        "title: hunter2: x\n",
        "copies: hunter2\n",
        "title: t\nevery: hunter2\n",
        "title: t\nshapes: hunter2\n",
    ],
)
def test_no_value_is_quoted_because_it_may_be_a_secret(tmp_path: Path, text: str) -> None:
    assert "hunter" not in refusal(tmp_path, text)


def test_a_date_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "sheet.yaml"
    path.write_text("title: 2026-05-01\nnotes: {a: 2026-13-45}\n")
    sheet, _ = read(path, Sheet)
    assert (sheet.title, sheet.notes) == ("2026-05-01", {"a": "2026-13-45"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5),
        ("true", True),
        ("null", None),
        ("", None),
        ("[a, b]", ["a", "b"]),
        ("host:9092", "host:9092"),
        ("2026-13-45", "2026-13-45"),
        ("*", "*"),
        ("a: b: c", "a: b: c"),
        ("{a: 1, a: 2}", "{a: 1, a: 2}"),
        ("\x01", "\x01"),
    ],
)
def test_a_piece_of_yaml_is_read_as_a_file_would_read_it(text: str, expected: object) -> None:
    assert parse_value(text) == expected


def test_the_line_of_what_is_not_there_is_that_of_its_nearest_ancestor() -> None:
    located = Located(Path("f"), "a:\n  b:\n    - c\n    - {d: 1,\n       e: 2}\n")
    assert located.line() == 1
    assert located.line("a", "b", 1, "e") == 5
    assert located.line("a", "b", 7) == 2
    assert located.line("x", "b") == 1


def test_an_override_names_its_origin_for_itself_and_what_is_below() -> None:
    located = Located(Path("f"), "a: {b: 1}\n")
    located.override(("a", "b"), "VARIABLE")
    assert str(located.error("wrong", "a", "b", 0)) == "VARIABLE: wrong"
    assert str(located.error("wrong", "a")) == "f:1: wrong"
