"""Calls made over again: an answer's calls and the loop before come in, those that say nothing new go out.

The same tool with the same arguments says nothing new, in this answer or after it was answered. Asking again
is right where the last try failed or wasn't done, where something else was called between, which may have
changed the answer (unless that gave nothing new either), and where the request wants it so many times. Who
asks again and gets the same result each time is stuck, whatever made it right at first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from monitor.records import ToolsOutcome
from monitor.scorers.details import MAX_NAME
from monitor.scorers.lazy import Lazy
from monitor.scorers.strict import Broken, parse
from monitor.scorers.tools.loop import Conversation
from monitor.scorers.tools.results import is_error, is_unfinished
from monitor.scorers.tools.structure import Finding, Made
from monitor.scorers.tools.words import name_words, words_of

#: Characters of arguments above which a call is not compared, and of all those of the loop that are.
MAX_COMPARED = 100_000
#: How often a call may give the same result, while no other gives a new one, before it is made once more. In
#: 2,744 recorded calls of agents (tau-bench and the recorded pairs) that is twice at most.
MAX_SAME = 3
#: How often it may say that it isn't done yet. No recorded call waits that long: this one is a guess.
MAX_UNFINISHED = 10

# Words in the names of tools that are meant to be called over and over: chance, and waiting or moving on,
# whose results are the same however far they got.
_CHANCE = frozenset({"roll", "dice", "random", "flip", "draw", "shuffle", "uuid"})
_MOVES = _CHANCE | frozenset(
    words_of(
        """
    wait sleep next more scroll click press key type step move swipe tick continue undo redo back forward up
    down left right
    """
    )
)
# Of those whose result may be another the next time, and is a few times the same at most.
_MAY_CHANGE = frozenset(
    words_of(
        """
    poll status check progress screenshot snapshot refresh reload now time think retry computer browser run
    exec execute bash shell command test update read receive
    """
    )
)
# And of those to which a second call gives nothing, however often something is wanted.
_READS = frozenset(
    words_of(
        """
    get find search fetch list look lookup read query check show retrieve calculate compute convert analyze
    predict estimate
    """
    )
)
# Words of a request that want something so many times.
_TIMES_SPELT = """
    ; ; two twice both another again double couple pair; three thrice triple; four; five; six; seven; eight;
    nine; ten
    """
_TIMES = {
    word: number
    for number, words in enumerate(_TIMES_SPELT.split(";"))
    for word in (*words.split(), f"{number}")
}
_WHOLE_WORD = re.compile(r"(?<![\w.,:/-])\w+(?![\w:/-])")


class _Before(NamedTuple):
    """What became of one call earlier in the loop."""

    times: int
    """How often it was made."""
    answered: bool = False
    """Whether it was answered for good, and nothing was called since that may have changed the answer."""
    same: int = 0
    """How often it gave the same result, while no call gave a new one."""
    unfinished: bool = False
    """Whether that result says to ask again."""

    @property
    def is_stuck(self) -> bool:
        """Whether to ask once more is no use, whatever was a reason to ask again."""
        return self.same >= (MAX_UNFINISHED if self.unfinished else MAX_SAME)


class Repeats:
    """The calls of a conversation that are made over again.

    Args:
        conversation: what they are made in.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._left = MAX_COMPARED
        self._of = dict[str, Mapping[bytes, _Before]]()

    def among(self, calls: Sequence[Made]) -> Iterator[Finding]:
        """Those of one answer: the same tool with the same arguments, twice in it or just before it."""
        if len(calls) < 2 and not self._conversation.loop:
            return
        seen: Counter[tuple[str, bytes]] = Counter()
        for made in calls:
            if made.tool is None or made.arguments is None or len(made.call.arguments) > MAX_COMPARED:
                continue
            tool, words = made.tool.name, name_words(made.tool.name)
            key = _canonical(made.arguments)
            before = self._before(tool).get(key, _Before(0))
            answered = before.answered and made.arguments and words.isdisjoint(_MAY_CHANGE)
            again = words.isdisjoint(_MOVES) and (answered or before.is_stuck)
            twice = seen[tool, key] and words.isdisjoint(_CHANCE)
            times = 1 + seen[tool, key] + before.times
            if (again or twice) and (words & _READS or times > self._wanted(key)):
                how = "twice in one answer" if twice else "again, though answered"
                if not twice and not answered:
                    how = "again, with the same result every time"
                yield Finding(ToolsOutcome.REPEATED_CALL, f"{tool[:MAX_NAME]}: {how}")
            seen[tool, key] += 1

    def _wanted(self, key: bytes) -> int:
        """How often the request may want a call; a number among its arguments doesn't say how often."""
        return max([each for each in self._said if str(each).encode() not in key], default=1)

    @Lazy
    def _said(self) -> frozenset[int]:
        """How often the request may want the same call, by the numbers that it says."""
        said = set(_WHOLE_WORD.findall(self._conversation.request.lower()))
        return frozenset([_TIMES[word] for word in said & _TIMES.keys()])

    def _before(self, tool: str) -> Mapping[bytes, _Before]:
        """What became of the calls of one tool, by their arguments."""
        if tool not in self._of:
            self._of[tool] = self._read(tool) if self._conversation.loop else {}
        return self._of[tool]

    def _read(self, tool: str) -> Mapping[bytes, _Before]:
        steps, found = self._conversation.steps, dict[bytes, _Before]()
        last = len(steps) - len(self._conversation.last_steps)
        same: Counter[tuple[bytes, str]] = Counter()
        for index in range(len(steps) - 1, -1, -1):
            made, result = steps[index]
            arguments = made.arguments or "{}"
            if made.name != tool or len(arguments) > self._left:
                continue
            self._left -= len(arguments)
            if (key := _key(arguments)) is None:
                continue
            before = found.get(key, _Before(0))
            before = before._replace(times=before.times + 1)
            if index >= last and result is not None and result.content:
                is_new = index < self._conversation.since_news
                same[key, result.content] += 1
                count = same[key, result.content] + (not is_new)
                unfinished = is_unfinished(result)
                before = before._replace(
                    answered=before.answered or not (unfinished or is_error(result)),
                    same=max(before.same, count),
                    unfinished=before.unfinished or unfinished,
                )
            found[key] = before
        return found


def _key(arguments: str) -> bytes | None:
    try:
        value = parse(arguments)
    except Broken:
        return None
    return _canonical(value) if isinstance(value, dict) else None


def _canonical(arguments: dict[str, Any]) -> bytes:
    """The arguments without what makes no difference: white space and the order of names."""
    return msgspec.json.encode(arguments, order="sorted")
