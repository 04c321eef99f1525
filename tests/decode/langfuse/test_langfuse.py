from __future__ import annotations

from typing import Any

import pytest

from monitor.decode import decode
from monitor.decode.dimensions import Mapping
from monitor.records import (
    CallError,
    Captured,
    Contract,
    ContractKind,
    Document,
    ErrorCategory,
    FragmentKind,
    Status,
    Usage,
)
from tests.decode.build import RECEIVED, record, tokens
from tests.decode.langfuse.build import (
    END,
    FIRST_TOKEN,
    batch,
    call_of,
    calls_of,
    created,
    event,
    fragments_of,
    updated,
)

TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
MESSAGES = [{"role": "user", "content": "hello"}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": {"type": "object"}}}


def test_a_generation_is_a_call() -> None:
    call = call_of(created(), updated())
    assert (call.call_id, call.request_id, call.trace_id, call.span_id) == ("g1", "t1", "t1", "g1")
    assert (call.provider, call.model_requested, call.model_served) == (
        "openai",
        "gpt-4o",
        "gpt-4o-2024-08-06",
    )
    assert (call.duration_ms, call.ttft_ms, call.stream, call.status) == (2000.0, None, False, Status.OK)
    assert (call.input[0].parts[0].content, call.outputs[0].text) == ("hello", "hi")
    assert (call.contract.kind, call.captured) == (ContractKind.NONE, Captured())
    assert call.source.format == "langfuse"


STARTED = created()
ENDED = updated(completionStartTime=FIRST_TOKEN)


@pytest.mark.parametrize(
    "batches",
    [
        [batch(STARTED, ENDED)],
        [batch(ENDED, STARTED)],
        [batch(STARTED), batch(ENDED)],
        [batch(ENDED), batch(STARTED)],
    ],
)
def test_start_and_end_are_one_call_in_any_order_and_any_batches(batches: list[dict[str, Any]]) -> None:
    (call,) = calls_of(fragments_of(*batches))
    assert (call.model_requested, call.model_served) == ("gpt-4o", "gpt-4o-2024-08-06")
    assert call.started_at.isoformat() == "2026-11-22T11:59:00+00:00"
    assert (call.duration_ms, call.ttft_ms, call.stream) == (2000.0, 250.0, True)
    assert (call.captured, call.contract.kind) == (Captured(), ContractKind.NONE)


def test_a_fragment_is_settled_once_start_and_end_are_known() -> None:
    (start,) = fragments_of(batch(STARTED))
    (end,) = fragments_of(batch(ENDED))
    (both,) = fragments_of(batch(STARTED, ENDED))
    assert (start.settled, end.settled, both.settled) == (False, False, True)
    assert (start.group, start.span_id, start.emitter) == ("t1", "g1", "langfuse")


def test_the_end_alone_is_a_call_without_input() -> None:
    (call,) = calls_of(fragments_of(batch(ENDED)))
    assert call.captured == Captured(input=False, tools=False)
    assert (call.contract, call.model_requested, call.outputs[0].text) == (Contract(), "", "hi")


def test_a_call_belongs_to_the_request_of_its_trace_and_parent() -> None:
    (fragment,) = fragments_of(batch(created(parentObservationId="s1"), updated()))
    assert fragment.parent_span_id == "s1"
    assert fragment.call is not None
    assert fragment.call.request_id == "t1:s1"


def test_the_first_sdks_spelling_is_read() -> None:
    body = {
        "startTime": "2026-11-22T11:59:00Z",
        "endTime": END,
        "model": "m",
        "input": "hello",
        "output": "hi",
    }
    call = call_of(event("observation-create", type="GENERATION", **body), integration=None)
    assert (call.model_requested, call.model_served, call.outputs[0].text) == ("m", "", "hi")


NO_CALLS = [
    "trace-create",
    "span-create",
    "span-update",
    "event-create",
    "score-create",
    "sdk-log",
    "new-kind",
]


@pytest.mark.parametrize("kind", NO_CALLS)
def test_other_events_are_no_calls(kind: str) -> None:
    assert fragments_of(batch(event(kind), {"id": "e", "type": kind})) == []


def test_an_empty_batch_holds_nothing() -> None:
    assert fragments_of(batch()) == []


BAD_EVENTS = {
    "no object": "generation-create",
    "no type": {"id": "e", "body": {}},
    "a type that is no text": {"id": "e", "type": [], "body": {}},
    "no body": {"id": "e", "type": "generation-create"},
    "a body that is no object": {"id": "e", "type": "generation-update", "body": ["sk-secret"]},
    "no id": {"type": "generation-create", "body": {"model": "sk-secret"}},
}


@pytest.mark.parametrize("bad", BAD_EVENTS.values(), ids=BAD_EVENTS.keys())
def test_one_bad_event_is_one_dead_letter_and_costs_no_other(bad: Any) -> None:
    decoded = decode(record(batch(created(), bad, updated())))
    (letter,) = decoded.dead_letters
    assert letter.reason == "invalid_record"
    assert letter.detail.startswith("batch[1]")
    assert "secret" not in letter.detail
    (call,) = calls_of(decoded.fragments)
    assert call.outputs[0].text == "hi"


@pytest.mark.parametrize("time", [None, "soon", 10**30, []])
def test_without_a_time_of_its_own_it_is_the_envelope_s_or_the_record_s(time: Any) -> None:
    (call,) = calls_of(fragments_of(batch(created(startTime=time))))
    assert call.started_at.isoformat() == "2026-11-22T11:59:00+00:00"
    (call,) = calls_of(fragments_of(batch({**created(startTime=time), "timestamp": time})))
    assert call.started_at == RECEIVED


# -------------------------------------------------------------------------------------------- what was sent


def test_tools_stand_in_the_input() -> None:
    call = call_of(created(input={"tools": [TOOL], "messages": MESSAGES}), updated())
    assert ([tool.name for tool in call.tools], call.captured.tools) == (["look_up"], True)
    assert call.input[0].parts[0].content == "hello"


def test_functions_and_a_forced_one_are_read() -> None:
    asked = {"functions": [TOOL["function"]], "function_call": {"name": "look_up"}, "messages": MESSAGES}
    call = call_of(created(input=asked), updated())
    assert (call.tool_choice.mode, call.contract.kind) == ("required", ContractKind.TOOL)


def test_langchain_s_tools_stand_behind_the_messages() -> None:
    call = call_of(
        created(input=[*MESSAGES, {"role": "tool", "content": TOOL}]), updated(), integration="langchain"
    )
    assert ([tool.name for tool in call.tools], len(call.input)) == (["look_up"], 1)


FORMATS: dict[str, tuple[dict[str, Any], str | None, Contract, bool]] = {
    "a schema": (
        {"metadata": {"response_format": SCHEMA}},
        "openai",
        Contract(ContractKind.JSON_SCHEMA, {"type": "object"}, True, "n"),
        True,
    ),
    "an object": (
        {"modelParameters": {"response_format": {"type": "json_object"}}},
        None,
        Contract(ContractKind.JSON_OBJECT),
        True,
    ),
    "a class of the application's": (
        {"metadata": {"response_format": "<class 'Answer'>"}},
        "openai",
        Contract(ContractKind.JSON_SCHEMA),
        False,
    ),
    "none, from an integration that would say so": ({}, "openai", Contract(ContractKind.NONE), True),
    "none, from one that may not": ({}, "langchain", Contract(), True),
    "none, written by hand": ({}, None, Contract(), True),
}


@pytest.mark.parametrize(("body", "integration", "contract", "schema"), FORMATS.values(), ids=FORMATS.keys())
def test_the_format_that_was_asked_for_is_known_as_far_as_it_was_written(
    body: dict[str, Any], integration: str | None, contract: Contract, schema: bool
) -> None:
    call = call_of(created(**body), updated(), integration=integration)
    assert (call.contract, call.captured.schema) == (contract, schema)


def test_tools_are_unknown_where_the_writer_has_no_place_for_them() -> None:
    assert not call_of(created(), updated(), integration=None).captured.tools
    assert call_of(created(input={"messages": MESSAGES}), updated(), integration=None).captured.tools


INPUTS: dict[str, tuple[Any, str | None]] = {
    "a text": ("hello", "hello"),
    "texts": (["hello"], "hello"),
    "an application's own object": ({"question": "hello"}, '{"question":"hello"}'),
    "nothing": (None, None),
    "cut by the SDK": ("<truncated due to size exceeding limit>", None),
}


@pytest.mark.parametrize(("given", "said"), INPUTS.values(), ids=INPUTS.keys())
def test_an_input_is_read_whatever_it_is(given: Any, said: str | None) -> None:
    call = call_of(created(input=given), updated())
    assert call.captured.input == (said is not None)
    assert [part.content for message in call.input for part in message.parts] == ([said] if said else [])


# ---------------------------------------------------------------------------------------- what was answered

CALLED = [{"function": {"name": "look_up", "arguments": "{}"}}]
OUTPUTS: dict[str, tuple[Any, str, list[tuple[str, str]]]] = {
    "a message": ({"role": "assistant", "content": "hi"}, "hi", []),
    "a text": ("hi", "hi", []),
    "an empty text": ("", "", []),
    "a tool call": ({"role": "assistant", "tool_calls": CALLED}, "", [("look_up", "{}")]),
    "a function call": (
        {"role": "assistant", "content": None, "function_call": CALLED[0]["function"]},
        "",
        [("look_up", "{}")],
    ),
    "several messages": ([{"role": "assistant", "content": "hi"}] * 2, "hi", []),
    "a whole response": ({"choices": [{"message": {"content": "hi"}}]}, "hi", []),
    "LangChain's message": (
        {"role": "assistant", "content": "", "additional_kwargs": {"tool_calls": CALLED}},
        "",
        [("look_up", "{}")],
    ),
    "LangChain's parsed call": (
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"name": "look_up", "args": {"a": 1}, "id": "c"}],
        },
        "",
        [("look_up", '{"a":1}')],
    ),
    "items of the Responses API": (
        [
            {"type": "reasoning", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]},
            {"type": "function_call", "name": "look_up", "arguments": "{}", "call_id": "c"},
        ],
        "hi",
        [("look_up", "{}")],
    ),
    "an application's own object": ({"answer": "hi"}, '{"answer":"hi"}', []),
}


@pytest.mark.parametrize(("output", "said", "called"), OUTPUTS.values(), ids=OUTPUTS.keys())
def test_an_output_is_read_whatever_it_is(output: Any, said: str, called: list[tuple[str, str]]) -> None:
    call = call_of(created(), updated(output=output))
    assert call.captured.output
    assert call.outputs[0].text == said
    assert [(made.name, made.arguments) for made in call.outputs[0].tool_calls] == called


LOST = {
    "nothing": None,
    "a refusal, which Langfuse drops": {"role": "assistant", "content": None},
    "cut by the SDK": "<truncated due to size exceeding limit>",
}


@pytest.mark.parametrize("output", LOST.values(), ids=LOST.keys())
def test_an_answer_that_is_not_there_is_unknown_and_no_failure(output: Any) -> None:
    call = call_of(created(), updated(output=output))
    assert (call.captured.output, call.outputs, call.status) == (False, (), Status.OK)


ERRORS = {
    "with a status": (
        "Error code: 404 - {'error': {'message': 'no model for sk-secret'}}",
        CallError("http_404", ErrorCategory.NOT_FOUND, 404),
    ),
    "a full context": (
        "Error code: 400 - maximum context length",
        CallError("http_400", ErrorCategory.CONTEXT_LENGTH, 400),
    ),
    "of another kind": ("Connection error.", CallError("unknown")),
    "without a message": (None, CallError("unknown")),
}


@pytest.mark.parametrize(("message", "error"), ERRORS.values(), ids=ERRORS.keys())
def test_a_failed_generation_keeps_no_message(message: str | None, error: CallError) -> None:
    call = call_of(created(), updated(output=None, model="gpt-4o", level="ERROR", statusMessage=message))
    assert (call.status, call.error) == (Status.ERROR, error)
    assert (call.model_served, call.stream) == ("", None), "the end of a failure repeats what was asked for"


USAGES: dict[str, tuple[dict[str, Any], Usage]] = {
    "Langfuse's": ({"usage": {"input": 9, "output": 3, "total": 12, "unit": "TOKENS"}}, Usage(9, 3)),
    "its first SDKs'": ({"usage": {"promptTokens": 9, "completionTokens": 3}}, Usage(9, 3)),
    "OpenAI's": (
        {
            "usageDetails": {
                "prompt_tokens": 9,
                "completion_tokens": 3,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 2},
            }
        },
        Usage(9, 3, 4, None, 2),
    ),
    "the Responses API's": (
        {
            "usageDetails": {
                "input_tokens": 9,
                "output_tokens": 3,
                "total_tokens": 12,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens_details": {"reasoning_tokens": 2},
            }
        },
        Usage(9, 3, 4, None, 2),
    ),
    "Anthropic's, beside one another": (
        {
            "usageDetails": {
                "input": 9,
                "output": 3,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 10,
            }
        },
        Usage(119, 3, 100, 10),
    ),
    "buckets that begin alike": (
        {"usageDetails": {"input": 5, "input_cached_tokens": 4, "output": 1, "output_reasoning_tokens": 2}},
        Usage(9, 3, 4, None, 2),
    ),
    "a total that tells that they hold one another": (
        {"usageDetails": {"input": 9, "output": 3, "total": 12, "cache_read_input_tokens": 4}},
        Usage(9, 3, 4),
    ),
    "details before the older field": (
        {"usageDetails": {"input": 9, "output": 3}, "usage": {"input": 1, "output": 1}},
        Usage(9, 3),
    ),
    "characters": ({"usage": {"input": 900, "output": 300, "unit": "CHARACTERS"}}, Usage()),
    "costs only": ({"usage": {"unit": "TOKENS", "inputCost": 1.0, "outputCost": 2.0}}, Usage()),
    "none": ({}, Usage()),
    "of another type": ({"usage": "many", "usageDetails": [1]}, Usage()),
}


@pytest.mark.parametrize(("body", "usage"), USAGES.values(), ids=USAGES.keys())
def test_tokens_are_counted_in_every_spelling(body: dict[str, Any], usage: Usage) -> None:
    assert tokens(call_of(created(), updated(**body)).usage) == usage


# ------------------------------------------------------------------------------------------- what is around


def test_a_prompt_and_an_environment_are_dimensions() -> None:
    call = call_of(created(promptName="greeting", promptVersion=3, environment="staging"), updated())
    assert (call.prompt_name, call.prompt_version, call.environment) == ("greeting", "3", "staging")


def test_attributes_become_dimensions_as_configured() -> None:
    mapping = Mapping({"service": ("metadata.tenant",), "agent": ("tag.agent",), "route": ("name",)})
    asked = created(metadata={"tenant": "acme", "secret_key": "sk-1"}, tags=["agent:clerk"], name="summarise")
    (fragment,) = decode(record(batch(asked, updated())), mapping=mapping).fragments
    assert fragment.call is not None
    assert (fragment.call.service, fragment.call.agent, fragment.call.route) == ("acme", "clerk", "summarise")


def test_the_provider_is_langchain_s_where_it_names_one() -> None:
    asked = created(metadata={"ls_provider": "google_vertexai"})
    assert call_of(asked, updated(), integration="langchain").provider == "gcp.vertex_ai"
    assert call_of(created(), updated(), integration=None).provider == ""


PASSAGES: dict[str, tuple[Any, tuple[Document, ...]]] = {
    "LangChain's": (
        [{"page_content": "30 days", "metadata": {"source": "terms.pdf"}}],
        (Document("30 days", "terms.pdf", "retrieval"),),
    ),
    "texts": (
        ["30 days", "14 days"],
        (Document("30 days", None, "retrieval"), Document("14 days", None, "retrieval")),
    ),
    "under documents": (
        {"documents": [{"id": "d1", "text": "30 days"}]},
        (Document("30 days", "d1", "retrieval"),),
    ),
}


@pytest.mark.parametrize(("output", "documents"), PASSAGES.values(), ids=PASSAGES.keys())
def test_what_a_retriever_found_is_given_to_the_calls_of_its_trace(
    output: Any, documents: tuple[Document, ...]
) -> None:
    found = {**event("retriever-create", output=output, startTime="2026-11-22T11:58:59Z"), "id": "r"}
    found["body"]["id"] = "r1"
    fragments = fragments_of(batch(found, created(), updated()))
    assert [fragment.kind for fragment in fragments] == [FragmentKind.DOCUMENTS, FragmentKind.CALL]
    (call,) = calls_of(fragments)
    assert call.documents == documents


@pytest.mark.parametrize("output", [None, "", [], {}, 3, [3, None, {"score": 1}]])
def test_a_retriever_that_found_nothing_gives_nothing(output: Any) -> None:
    assert fragments_of(batch(event("retriever-create", output=output))) == []


TRACE = event(
    "trace-create",
    id="t1",
    name="checkout",
    tags=["agent:of the trace", "team:pay"],
    metadata={"tenant": "acme", "stage": "of the trace"},
    environment="production",
    release="v7",
)
OF_THE_TRACE = Mapping(
    {
        "service": ("metadata.tenant",),
        "agent": ("tag.agent",),
        "route": ("trace.name",),
        "prompt_name": ("release",),
        "prompt_version": ("tag.team",),
    }
)


def _dimensions(*events: dict[str, Any]) -> tuple[str, ...]:
    (fragment,) = decode(record(batch(*events)), mapping=OF_THE_TRACE).fragments
    assert fragment.call is not None
    call = fragment.call
    return call.service, call.agent, call.route, call.prompt_name, call.prompt_version, call.environment


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_generation_has_the_attributes_of_its_trace_that_it_lacks_itself(place: int) -> None:
    events = [created(), updated()]
    events.insert(place, TRACE)
    assert _dimensions(*events) == ("acme", "of the trace", "checkout", "v7", "pay", "production")
    own = created(tags=["agent:clerk"], metadata={"tenant": "own"}, environment="staging", name="a name")
    assert _dimensions(TRACE, own, updated()) == ("own", "clerk", "checkout", "v7", "pay", "staging")


def test_what_is_told_of_a_trace_in_several_events_adds_up() -> None:
    later = event("trace-create", id="t1", metadata={"tenant": "later"}, release="v8")
    assert _dimensions(TRACE, created(), later)[:4] == ("later", "of the trace", "checkout", "v8")


def test_another_trace_and_another_batch_say_nothing_of_a_generation() -> None:
    other = {**TRACE, "body": {**TRACE["body"], "id": "t2"}}
    assert _dimensions(other, created()) == ("", "", "", "", "", "")
    assert decode(record(batch(TRACE))).fragments == ()


@pytest.mark.parametrize("body", [None, [], {"id": "t1", "tags": {}, "metadata": [], "name": 3}])
def test_a_broken_trace_costs_no_generation(body: Any) -> None:
    assert _dimensions({"type": "trace-create", "body": body}, created())[0] == ""


def test_metadata_of_a_trace_asks_for_no_json() -> None:
    asks = event("trace-create", id="t1", metadata={"response_format": '{"type": "json_object"}'})
    assert call_of(asks, created(), updated()).contract == call_of(created(), updated()).contract
