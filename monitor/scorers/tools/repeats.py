"""Calls made over again: an answer's calls and the loop before come in, those that say nothing new go out.

The same tool with the same arguments says nothing new, in this answer or after it was answered. Asking again
is right where the last try failed or wasn't done, where something else was called between, which may have
changed the answer (unless that gave nothing new either), and where the request wants it so many times.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from monitor.records import ToolsOutcome
from monitor.scorers.details import MAX_NAME
from monitor.scorers.strict import Broken, parse
from monitor.scorers.tools.loop import Conversation, Step
from monitor.scorers.tools.results import is_error, is_unfinished
from monitor.scorers.tools.structure import Finding, Made
from monitor.scorers.tools.words import name_words, words_of

#: Characters of arguments above which two calls are not compared.
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
    before = {key for step in conversation.last_steps if _is_answered(step) and (key := _key(step))}
    for made in calls:
        if made.tool is None or made.arguments is None or len(made.call.arguments) > MAX_COMPARED:
            continue
        name, words = made.tool.name[:MAX_NAME], name_words(made.tool.name)
        key = made.tool.name, _canonical(made.arguments)
        again = bool(key in before and made.arguments and not words & _OVER_AGAIN)
        if again or (seen[key] and not words & _CHANCE):
            steps = [step for step in conversation.steps if step.made.name == key[0]]
            times = 1 + seen[key] + sum([_key(step) == key for step in steps])
            if words & _READS or times > _times_asked(conversation.request, key[1]):
                how = "twice in one answer" if seen[key] else "again, though answered"
                yield Finding(ToolsOutcome.REPEATED_CALL, f"{name}: {how}")
        seen[key] += 1


def _is_answered(step: Step) -> bool:
    """Whether a call was answered for good: to ask again is right where it failed or wasn't done."""
    result = step.result
    return result is not None and result.content != "" and not is_error(result) and not is_unfinished(result)


def _times_asked(request: str, arguments: bytes) -> int:
    """How often the request may want the same call: a number that it says and that is no argument of it."""
    said = set(_WHOLE_WORD.findall(request.lower()))
    times = {_TIMES[word] for word in said & _TIMES.keys()}
    return max([number for number in times if str(number).encode() not in arguments], default=1)


def _key(step: Step) -> _Key | None:
    """What two calls that are the same share, of one that was made before."""
    name, arguments = step.made.name or "", step.made.arguments or "{}"
    if len(arguments) > MAX_COMPARED:
        return None
    try:
        value = parse(arguments)
    except Broken:
        return None
    return (name, _canonical(value)) if isinstance(value, dict) else None


def _canonical(arguments: dict[str, Any]) -> bytes:
    """The arguments without what makes no difference: white space and the order of names."""
    return msgspec.json.encode(arguments, order="sorted")
