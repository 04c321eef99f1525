"""How much a regular expression can cost: a pattern's text comes in, an estimate of its machine goes out.

A linear engine takes time in proportion to pattern times text, and memory for every state of the pattern once
its repetitions are written out. Both are estimated from the text alone, since compiling is what may be too
much. The estimate errs upwards; whether a pattern is valid is for the engine to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

#: Where counting stops; it is beyond any budget.
CEILING = 1 << 62
#: Bytes of memory that one state stands for.
STATE_BYTES = 100
#: By how much look-around and back-references, which are tried at many places, multiply the steps.
BACKTRACKING = 50

# One token each, found in linear time. A set in a set ends early here, and leaves a bare "]", which therefore
# weighs as the widest.
_TOKEN = re.compile(
    r"""
      (?P<open>   \( (?: \? (?: P?<[A-Za-z_]\w*> | <?[=!] | [>|] | [a-zA-Z-]*:? ) )? )
    | (?P<close>  \) )
    | (?P<repeat> \{ (?P<low>\d*+) ,? (?P<high>\d*+) \} )
    | (?P<other>  [*+?|^$] )
    | (?P<wide>   \\[pP] (?: \{[^}]{0,100}\} | . ) | \] )
    | (?P<set>    \[ (?: \\. | [^\]\\] )*+ [\]\\]? )
    | (?P<any>    \. | \\[DSWs] )
    | (?P<atom>   \\[xu]\{[^}]{0,20}\} | \\x.. | \\u.... | \\. | . )
    """,
    re.VERBOSE | re.DOTALL,
)
# For what web browsers let pass: escapes with their braces, counts, sets, and any character.
_PIECE = re.compile(
    r"\\[pPux]\{[^}]{0,100}\} | \\. | \{\d++(?:,\d*+)?\} | \[ \^? \]? (?: \\. | [^\]\\] )*+ \]? | .",
    re.VERBOSE | re.DOTALL,
)
_CLASS_THEN_DASH = re.compile(r"(\\[dDsSwW])-(?!\])")
_BACKTRACKS = re.compile(r"\(\?<?[=!]|\(\?[>(]|\\[1-9kgGK]|[*+?}]\+")
_VERBOSE = re.compile(r"\(\?[a-wyzA-Z]*x")
_WIDE = re.compile(r"\\[pP]|\[")
_NARROW = re.compile(r"\[(?!\^)(?:\\[^DSWs]|[^\\])*\]", re.DOTALL)


class Cost(NamedTuple):
    """What a pattern takes."""

    states: int
    """Memory, in units of ``STATE_BYTES``."""
    steps: int
    """Time for one character of text, in units of a few nanoseconds."""

    def plus(self, other: Cost) -> Cost:
        """Both, one after the other."""
        return Cost(min(CEILING, self.states + other.states), min(CEILING, self.steps + other.steps))

    def times(self, factor: int) -> Cost:
        """The same, ``factor`` times."""
        return Cost(min(CEILING, self.states * factor), min(CEILING, self.steps * factor))


NOTHING = Cost(0, 0)
# Measured on the regex crate: a class of Unicode takes some 50 kB, a dot or a negated set 2 kB.
_ATOM, _ANY, _WIDEST, _PATTERN = Cost(1, 1), Cost(20, 3), Cost(500, 3), Cost(50, 1)
_UNREADABLE = Cost(CEILING, CEILING)


def cost(pattern: str) -> Cost:
    """What ``pattern`` takes: its atoms, each as often as the repetitions around it say."""
    if _VERBOSE.search(pattern):
        return _UNREADABLE
    groups: list[Cost] = []
    total, last = _PATTERN, NOTHING
    for token in _TOKEN.finditer(pattern):
        kind = token.lastgroup
        if token["repeat"]:
            last = last.times(max(1, int(token["low"][:9] or 0), int(token["high"][:9] or 0)))
        elif kind == "open":
            groups.append(total.plus(last))
            total, last = NOTHING, _ATOM
        elif kind == "close" and groups:
            last = total.plus(last)
            total = groups.pop()
        elif kind != "other":
            total, last = total.plus(last), _weight(kind, token[0])
    for outer in groups:
        total = total.plus(outer)
    total = total.plus(last)
    return Cost(total.states, total.steps * BACKTRACKING) if _BACKTRACKS.search(pattern) else total


def patterns(node: dict[str, Any]) -> Iterator[str]:
    """The patterns that this subschema has itself, not those below it."""
    if isinstance(pattern := node.get("pattern"), str):
        yield pattern
    if isinstance(by_pattern := node.get("patternProperties"), dict):
        yield from by_pattern


def unicode_mode(pattern: str) -> str:
    r"""The pattern as a strict engine takes it, where JavaScript without its ``u`` flag takes more.

    That is a lone ``]`` or ``{``, and a dash after a class in a set: ``[\w-.]`` (ECMA-262, Annex B.1.2). What
    a strict engine takes has none of these, and stays as it is.
    """
    return _PIECE.sub(_strictly, pattern)


def _strictly(piece: re.Match[str]) -> str:
    text = piece[0]
    if text in ("]", "{"):
        return "\\" + text
    return _CLASS_THEN_DASH.sub(r"\1\\-", text) if text[0] == "[" else text


def _weight(kind: str | None, text: str) -> Cost:
    """What one atom takes."""
    if kind == "wide" or (kind == "set" and _WIDE.search(text, 1)):
        return _WIDEST
    if kind == "any" or not text.isascii() or (kind == "set" and not _NARROW.fullmatch(text)):
        return _ANY
    return _ATOM
