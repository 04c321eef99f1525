"""Python's literals: read as Python reads them, where JSON has such values."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decode.otlp import literal

_TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
_SCALARS = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | _TEXTS
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4)
)


@given(_VALUES)
def test_what_python_writes_is_read(value: Any) -> None:
    assert literal.read(repr(value)) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("(1, 'a')", [1, "a"]),
        ("(1,)", [1]),
        ("{50256: -100}", {"50256": -100}),
        ("""['it\\'s', "it's", 'say "hi"']""", ["it's", "it's", 'say "hi"']),
        ("['\\x1b\\U0001f600\\u00e9\\n']", ["\x1b😀é\n"]),
        (r"['\\x41 \\U0001f600 \\']", [r"\x41 \U0001f600 \ "[:-1]]),
        ("['True, (None)']", ["True, (None)"]),
    ],
)
def test_what_json_writes_otherwise_is_read(source: str, value: Any) -> None:
    assert literal.read(source) == value
    assert json.loads(json.dumps(ast.literal_eval(source))) == value


@pytest.mark.parametrize(
    "source", ["", "[", "['a'", "{1, 2}", "'a", "'", "[b'a']", "f(1)", "[1j]", "[nan]", "[" * 10**5]
)
def test_what_is_no_literal_of_json_is_nothing(source: str) -> None:
    assert literal.read(source) is None
