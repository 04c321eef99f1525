"""Where in a conversation a call stands: messages come in, the request and what was done about it go out.

The request is what the user said last; the loop is what followed: calls that were made, and what they gave.
"""

from __future__ import annotations

import re
import string
from collections import defaultdict, deque
from collections.abc import Sequence
from itertools import dropwhile, takewhile
from typing import NamedTuple

from monitor.records import Call, Message, Part, PartType
from monitor.scorers.function_words import LANGUAGES
from monitor.scorers.lazy import Lazy
from monitor.scorers.tools.numbers import NUMBER
from monitor.scorers.tools.results import is_error
from monitor.scorers.tools.support import Support
from monitor.scorers.tools.words import FUNCTION_WORDS, stems, words_of

#: Characters of a request that are read, half of them its first, if it is longer.
MAX_REQUEST = 4_000
#: Characters of a conversation above which nothing is looked up in it.
MAX_SUPPORT = 200_000
#: Parts of a loop that are looked at: the last ones.
MAX_LOOP = 200
#: Words that a text needs to tell its language, and the share of them that are function words in English.
MIN_WORDS, MIN_ENGLISH = 3, 0.1
#: The last letter of the Latin alphabets of Europe.
LAST_LATIN = "\u024f"

_NAME = re.compile(r"[A-Z][\w-]+(?: [A-Z][\w-]+)*")
# What stands two characters before a capital inside a sentence.
_INSIDE = frozenset(string.ascii_lowercase + string.digits + ",;)")
_QUOTE = re.compile("[\"'\u2018\u201c]")
_QUOTED = re.compile(
    r"[\"\u201c]([^\"\u201c\u201d]{2,60})[\"\u201d]|(?<!\w)['\u2018]([^'\u2018\u2019]{2,60})['\u2019](?!\w)"
)
#: Words by which English speaks of a time that is no date yet.
TIME_WORDS = frozenset(
    words_of(
        """
        today tonight tomorrow yesterday now currently monday tuesday wednesday thursday friday saturday
        sunday morning noon afternoon evening night midnight weekend day days week weeks month months quarter
        year years hour hours minute minutes next last past ago am pm clock
        """
    )
)


class Step(NamedTuple):
    """A call that was made, and what it gave, if that is there."""

    made: Part
    result: Part | None


class Conversation:
    """What a call was made in.

    Args:
        call: the call; its ``input`` is read, its answer is not.
    """

    def __init__(self, call: Call) -> None:
        self._messages = call.input
        self._documents = call.documents

    @Lazy
    def request(self) -> str:
        """What the user said last."""
        if self._start is None:
            return ""
        return _shortened(_text(self._messages[self._start]))

    @Lazy
    def said(self) -> list[str]:
        """The words of the request."""
        return words_of(self.request)

    @Lazy
    def words(self) -> frozenset[str]:
        """Stems of the request; empty where they can't be compared with what tools say in English.

        What a later message of the user asks for stands in the earlier ones, too: there it is empty as well.
        """
        return stems(self.said) if self._is_first and self._is_english else frozenset()

    @Lazy
    def given(self) -> tuple[str, ...]:
        """The numbers, names and quotations of the request: what its arguments are made of."""
        text = self.request
        capitals = [found for found in _NAME.finditer(text) if found.start() > 1]
        names = [found[0] for found in capitals if text[found.start() - 2] in _INSIDE]
        quoted = [one or other for one, other in _QUOTED.findall(text)] if _QUOTE.search(text) else []
        return (*NUMBER.findall(text), *names, *quoted)

    @Lazy
    def support(self) -> Support | None:
        """Everything that was said before; ``None`` if that is nothing, or too much to look things up in."""
        parts = [part for message in self._messages for part in message.parts]
        texts = [part.content for part in parts if part.content]
        texts += [part.arguments for part in parts if part.arguments]
        texts += [document.content for document in self._documents if document.content]
        if not texts or sum(map(len, texts)) > MAX_SUPPORT:
            return None
        every = self.said
        if not self._is_first:
            asked = [_text(message) for message in self._messages if message.role == "user"]
            every = words_of(_shortened(" ".join(asked)))
        return Support(
            "\n".join(texts),
            is_foreign=not (self._is_first and self._is_english) and is_foreign(every),
            speaks_of_time=not TIME_WORDS.isdisjoint(every),
        )

    @Lazy
    def instructions(self) -> Support | None:
        """What the application told the model before the request; ``None`` if that is nothing or too much."""
        told = [_text(message) for message in self._messages if message.role in ("system", "developer")]
        text = "\n".join([*told, *[document.content for document in self._documents]])
        is_some = 0 < len(text) <= MAX_SUPPORT
        return Support(text, is_foreign=False, speaks_of_time=False) if is_some else None

    @Lazy
    def loop(self) -> Sequence[Part]:
        """The calls and results since the request, at most ``MAX_LOOP``, in their order."""
        since = self._messages[0 if self._start is None else self._start :]
        parts = [
            part
            for message in since[-MAX_LOOP:]
            for part in message.parts[-MAX_LOOP:]
            if part.type in (PartType.TOOL_CALL, PartType.TOOL_RESULT)
        ]
        return parts[-MAX_LOOP:]

    @Lazy
    def _start(self) -> int | None:
        """Where the request is."""
        for index in range(len(self._messages) - 1, -1, -1):
            if self._messages[index].role == "user" and _text(self._messages[index]).strip():
                return index
        return None

    @Lazy
    def has_results(self) -> bool:
        """Whether a tool gave something, before the request or since."""
        return any(part.type is PartType.TOOL_RESULT for message in self._messages for part in message.parts)

    @Lazy
    def _is_english(self) -> bool:
        return is_english(self.said)

    @Lazy
    def _is_first(self) -> bool:
        """Whether the user said nothing before the request."""
        return all(message.role != "user" for message in self._messages[: self._start or 0])

    @property
    def last_errors(self) -> Sequence[Part]:
        """The tools' errors among what the model was given last, which may be several results."""
        last = takewhile(lambda part: part.type is PartType.TOOL_RESULT, reversed(self.loop))
        return [part for part in last if is_error(part)]

    @Lazy
    def steps(self) -> Sequence[Step]:
        """The calls of the loop with what they gave, in their order."""
        steps: list[Step] = []
        waiting = defaultdict[str | None, deque[int]](deque)
        for part in self.loop:
            if part.type is PartType.TOOL_CALL:
                waiting[part.id].append(len(steps))
                steps.append(Step(part, None))
            elif waiting[part.id]:
                answered = waiting[part.id].popleft()
                steps[answered] = Step(steps[answered].made, part)
        return steps

    @Lazy
    def since_news(self) -> int:
        """Which steps gave nothing new: those from this one on were all made before with the same result."""
        seen = set[tuple[str | None, str | None, str]]()
        start = 0
        for index, (made, result) in enumerate(self.steps):
            step = made.name, made.arguments, result.content if result else ""
            if step not in seen:
                seen.add(step)
                start = index + 1
        return start

    @Lazy
    def last_steps(self) -> Sequence[Step]:
        """The calls of the loop that were made last, side by side.

        Where it goes round, all since the last call that was not made before with the same result.
        """
        before = reversed(self.loop)
        calls = dropwhile(lambda part: part.type is PartType.TOOL_RESULT, before)
        side_by_side = sum(1 for _ in takewhile(lambda part: part.type is PartType.TOOL_CALL, calls))
        return self.steps[min(self.since_news, len(self.steps) - side_by_side) :]


def is_english(words: Sequence[str]) -> bool:
    """Whether these words, in lower case, are English: its function words are more than any other's."""
    distinct = frozenset(words)
    known = distinct & FUNCTION_WORDS
    if len(words) < MIN_WORDS or not known or len(known) < MIN_ENGLISH * len(distinct):
        return False
    return len(known) > _most_of_another(distinct)


def is_foreign(words: Sequence[str]) -> bool:
    """Whether these words, in lower case, are of another language; of a few words neither may be told."""
    distinct = frozenset(words)
    in_another_script = sum([word[0] > LAST_LATIN for word in distinct])
    return max(_most_of_another(distinct), in_another_script) >= max(1, len(distinct & FUNCTION_WORDS))


def _most_of_another(distinct: frozenset[str]) -> int:
    """How many of these words are function words of the language, other than English, that has most of them.

    It has to have one that English has not: "in" alone may be any.
    """
    telling = distinct & LANGUAGES.keys()
    foreign = {language for word in telling - FUNCTION_WORDS for language in LANGUAGES[word]}
    if not foreign:
        return 0
    every = [language for word in telling for language in LANGUAGES[word]]
    return max(map(every.count, foreign))


def _shortened(text: str) -> str:
    half = MAX_REQUEST // 2
    return text if len(text) <= MAX_REQUEST else f"{text[:half]} {text[-half:]}"


def _text(message: Message) -> str:
    return " ".join([part.content for part in message.parts if part.type is PartType.TEXT])
