"""What a score costs: microseconds per call, per scorer and size, beside decoding the same call.

``python -m benchmarks.scorers_speed``. Calls are made up: a document of the size named, an answer a third as
long, three tools. Each figure is the best of several repeats, so it is the cost on an idle core.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from timeit import Timer

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
)
from monitor.scorers import score
from monitor.scorers.fallback import score_fallback
from monitor.scorers.grounding import score_grounding
from monitor.scorers.json import score_json
from monitor.scorers.tools import score_tools

SIZES = (500, 2_000, 20_000, 200_000)
REPEATS = 5

SCORERS: dict[str, Callable[[Call], object]] = {
    "json": score_json,
    "tools": score_tools,
    "grounding": score_grounding,
    "fallback": score_fallback,
    "all": score,
}

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
    Tool(name, schema={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]})
    for name in ("search", "open_page", "send_mail")
)


def prose(size: int, seed: int) -> str:
    """Made-up text of ``size`` characters over a vocabulary of 3,000 words."""
    rng = random.Random(seed)
    vocabulary = ["".join(rng.choices("abcdefghijklmnoprstuw", k=rng.randint(2, 9))) for _ in range(3_000)]
    return " ".join(rng.choices(vocabulary, k=size // 6))[:size]


def calls(size: int) -> dict[str, Call]:
    """A call that each scorer has work with: JSON, tool calls, an answer to a document."""
    items = [{"id": number, "title": prose(60, number)} for number in range(max(1, size // 80))]
    answer = msgspec.json.encode({"items": items}).decode()
    arguments = msgspec.json.encode({"query": prose(size, 1)}).decode()

    def call(**fields: object) -> Call:
        common = {
            "call_id": "c",
            "started_at": datetime(2026, 1, 1, tzinfo=UTC),
            "source": Source("native"),
            "model_requested": "gpt-4o",
            "model_served": "gpt-4o-2024-08-06",
        }
        return msgspec.convert({**common, **fields}, Call)

    return {
        "json": call(contract=Contract(ContractKind.JSON_SCHEMA, SCHEMA), outputs=(Output(answer),)),
        "tools": call(
            tools=TOOLS,
            outputs=(
                Output(tool_calls=(ToolCall("search", arguments),), finish_reason=FinishReason.TOOL_CALL),
            ),
        ),
        "grounding": call(
            documents=(Document(prose(size, 2)),),
            input=(Message("user", (Part(content="What does it say?"),)),),
            outputs=(Output(prose(size // 3, 3), finish_reason=FinishReason.STOP),),
        ),
    }


def microseconds(run: Callable[[], object]) -> float:
    """The least time of one run, over ``REPEATS`` rounds of about a fifth of a second."""
    timer = Timer(run)
    number = max(1, int(0.2 / max(timer.timeit(1), 1e-7)))
    return min(timer.repeat(REPEATS, number)) / number * 1e6


def main() -> None:
    """Print the table."""
    decoder = msgspec.json.Decoder(Call)
    print(f"{'call':12}{'size':>9}{'decode':>10}" + "".join(f"{name:>11}" for name in SCORERS) + "   µs")
    for size in SIZES:
        for kind, call in calls(size).items():
            encoded = msgspec.json.encode(call)
            decode = microseconds(partial(decoder.decode, encoded))
            figures = [microseconds(partial(scorer, call)) for scorer in SCORERS.values()]
            print(
                f"{kind:12}{len(encoded):9}{decode:10.1f}" + "".join(f"{figure:11.1f}" for figure in figures)
            )


if __name__ == "__main__":
    main()
