"""What a tolerant parser saves of broken JSON: a text comes in, the values found in it go out.

It reads what JSON5, Python, JavaScript and YAML's flow style let pass, and what models do besides: comments,
single or curly quotes, quotes that are not escaped, names and texts without quotes, ``None`` and ``True``,
commas that are missing or too many, brackets that are missing, a fence or prose around it all. It only ever
reads forward, in time proportional to the text. Of a valid JSON object or array it makes what a strict parser
does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from monitor.scorers.strict import MAX_DEPTH

#: Characters above which a text is not read: the worst ones of this length take a quarter of a second.
MAX_TEXT = 1 << 17
#: Objects and arrays of one text that are offered: the prose around an answer may have brackets of its own.
MAX_VALUES = 8
#: Quotes inside one quoted text that are taken for parts of it, at most; so each quote is seen that often.
MAX_INNER_QUOTES = 8

_CLOSING = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u201d": "\u201d", "\u2018": "\u2019"}
_UP_TO_QUOTE = {
    quote: re.compile(rf"[^{quote}\\]*+(?:\\.[^{quote}\\]*+)*+{quote}", re.DOTALL)
    for quote in _CLOSING.values()
}
_OPENS = re.compile(r"[{\[]")
_GAP = re.compile(r"(?:[\s,;…]++|\.\.\.|//[^\n]*+|\#[^\n]*+|/\*.*?(?:\*/|\Z))++", re.DOTALL)
_COLON = re.compile(r"\s*+(?::|=>?)\s*+")
_BARE_NAME = re.compile(r"[^\s:=,{}\[\]\"][^:=,{}\[\]\"\n]*+")
_BARE_END = re.compile(r"[,{}\[\]\"\n]|(?<!:)//|/\*|(?<=\s)\#")
_NUMBER = re.compile(r"[-+]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][-+]?\d++)?")
_WHOLE = re.compile(r"[-+]?\d+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.)|\Z)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\n": ""}
_WORDS = {
    "true": True,
    "false": False,
    **dict.fromkeys(("null", "none", "undefined", "nan", "infinity", "-infinity", "+infinity")),
}

# What follows the quote that ends a name, and the one that ends a text: else it is a quote within.
_AFTER_NAME = re.compile(r"\s*+(?::|=)")
_AFTER_TEXT = re.compile(
    r"""\s*+(?: \Z | [}\])] | // | /\* | \#
      | ,\s*+(?: \Z | ["'`\u201c\u2018{}\[\]\d.+-] | // | /\* | \# | [\w$-]{1,64}\s*+[:=]
               | (?i:true|false|null|none|undefined|nan|infinity)\b )
      | (?<=\s)["'`\u201c{\[] | (?<=\s)[\w$-]{1,64}\s*+: )""",
    re.VERBOSE,
)


class Beyond(Exception):
    """The text is longer or nested deeper than is looked into."""


def recover(text: str) -> Iterator[dict[str, Any] | list[Any]]:
    """The objects and arrays that a tolerant parser finds in ``text``, in its order; no empty ones.

    What JSON has no word for (``NaN``, ``undefined``) is null, of a name given twice the last value counts,
    and a name without a value is left out.

    Raises:
        Beyond: ``text`` has more than ``MAX_TEXT`` characters, or nests deeper than ``MAX_DEPTH``.
    """
    if len(text) > MAX_TEXT:
        raise Beyond("too long")
    return islice(_values(_without_surrogates(text)), MAX_VALUES)


def _values(text: str) -> Iterator[dict[str, Any] | list[Any]]:
    position = 0
    while start := _OPENS.search(text, position):
        reader = _Reader(text, start.start())
        if value := reader.read():
            yield value
        position = reader.position


class _Reader:
    """Reads one object or array, from its opening bracket on.

    Attributes:
        position: where it has got to in the text.
    """

    def __init__(self, text: str, position: int) -> None:
        self._text = text
        self.position = position
        # What is open, the innermost last; and the name in the innermost object that waits for its value.
        self._open: list[dict[str, Any] | list[Any]] = []
        self._name: str | None = None

    def read(self) -> dict[str, Any] | list[Any]:
        """The value, as far as the text has it."""
        text = self._text
        outermost = self._begin(text[self.position])
        while self._open:
            if gap := _GAP.match(text, self.position):
                self.position = gap.end()
            if self.position >= len(text):
                break
            character = text[self.position]
            if character in "}])":
                self._end(character)
            elif isinstance(self._open[-1], dict) and self._name is None:
                self._read_name(character)
            elif character in "{[":
                self._begin(character)
            elif character in _CLOSING:
                self._put(self._quoted(_AFTER_TEXT))
            else:
                self._put(self._bare())
        return outermost

    def _begin(self, bracket: str) -> dict[str, Any] | list[Any]:
        if len(self._open) == MAX_DEPTH:
            raise Beyond("too deep")
        container: dict[str, Any] | list[Any] = {} if bracket == "{" else []
        if self._open:
            self._put(container)
        self._open.append(container)
        self.position += 1
        return container

    def _end(self, bracket: str) -> None:
        """Close the innermost container of this bracket's kind, with all that is still open in it."""
        self.position += 1
        self._name = None
        kind = dict if bracket == "}" else list
        for index in range(len(self._open) - 1, -1, -1):
            if isinstance(self._open[index], kind):
                del self._open[index:]
                return

    def _put(self, value: Any) -> None:
        container = self._open[-1]
        if isinstance(container, list):
            container.append(value)
        elif self._name is not None:
            container[self._name] = value
            self._name = None

    def _read_name(self, character: str) -> None:
        """Read a name and its colon. What is followed by none is no name, and is passed over."""
        if character in _CLOSING:
            name = self._quoted(_AFTER_NAME)
        elif bare := _BARE_NAME.match(self._text, self.position):
            name = bare[0].strip()
            self.position = bare.end()
        else:
            self.position += 1
            return
        if colon := _COLON.match(self._text, self.position):
            self.position = colon.end()
            self._name = name

    def _quoted(self, after: re.Pattern[str]) -> str:
        """A quoted text: up to the first quote that ``after`` may follow, else the first, else the end."""
        text, start = self._text, self.position + 1
        up_to_quote = _UP_TO_QUOTE[_CLOSING[text[self.position]]]
        first = end = up_to_quote.match(text, start)
        for _ in range(MAX_INNER_QUOTES):
            if end is None or after.match(text, end.end()):
                break
            end = up_to_quote.match(text, end.end())
        else:
            end = None
        if found := end or first:
            self.position = found.end()
            return _unescaped(text[start : found.end() - 1])
        self.position = len(text)
        return _unescaped(text[start:].rstrip("`").rstrip().rstrip("]} \n"))

    def _bare(self) -> Any:
        """A number, a word that stands for a value, or a text without quotes."""
        start = self.position
        end = _BARE_END.search(self._text, start + 1)
        self.position = end.start() if end else len(self._text)
        word = self._text[start : self.position].strip()
        if word.lower() in _WORDS:
            return _WORDS[word.lower()]
        return _number(word) if _NUMBER.fullmatch(word) else word


def _number(word: str) -> float | int | None:
    """A number; null for one that no double holds."""
    if _WHOLE.fullmatch(word) and len(word) < 300:
        return int(word)
    value = float(word)
    return value if abs(value) != float("inf") else None


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return _without_surrogates(_ESCAPE.sub(_character, text))


def _character(escape: re.Match[str]) -> str:
    code, letter = escape.groups()
    return chr(int(code, 16)) if code else _ESCAPED.get(letter, letter or "")


def _without_surrogates(text: str) -> str:
    """Pairs of surrogates put together, and lone ones replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
