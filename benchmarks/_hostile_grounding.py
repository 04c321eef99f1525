"""Calls that are made to keep the ``grounding`` score busy: too much, too deep, or repeated without end."""

from __future__ import annotations

import json

from benchmarks._data import call
from monitor.records import (
    Call,
    Contract,
    ContractKind,
    Document,
    FinishReason,
    Message,
    Output,
    Part,
    PartType,
)

#: What the other half of a call is, where only one half is hostile.
DOCUMENT = "The bridge was designed by Joseph Strauss and opened in May 1937. Its span is 1,280 metres. " * 10
ANSWER = "The bridge was designed by Leon Moisseiff in 1933, and cost 35 million dollars. " * 20


def cases() -> dict[str, Call]:
    """The calls, by what is hostile about them."""
    many = [f"word{number} claim {number}." for number in range(4_000)]
    facts = json.dumps({f"key {number} status": f"value {number}" for number in range(1_500)})
    return {
        "answer of 5 MB": _call(answer="word " * 1_000_000),
        "context of 5 MB": _call(context="word " * 1_000_000),
        "longest answer and context": _call(answer=" ".join(many)[:100_000], context="one two 3. " * 90_000),
        "longest answer, one sentence": _call(answer="word " * 20_000),
        "longest answer, every word new": _call(answer=" ".join(f"a{n:05}b" for n in range(12_000))),
        "100,000 messages": _call(
            input=tuple(Message("user", (Part(content="and?"),)) for _ in range(100_000))
        ),
        "100,000 documents": _call(documents=tuple(Document(f"doc {number}") for number in range(100_000))),
        "10,000 citations": _call(citations=tuple(f"https://a.example/{n}" for n in range(10_000))),
        "10,000 marks of citations": _call(answer="It is so [987]. " * 6_000),
        "1,000 choices": _call(choices=1_000),
        "16 choices of all that is read": _call(answer="Some word here. " * 390, choices=16),
        "10,000 links": _call(
            answer=" ".join(f"www.a.example/{n}" for n in range(5_000)), context="x " * 400_000
        ),
        "numbers only": _call(answer="1,234.5 " * 12_000, context="9.876,5 " * 100_000),
        "digits only": _call(answer="1" * 99_000, context="1" * 900_000),
        "quotation marks": _call(answer='"' + "a b c d e f g h i j k " * 15 + '"' * 90_000),
        "open brackets": _call(answer="[" * 99_000),
        "at signs": _call(answer="a@" * 49_000),
        "dots and dashes": _call(answer="a-." * 33_000 + "@"),
        "words of passages": _call(answer="passage " * 12_000),
        "given provided available": _call(answer="given provided available " * 4_000),
        "colons": _call(answer=": = is " * 14_000, result=facts),
        "keys of results": _call(answer="key status is on. " * 5_000, result=facts),
        "results without end": _call(result="[" * 60_000),
        "almost a heading": _call(context="the " * 200_000 + "\n" * 100_000),
        "other letters": _call(answer="字 " * 45_000, context="字" * 900_000),
        "a schema of labels": _call(
            answer='{"a": "label"}',
            contract=Contract(ContractKind.JSON_SCHEMA, {"enum": ["label"] * 100_000}),
        ),
    }


def _call(
    answer: str = ANSWER,
    context: str = DOCUMENT,
    result: str = "",
    choices: int = 1,
    citations: tuple[str, ...] = (),
    **fields: object,
) -> Call:
    output = Output(answer, citations=citations, finish_reason=FinishReason.STOP, logprobs=(-1.0,) * 1_000)
    given = {
        "documents": (Document(context, "doc-1"),),
        "input": (Message("tool", (Part(PartType.TOOL_RESULT, result),)),),
        "outputs": (output,) * choices,
    }
    return call(**{**given, **fields})
