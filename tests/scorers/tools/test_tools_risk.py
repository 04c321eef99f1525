"""The risk of tool calls: each signal by a call as it happens, and where nothing can be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from benchmarks._hostile_tools import cases
from monitor.records import (
    RISKY,
    Call,
    Message,
    Output,
    Part,
    PartType,
    Tool,
    ToolCall,
    ToolChoice,
    ToolsScore,
)
from monitor.scorers.tools import score_tools
from monitor.scorers.tools.weights import ANSWER_WEIGHTS, CALL_WEIGHTS
from tests.scorers.build import call
from tests.scorers.test_score import CALLS

FLIGHTS = Tool(
    "search_flights",
    description="Searches flights between two cities on a date.",
    schema={
        "type": "object",
        "properties": {
            "origin": {"type": "string"},
            "destination": {"type": "string"},
            "date": {"type": "string", "description": "Day of departure, or 'any'"},
            "passengers": {"type": "integer", "default": 1},
            "cabin": {"enum": ["economy", "business"]},
            "airline": {"type": "string", "description": "Its name, e.g. 'Lufthansa'"},
        },
        "required": ["origin", "destination"],
    },
)
HOTELS = Tool(
    "book_hotel",
    description="Books a room in a hotel of a city.",
    schema={"type": "object", "properties": {"city": {"type": "string"}, "nights": {"type": "integer"}}},
)
NOTES = Tool(
    "write_note",
    description="Keeps a note.",
    schema={"type": "object", "properties": {"note": {"type": "string"}}},
)
ASKED = "Find me flights from Lisbon to Oslo on 3 May 2027, please."
RIGHT = '{"origin": "Lisbon", "destination": "Oslo", "date": "2027-05-03"}'


def reply(
    request: str,
    *arguments: str,
    name: str = "search_flights",
    text: str = "",
    tools: Sequence[Tool] = (FLIGHTS, HOTELS, NOTES),
    more: Sequence[Message] = (),
    **fields: Any,
) -> Call:
    """A call that answers ``request`` with one tool call for each of ``arguments``, or with ``text``."""
    made = tuple(ToolCall(name, each) for each in arguments)
    asked = Message("user", (Part(content=request),))
    return call(tools=tuple(tools), input=(asked, *more), outputs=(Output(text, tool_calls=made),), **fields)


def found(score: ToolsScore) -> dict[str, float]:
    """The signals by name."""
    return {signal.name: signal.value for signal in score.signals}


def gave(result: str) -> tuple[Message, Message]:
    """A call of the loop with its result."""
    asks = Part(PartType.TOOL_CALL, id="t", name="search_flights", arguments=RIGHT)
    return (
        Message("assistant", (asks,)),
        Message("tool", (Part(PartType.TOOL_RESULT, id="t", content=result),)),
    )


def test_a_call_that_fits_its_request_is_no_risk() -> None:
    score = score_tools(reply(ASKED, RIGHT))
    assert score.risk is not None
    assert score.risk < 0.05
    assert score.detail is None


@pytest.mark.parametrize(
    ("signal", "made"),
    [
        ("placeholder", reply(ASKED, '{"origin": "<origin>", "destination": "Oslo"}')),
        ("placeholder", reply(ASKED, '{"origin": "your_city", "destination": "Oslo"}')),
        ("placeholder", reply(ASKED, '{"origin": "Lisbon", "destination": "unknown"}')),
        ("invented_value", reply(ASKED, '{"origin": "Lisbon", "destination": "Prague"}')),
        ("invented_value", reply(ASKED, '{"origin": "Lisbon", "destination": "Oslo", "passengers": 7}')),
        ("invented_value", reply(ASKED, RIGHT.replace("}", ', "airline": "Lufthansa"}'))),
        ("unsupported_required", reply("Find me flights to Oslo.", '{"origin": "Paris"}')),
        (
            "tool_unlike_request",
            reply("Who was it that first wrote a novel?", '{"note": "a"}', name="write_note"),
        ),
        ("better_tool", reply(ASKED, '{"city": "Oslo"}', name="book_hotel")),
        (
            "several_asked",
            reply("Find flights from Lisbon to Oslo, and then also from Oslo to Bergen.", RIGHT),
        ),
        ("tool_left_out", reply(f"{ASKED} Then book a room in a hotel of the city.", RIGHT)),
        (
            "value_not_used",
            reply("Find flights from Lisbon to Oslo for Ada Lovelace on 3 May 2027.", RIGHT),
        ),
        ("tool_would_fit", reply(ASKED, text="Which of the cabins would you like?")),
        ("tool_would_fit", reply(ASKED, text="Please provide the cabin.")),
        ("declined_though_tool_fits", reply(ASKED, text="I'm sorry, I can't look up flights.")),
        ("answered_though_tool_fits", reply(ASKED, text="There are two flights, at 8:15 and at 17:40.")),
        ("call_written_out", reply(ASKED, text="I would call search_flights(origin='Lisbon').")),
        (
            "tool_error_ignored",
            reply(ASKED, more=gave("Error: no such day"), text="The flight is at 8:15 in the day."),
        ),
        ("structure", reply(ASKED, "{}")),
    ],
)
def test_each_signal_is_found(signal: str, made: Call) -> None:
    score = score_tools(made)
    assert found(score)[signal] > 0
    assert next(each for each in score.signals if each.name == signal).adds > 0


def test_every_signal_has_a_test() -> None:
    marks = test_each_signal_is_found.pytestmark  # type: ignore[attr-defined]
    tested = {signal for signal, _ in marks[0].args[1]}
    assert tested | {"bias"} == CALL_WEIGHTS.keys() | ANSWER_WEIGHTS.keys()


@pytest.mark.parametrize(
    "arguments",
    [
        '{"origin": "LISBON", "destination": "oslo", "cabin": "business", "passengers": 1}',
        '{"origin": "Lisbon", "destination": "Oslo", "date": "03/05/2027"}',
        '{"origin": "Lisbon", "destination": "Oslo", "date": "ANY", "airline": ""}',
        '{"origin": "Lisbon", "destination": "Oslo", "airline": null}',
    ],
)
def test_what_was_said_listed_or_left_open_is_not_invented(arguments: str) -> None:
    signals = found(score_tools(reply(ASKED, arguments)))
    assert "invented_value" not in signals
    assert "unsupported_required" not in signals


@pytest.mark.parametrize(
    ("request_text", "value"),
    [
        ("Pay 5% of it to the bank for me.", "0.05"),
        ("Pay one thousand to the bank for me.", "1000"),
        ("Pay 2.5 million to the bank for me.", "2500000"),
        ("Pay 1,250 to the bank for me.", "1250"),
        ("Pay a dozen to the bank for me.", "12"),
        ("Wake me at 2 pm on the day.", '"14:00"'),
        ("Do it on the 7th of March 2027.", '"2027-03-07"'),
        ("Do it on 20270307 for me.", '"2027-03-07"'),
        ("I want to go to SF.", '"San Francisco"'),
        ("How is the share of Nvidia doing?", '"NVDA"'),
        ("How many Canadian dollars is that?", '"CAD"'),
        ("Use the engine_size column of it.", '"engineSize"'),
        ("Set it to 5 minutes for me.", "300"),
        ("Wake me up in a quarter of an hour.", "900"),
        ("Do it for an hour, please.", "60"),
        ("I am away for two weeks now.", "14"),
        ("How many dollars are 250 euros?", '"EUR"'),
        ("How is Apple doing on the market?", '"AAPL"'),
        ("Find me a flight from Lisbon to Oslo.", '"LIS"'),
        ("Do it on Tuesday at half past three.", '"2026-11-24T15:30:00Z"'),
        ("What do I have on tomorrow?", '"2026-11-23"'),
        ("Was habe ich am Dienstag vor?", '"2026-11-24"'),
        ("Wie wird das Wetter morgen in München?", '"Munich"'),
        ("東京の天気を教えて", '"Tokyo"'),
    ],
)
def test_a_value_may_be_written_in_another_way(request_text: str, value: str) -> None:
    made = reply(request_text, f'{{"note": {value}}}', name="write_note")
    assert "invented_value" not in found(score_tools(made))


@pytest.mark.parametrize(
    ("request_text", "name", "value"),
    [
        ("Please set the discount to 5%", "rate", "0.05"),
        ("Please set a timer for 5 minutes", "seconds", "300"),
        ("Please set a timer for 2h", "seconds", "7200"),
        ("Please set a timer for an hour and a half", "minutes", "90"),
        ("Please set the timeout to 5 seconds", "timeout", "5000"),
        ("Please extend the plan by 2 years", "months", "24"),
        ("Please order 2 dozen eggs", "count", "24"),
        ("Please order twenty-five eggs", "count", "25"),
        ("Please set the budget to $1.2M", "amount", "1200000"),
        ("Please refund $25.50 of it", "amount", "2550"),
        ("Please set the quota to 2 GB", "megabytes", "2048"),
        ("Please set the thermostat to 68 F", "celsius", "20"),
        ("Please find trails within 10 miles", "radius", "16.1"),
        ("Please book a room at 2 pm", "time", '"14:00"'),
        ("Please book a room for the 7th of March", "date", '"2027-03-07"'),
        ("Please find bars in SF", "city", '"San Francisco"'),
        ("Please find bars in NYC", "city", '"New York City, NY"'),
        ("Please find bars in Philly", "city", '"Philadelphia"'),
        ("Please find a hotel in Barclona", "city", '"Barcelona"'),
        ("Please dial (415) 555-0134 for me", "to", '"+14155550134"'),
        ("Please block my card 4111 1111 1111 1111", "card", '"4111111111111111"'),
        ("Please check DE89 3704 0044 0532 0130 00", "iban", '"DE89370400440532013000"'),
        ("Please set the language to French", "language", '"fr"'),
    ],
)
def test_a_value_in_another_unit_or_spelling_is_said_and_takes_up_what_was_said(
    request_text: str, name: str, value: str
) -> None:
    tool = Tool("do_it", schema={"properties": {name: {}}, "required": [name]})
    signals = found(score_tools(reply(request_text, f'{{"{name}": {value}}}', name="do_it", tools=(tool,))))
    assert signals.keys().isdisjoint({"invented_value", "unsupported_required", "value_not_used"})


@pytest.mark.parametrize(
    ("request_text", "value"),
    [
        ("Please set a timer for 5 minutes", "400"),
        ("Please set the thermostat to 68 F", "25"),
        ("Please find trails within 10 miles", "20.4"),
        ("Please dial (415) 555-0134 for me", '"+14155550199"'),
        ("Please find bars in NYC", '"Newark"'),
    ],
)
def test_another_value_is_not_said_by_a_unit_or_spelling(request_text: str, value: str) -> None:
    tool = Tool("do_it", schema={"properties": {"of": {}}, "required": ["of"]})
    signals = found(score_tools(reply(request_text, f'{{"of": {value}}}', name="do_it", tools=(tool,))))
    assert signals.keys() >= {"invented_value", "unsupported_required", "value_not_used"}


@pytest.mark.parametrize(
    ("request_text", "is_several"),
    [
        ("What is the weather in Rome and Oslo?", True),
        ("What is the weather in Rome, Oslo and Bergen?", True),
        ("First tell me of Rome, and second of the rest.", True),
        ("Tell me the weather of Rome, then book it.", True),
        ("My first name is Bo. What is it like in Rome?", False),
        ("This is the third time that I ask for Rome.", False),
        ("I want another look at Rome, for each of us.", False),
        ("What is it like in Rome for Ann and Bo?", False),
    ],
)
def test_a_request_asks_for_several_things_where_it_lists_or_orders_them(
    request_text: str, is_several: bool
) -> None:
    made = reply(request_text, '{"city": "Rome"}', name="book_hotel", tools=(HOTELS,))
    assert ("several_asked" in found(score_tools(made))) is is_several


def test_one_call_of_several_that_has_no_support_weighs_as_much_as_alone() -> None:
    tool = Tool("weather", schema={"properties": {"city": {}}, "required": ["city"]})
    request = "What is the weather in Rome?"
    made = reply(request, '{"city": "Rome"}', '{"city": "Milan"}', name="weather", tools=(tool,))
    assert found(score_tools(made))["unsupported_required"] == 1


@pytest.mark.parametrize("name", ["path", "sentiment", "confidence", "agent_name", "todos"])
def test_what_a_model_goes_through_judges_or_chooses_needs_no_support(name: str) -> None:
    tool = Tool("work", schema={"properties": {name: {}}, "required": [name]})
    made = reply("Why is the build failing?", f'{{"{name}": "zebra 7"}}', name="work", tools=(tool,))
    assert found(score_tools(made)).keys().isdisjoint({"invented_value", "unsupported_required"})


def test_the_form_of_a_placeholder_is_right_in_a_template() -> None:
    def made(name: str) -> Call:
        tool = Tool("save", schema={"properties": {name: {}}})
        return reply("Save the greeting for me.", f'{{"{name}": "{{{{user}}}}"}}', name="save", tools=(tool,))

    assert "placeholder" in found(score_tools(made("greeting")))
    assert "placeholder" not in found(score_tools(made("template")))


def test_code_that_calls_what_is_named_like_a_tool_is_an_answer() -> None:
    text = "Here it is: search_flights(origin, destination)"
    assert score_tools(reply("Write a script that searches flights.", text=text)).risk is None
    assert "call_written_out" in found(score_tools(reply("Please search for the flights.", text=text)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("query", '"reset password"'),
        ("sql_query", '"SELECT 7"'),
        ("command", '"pytest -q"'),
        ("subject", '"Running late"'),
        ("latitude", "48.8566"),
        ("lon", "2.3522"),
    ],
)
def test_what_a_model_is_meant_to_write_or_to_know_is_not_invented(name: str, value: str) -> None:
    def made(parameter: str) -> Call:
        return reply("Why is it that the tests fail?", f'{{"{parameter}": {value}}}', name="write_note")

    assert "invented_value" in found(score_tools(made("other")))
    assert "invented_value" not in found(score_tools(made(name)))


@pytest.mark.parametrize("value", ["ORD-5561", "99-1234", "2026-11-29"])
def test_an_invented_identifier_or_date_is_found_whatever_its_letters(value: str) -> None:
    made = reply("Where is my order 10-4455?", f'{{"note": "{value}"}}', name="write_note")
    assert "invented_value" in found(score_tools(made))


@pytest.mark.parametrize(
    ("request_text", "value"),
    [("Wo ist meine Bestellung 4455?", "9912"), ("¿Dónde está el pedido 4455?", "bob@corp.example.net")],
)
def test_numbers_and_addresses_are_looked_up_in_any_language(request_text: str, value: str) -> None:
    made = reply(request_text, f'{{"note": "{value}"}}', name="write_note")
    assert "invented_value" in found(score_tools(made))


LATER = (
    Message("assistant", (Part(content="Hello, how can I help?"),)),
    Message("user", (Part(content="Where is my order?"),)),
)


@pytest.mark.parametrize("value", ["ORD-5561", "bob@corp.example.net"])
def test_an_invented_value_is_a_risk_in_a_later_turn_and_in_a_loop(value: str) -> None:
    tool = Tool("track", schema={"properties": {"of": {"type": "string"}}, "required": ["of"]})
    for more in (LATER, gave("nothing found")):
        made = reply("Hi there, you!", f'{{"of": "{value}"}}', name="track", tools=(tool,), more=more)
        score = score_tools(made)
        assert score.risk is not None
        assert score.risk >= RISKY
        assert score.detail is not None


def test_the_values_of_a_forced_call_may_be_the_answer() -> None:
    tool = Tool("book", schema={"properties": {"title": {"type": "string"}}, "required": ["title"]})
    made = reply("Which one is best?", '{"title": "Middlemarch"}', name="book", tools=(tool,))
    score = score_tools(msgspec.structs.replace(made, tool_choice=ToolChoice("required", ("book",))))
    assert score.risk is not None
    assert score.risk < RISKY


def test_a_value_that_was_given_is_no_risk_in_a_later_turn() -> None:
    tool = Tool("track", schema={"properties": {"of": {"type": "string"}}, "required": ["of"]})
    made = reply("Hi, it is ORD-5561.", '{"of": "ORD-5561"}', name="track", tools=(tool,), more=LATER)
    score = score_tools(made)
    assert score.risk is not None
    assert score.risk < 0.05


def test_a_step_that_needs_what_the_first_gives_is_not_left_out() -> None:
    request = f"{ASKED} Then book the cheapest flight."

    def made(parameter: str) -> Call:
        book = Tool("book_flight", schema={"properties": {parameter: {}}, "required": [parameter]})
        return reply(request, RIGHT, tools=(FLIGHTS, book))

    assert "several_asked" in found(score_tools(made("seat")))
    assert "several_asked" not in found(score_tools(made("flight_id")))


def test_a_code_takes_up_the_name_that_it_stands_for() -> None:
    request = "Find me flights from Lisbon to Oslo, please."
    signals = [
        found(score_tools(reply(request, f'{{"origin": "{origin}", "destination": "OSL"}}')))
        for origin in ("LIS", "FRA")
    ]
    assert "value_not_used" not in signals[0]
    assert "value_not_used" in signals[1]


def test_what_was_not_wanted_is_not_missed() -> None:
    send = Tool("send_email", description="Send an email.")
    signals = [
        found(score_tools(reply(request, text="Dear Sam, thank you.", tools=(send,))))
        for request in ("Draft an email to Sam and send it", "Draft an email to Sam, don't send it")
    ]
    assert "answered_though_tool_fits" in signals[0]
    assert "answered_though_tool_fits" not in signals[1]


def test_what_the_application_told_the_model_needs_no_tool() -> None:
    text = "A refund is possible within 30 days of delivery."
    plain = reply("How do refunds of flights work?", text=text, tools=(Tool("refund_flights"),))
    policy = Message("system", (Part(content="Refund policy: possible within 30 days of the delivery."),))
    told = msgspec.structs.replace(plain, input=(policy, *plain.input))
    assert "answered_though_tool_fits" in found(score_tools(plain))
    assert "answered_though_tool_fits" not in found(score_tools(told))


@pytest.mark.parametrize("result", ["Error: no such day", '{"code": 503}', "Could not connect to it"])
def test_an_error_that_is_not_told_is_a_risk(result: str) -> None:
    score = score_tools(reply(ASKED, more=gave(result), text="It is at 8:15, and the sky is clear."))
    assert score.risk is not None
    assert score.risk >= RISKY
    assert score.detail == "risk: tool_error_ignored 1"


def test_an_error_that_was_declared_and_is_not_told_is_a_risk() -> None:
    asks, gives = gave("No flights on the day")
    declared = msgspec.structs.replace(gives.parts[0], is_error=True)
    more = (asks, msgspec.structs.replace(gives, parts=(declared,)))
    text = "It is at 8:15, and the sky is clear."
    assert "tool_error_ignored" in found(score_tools(reply(ASKED, more=more, text=text)))
    assert "tool_error_ignored" not in found(score_tools(reply(ASKED, more=(asks, gives), text=text)))


def test_a_value_may_come_from_a_tool_or_a_system_message() -> None:
    paris = '{"origin": "Lisbon", "destination": "Bergen"}'
    assert "invented_value" in found(score_tools(reply(ASKED, paris)))
    assert "invented_value" not in found(score_tools(reply(ASKED, paris, more=gave("Try Bergen instead"))))


@pytest.mark.parametrize("digits", [400, 5_000])
def test_an_integer_that_no_float_holds_is_rated_like_any_other(digits: int) -> None:
    score = score_tools(reply(ASKED, RIGHT.replace("}", f', "passengers": {"9" * digits}}}')))
    assert score.risk is not None


def test_a_placeholder_that_was_said_is_a_value() -> None:
    said = reply("Keep a note that says: unknown", '{"note": "unknown"}', name="write_note")
    assert "placeholder" not in found(score_tools(said))


@pytest.mark.parametrize(
    ("note", "is_one"),
    [
        ("<note>", True),
        ("(<note>)", True),
        ('"your_note_here".', True),
        ("**TODO**", True),
        ("...", True),
        ("???", True),
        ("/path/to/file", True),
        ("https://example.com/", True),
        ("?" * 199 + "a", False),
        ("-", False),
        ("a <note> of", False),
    ],
)
def test_a_placeholder_is_told_by_its_form_whatever_signs_stand_around_it(note: str, is_one: bool) -> None:
    made = reply("Keep it in mind for me.", msgspec.json.encode({"note": note}).decode(), name="write_note")
    assert ("placeholder" in found(score_tools(made))) is is_one


def test_why_a_call_is_risky_is_in_the_detail_and_nothing_of_its_content() -> None:
    score = score_tools(reply(ASKED, '{"city": "Timbuktu"}', name="book_hotel"))
    assert score.risk is not None
    assert score.risk >= RISKY
    assert score.detail is not None
    assert score.detail.startswith("risk: ")
    assert "better_tool" in score.detail
    assert "Timbuktu" not in score.detail


@pytest.mark.parametrize(
    "made",
    [
        reply("¿Qué vuelos hay de Lisboa a Oslo el tres de mayo?", text="Hay dos vuelos."),
        reply("明日のリスボンからオスロへの便を探してください", text="二便あります。"),
        reply("Oslo?", text="A city in Norway."),
        call(
            tools=(FLIGHTS,),
            input=(
                Message("user", (Part(content=ASKED),)),
                Message("assistant", (Part(content="In which cabin?"),)),
                Message("user", (Part(content="I don't know the search cabins of the flights, do you?"),)),
            ),
            outputs=(Output("Economy and business."),),
        ),
        reply(ASKED, text="There are two.", tool_choice=ToolChoice("none")),
        call(tools=(FLIGHTS,), outputs=(Output("There are two."),)),
    ],
)
def test_an_answer_without_a_call_has_no_risk_where_nothing_can_be_compared(made: Call) -> None:
    assert score_tools(made).risk is None


def test_a_request_in_another_script_is_compared_by_its_values_only() -> None:
    score = score_tools(
        reply("リスボン (Lisbon) から Oslo へ", '{"origin": "Lisbon", "destination": "Oslo"}')
    )
    assert score.risk is not None
    assert score.risk < 0.05
    assert score.signals == ()


def test_a_tool_that_the_model_had_to_call_is_not_held_against_it() -> None:
    request = "Who was it that first wrote a novel?"
    free = reply(request, '{"note": "a"}', name="write_note")
    forced = reply(request, '{"note": "a"}', name="write_note", tool_choice=ToolChoice("required"))
    assert "tool_unlike_request" in found(score_tools(free))
    assert "tool_unlike_request" not in found(score_tools(forced))


def test_a_tool_that_takes_the_answer_is_not_compared_with_the_request() -> None:
    final = Tool("final_result", schema={"type": "object", "properties": {"city": {"type": "string"}}})
    made = reply("What is the capital of Japan?", '{"city": "Tokyo"}', name="final_result", tools=(final,))
    assert score_tools(made).signals == ()


def test_an_answer_for_which_the_provider_searched_was_made_with_a_tool() -> None:
    search = ToolCall("web_search", '{"query": "flights"}', server_side=True)
    asked = (Message("user", (Part(content=ASKED),)),)
    made = call(tools=(FLIGHTS,), input=asked, outputs=(Output("There are two.", tool_calls=(search,)),))
    assert score_tools(made).risk is None


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("Two flights: 8:15, 17:40", "The flights are at 8:15 and at 17:40."),
        ("Error: no such day", "Sorry, the search of the flights failed."),
        ("Error: no such day", "Which day would you like to fly on?"),
        ("Error: no such day", "Es gibt keinen Flug."),
    ],
)
def test_an_error_is_not_ignored_where_there_was_none_or_it_is_told(result: str, text: str) -> None:
    assert "tool_error_ignored" not in found(score_tools(reply(ASKED, more=gave(result), text=text)))


def failed(*results: str) -> tuple[Message, ...]:
    """Calls of the loop made side by side, with their results."""
    asks = [Part(PartType.TOOL_CALL, id=f"{n}", name="search_flights") for n in range(len(results))]
    gives = [Part(PartType.TOOL_RESULT, id=f"{n}", content=each) for n, each in enumerate(results)]
    return (Message("assistant", tuple(asks)), Message("tool", tuple(gives)))


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("Customer not found", "There is nobody called Zed among our customers."),
        ("No such route", "No airline flies from there tonight."),
        ("FAILED: test_login, test_cart", "test_login and test_cart are red."),
        ("500 Internal Server Error", "It returns 500."),
        ("Error: upstream", "2+2 is 4. The weather service is down at the moment."),
        ("Error: upstream", "Der Wetterdienst antwortet gerade nicht."),
        ("Error: upstream", "Le service ne répond pas pour le moment."),
        ("Error: upstream", "Сервис погоды сейчас недоступен, попробуйте позже."),
        ("Error: upstream", "天气服务目前不可用。请稍后再试一次。"),
        ("Error: upstream", "天気サービスは現在利用できません。"),
        ("Error: gate closed", "The gate is shut and was closed an hour ago."),
    ],
)
def test_a_failure_may_be_told_in_words_of_its_own(result: str, text: str) -> None:
    assert "tool_error_ignored" not in found(score_tools(reply(ASKED, more=failed(result), text=text)))


@pytest.mark.parametrize(
    ("results", "text"),
    [
        (["Error: no such day"], "No problem! Your booking is on its way to you."),
        (["Error: no such day"], "It is all done for you, let me know if there is any issue."),
        (["Error: no such day"], "It is all done for you. Is there anything else I can do?"),
        (["Error: no such day", "08:15"], "It is all done, and the plane leaves at 8:15."),
        (["08:15", "Error: no such day"], "It is all done, and the plane leaves at 8:15."),
        (["Error: no such day"], "Alles erledigt, die Buchung ist unterwegs zu Ihnen!"),
        (["Error: no such day"], "Todo listo, la reserva está en camino."),
        (["Error: no such day"], "Votre réservation est en route pour vous."),
        (["Error: no such day"], "Готово, ваш билет уже отправлен вам на почту!"),
        (["Error: no such day"], "已经为您完成预订。机票正在发送给您。"),
    ],
)
def test_an_answer_that_says_all_is_well_ignores_an_error(results: list[str], text: str) -> None:
    score = score_tools(reply(ASKED, more=failed(*results), text=text))
    assert "tool_error_ignored" in found(score)


def test_an_answer_in_a_language_that_is_not_known_ignores_nothing() -> None:
    text = "Minden rendben van, a foglalás már úton van hozzád."
    assert "tool_error_ignored" not in found(score_tools(reply(ASKED, more=failed("Error: no"), text=text)))


def test_of_several_choices_the_riskiest_is_reported() -> None:
    good, bad = ToolCall("search_flights", RIGHT), ToolCall("book_hotel", '{"city": "Timbuktu"}')
    asked = (Message("user", (Part(content=ASKED),)),)
    alone = call(tools=(FLIGHTS, HOTELS), input=asked, outputs=(Output(tool_calls=(bad,)),))
    both = call(
        tools=(FLIGHTS, HOTELS), input=asked, outputs=(Output(tool_calls=(good,)), Output(tool_calls=(bad,)))
    )
    assert score_tools(both) == score_tools(alone)


@pytest.mark.parametrize(
    "tool",
    [
        Tool("search_flights", schema={"properties": {"a": float("nan")}}),
        Tool("search_flights", description="\ud800 of flights"),
        Tool("search_flights", schema=True),
        Tool("search_flights", description="flights " * 10_000),
    ],
)
def test_a_tool_that_cannot_be_read_is_known_by_its_name(tool: Tool) -> None:
    assert "tool_unlike_request" in found(score_tools(reply(ASKED, RIGHT, tools=(tool,))))


@given(CALLS)
@settings(max_examples=200)
def test_any_call_has_a_risk_of_0_to_1_or_none_and_the_same_every_time(made: Call) -> None:
    score = score_tools(made)
    assert score == score_tools(made)
    assert score.risk is None or 0 <= score.risk <= 1
    assert len(score.detail or "") < 300


@pytest.mark.parametrize("made", cases().values(), ids=cases().keys())
def test_hostile_calls_are_rated_like_any_other(made: Call) -> None:
    score = score_tools(made)
    assert score.risk is None or 0 <= score.risk <= 1
    assert len(score.detail or "") < 300


def test_one_call_at_a_time_is_enough_where_no_more_are_allowed() -> None:
    request = "Find flights from Lisbon to Oslo, and then also book a room in a hotel of the city."
    assert found(score_tools(reply(request, RIGHT))).keys() >= {"several_asked", "tool_left_out"}
    alone = found(score_tools(reply(request, RIGHT, parallel_tool_calls=False)))
    assert alone.keys().isdisjoint({"several_asked", "tool_left_out"})


@pytest.mark.parametrize(
    "text", ["Which cabin would you like?", "To search I need the cabin.", "Please share the cabin."]
)
def test_an_answer_that_asks_is_less_of_a_risk_than_one_that_answers(text: str) -> None:
    asks, answers = (score_tools(reply(ASKED, text=each)).risk for each in (text, "It is at 8:15."))
    assert asks is not None
    assert answers is not None
    assert asks < answers


def test_a_greeting_before_the_request_is_no_earlier_turn() -> None:
    hello = Message("assistant", (Part(content="Hello, how can I help?"),))
    plain = reply(ASKED, '{"city": "Oslo"}', name="book_hotel")
    greeted = msgspec.structs.replace(plain, input=(hello, *plain.input))
    assert "better_tool" in found(score_tools(greeted))
