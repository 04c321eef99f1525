"""What a score costs: microseconds per call, per scorer and size, beside decoding the same call.

``python -m benchmarks.scorers_speed``. Calls are made up: a document of the size named and an answer a third
as long, JSON of that size, a call of one of three tools with an argument of that size. Every call is scored
once, and no two of a size hold the same text, so that what scorers remember helps only where it would in
production: schemas and tools recur, passages don't (``grounding again`` is the same document once more).
Each figure is the best of several rounds over new calls, so it is the cost on an idle core.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from time import perf_counter

import msgspec

from monitor.records import (
    Call,
    Contract,
    ContractKind,
    Document,
    FinishReason,
    Message,
    Output,
    Part,
    Source,
    Tool,
    ToolCall,
    Usage,
)
from monitor.scorers import SCORERS, score
from monitor.scorers.cost import cost_of

SIZES = (500, 2_000, 20_000, 200_000)
ROUNDS = 5

TIMED: dict[str, Callable[[Call], object]] = {**SCORERS, "cost": cost_of, "all": score}

SCHEMA = {
    "type": "object",
    "properties": {
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"id": {"type": "integer"}, "title": {"type": "string"}},
                "required": ["id", "title"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["items"],
}
TOOLS = tuple(
    Tool(
        name,
        description=description,
        schema={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    )
    for name, description in (
        ("search_orders", "Find the orders of a customer by any words of theirs."),
        ("open_ticket", "Open a ticket for the support team, with a title and a text."),
        ("send_mail", "Send an e-mail to the customer of the conversation."),
    )
)


@cache
def _vocabulary() -> list[str]:
    rng = random.Random(0)
    return ["".join(rng.choices("abcdefghijklmnoprstuw", k=rng.randint(2, 9))) for _ in range(3_000)]


def prose(size: int, seed: int) -> str:
    """Made-up text of ``size`` characters over a vocabulary of 3,000 words."""
    return " ".join(random.Random(seed).choices(_vocabulary(), k=size // 6))[:size]


def _call(**fields: object) -> Call:
    return msgspec.convert(
        {
            "call_id": "c",
            "started_at": datetime(2026, 1, 1, tzinfo=UTC),
            "source": Source("native"),
            "provider": "openai",
            "model_requested": "gpt-4o",
            "model_served": "gpt-4o-2024-08-06",
            "usage": Usage(1_000, 100),
            **fields,
        },
        Call,
    )


def json_call(size: int, seed: int) -> Call:
    """An answer that keeps its schema."""
    items = [{"id": number, "title": prose(60, seed + number)} for number in range(max(1, size // 80))]
    answer = msgspec.json.encode({"items": items}).decode()
    return _call(contract=Contract(ContractKind.JSON_SCHEMA, SCHEMA), outputs=(Output(answer),))


def tools_call(size: int, seed: int) -> Call:
    """A call of one of three tools, with an argument out of what the user said."""
    text = prose(size, seed)
    called = ToolCall("search_orders", msgspec.json.encode({"query": text}).decode())
    return _call(
        tools=TOOLS,
        input=(Message("user", (Part(content=f"Search the orders for {text}"),)),),
        outputs=(Output(tool_calls=(called,), finish_reason=FinishReason.TOOL_CALL),),
    )


def _answer_to(document: str, elsewhere: str) -> Call:
    answer = f"{document[: len(document) // 4]} {elsewhere}"
    return _call(
        documents=(Document(document),),
        input=(Message("user", (Part(content="What does it say?"),)),),
        outputs=(Output(answer, finish_reason=FinishReason.STOP),),
    )


def grounding_call(size: int, seed: int) -> Call:
    """An answer to a document, of which it says about two thirds."""
    return _answer_to(prose(size, seed), prose(size // 9, seed + 1))


def grounding_again(size: int, seed: int) -> Call:
    """Another answer to a document that is always the same."""
    return _answer_to(prose(size, 1), prose(size // 9, seed))


KINDS: dict[str, Callable[[int, int], Call]] = {
    "json": json_call,
    "tools": tools_call,
    "grounding": grounding_call,
    "grounding again": grounding_again,
}


def microseconds(run: Callable[[Call], object], rounds: Sequence[Sequence[Call]]) -> float:
    """The least mean time of one run, over the rounds."""
    best = float("inf")
    for calls in rounds:
        started = perf_counter()
        for call in calls:
            run(call)
        best = min(best, (perf_counter() - started) / len(calls))
    return best * 1e6


def main() -> None:
    """Print the table."""
    decoder = msgspec.json.Decoder(Call)
    print(f"{'call':17}{'bytes':>9}{'decode':>10}" + "".join(f"{name:>13}" for name in TIMED) + "   µs")
    for size in SIZES:
        count = max(3, 400_000 // size)
        for kind, make in KINDS.items():
            seeds = itertools.count(1_000, 1_000)
            sizes: set[int] = set()
            figures = []
            for scorer in TIMED.values():
                rounds = [[make(size, next(seeds)) for _ in range(count)] for _ in range(ROUNDS)]
                figures.append(microseconds(scorer, rounds))
                encoded = msgspec.json.encode(rounds[0][0])
                sizes.add(len(encoded))
            started = perf_counter()
            for _ in range(count):
                decoder.decode(encoded)
            decode = (perf_counter() - started) / count * 1e6
            print(f"{kind:17}{max(sizes):9}{decode:10.1f}" + "".join(f"{figure:13.1f}" for figure in figures))


if __name__ == "__main__":
    main()
