"""What a call was given: a call comes in, the passages and the question its answer stands on go out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from monitor.records import Call, Message, Part, PartType

#: Characters from which on one user message is taken for a passage to be grounded in.
LONG_PASSAGE: Final = 800
#: Characters of tool results from which on an answer is taken to stand on them; fewer are a value or two.
MIN_RESULTS: Final = 200
#: Characters of a message in which a block that calls itself context is looked for.
MAX_SEARCHED: Final = 100_000

_KIND = (
    r"(?:contexts?|passages?|documents?|sources?|excerpts?|articles?|evidence|references|search\ results"
    r"|knowledge(?:\ base)?|transcript|snippets?|chunks?|information|facts|faqs?)"
)
_MARKED = re.compile(
    rf"""(?:^|[.!?;]\ )[ \t#*]{{0,20}}
        (?:(?:retrieved|relevant|given|provided|supporting|background|the)\ ){{0,4}}
        (?:(?!information){_KIND}|(?<=relevant\ )information|(?<=provided\ )information)
        (?:\ \w{{1,40}}|\ \#?\d{{1,9}})?[*]{{0,4}}\s{{0,9}}:
    |<(?:contexts?|passages?|documents?|docs?|sources?|excerpts?|articles?|evidence|files?|search_results
         |transcript|snippets?|chunks?|knowledge|knowledge_base|retrieved\w{{0,20}}|information|faqs?)\b""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
#: How a template says that what it was filled with comes next, those of LangChain, LlamaIndex, Haystack and
#: the OpenAI cookbook among them, and the characters that have to follow on lines of their own: a prompt may
#: also speak of what others send.
_ANNOUNCED = re.compile(
    rf"""\b(?:use|using|given|on|from|read|consult)\ (?:only\ )?(?:(?:the\ )?(?:following|below)|these|this)
        \ (?:(?:pieces?|parts?|sections|excerpts)\ (?:of|from)\ (?:the\ )?)?(?:\w{{1,20}}\ ){{0,2}}?{_KIND}\b
    |\b{_KIND}\ (?:\w{{1,20}}\ ){{0,3}}?below\b
    |\bhere\ (?:is|are)\ (?:(?:what|everything|all)\ you\ know|the\ (?:\w{{1,20}}\ ){{0,2}}?{_KIND})\b
    |\byou\ know\ the\ following\b""",
    re.IGNORECASE | re.VERBOSE,
)
MIN_ANNOUNCED: Final = 120

#: What asks for something new or for other words, unless a text is to be read, as either end says.
_CREATES = re.compile(
    r"\b(?:you are|act as|pretend|role-?play|imagine|rewrite|rephrase|paraphrase|proofread|refactor|debug"
    r"|make (?:this|it) (?:more|less|sound)|review (?:this|my|the) (?:code|function|class|script)"
    r"|(?:write|compose|create|invent|draft)(?: me| us)? (?:an?|the|some))\b",
    re.IGNORECASE,
)
_READS = re.compile(
    r"\b(?:summar|answer|question|extract|translat|classif|based on|according to|given (?:text|information)"
    r"|passage|context|document|article|source|report)",
    re.IGNORECASE,
)
#: Characters at the beginning, and at either end, that are looked at for it.
OPENING: Final = 300
EITHER_END: Final = 500
#: What stands in a text before media that are written out in it (RFC 2397).
_EMBEDDED: Final = ";base64,"


class Given(NamedTuple):
    """What the model was given, by what it is for."""

    passages: list[str]
    """Documents, tool results, and messages that carry a passage."""
    instructions: list[str]
    """The other messages of the application, and the labels of a schema: they support an answer, too."""
    question: str
    """The other user messages."""
    results: list[str]
    """The tool results among the passages."""
    documents: int
    """How many passages an answer may refer to by number."""
    is_context: bool
    """Whether there is anything that the answer is meant to stand on: instructions alone are not."""
    has_media: bool
    """Whether some of it can't be read."""
    size: int
    """Characters of all of it."""


def gather(call: Call) -> Given:
    """What ``call`` was given, without what the model said itself."""
    passages = [document.content for document in call.documents if document.content]
    documents = len(passages)
    asked, results, instructions = list[str](), list[str](), list[str]()
    is_context, has_media = bool(call.documents), False  # an empty document carries nothing
    for message, part in _parts(call):
        if part.type is PartType.MEDIA:
            has_media = True
        elif not part.content:
            continue
        elif _EMBEDDED in part.content:
            has_media = True
        elif part.type is PartType.DOCUMENT:
            passages.append(part.content)
            documents += 1
            is_context = True
        elif part.type is PartType.TOOL_RESULT:
            passages.append(part.content)
            results.append(part.content)
        elif part.type is PartType.TEXT:
            carries = _carries_passage(message, part.content)
            is_context = is_context or carries
            said = asked if message.role == "user" else instructions
            (passages if carries else said).append(part.content)
    if isinstance(call.contract.schema, dict):
        instructions.append("\n".join(strings(call.contract.schema)))
    is_context = is_context or sum(map(len, results)) >= MIN_RESULTS
    question = "\n".join(asked)
    size = len(question) + sum(map(len, [*passages, *instructions]))
    return Given(passages, instructions, question, results, documents, is_context, has_media, size)


def _parts(call: Call) -> Iterator[tuple[Message, Part]]:
    for message in call.input:
        if message.role == "assistant":
            yield from ((message, part) for part in message.parts if part.type is PartType.MEDIA)
        else:
            yield from ((message, part) for part in message.parts)


def _carries_passage(message: Message, text: str) -> bool:
    """Whether a message has a block that calls itself context, or announces one, or is long.

    Long instructions alone don't.
    """
    # Without one of these characters there is no such block, and most texts have none.
    if (":" in text or "<" in text) and _MARKED.search(text, 0, MAX_SEARCHED):
        return True
    if _is_filled(text):
        return True
    return message.role == "user" and len(text) >= LONG_PASSAGE and not _only_creates(text)


def _is_filled(text: str) -> bool:
    """Whether a template announces what it was filled with, at its beginning, and that follows."""
    if len(text) < MIN_ANNOUNCED or not (announced := _ANNOUNCED.search(text, 0, OPENING)):
        return False
    filling = text.find("\n", announced.end())
    return filling >= 0 and len(text) - filling >= MIN_ANNOUNCED


def _only_creates(text: str) -> bool:
    """Whether a long message asks for a story, a part to play and the like: nothing to be grounded in."""
    return (
        _CREATES.search(text, 0, OPENING) is not None
        and not _READS.search(text, 0, EITHER_END)
        and not _READS.search(text, len(text) - EITHER_END)
    )


def strings(value: Any) -> Iterator[str]:
    """The strings of a JSON value, keys left out, level by level."""
    level = [value]
    while level:
        following: list[Any] = []
        for item in level:
            if isinstance(item, str):
                yield item
            elif isinstance(item, dict):
                following.extend(item.values())
            elif isinstance(item, list):
                following.extend(item)
        level = following
