"""No score of tool calls changes without a new version: made-up calls, and a digest of their scores."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from monitor.records import Call, Message, Part, PartType, Tool, ToolChoice, ToolsScore
from monitor.scorers.tools import VERSION, score_tools
from tests.scorers.build import WEATHER, call
from tests.scorers.tools.test_tools_risk import ASKED, FLIGHTS, HOTELS, NOTES, RIGHT, failed, gave, reply

#: The digest of the scores below by version. Who changes a score on purpose counts ``VERSION`` one up and
#: writes the new digest under it.
DIGESTS = {3: "7e7496aa02256e6e"}


def _values() -> list[Call]:
    """Values that are said, said otherwise, or not said."""
    asked = (
        ("Please set a timer for 5 minutes", "seconds", ("300", "400", '"5"')),
        ("Please refund $25.50 of order 10-4455", "amount", ("2550", "25.5", "26", '"10-4455"', '"10-4456"')),
        ("Please find bars in SF for 4 on Tuesday", "city", ('"San Francisco"', '"Boston"', '"SF"')),
        ("Please dial (415) 555-0134 at 2 pm", "to", ('"+14155550134"', '"+14155550199"', '"14:00"')),
        ("Please set it to 68 F and French", "of", ("20", "30", '"fr"', '"<of>"', '"your_value"', '"TODO"')),
    )
    return [
        reply(request, f'{{"{name}": {value}}}', name="do_it", tools=(_tool(name), NOTES))
        for request, name, values in asked
        for value in values
    ]


def _tool(name: str) -> Tool:
    return Tool("do_it", schema={"properties": {name: {}}, "required": [name]})


def _requests() -> list[Call]:
    """One right call, whatever was asked."""
    asked = (
        ASKED,
        f"{ASKED} Then book a room in a hotel of the city.",
        "Flights from Lisbon to Oslo and Bergen, also for Ada Lovelace.",
        "First of all, where is my order?",
        "Vuelos de Lisbon a Oslo el 3 de mayo de 2027, por favor.",
        "Oslo?",
    )
    return [reply(request, RIGHT) for request in asked]


def _loops() -> list[Call]:
    """The same call after results of many kinds, so many times."""
    results = ("18 degrees", "Error: no such city", "still pending", "", '{"status": "shipped"}')
    names = ("get_weather", "check_weather", "scroll")
    asked = Message("user", (Part(content="What is the weather in Paris?"),))
    made = []
    for name in names:
        asks = Part(PartType.TOOL_CALL, id="t", name=name, arguments='{"city": "Paris"}')
        for result in results:
            step = (
                Message("assistant", (asks,)),
                Message("tool", (Part(PartType.TOOL_RESULT, id="t", content=result),)),
            )
            made += [
                reply("", '{"city": "Paris"}', name=name, tools=(_named(name),), more=(asked, *step * times))
                for times in (1, 3, 10)
            ]
    return made


def _named(name: str) -> Tool:
    return Tool(name, schema=WEATHER.schema)


def _answers() -> list[Call]:
    """Answers without a call."""
    texts = (
        "There are two flights, at 8:15 and at 17:40.",
        "I'm sorry, I can't look up flights.",
        "Which of the cabins would you like?",
        "I would call search_flights(origin='Lisbon').",
        "No problem! It is on its way to you.",
        "There is nobody of that name.",
        "Alles erledigt, die Buchung ist unterwegs zu Ihnen!",
    )
    errors = (failed("Error: no such day"), failed("Error: no such day", "8:15"), gave("8:15"), ())
    return [reply(ASKED, text=text, more=more) for text in texts for more in errors]


def _broken() -> list[Call]:
    """Structural failures."""
    arguments = ("{}", "{", '{"origin": 1}', '{"origin": "a", "origin": "b"}', RIGHT.replace("date", "day"))
    return [
        *[reply(ASKED, each) for each in arguments],
        reply(ASKED, RIGHT, name="search_flight"),
        reply(ASKED, RIGHT, RIGHT),
        reply(ASKED, RIGHT, RIGHT.replace("Oslo", "Bergen"), parallel_tool_calls=False),
        reply(ASKED, RIGHT, tool_choice=ToolChoice("none")),
        reply(ASKED, text="Two.", tool_choice=ToolChoice("required")),
        reply(ASKED, '{"city": "Oslo"}', name="book_hotel", tools=(FLIGHTS, HOTELS)),
        call(tools=(FLIGHTS,)),
    ]


def _told(score: ToolsScore) -> tuple[object, ...]:
    signals = [(signal.name, round(signal.value, 4), round(signal.adds, 3)) for signal in score.signals]
    return score.outcome, score.detail, score.risk and round(score.risk, 4), signals


def test_no_score_changes_without_a_new_version() -> None:
    made = [*_values(), *_requests(), *_loops(), *_answers(), *_broken()]
    scores = [_told(score_tools(each)) for each in made]
    assert sha256(msgspec.json.encode(scores)).hexdigest()[:16] == DIGESTS[VERSION]
