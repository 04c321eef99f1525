"""Calls made to keep the ``json`` score busy: long answers, broken and not, and schemas that are."""

from __future__ import annotations

import json
import random
from typing import Any

from benchmarks._data import call
from monitor.records import Call, Contract, ContractKind, Output

#: Characters of a long answer.
LONG = 5_000_000
#: The longest text that the tolerant parser reads, less a little.
READ = 131_000


def cases() -> dict[str, Call]:
    """The calls, by what is in them."""
    return {
        **_long_answers(),
        **_broken_answers(),
        **_schemas(),
        **_patterns(),
        **_comparisons(),
        **_choices(),
    }


def _long_answers() -> dict[str, Call]:
    items = json.dumps([{"name": "Ada", "tags": ["a", "b"], "age": 36}] * (LONG // 50))
    wrong = json.dumps([{"name": 1, "tags": ["a", 2], "age": "x"}] * (LONG // 50))
    item = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "pattern": "^[A-Z]"},
            "tags": {"items": {"type": "string"}},
            "age": {"type": "integer"},
        },
        "required": ["name"],
    }
    return {
        "5 MB of objects": _answer(items, {"items": item}),
        "5 MB of wrong objects": _answer(wrong, {"items": item}),
        "5 MB of wrong objects in anyOf": _answer(wrong, {"items": {"anyOf": [item, {"type": "null"}]}}),
        "5 MB of objects in a fence": _answer(f"```json\n{items}\n```", {"items": item}),
        "5 MB of objects after prose": _answer(f"Here [{{ they ]}} are: {items}", {"items": item}),
        "5 MB in one string": _answer(
            json.dumps({"a": "x" * LONG}), {"properties": {"a": {"type": "integer"}}}
        ),
        "5 MB of one name": _answer("{" + '"a":1,' * (LONG // 6) + '"a":1}'),
        "1 MB of one name": _answer("{" + '"a":1,' * 170_000 + '"a":1}'),
        "5 MB of prose": _answer("word " * (LONG // 5)),
        "5 MB of spaces": _answer(" " * LONG),
        "5 MB of fences": _answer("```\n" * (LONG // 4)),
    }


def _broken_answers() -> dict[str, Call]:
    pieces = {
        "brackets": "[",
        "objects and arrays": '[{"a":',
        "closed pairs": "[]",
        "quotes": '"',
        "quoted words": '"x" ',
        "words with quotes": 'it"s ',
        "names": "a:",
        "commas": "1,,",
        "comments": "/*",
        "backslashes": "\\",
        "almost JSON": "{'name': 'Ada', tags: [1, None,],},",
    }
    made = {}
    for size, text in (("5 MB", LONG), ("131 kB", READ)):
        for name, piece in pieces.items():
            made[f"{size} of {name}"] = _answer("[" + piece * (text // len(piece) - 1), True)
            made[f"{size} of {name} in a string"] = _answer(
                '{"a": "' + piece * (text // len(piece) - 9), True
            )
    return made


def _schemas() -> dict[str, Call]:
    deep: dict[str, Any] = {"type": "integer"}
    for _ in range(2_000):
        deep = {"properties": {"a": deep}}
    wide = {f"property_{number}": {"type": "string"} for number in range(10_000)}
    doubling: dict[str, Any] = {
        f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(60)
    }
    every = json.dumps(dict.fromkeys(wide, 1))
    return {
        "a schema nested 2,000 deep": _answer("{}", deep),
        "a schema as text, nested 100 deep": _answer("{}", {"schema": '{"items":' * 100 + "{}" + "}" * 100}),
        "a schema of 10,000 properties": _answer("{}", {"type": "object", "properties": wide}),
        "10,000 wrong properties": _answer(every, {"properties": dict(list(wide.items())[:4_000])}),
        "a schema that doubles 60 times": _answer(
            "1", {"$ref": "#/$defs/d0", "$defs": {**doubling, "d60": {}}}
        ),
        "a schema of 4,000 anchors of one name": _answer(
            "1", {"$ref": "#a", "anyOf": [{"$anchor": "a", "not": {"$ref": "#a"}} for _ in range(4_000)]}
        ),
        "a schema of 5,000 identifiers": _answer(
            "1", {"anyOf": [{"$id": f"http://x/{number}", "$ref": "#/a"} for number in range(5_000)]}
        ),
        "a schema of 4,000 branches": _answer(
            json.dumps({"a": "x" * 10_000}),
            {"anyOf": [{"properties": {"a": {"const": number}}} for number in range(4_000)]},
        ),
        "a schema that is nullable 60 deep": _answer("{}", _nullable(60)),
        "a schema of 6,500 references to itself": _answer("{}", recursive(6_500)),
    }


def recursive(references: int, name: str = "p") -> dict[str, Any]:
    """A schema that refers so often to itself, at every depth of a value."""
    return {"properties": {f"{name}{number}": {"items": {"$ref": "#"}} for number in range(references)}}


def pattern_of(states: int) -> dict[str, Any]:
    """The schema of an object whose ``a`` has a pattern that is so large."""
    return {"type": "object", "properties": {"a": {"type": "string", "pattern": f"a[ab]{{{states}}}[^ab]"}}}


def mixed(length: int) -> str:
    """So many letters that keep every state of such a pattern busy; always the same."""
    return "".join(random.Random(1).choices("ab", k=length))


def _nullable(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "STRING"}
    for _ in range(levels // 2):
        schema = {"nullable": True, "allOf": [schema]}
    return schema


def _patterns() -> dict[str, Call]:
    text = json.dumps("a" * 100_000 + "!")
    patterns = {
        "nested repetitions": "^(a+)+$",
        "alternatives": "(a|aa)+$",
        "look-ahead": r"^(?=a)(a+)+$",
        "a back-reference": r"^(?:(a+)\1?)+$",
        "20,000 states": "[ab]*a[ab]{20000}c",
        "classes of Unicode": r"\p{L}{400}",
        "200 kB of brackets": "(" * 200_000,
        "200 kB of open sets": "[" * 200_000,
    }
    return {
        f"a pattern with {name}": _answer(text, {"pattern": pattern}) for name, pattern in patterns.items()
    }


def _comparisons() -> dict[str, Call]:
    objects = [{"a": 1, "b": number} for number in range(15_000)]
    fractions = [number + 0.5 for number in range(400)]
    return {
        "20,000 objects among 15,000": _answer(
            json.dumps(objects[-1:] * 20_000), {"items": {"enum": objects}}
        ),
        "600 fractions among 400": _answer(json.dumps(fractions[-1:] * 600), {"items": {"enum": fractions}}),
        "700 fractions in 300 branches": _answer(
            json.dumps([1.5] * 700), {"items": {"not": {"anyOf": [{"const": -1.5}] * 300}}}
        ),
        "17,000 numbers divided by the least": _answer(
            json.dumps([1.7e308] * 17_000), {"items": {"multipleOf": 5e-324}}
        ),
    }


def _choices() -> dict[str, Call]:
    text = json.dumps({"a": mixed(9_500)})
    several: dict[str, tuple[list[str], dict[str, Any] | bool]] = {
        "20 choices and a costly pattern": ([text] * 20, pattern_of(4_000)),
        "100 choices and a pattern": ([json.dumps({"a": mixed(1_000)})] * 100, pattern_of(1_000)),
        "100 choices of eight broken values": (['{a: "' + mixed(1_000) + '"} '] * 100, pattern_of(400)),
        "100 choices of 131 kB of quotes": (["[" + '"' * READ] * 100, True),
        "100 choices in unlike wrappings": ([f"Sure: {text},", f"```\n{text}x\n```"] * 50, pattern_of(400)),
        "100,000 choices that name one twice": (['{"a": 1, "a": 2}'] * 100_000, recursive(6_500)),
    }
    return {
        name: call(contract=Contract(ContractKind.JSON_SCHEMA, schema), outputs=tuple(map(Output, texts)))
        for name, (texts, schema) in several.items()
    }


def _answer(text: str, schema: dict[str, Any] | bool | None = None) -> Call:
    kind = ContractKind.JSON_OBJECT if schema is None else ContractKind.JSON_SCHEMA
    return call(contract=Contract(kind, schema), outputs=(Output(text),))
