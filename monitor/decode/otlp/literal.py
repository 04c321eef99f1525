"""Lists and objects as Python writes them: source text comes in, the value as JSON has it goes out.

It is rewritten token by token and then read as JSON: no Python is parsed, so that a hostile literal costs no
more than its length.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

#: The tokens that JSON writes otherwise: strings, names, tuples, and numbers that are keys. A string without
#: an end is one to the end, so that no character is looked at twice.
_TOKEN = re.compile(
    r"""'[^'\\]*+(?:\\.[^'\\]*+)*+'?|"[^"\\]*+(?:\\.[^"\\]*+)*+"?"""
    r"""|\b(?:True|False|None)\b|\(|,?\)|(?<![\w-])-?\d++(?=:)""",
    re.DOTALL,
)

_AS_JSON = {"True": "true", "False": "false", "None": "null", "(": "[", ")": "]", ",)": "]"}

#: What in a string JSON writes otherwise.
_SPECIAL = re.compile(r'\\x([0-9a-f]{2})|\\U([0-9a-f]{8})|\\([\'"\\])|"')


def read(source: str) -> Any:
    """The value of a literal; ``None`` for what is none, or has a value that JSON has not."""
    try:
        return msgspec.json.decode(_TOKEN.sub(_token, source))
    except (ValueError, RecursionError):
        return None


def _token(found: re.Match[str]) -> str:
    token = found[0]
    if token in _AS_JSON:
        return _AS_JSON[token]
    if token[0] not in "'\"":
        return f'"{token}"'
    if len(token) == 1 or token[-1] != token[0]:
        return token
    return f'"{_SPECIAL.sub(_escape, token[1:-1])}"'


def _escape(found: re.Match[str]) -> str:
    """A character as JSON escapes it."""
    code = found[1] or found[2]
    character = found[3] or '"' if code is None else chr(min(int(code, 16), 0x10FFFF))
    return msgspec.json.encode(character).decode()[1:-1]
