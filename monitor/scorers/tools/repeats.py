"""Calls made over again: an answer's calls and the loop before come in, those that say nothing new go out.

The same tool with the same arguments says nothing new, in this answer or after it was answered. Asking again
is right where the last try failed or wasn't done, where something else was called between, which may have
changed the answer (unless that gave nothing new either), and where the request wants it so many times.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec

from monitor.records import ToolsOutcome
from monitor.scorers.details import MAX_NAME
from monitor.scorers.strict import Broken, parse
from monitor.scorers.tools.loop import Conversation, Step
from monitor.scorers.tools.results import is_error, is_unfinished
from monitor.scorers.tools.structure import Finding, Made
from monitor.scorers.tools.words import name_words, words_of

#: Characters of arguments above which a call is not compared, and of all those of the loop that are.
MAX_COMPARED = 100_000

# Words in the names of tools that are meant to be called over and over: chance, and waiting or moving on.
_CHANCE = frozenset({"roll", "dice", "random", "flip", "draw", "shuffle", "uuid"})
_OVER_AGAIN = _CHANCE | frozenset(
    words_of(
        """
    wait sleep poll status check progress next more scroll click press key type step move swipe screenshot
    snapshot refresh reload tick now time think continue retry computer browser run exec execute bash shell
    command test update read receive
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
_Key = tuple[str, bytes]


def repeated(calls: Sequence[Made], conversation: Conversation) -> Iterator[Finding]:
    """Calls that say nothing new: the same tool with the same arguments, in this answer or just before it."""
    if len(calls) < 2 and not conversation.loop:
        return
    seen: Counter[_Key] = Counter()
    said: frozenset[int] | None = None
    steps = conversation.steps
    keys = _keys(steps, {made.call.name for made in calls})
    last = range(len(steps) - len(conversation.last_steps), len(steps))
    before = {key for index in last if (key := keys[index]) is not None and _is_answered(steps[index])}
    for made in calls:
        if made.tool is None or made.arguments is None or len(made.call.arguments) > MAX_COMPARED:
            continue
        name, words = made.tool.name[:MAX_NAME], name_words(made.tool.name)
        key = made.tool.name, _canonical(made.arguments)
        again = bool(key in before and made.arguments and not words & _OVER_AGAIN)
        if again or (seen[key] and not words & _CHANCE):
            said = _times_said(conversation.request) if said is None else said
            # A number that is an argument of the call doesn't say how often.
            times = 1 + seen[key] + keys.count(key)
            wanted = max([each for each in said if str(each).encode() not in key[1]], default=1)
            if words & _READS or times > wanted:
                how = "twice in one answer" if seen[key] else "again, though answered"
                yield Finding(ToolsOutcome.REPEATED_CALL, f"{name}: {how}")
        seen[key] += 1


def _is_answered(step: Step) -> bool:
    """Whether a call was answered for good: to ask again is right where it failed or wasn't done."""
    result = step.result
    return result is not None and result.content != "" and not is_error(result) and not is_unfinished(result)


def _times_said(request: str) -> frozenset[int]:
    """How often a request may want the same call, by the numbers that it says."""
    said = set(_WHOLE_WORD.findall(request.lower()))
    return frozenset([_TIMES[word] for word in said & _TIMES.keys()])


def _keys(steps: Sequence[Step], names: Collection[str]) -> list[_Key | None]:
    """What calls that are the same share, of each step that calls one of these tools."""
    keys: list[_Key | None] = []
    left = MAX_COMPARED
    for made, _ in reversed(steps):
        arguments = made.arguments or "{}"
        is_compared = made.name in names and len(arguments) <= left
        left -= len(arguments) if is_compared else 0
        keys.append(_key(made.name or "", arguments) if is_compared else None)
    return keys[::-1]


def _key(name: str, arguments: str) -> _Key | None:
    try:
        value = parse(arguments)
    except Broken:
        return None
    return (name, _canonical(value)) if isinstance(value, dict) else None


def _canonical(arguments: dict[str, Any]) -> bytes:
    """The arguments without what makes no difference: white space and the order of names."""
    return msgspec.json.encode(arguments, order="sorted")
