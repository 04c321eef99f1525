"""Marks and labels of an answer: its text comes in, the same without them goes out, and what it cites.

Marks of citations and lists ("[2]", "(Source 2)", "1.") are what an answer is laid out with, and so are the
numbers of its steps, of its own points, and of idioms. Nothing of the kind has to stand in the context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

#: Citations of an answer that are looked up, and labels of a context that are read.
MAX_CITATIONS: Final = 100
MAX_LABELS: Final = 1_000
#: Characters on either side of a number that say what it is.
AROUND: Final = 40

_DOCUMENT = (
    r"(?:docs?|documents?|sources?|passages?|refs?|references?|excerpts?|articles?|chunks?|results?|citations?"
    r"|quellen?|fuentes?|fontes?|fonti?)"
)
_NUMBERS = r"\d{1,3}(?:[ ]?[,;&\u2013-][ ]?\d{1,3}){0,9}"
#: "[2]", "[1, 3]", "[^2]", "[doc 2]", "(Source 2)".
_CITED = re.compile(
    rf"\[\^?(?:{_DOCUMENT}\.?[ _#:]{{0,2}})?\#?({_NUMBERS})\]|\({_DOCUMENT}\.?[ _#:]{{0,2}}({_NUMBERS})\)",
    re.IGNORECASE,
)
#: Those that name no number of a document: of a page, of a file; and those of OpenAI's file search.
_NAMED = re.compile(
    rf"[\[(](?:{_DOCUMENT}: [^\])\n]{{1,200}}"
    r"|(?:pp?\.|pages?|seiten?|s\.|chap(?:ter|\.)|sec(?:tion|t?\.)|\u00a7) ?\d{1,4}"
    r"(?:[ ]?[,\u2013-][ ]?\d{1,4}){0,5}"
    r"|[\w .-]{1,80}\.(?:pdf|docx?|pptx?|xlsx?|md|html?|txt|csv)(?:[,:#] ?[\w .]{1,20})?)[\])]",
    re.IGNORECASE,
)
_FOUND = re.compile(r"\u3010[^\u3011\n]{1,200}\u3011")
#: The mark of an item of a list, behind the end of the line before: a scan for that one is fast.
_LIST = re.compile(r"\n([ \t]{0,20}(?:[-*\u2022] )?\(?\d{1,3}[.):])(?=[\s*])")
#: What a model's template begins and ends a sequence with.
_SEQUENCE = re.compile(r"</?s>")
_CODE = re.compile(r"`[^`\n]{0,500}`")
#: What a citation that is glued to a word stands before; an index ("list[10] is") does not.
_ENDS = re.compile(r"\s*(?:[.,;:!?)\[\n]|\Z)")

#: A label in a context: "[3] ...", "Source 3:", "3. ..." at the beginning of a line, ``"id": 3``.
_LABEL = re.compile(
    rf"^[ \t#*>-]{{0,9}}(?:\[\#?(\d{{1,3}})\]|\(?(\d{{1,3}})[.):])|\b{_DOCUMENT}\ ?[\#_:\[]?\ ?(\d{{1,3}})\b"
    r"|\[(\d{1,3})\]|\b(?:id|index|number|no)[\"']?\ ?[:=]\ ?[\"']?(\d{1,3})\b",
    re.IGNORECASE | re.MULTILINE,
)
#: A block that is one of several to cite.
_BLOCK = re.compile(
    rf"^[ \t#*>-]{{0,9}}(?:\[(?:{_DOCUMENT}\ ?)?\#?(\d{{1,3}})\]|{_DOCUMENT}\ ?\#?(\d{{1,3}})\b)"
    rf"|<{_DOCUMENT}\ (?:id|index|number)=[\"']?(\d{{1,3}})\b",
    re.IGNORECASE | re.MULTILINE,
)

#: Numbers of labels, of an answer's own points, of the day that is spoken on, and of idioms.
_OWN = re.compile(
    r"""\b(?:steps?|options?|method|example|tip|note|rule|point|reason|question|item|scenario|case|part|phase|stage
        |day|week|schritt|étape|paso|passo|stap|krok)\ \#?\d{1,3}(?=[*_]{0,2}(?:[:.)]|\ ?[\u2013\u2014-]\ ))
    |\b(?:steps?|options?|schritte?|étapes?|pasos?|passos?)\ \#?\d{1,3}
        (?:(?:\ ?[,&\u2013-]|\ (?:and|or|to))\ ?\d{1,3}){0,3}\b
    |\b[qa]\d{1,2}(?=[:.)])
    |\(\d{1,2}\)
    |(?<=[,;:.!?]\ )\d{1,2}\)
    |\b\d{1,2}\ (?:(?:main|key|simple|easy|basic|important|different|possible|quick)\ )?
        (?:steps|ways|options|points|reasons|things|rules|tips|methods|examples|takeaways|parts|sections|aspects
        |schritte|étapes|pasos|passos)\b
    |\bas\ of\ (?:[a-z]{3,9}\ )?(?:\d{1,2},?\ )?(?:[a-z]{3,9}\ )?\d{4}\b
    |\b24/7\b|\b24-7\b""",
    re.IGNORECASE | re.VERBOSE,
)


def unmarked(answer: str) -> str:
    """``answer`` with spaces for its marks of citations and lists, so that places stay what they are."""
    if "[" in answer or "(" in answer:
        answer = _NAMED.sub(_blank, _CITED.sub(_blank, answer))
    if "\u3010" in answer:
        answer = _FOUND.sub(_blank, answer)
    answer = _LIST.sub(_blank_item, "\n" + answer)[1:]
    return _SEQUENCE.sub(_blank, answer) if "s>" in answer else answer


def cited_numbers(answer: str) -> Iterator[tuple[int, int]]:
    """The numbers of documents that ``answer`` cites, and where: the first ``MAX_CITATIONS`` marks."""
    told = _CODE.sub(_blank, answer) if "`" in answer else answer
    for found in islice(_CITED.finditer(told), MAX_CITATIONS):
        start, end = found.span()
        if told[end : end + 1] in ("(", ":"):
            continue  # a link's text, or what defines the mark
        if start and told[start - 1].isalnum() and not _ENDS.match(told, end):
            continue
        for number in re.findall(r"\d+", found.group()):
            yield int(number), start


def labels(context: str) -> frozenset[int]:
    """The numbers by which something may be labelled in ``context``."""
    return _numbers_of(_LABEL, context)


def blocks(context: str) -> frozenset[int]:
    """The numbers of the blocks of ``context`` that are there to be cited."""
    return _numbers_of(_BLOCK, context)


def _numbers_of(pattern: re.Pattern[str], context: str) -> frozenset[int]:
    return frozenset(
        [int(found.group(found.lastindex or 0)) for found in islice(pattern.finditer(context), MAX_LABELS)]
    )


def counts_nothing(sentence: str, place: int) -> bool:
    """Whether the number at ``place`` is a label, a count of the answer's own points, or part of an idiom."""
    start = max(0, place - AROUND)
    return any(
        found.start() <= place < found.end() for found in _OWN.finditer(sentence, start, place + AROUND)
    )


def _blank(found: re.Match[str]) -> str:
    return " " * len(found.group())


def _blank_item(found: re.Match[str]) -> str:
    return "\n" + " " * len(found.group(1))
