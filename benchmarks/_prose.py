"""Made-up texts: a random generator and a size go in; prose, JSON and arguments that look like work come out.

Sentences are built of clauses with names, numbers and dates in them, over a vocabulary in which few words are
frequent and most are rare (Zipf's law), so that what scorers do with words, numbers and names is done here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Any

_ONSETS = (
    "b",
    "br",
    "c",
    "ch",
    "d",
    "f",
    "g",
    "gr",
    "h",
    "k",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "r",
    "s",
    "st",
    "t",
    "v",
)
_VOWELS = ("a", "e", "i", "o", "u", "ea", "ou")
_ENDS = ("n", "r", "t", "l", "s", "nd", "ck", "ment", "ter", "tion", "ing", "ness")

#: How sentences are made, by language. ``{w}`` is a word, ``{n}`` a name, ``{d}`` a number.
_CLAUSES = {
    "en": (
        "the {w} of the {w} was {w} by {n} in {d}",
        "{n} has {d} {w} and a {w} that is not in the {w}",
        "it is the {w} which {n} will {w} for the {w}",
        "a {w} costs {d} euros with the {w} of {n}",
        "they had been {w} at the {w} since 12 March {d}",
        "there are {d} {w} that can be {w} on the {w}",
        "this {w} does not {w} the {w} from {n}",
        "when the {w} is {w}, you should {w} it to {n}",
    ),
    "de": (
        "der {w} von {n} ist mit dem {w} nicht {w}",
        "die {w} hat {d} {w} und eine {w} aus der {w}",
        "{n} wird das {w} für {d} Euro auf den {w} {w}",
        "es gibt {d} {w}, die bei der {w} sind",
        "wenn der {w} nicht {w} ist, muss {n} ihn {w}",
        "seit dem 12. März {d} war die {w} im {w}",
    ),
}
_AND = {"en": ", and ", "de": ", und "}
_WORDS = 3_000
_NAMES = 400
_POOL = 4_000


def _word(rng: Random) -> str:
    return "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.randint(1, 3))) + rng.choice(
        _ENDS
    )


class Writer:
    """Writes texts of one vocabulary.

    Args:
        seed: what the vocabulary and its clauses follow from.
    """

    def __init__(self, seed: int) -> None:
        rng = Random(seed)
        words = [_word(rng) for _ in range(_WORDS)]
        ranks = list(accumulate(1 / rank for rank in range(1, _WORDS + 1)))
        self._words = words
        self.names = [f"{_word(rng).title()} {_word(rng).title()}" for _ in range(_NAMES)]
        self._clauses = {}
        for language, patterns in _CLAUSES.items():
            drawn = iter(rng.choices(words, cum_weights=ranks, k=5 * _POOL))
            self._clauses[language] = [
                rng.choice(patterns).replace("%", "").replace("{d}", "%(d)d").replace("{n}", "%(n)s")
                for _ in range(_POOL)
            ]
            for number, clause in enumerate(self._clauses[language]):
                while "{w}" in clause:
                    clause = clause.replace("{w}", next(drawn), 1)
                self._clauses[language][number] = clause

    def word(self, rng: Random) -> str:
        """A word, any as likely as another."""
        return rng.choice(self._words)

    def sentence(self, rng: Random, language: str = "en") -> str:
        """One sentence of about a hundred characters."""
        pool, values = self._clauses[language], {"n": rng.choice(self.names), "d": rng.randrange(2, 2_050)}
        text = rng.choice(pool) % values
        if rng.random() < 0.6:
            text += _AND[language] + rng.choice(pool) % values
        return text[0].upper() + text[1:] + "."

    def sentences(self, rng: Random, size: int, language: str = "en") -> list[str]:
        """Sentences of so many characters together, at least one."""
        made, length = list[str](), 0
        while not made or length < size:
            made.append(self.sentence(rng, language))
            length += len(made[-1]) + 1
        return made

    def prose(self, rng: Random, size: int, language: str = "en") -> str:
        """A text of so many characters, cut where it would be longer."""
        return " ".join(self.sentences(rng, size, language))[: max(size, 1)]

    def answer(self, rng: Random, size: int, source: Sequence[str], language: str = "en") -> str:
        """An answer so long; three in four of its sentences are out of ``source``, a little changed."""
        made, length = list[str](), 0
        while not made or length < size:
            if source and rng.random() < 0.75:
                words = rng.choice(source).split(" ")
                del words[rng.randrange(len(words))]
                made.append(" ".join(words))
            else:
                made.append(self.sentence(rng, language))
            length += len(made[-1]) + 1
        return " ".join(made)[: max(size, 1)]


def schema_of(writer: Writer, rng: Random, fields: int) -> dict[str, Any]:
    """The JSON Schema of an object with so many fields, the first a text that may be long."""
    properties: dict[str, Any] = {"summary": {"type": "string"}}
    kinds: tuple[dict[str, Any], ...] = (
        {"type": "string"},
        {"type": "number", "minimum": 0},
        {"type": "integer"},
        {"type": "boolean"},
        {"enum": [writer.word(rng) for _ in range(4)]},
        {"type": "array", "items": {"type": "string"}},
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "amount": {"type": "number"}},
                "required": ["name", "amount"],
            },
        },
    )
    while len(properties) < fields:
        properties[writer.word(rng)] = rng.choice(kinds)
    required = [name for name in properties if name == "summary" or rng.random() < 0.8]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def value_of(schema: dict[str, Any], writer: Writer, rng: Random, said: str = "") -> Any:
    """A value that keeps such a schema; ``said`` is what strings are taken from."""
    if "enum" in schema:
        return rng.choice(schema["enum"])
    match schema["type"]:
        case "object":
            return {name: value_of(one, writer, rng, said) for name, one in schema["properties"].items()}
        case "array":
            return [value_of(schema["items"], writer, rng, said) for _ in range(rng.randint(1, 3))]
        case "number":
            return round(rng.uniform(1, 900), 2)
        case "integer":
            return rng.randrange(100)
        case "boolean":
            return rng.random() < 0.5
    words = said.split(" ", 40)[:40]
    start = rng.randrange(len(words))
    return " ".join(words[start : start + 3]) or rng.choice(writer.names)


def broken(text: str, rng: Random) -> str:
    """JSON text as models get it wrong: in a fence, after a preface, a comma too many, cut, another type."""
    match rng.randrange(5):
        case 0:
            return f"```json\n{text}\n```"
        case 1:
            return f"Here is the JSON you asked for:\n\n{text}"
        case 2:
            return text[:-1] + ",}"
        case 3:
            return text[: max(1, len(text) * 2 // 3)]
    return json.dumps({**json.loads(text), "summary": None})
