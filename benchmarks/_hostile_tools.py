"""Calls that try to make the ``tools`` score slow: more, larger or deeper than any application sends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks._data import call
from benchmarks._hostile_json import mixed, pattern_of, recursive
from monitor.records import Call, Message, Output, Part, PartType, Tool, ToolCall

REQUEST = "Please tell me what the weather will be like in Paris tomorrow, and then also in Rome."
WEATHER = Tool(
    "get_weather",
    description="Tells the weather of a city on a day.",
    schema={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "array"}},
        "required": ["city"],
    },
)


def cases() -> dict[str, Call]:
    """The calls, by what is too much in them."""
    names = [f"tool_{number}_weather_forecast" for number in range(10_000)]
    many = tuple(Tool(name, description="The weather " * 20, schema=WEATHER.schema) for name in names)
    deep = '{"city": ' + "[" * 100_000 + "]" * 100_000 + "}"
    nested = '{"city": "Paris", "days": ' + '[{"a": ' * 60 + "1" + "}]" * 60 + "}"
    wide = json.dumps({"city": "Paris", "days": [f"day {number} of 7" for number in range(300_000)]})
    return {
        "10,000 tools": made('{"city": "Paris"}', tools=many),
        "a tool of 2 MB": made(
            '{"city": "Paris"}', tools=(Tool("get_weather", description="rain " * 400_000),)
        ),
        "5 MB of one argument": made('{"city": "' + "Paris " * 800_000 + '"}'),
        "5 MB of values": made(wide),
        "5 MB of opening brackets in a value": made('{"city": "' + "<" * 5_000_000 + '"}'),
        "arguments nested 100,000 deep": made(deep),
        "arguments nested 120 deep": made(nested),
        "10,000 calls, all alike": made(*['{"city": "Paris"}'] * 10_000),
        "10,000 calls, all different": made(*[f'{{"city": "Paris {number}"}}' for number in range(10_000)]),
        "a conversation of 100,000 messages": made('{"city": "Paris"}', history=chat(100_000)),
        "a loop of 100,000 calls": made('{"city": "Paris"}', after=loop(50_000)),
        "a request of 5 MB": made('{"city": "Paris"}', request="what about Rome and Paris? " * 190_000),
        "a conversation of 190 kB and 100 values in each of 32 calls": made(
            *[
                json.dumps({"city": "Paris", "days": [f"zzz{n} zzy", "<zz>", "NNNNN"] * 33})
                for n in range(32)
            ],
            request=f"{'zz nn ' * 31_000}{REQUEST}",
        ),
        "8 kB that every code nearly stands in": made(
            *[json.dumps({"city": "NNNNX", "days": ["NNNXX", "NNXNX", "NXNNX", f"{n}"]}) for n in range(32)],
            request="nnnnnnnn " * 870,
        ),
        "10,000 calls after one of 90 kB": made(
            *[f'{{"city": "Paris {n}"}}' for n in range(10_000)], after=loop(1, "Paris " * 15_000)
        ),
        **_values(),
        **_schemas(),
        "128 tools of 24 kB": made('{"city": "Paris"}', tools=tuple(_wordy(number) for number in range(128))),
        "2,000 choices after a loop": choices(2_000, ["Paris"], after=loop(100)),
        "patterns, numbers, wordy tools and a loop": _together(),
        "a 5 MB answer without a call": made(text="get_weather( " * 400_000),
        "a 5 MB tool error": made(after=(result('{"error": ' * 500_000),), text="It rains."),
    }


def _values() -> dict[str, Call]:
    """Values that are dear to look up, 160 in each of four choices, and as much to look them up in."""
    dots = choices(4, ["." * (190 - n % 40) + "<a>" for n in range(160)], request="." * 199_000)
    letters = [" ".join("aaaa" + chr(97 + (n + m) % 26) for m in range(14)) for n in range(160)]
    scales = "% thousand million billion 5k 5m 5b minute minutes hour hours day days week weeks "
    numbers = scales + " ".join(f"{number}" for number in range(33_000))
    unknown = [" ".join(f"{10**6 + 20 * n + m}" for m in range(14)) for n in range(160)]
    return {
        "placeholders among 199,000 dots": dots,
        "values of 199 question marks": choices(4, ["?" * 199 + "a"] * 160),
        "placeholders of one letter": choices(4, ["x" * (3 + n) for n in range(160)], request="x" * 199_000),
        "words that nearly stand there": choices(4, letters, request="aaaa " * 39_000),
        "numbers by every scale": choices(4, unknown, request=numbers),
        "a request of numbers, phones for values": choices(
            4, ["9" * 200] * 160, request="Please do this for me now: " + "".join(f"{n} " for n in range(900))
        ),
        "a request of names, names for values": choices(
            4, ["Ab Cd " * 33] * 160, request="Please do this for me now: " + "A" * 1_900 + " B, C" * 400
        ),
        "numbers of many commas": choices(4, ["9,9" * 65] * 160, request=scales + "1," * 99_000),
    }


def _together() -> Call:
    """What is dear in several ways at once: the scorer has a budget for each."""
    patterns = _each_by([pattern_of(4_000)], [json.dumps({"a": mixed(9_500)})] * 500)
    numbers = _values()["numbers by every scale"]
    first, *others = numbers.outputs
    both = Output(tool_calls=(*first.tool_calls, *patterns.outputs[0].tool_calls))
    tools = (WEATHER, *patterns.tools, *[_wordy(number) for number in range(126)])
    return call(tools=tools, input=(*numbers.input, *loop(100)), outputs=(both, *others))


def _wordy(number: int) -> Tool:
    """A tool that says as much as is read of one; each another."""
    said = {
        "type": "string",
        "description": "such as 'a' for example " * 6,
        "enum": [f"a{n}" for n in range(10)],
    }
    properties = {f"p{name}_{number}": said for name in range(80)}
    return Tool(f"get_weather_{number}", description="e.g. " * 400, schema={"properties": properties})


def _schemas() -> dict[str, Call]:
    texts = {size: json.dumps({"a": mixed(size)}) for size in (50, 1_000, 4_000, 9_500)}
    return {
        "500 calls of a costly pattern": _each_by([pattern_of(4_000)], [texts[9_500]] * 500),
        "1,000 calls of a pattern": _each_by([pattern_of(100)], [texts[4_000]] * 1_000),
        "50,000 short calls of a pattern": _each_by([pattern_of(400)], [texts[50]] * 50_000),
        "10,000 tools, each with a pattern": _each_by(
            [pattern_of(2_000 + number) for number in range(10_000)], [texts[50]] * 10_000
        ),
        "300 tools that refer to themselves": _each_by(
            [recursive(200, f"p{number}_") for number in range(300)], ["{}"] * 300
        ),
        "300 tools whose schemas are wrong at their end": _each_by(
            [{"anyOf": [{"pattern": f"[ab]{{2400}}{n}"}] * 100 + [{"pattern": "("}]} for n in range(300)],
            ["{}"] * 300,
        ),
        "10,000 calls of one large tool": _each_by([recursive(6_500)], ["{}"] * 10_000),
    }


def _each_by(schemas: Sequence[dict[str, Any]], arguments: Sequence[str]) -> Call:
    """A call that was offered a tool for each schema, and answered with calls of them in turn."""
    tools = tuple(Tool(f"tool_{number}", schema=schema) for number, schema in enumerate(schemas))
    calls = tuple(ToolCall(tools[n % len(tools)].name, text) for n, text in enumerate(arguments))
    return call(tools=tools, outputs=(Output(tool_calls=calls),))


def made(
    *arguments: str,
    tools: tuple[Tool, ...] = (WEATHER,),
    request: str = REQUEST,
    history: tuple[Message, ...] = (),
    after: tuple[Message, ...] = (),
    text: str = "",
) -> Call:
    """A call that was offered ``tools`` and answered with one tool call for each of ``arguments``."""
    asked = Message("user", (Part(content=request),))
    calls = tuple(ToolCall(tools[0].name, text) for text in arguments)
    return call(tools=tools, input=(*history, asked, *after), outputs=(Output(text, tool_calls=calls),))


def choices(
    number: int, values: Sequence[str], *, request: str = REQUEST, after: tuple[Message, ...] = ()
) -> Call:
    """So many choices, each with one call of these values."""
    asked = Message("user", (Part(content=request),))
    output = Output(tool_calls=(ToolCall("get_weather", json.dumps({"city": "Paris", "days": values})),))
    return call(tools=(WEATHER,), input=(asked, *after), outputs=(output,) * number)


def chat(messages: int) -> tuple[Message, ...]:
    """A conversation so long, of user and assistant in turn."""
    turn = (Message("user", (Part(content="And now?"),)), Message("assistant", (Part(content="It rains."),)))
    return turn * (messages // 2)


def loop(calls: int, city: str = "Paris") -> tuple[Message, ...]:
    """So many calls of one tool, each with its result."""
    asks = Part(PartType.TOOL_CALL, id="t", name="get_weather", arguments=json.dumps({"city": city}))
    return (Message("assistant", (asks,)), result("rain")) * calls


def result(content: str) -> Message:
    """A tool's result."""
    return Message("tool", (Part(PartType.TOOL_RESULT, content=content, id="t"),))
