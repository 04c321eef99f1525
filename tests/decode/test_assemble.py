"""Putting fragments together: which are one call, when it is whole, what it says; whatever their order."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decode.assemble import Assembled, arrived, assemble
from monitor.records import (
    Call,
    CallError,
    Captured,
    Contract,
    ContractKind,
    Document,
    Expected,
    Fragment,
    FragmentKind,
    Message,
    Output,
    Part,
    Status,
    Tool,
    Usage,
    Waiting,
)
from tests.fragments import ANSWERED, ASKED, NOON, WAITS, at, content, fragment, whole


def in_the_end(*fragments: Fragment) -> tuple[Call, ...]:
    """The calls when no more is waited for."""
    return assemble(arrived(fragments, NOON), at(3600), WAITS).calls


def marks(done: Assembled) -> list[Waiting]:
    """The marks of what was finished."""
    return [mark for one in done.told for mark in one.marks]


def test_a_whole_root_span_is_a_call_at_once() -> None:
    done = assemble(arrived([whole("s", response_id="r")], NOON), NOON, WAITS)

    assert [(call.call_id, call.outputs) for call in done.calls] == [("r", ANSWERED)]
    assert [(part.fragment.kind, part.fragment.response_id) for part in marks(done)] == [("done", "r")]


def test_a_span_below_another_waits_for_what_stands_around_it() -> None:
    part = arrived([whole("s", parent_span_id="p")], NOON)

    assert assemble(part, at(14), WAITS).calls == ()
    assert len(assemble(part, at(15), WAITS).calls) == 1


def test_a_span_without_content_waits_for_its_event_and_no_longer() -> None:
    alone = assemble(arrived([fragment("s")], NOON), NOON, WAITS)
    assert (alone.calls, [part.due_at for part in alone.put]) == ((), [at(120)])

    waited = [msgspec.structs.replace(part, part_id=7) for part in alone.put]
    together = assemble([*waited, *arrived([content("s")], at(90))], at(90), WAITS)
    assert [(call.outputs, call.duration_ms) for call in together.calls] == [(ANSWERED, 1000.0)]
    assert together.taken == (7,)

    given_up = assemble(waited, at(120), WAITS)
    assert [(call.outputs, call.captured.output) for call in given_up.calls] == [((), False)]


def test_a_span_and_its_event_are_all_there_is_though_neither_holds_the_answer() -> None:
    event = content("s", call_outputs=(), call_captured=Captured(output=False, tools=False))
    (call,) = assemble(arrived([fragment("s"), event], NOON), NOON, WAITS).calls

    assert (call.input, call.captured.output) == (ASKED, False)


def test_an_event_that_comes_before_its_span_waits_for_it() -> None:
    first = assemble(arrived([content("s")], NOON), at(5), WAITS)
    assert first.calls == ()

    second = assemble([*first.put, *arrived([fragment("s")], at(30))], at(30), WAITS)
    assert [(call.started_at, call.outputs) for call in second.calls] == [(NOON, ANSWERED)]


def test_an_event_whose_span_never_comes_is_a_call_of_its_own() -> None:
    (call,) = in_the_end(content("s", response_id="r"))

    assert (call.call_id, call.outputs, call.started_at) == ("r", ANSWERED, at(1))


def test_what_comes_after_its_call_was_finished_is_left_out() -> None:
    done = assemble(arrived([whole("s", response_id="r")], NOON), NOON, WAITS)

    for late in (fragment("s", response_id="r"), content("s"), fragment("other", response_id="r")):
        again = assemble([*marks(done), *arrived([late], at(60))], at(60), WAITS)
        assert (again.calls, again.put, again.late) == ((), (), 1)


@pytest.mark.parametrize(
    ("one", "other", "calls"),
    [
        # An SDK's own span says nothing of what was said: child of the instrumentation's, or its sibling.
        (whole("a", parent_span_id="p"), fragment("b", 0.01, 0.9, emitter="sdk", parent_span_id="a"), 1),
        (whole("a", parent_span_id="p"), fragment("b", 0.01, 0.9, emitter="sdk", parent_span_id="p"), 1),
        (whole("a", 0.01, 0.9), fragment("b", 0, 1, emitter="sdk"), 1),
        # Two spans of one response, by whatever emitters and clocks.
        (whole("a", response_id="r"), fragment("b", 5, 6, response_id="r", emitter="sdk"), 1),
        # The same emitter writes one span a call.
        (whole("a"), whole("b", 0.1, 0.9), 2),
        (whole("a"), fragment("b", 2, 3, emitter="sdk"), 2),
        (whole("a", call_model_requested="x"), fragment("b", emitter="sdk", call_model_requested="y"), 2),
        (whole("a", response_id="r"), fragment("b", emitter="sdk", response_id="q"), 2),
        (whole("a"), fragment("b", emitter="sdk", group="another trace"), 2),
    ],
)
def test_two_spans_are_one_call_where_they_can_be_no_other(
    one: Fragment, other: Fragment, calls: int
) -> None:
    assert len(in_the_end(one, other)) == calls
    assert len(in_the_end(other, one)) == calls


def test_calls_side_by_side_each_find_their_own_second_span() -> None:
    spans = [whole(f"w{n}", n / 100, 1 + n / 100, call_model_requested="m") for n in range(20)]
    natives = [
        fragment(f"n{n}", n / 100 + 0.002, 1 + n / 100 - 0.002, emitter="sdk", call_service=f"s{n}")
        for n in range(20)
    ]

    calls = in_the_end(*natives, *spans)

    assert [(call.span_id, call.service) for call in sorted(calls, key=lambda call: call.started_at)] == [
        (f"w{n}", f"s{n}") for n in range(20)
    ]


def test_the_account_with_content_is_the_base_and_lacks_nothing_that_another_has() -> None:
    native = fragment(
        "b",
        0.01,
        0.9,
        emitter="sdk",
        parent_span_id="a",
        call_usage=Usage(input_tokens=7, cache_read_tokens=3, raw={"input": 4, "cached": 3}),
        call_contract=Contract(ContractKind.JSON_OBJECT),
        call_expected=Expected("de"),
        call_tools=(Tool("f", schema={}),),
        call_captured=Captured(input=False, output=False, tools=True, schema=True),
        call_ttft_ms=12.0,
    )
    (call,) = in_the_end(native, whole("a", call_usage=Usage(input_tokens=8)))

    assert call.usage == Usage(input_tokens=8, cache_read_tokens=3, raw={"input": 4, "cached": 3})
    assert (call.contract.kind, call.ttft_ms, call.started_at) == ("json_object", 12.0, NOON)
    assert call.expected == Expected("de")
    assert [tool.name for tool in call.tools] == ["f"]
    assert call.captured == Captured()
    assert (call.span_id, call.outputs) == ("a", ANSWERED)


def test_the_raw_numbers_of_two_accounts_are_not_mixed() -> None:
    native = fragment("b", emitter="sdk", parent_span_id="a", call_usage=Usage(7, raw={"input": 7}))
    (call,) = in_the_end(native, whole("a", call_usage=Usage(raw={"prompt": 8})))

    assert call.usage == Usage(7, raw={"prompt": 8})


def test_a_failure_that_only_one_span_knows_is_the_calls() -> None:
    failed = fragment(
        "b", emitter="sdk", call_status=Status.ERROR, call_error=CallError("x", http_status=429)
    )
    (call,) = in_the_end(fragment("a", 0, 1.001), failed)

    assert (call.status, call.error) == (Status.ERROR, CallError("x", http_status=429))


def test_messages_that_are_events_of_their_own_come_together_in_their_order() -> None:
    pieces = [
        content(
            "s",
            0.1,
            offset=n,
            piece=True,
            call_input=(Message("user", (Part(content=str(n)),)),) if n < 3 else (),
            call_outputs=() if n < 3 else ANSWERED,
            call_captured=Captured(input=n < 3, output=n == 3, tools=False),
        )
        for n in range(4)
    ]
    (call,) = in_the_end(pieces[2], fragment("s"), pieces[0], pieces[3], pieces[1])

    assert [message.parts[0].content for message in call.input] == ["0", "1", "2"]
    assert (call.outputs, call.captured.input, call.captured.output) == (ANSWERED, True, True)


def test_choices_that_are_events_of_their_own_come_together_by_their_number() -> None:
    said = {"piece": True, "call_captured": Captured(input=False, tools=False)}
    pieces = [
        content("s", 0.9 - n / 10, offset=2 - n, choice=n, call_outputs=(Output(str(n)),), **said)
        for n in range(3)
    ]
    (call,) = in_the_end(fragment("s"), *pieces)

    assert [output.text for output in call.outputs] == ["0", "1", "2"]


def test_an_event_that_is_sent_again_counts_once() -> None:
    captured = Captured(output=False, tools=False)
    said = {"piece": True, "call_input": ASKED, "call_outputs": (), "call_captured": captured}
    repeated = [content("s", 0.1, offset=1, **said), content("s", 0.1, offset=1, **said)]
    again = [content("s", 0.1, offset=7, **said), content("s", 0.2, offset=7, **said)]
    (call,) = in_the_end(fragment("s"), *again, *repeated)

    assert call.input == ASKED * 3, "twice at one moment, and later once"


def test_an_event_that_names_the_span_above_belongs_to_the_call_that_ended_just_then() -> None:
    one = fragment("a", 0, 1, parent_span_id="p")
    other = fragment("b", 2, 3, parent_span_id="p")
    events = [content("p", 1.0001, piece=True), content("p", 3.0001, piece=True, call_outputs=(Output("2"),))]
    stray = content("p", 8, piece=True)

    for order in ([one, other, *events, stray], [stray, *events, other, one]):
        calls = sorted(in_the_end(*order), key=lambda call: call.started_at)
        assert [(call.span_id, call.outputs[0].text) for call in calls] == [("a", "1,234 m"), ("b", "2")]


def test_the_span_above_a_call_is_not_marked_as_its_own() -> None:
    """Every stream below it has events that name it: of one batch, and minutes later."""
    spans = [fragment(f"s{n}", 200 * n, 200 * n + 1, parent_span_id="p") for n in range(3)]
    events = [content("p", 200 * n + 1, piece=True) for n in range(3)]
    first = assemble(arrived([*spans[:2], *events[:2]], at(201)), at(330), WAITS)
    assert [part.fragment.span_id for part in marks(first)] == ["s0", "s1"]

    later = assemble([*marks(first), *arrived([spans[2], events[2]], at(401))], at(416), WAITS)
    assert [(call.span_id, call.outputs) for call in later.calls] == [("s2", ANSWERED)]
    again = assemble([*marks(first), *arrived(events[:2], at(401))], at(401), WAITS)
    assert (again.calls, again.late) == ((), 2)


def test_passages_of_the_same_trace_are_the_calls_context_whenever_they_arrive() -> None:
    found = fragment(
        "q",
        -1,
        -0.5,
        kind=FragmentKind.DOCUMENTS,
        documents=(Document("It is 1,234 m.", origin="retrieval"),),
    )
    later = fragment("q2", 5, 6, kind=FragmentKind.DOCUMENTS, documents=(Document("Of another question."),))

    for order in ([found, later, whole("s")], [whole("s"), later, found]):
        (call,) = in_the_end(*order)
        assert [document.content for document in call.documents] == ["It is 1,234 m."]


def test_an_agents_list_of_models_says_which_call_was_a_fallback() -> None:
    agent = fragment("p", -1, 9, kind=FragmentKind.CHAIN, models=("gpt-4o", "claude-sonnet-4"))
    first = whole("a", 0, 1, parent_span_id="p", call_model_requested="gpt-4o")
    second = whole("b", 2, 3, parent_span_id="p", call_model_requested="claude-sonnet-4")
    failed = fragment(
        "c", 4, 5, parent_span_id="p", call_model_requested="claude-sonnet-4", call_status=Status.ERROR
    )

    calls = in_the_end(agent, first, second, failed)

    assert [(call.fallback.declared, call.fallback.from_model) for call in calls] == [
        ("none", None),
        ("fallback", "gpt-4o"),
        ("exhausted", "gpt-4o"),
    ]


def test_ten_thousand_spans_of_one_trace_are_put_together_too() -> None:
    spans = [
        fragment(f"{emitter}{n}", 0, 10, emitter=emitter) for n in range(5_000) for emitter in ("one", "sdk")
    ]

    assert 5_000 <= len(in_the_end(*spans)) <= 10_000


@given(st.data())
def test_however_fragments_arrive_the_same_calls_come_of_them(data: st.DataObject) -> None:
    """Any order, any batching, with waits in between: the same ids, content and usage as all at once."""
    fragments: list[Fragment] = []
    for n in range(data.draw(st.integers(1, 4))):
        start = 10.0 * n
        fragments.append(fragment(f"s{n}", start, start + 1, response_id=f"r{n}", parent_span_id="p"))
        fragments.append(content(f"s{n}", start + 1))
        if data.draw(st.booleans()):
            fragments.append(fragment(f"n{n}", start + 0.1, start + 0.9, emitter="sdk", parent_span_id="p"))
    expected = {call.call_id: (call.outputs, call.started_at) for call in in_the_end(*fragments)}

    found: list[Call] = []
    waiting: list[Waiting] = []
    next_id, now = 1, NOON
    left = list(data.draw(st.permutations(fragments)))
    while left or any(part.fragment.kind is not FragmentKind.DONE for part in waiting):
        size = data.draw(st.integers(0, len(left)))
        batch, left = left[:size], left[size:]
        # All arrive within the wait; what is left over is finished after it.
        now = now + (timedelta(seconds=1) if left else timedelta(minutes=3))
        done = assemble([*waiting, *arrived(batch, now)], now, WAITS)
        found += done.calls
        waiting = [part for part in waiting if part.part_id not in done.taken]
        for part in (*done.put, *marks(done)):
            waiting.append(msgspec.structs.replace(part, part_id=next_id))
            next_id += 1
        if size == 0 and left:
            batch, left = left, []
            waiting += [
                msgspec.structs.replace(part, part_id=next_id + k)
                for k, part in enumerate(arrived(batch, now))
            ]
            next_id += len(batch)

    assert sorted(call.call_id for call in found) == sorted(expected)
    assert {call.call_id: (call.outputs, call.started_at) for call in found} == expected
