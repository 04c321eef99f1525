"""Words by which tools and requests are compared: text or a tool comes in, stems go out.

A stem is a word in lower case without its plural, cut to five letters: "calculation" and "calculate" meet.
Function words, and the verbs and nouns of which tool lists are full ("get", "data"), tell little and are left
out. What an offered tool says is read once and kept, since the same tools are offered with every call of an
application.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from monitor.records import Tool
from monitor.scorers.strict import objects

#: Letters by which words are compared.
STEM = 5
#: Characters of a name that are read.
MAX_NAME = 100
#: Characters of a description that are read, and of all texts of a tool's parameters.
MAX_DESCRIPTION, MAX_TEXTS = 2_000, 20_000
#: Parameters, and listed values of each, that are read.
MAX_PARAMETERS = 200
#: Bytes of a tool, encoded, above which only its name is read; and how many that were read are kept.
MAX_TOOL_BYTES, CACHE_ENTRIES = 32 * 1024, 1024
#: Bytes of all tools of a call, encoded, above which of the others only the name is read.
MAX_TOOLS_BYTES = 512 * 1024
#: Words that stand for a tool: its name's, and the first of its description's.
MAX_PURPOSE = 12

_WORD = re.compile(r"[^\W\d_]+")
# The same for ASCII, several times as fast: letters in lower case, spaces for the rest.
_ASCII = "".join(map(chr, range(128)))
_LETTERS = "".join([sign.lower() if sign.isalpha() else " " for sign in _ASCII]).ljust(256).encode()
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_QUOTED = re.compile(r"(?<!\w)['\"`]([^'\"`]{1,60})['\"`](?!\w)")
# What follows is an example, and a value that is copied from it is no choice.
_EXAMPLE = re.compile(
    r"(?:\be\.?g\b\.?|\bfor (?:example|instance)|\bsuch as|\bexamples?\b)[^;)\n]*?(?=[;)\n]|\.\s|$)"
)
_SENTENCE = re.compile(r"[.!?](?:\s|$)|\n")


def words_of(prose: str) -> list[str]:
    """The words of ``prose`` in lower case."""
    if prose.isascii():
        return prose.encode().translate(_LETTERS).decode().split()
    return _WORD.findall(prose.lower())


FUNCTION_WORDS = frozenset(
    words_of(
        """
    a about after again all also am an and any are as at be because been before being between both but
    by can could did do does doing done during each either else ever every few for from further had has
    have he her here him his how i if in into is it its just ll many may me might more most much must my
    no nor not now of off on once one only or other our out over own per please re same shall she should
    so some such than that the their them then there these they this those through to too under until up
    upon us ve very via was we well were what when where whether which while who whom whose why will
    with within without would yes you your yours s t d m
    """
    )
)
_GENERIC = frozenset(
    words_of(
        """
    access additional allow allows api application applicable available base based calculate calculates
    call called calling case certain check choose compute computes contain contains correspond current
    currently data default description desired detail detailed details determine display different
    ensure example fetch fetches filter find finds following form format function functions generate get
    gets give given gives help helps identify identifier include included includes including indicate
    info information input item know let like list lists look lookup make manage method name named need
    needs new number obtain option optional options output parameter parameters perform performs
    possible provide provided provides query question receive relate related represent represents
    request require required requirement result results retrieve retrieves return returned returns run
    search searches select set sets show specific specifically specified specify string support supports
    system take tell tool tools type types unique use used user uses using value values various want
    wants
    """
    )
)

_TELLS_LITTLE = FUNCTION_WORDS | _GENERIC
_ID = frozenset({"id", "ids", "uuid"})


class ToolWords(NamedTuple):
    """What an offered tool says of itself."""

    name: frozenset[str]
    """Stems of its name."""
    purpose: frozenset[str]
    """Stems of its name and of the first sentence of its description."""
    every: frozenset[str]
    """Stems of all of it, parameters and their descriptions included."""
    listed: frozenset[str | float]
    """Values that it names for a parameter, in its schema or in quotes, not as examples; in lower case."""
    needs_id: bool
    """Whether it requires an identifier, as another tool's result has it."""


def stem(word: str) -> str:
    """What stands for ``word``, which is in lower case."""
    if len(word) > 3 and word[-1] == "s":
        if word.endswith("ies"):
            word = word[:-3] + "y"
        elif word[-2] not in "su":
            word = word[:-1]
    return word[:STEM]


def split_words(text: str) -> list[str]:
    """The words of a name or value in lower case; ``camelCase`` and ``snake_case`` are parted."""
    return words_of(text if text.islower() or text.istitle() else _CAMEL.sub(" ", text))


def name_words(name: str) -> frozenset[str]:
    """The words of a tool's name, all of them; of a long one, those it begins with."""
    return _name_words(name[:MAX_NAME])


def stems(words: Iterable[str]) -> frozenset[str]:
    """The stems of the words that say something."""
    return frozenset([stem(word) for word in set(words) - _TELLS_LITTLE if len(word) > 1])


def prepared(tools: Iterable[Tool]) -> list[ToolWords]:
    """What each of these tools says of itself; of one that is too large, or no JSON, only its name."""
    every, left = [], MAX_TOOLS_BYTES
    for tool in tools:
        try:
            encoded = msgspec.json.encode((tool.name, tool.description, tool.schema))
        except (TypeError, ValueError, OverflowError, RecursionError):
            encoded = b""
        if encoded and len(encoded) <= min(left, MAX_TOOL_BYTES):
            left -= len(encoded)
            every.append(_prepared(encoded))
        else:
            name = stems(split_words(tool.name[:MAX_NAME]))
            every.append(ToolWords(name, name, name, frozenset(), needs_id=False))
    return every


@lru_cache(maxsize=CACHE_ENTRIES)
def _name_words(name: str) -> frozenset[str]:
    return frozenset(split_words(name))


@lru_cache(maxsize=CACHE_ENTRIES)
def _prepared(encoded: bytes) -> ToolWords:
    tool_name, description, schema = msgspec.json.decode(encoded)
    description = (description or "")[:MAX_DESCRIPTION]
    texts = "\n".join(_texts(schema))[:MAX_TEXTS]
    name = stems(split_words(tool_name[:MAX_NAME]))
    opening = split_words(_SENTENCE.split(description, maxsplit=1)[0])
    return ToolWords(
        name,
        name | stems(opening[:MAX_PURPOSE]),
        name | stems(split_words(description)) | stems(split_words(texts)),
        frozenset([*_listed(schema), *_QUOTED.findall(_EXAMPLE.sub(" ", texts.lower()))]),
        needs_id=any(not _ID.isdisjoint(name_words(name)) for name in _required(schema)),
    )


def _required(schema: Any) -> Iterator[str]:
    names = schema.get("required") if isinstance(schema, dict) else None
    return (
        name
        for name in islice(names if isinstance(names, list) else (), MAX_PARAMETERS)
        if isinstance(name, str)
    )


def _texts(schema: Any) -> Iterator[str]:
    """The names, descriptions and listed values of the parameters, wherever in ``schema``."""
    for node in objects(schema):
        properties = node.get("properties")
        if isinstance(properties, dict):
            yield from islice(properties, MAX_PARAMETERS)
        if isinstance(description := node.get("description"), str):
            yield description
        if isinstance(values := node.get("enum"), list):
            yield from (value for value in values[:MAX_PARAMETERS] if isinstance(value, str))


def _listed(schema: Any) -> Iterator[str | float]:
    for node in objects(schema):
        values = node.get("enum")
        for value in (*(values if isinstance(values, list) else ()), node.get("const"), node.get("default")):
            if isinstance(value, str | int | float):
                yield value.lower() if isinstance(value, str) else value
