from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.records import (
    Call,
    Contract,
    ContractKind,
    Document,
    FinishReason,
    Part,
    PartType,
    Tool,
    ToolCall,
    ToolChoice,
    Usage,
)
from tests.decode.build import call_of, pair, sse, tokens

JSON = "application/json"
OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}
GOOGLE_OBJECT = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
HELLO = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}


def _candidate(*parts: dict[str, Any], finish: Any = "STOP", **fields: Any) -> dict[str, Any]:
    return {"content": {"role": "model", "parts": list(parts)}, "finishReason": finish, **fields}


def _body(*candidates: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"responseId": "r", "modelVersion": "gemini-x", "candidates": list(candidates), **fields}


def _asked(**fields: Any) -> Call:
    return call_of(pair("generateContent", {**HELLO, **fields}, _body(_candidate({"text": "hi"}))))


def _answered(*parts: dict[str, Any], **fields: Any) -> Call:
    return call_of(pair("generateContent", HELLO, _body(_candidate(*parts, **fields))))


@pytest.mark.parametrize(
    ("config", "contract"),
    [
        ({}, Contract(ContractKind.NONE)),
        ({"responseMimeType": "text/plain"}, Contract(ContractKind.NONE)),
        ({"responseMimeType": "text/x.enum", "responseSchema": {"enum": ["a"]}}, Contract(ContractKind.NONE)),
        ({"responseMimeType": JSON}, Contract(ContractKind.JSON_OBJECT, True)),
        (
            {"responseMimeType": JSON, "responseSchema": GOOGLE_OBJECT},
            Contract(ContractKind.JSON_SCHEMA, OBJECT),
        ),
        (
            {"response_mime_type": JSON, "response_schema": GOOGLE_OBJECT},
            Contract(ContractKind.JSON_SCHEMA, OBJECT),
        ),
        (
            {"responseMimeType": JSON, "responseJsonSchema": OBJECT},
            Contract(ContractKind.JSON_SCHEMA, OBJECT),
        ),
    ],
)
def test_the_contract(config: dict[str, Any], contract: Contract) -> None:
    assert _asked(generationConfig=config).contract == contract


def test_json_mode_without_a_schema_promises_json_of_any_kind() -> None:
    contract = _asked(generationConfig={"responseMimeType": JSON}).contract
    assert (contract.kind, contract.schema) == (ContractKind.JSON_OBJECT, True)


@pytest.mark.parametrize(
    ("config", "choice", "contract"),
    [
        (None, ToolChoice(), Contract(ContractKind.NONE)),
        ({"mode": "AUTO"}, ToolChoice(), Contract(ContractKind.NONE)),
        ({"mode": "NONE"}, ToolChoice("none"), Contract(ContractKind.NONE)),
        ({"mode": "any"}, ToolChoice("required"), Contract(ContractKind.TOOL)),
        (
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
            ToolChoice("required", ("f",)),
            Contract(ContractKind.TOOL, name="f"),
        ),
        (
            {"mode": "VALIDATED", "allowed_function_names": ["f", "g"]},
            ToolChoice("auto", ("f", "g")),
            Contract(ContractKind.NONE),
        ),
    ],
)
def test_the_tool_choice(config: Any, choice: ToolChoice, contract: Contract) -> None:
    call = _asked(toolConfig={"functionCallingConfig": config})
    assert (call.tool_choice, call.contract) == (choice, contract)


def test_the_tools() -> None:
    functions = [
        {"name": "f", "description": "d", "parameters": GOOGLE_OBJECT},
        {"name": "g", "parametersJsonSchema": OBJECT},
        {"name": "h"},
    ]
    call = _asked(tools=[{"functionDeclarations": functions}, {"googleSearch": {}}, {"code_execution": {}}])
    assert call.tools == (
        Tool("f", description="d", schema=OBJECT),
        Tool("g", schema=OBJECT),
        Tool("h", schema={"type": "object", "properties": {}}),
        Tool("googleSearch", "builtin"),
        Tool("code_execution", "builtin"),
    )


@pytest.mark.parametrize(
    "names", [str, lambda name: "".join(f"_{c.lower()}" if c.isupper() else c for c in name)]
)
def test_the_conversation(names: Any) -> None:
    returned = {"name": "f", "id": "1", "response": {"result": 7}, "parts": [{names("inlineData"): {}}]}
    contents = [
        {"parts": [{"text": "t"}, {names("inlineData"): {"data": "…"}}]},
        {
            "role": "model",
            "parts": [
                {"text": "r", "thought": True},
                {names("functionCall"): {"name": "f", "args": {"a": 1}}},
            ],
        },
        {"role": "user", "parts": [{names("functionResponse"): returned}]},
    ]
    call = _asked(**{"contents": contents, names("systemInstruction"): {"parts": [{"text": "s"}]}})
    assert [(message.role, message.parts) for message in call.input] == [
        ("system", (Part(content="s"),)),
        ("user", (Part(content="t"), Part(PartType.MEDIA, name="inlineData"))),
        (
            "assistant",
            (Part(PartType.REASONING, "r"), Part(PartType.TOOL_CALL, name="f", arguments='{"a":1}')),
        ),
        (
            "user",
            (
                Part(PartType.TOOL_RESULT, '{"result":7}', id="1", name="f"),
                Part(PartType.MEDIA, name="inlineData"),
            ),
        ),
    ]
    assert call.captured.input


@pytest.mark.parametrize("name", ["systemInstruction", "system_instruction"])
@pytest.mark.parametrize(
    "instruction", ["s", {"parts": [{"text": "s"}]}, {"role": "user", "parts": [{"text": "s"}]}]
)
def test_a_system_instruction_is_the_systems_whatever_role_the_client_gave_it(
    name: str, instruction: Any
) -> None:
    call = _asked(**{name: instruction})
    assert [message.role for message in call.input] == ["system", "user"]
    assert call.input[0].parts == (Part(content="s"),)


@pytest.mark.parametrize(
    ("part", "is_error"),
    [
        ({"functionResponse": {"response": {"output": "7"}}}, False),
        ({"functionResponse": {"response": {"error": "no such city"}}}, True),
        ({"function_response": {"response": {"error": {"code": 404}, "tries": 2}}}, True),
        ({"functionResponse": {"response": {"temperature": 7, "error": None}}}, False),
        ({"functionResponse": {"response": {"output": "7", "error": "one sensor is out"}}}, False),
        ({"functionResponse": {"response": ["error"]}}, False),
        ({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "7"}}, False),
        ({"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "ZeroDivisionError"}}, True),
        ({"code_execution_result": {"outcome": "OUTCOME_DEADLINE_EXCEEDED", "output": "1"}}, True),
    ],
)
def test_a_result_says_whether_the_tool_failed(part: dict[str, Any], is_error: bool) -> None:
    (told,) = _asked(contents=[{"role": "user", "parts": [part]}]).input[0].parts
    assert (told.type, told.is_error) == (PartType.TOOL_RESULT, is_error)


def test_a_cached_context_is_not_in_the_record() -> None:
    assert not _asked(cachedContent="cachedContents/1").captured.input


@pytest.mark.parametrize(
    ("parts", "finish", "reason"),
    [
        ([{"text": "x"}], "STOP", FinishReason.STOP),
        ([{"functionCall": {"name": "f"}}], "STOP", FinishReason.TOOL_CALL),
        ([{"executableCode": {"code": "1"}}, {"text": "x"}], "STOP", FinishReason.STOP),
        ([{"text": "x"}], 1, FinishReason.STOP),
        ([{"text": "x"}], 2, FinishReason.LENGTH),
        ([{"text": "x"}], 9, FinishReason.UNKNOWN),
        ([{"text": "x"}], "MAX_TOKENS", FinishReason.LENGTH),
        ([], "SAFETY", FinishReason.CONTENT_FILTER),
        ([], "MALFORMED_FUNCTION_CALL", FinishReason.MALFORMED_TOOL_CALL),
        ([], "UNEXPECTED_TOOL_CALL", FinishReason.MALFORMED_TOOL_CALL),
        ([], "TOO_MANY_TOOL_CALLS", FinishReason.ERROR),
        ([], None, FinishReason.UNKNOWN),
    ],
)
def test_the_finish_reason(parts: list[dict[str, Any]], finish: Any, reason: FinishReason) -> None:
    assert _answered(*parts, finish=finish).outputs[0].finish_reason is reason


def test_a_blocked_prompt_is_filtered() -> None:
    (output,) = call_of(pair("generateContent", HELLO, {"promptFeedback": {"blockReason": "SAFETY"}})).outputs
    assert (output.finish_reason, output.finish_reason_raw) == (FinishReason.CONTENT_FILTER, "SAFETY")


def test_the_answer() -> None:
    call = _answered(
        {"text": "thought", "thought": True},
        {"text": "one "},
        {"functionCall": {"name": "f", "id": "1", "args": {"a": 1}}},
        {"toolCall": {"toolType": "GOOGLE_SEARCH", "id": "2", "args": {"q": "x"}}},
        {"text": "two"},
    )
    (output,) = call.outputs
    assert (output.text, output.reasoning) == ("one two", "thought")
    assert output.tool_calls == (
        ToolCall("f", '{"a":1}', "1"),
        ToolCall("google_search", '{"q":"x"}', "2", server_side=True),
    )
    assert (call.call_id, call.model_served, call.operation) == ("r", "gemini-x", "generate_content")


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        (
            {
                "promptTokenCount": 10,
                "candidatesTokenCount": 5,
                "thoughtsTokenCount": 7,
                "toolUsePromptTokenCount": 3,
            },
            Usage(13, 12, reasoning_tokens=7),
        ),
        ({"promptTokenCount": 10, "cachedContentTokenCount": 8}, Usage(10, None, cache_read_tokens=8)),
        ({"promptTokenCount": 10, "thoughtsTokenCount": 7}, Usage(10, 7, reasoning_tokens=7)),
        ({}, Usage()),
    ],
)
def test_thoughts_are_output_and_what_tools_bring_is_input(counts: dict[str, int], usage: Usage) -> None:
    assert tokens(call_of(pair("generateContent", HELLO, _body(usageMetadata=counts))).usage) == usage


def test_passages_of_a_store_are_documents() -> None:
    context = {"text": "passage", "title": "a.txt"}
    call = _answered(
        {"text": "x"}, groundingMetadata={"groundingChunks": [{"retrievedContext": context}] * 2}
    )
    assert call.documents == (Document("passage", "a.txt", "retrieval"),)
    assert (call.outputs[0].citations, call.captured.input) == (("a.txt",), True)


@pytest.mark.parametrize(
    "fields",
    [
        {"groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://a", "title": "a"}}]}},
        {"groundingMetadata": {"webSearchQueries": ["q"]}},
        {"urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "https://a"}]}},
    ],
)
def test_web_pages_are_not_in_the_record(fields: dict[str, Any]) -> None:
    assert not _answered({"text": "x"}, **fields).captured.input


def test_what_code_printed_is_a_document() -> None:
    call = _answered({"executableCode": {"code": "print(1)"}}, {"codeExecutionResult": {"output": "1"}})
    assert call.documents == (Document("1", None, "tool_result"),)
    assert call.outputs[0].tool_calls[0].server_side


CHUNKS = [
    _body(
        {"content": {"parts": [{"text": "Hel"}]}},
        usageMetadata={"promptTokenCount": 3, "thoughtsTokenCount": 1},
    ),
    _body({"content": {"parts": [{"text": "lo"}, {"functionCall": {"name": "f"}}]}}),
    _body(_candidate(), usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": 2}),
]


@pytest.mark.parametrize(
    "body", [sse(*CHUNKS), CHUNKS, json.dumps(CHUNKS), "\n".join(map(json.dumps, CHUNKS))], ids=type
)
def test_a_stream_is_put_together(body: Any) -> None:
    call = call_of(pair("generateContent", HELLO, body))
    (output,) = call.outputs
    assert (output.text, output.finish_reason) == ("Hello", FinishReason.TOOL_CALL)
    assert output.tool_calls == (ToolCall("f", "{}"),)
    assert (tokens(call.usage), call.stream) == (Usage(3, 3, reasoning_tokens=1), True)


def test_candidates_are_told_apart_by_their_index() -> None:
    chunks = [_body({"index": 1, "content": {"parts": [{"text": text}]}}) for text in "ab"]
    chunks.append(_body({"content": {"parts": [{"text": "c"}]}}))
    outputs = call_of(pair("generateContent", HELLO, chunks)).outputs
    assert [output.text for output in outputs] == ["c", "ab"]


def test_an_error_inside_a_stream_keeps_the_text() -> None:
    error = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "overloaded"}}
    call = call_of(pair("generateContent", HELLO, [CHUNKS[0], error]))
    assert call.error is not None
    assert (call.error.type, call.error.http_status, call.outputs[0].text) == ("UNAVAILABLE", 503, "Hel")


def _call_chunk(finish: str | None = None, **call: Any) -> dict[str, Any]:
    return _body(_candidate({"functionCall": call}, finish=finish))


def test_streamed_arguments_are_put_where_their_paths_lead() -> None:
    pieces = [
        ("$.recipe.steps[0]", "Pre", True),
        ("$.recipe.steps[0]", "heat", False),
        ("$.recipe.steps[1]", "Cook", False),
        ("$.recipe['the name']", "Lasagna", False),
    ]
    chunks = [_call_chunk(name="cook", id="1", willContinue=True)]
    for path, text, goes_on in pieces:
        argument = {"jsonPath": path, "stringValue": text, "willContinue": goes_on}
        chunks.append(_call_chunk(partialArgs=[argument], willContinue=True))
    numbers = [{"jsonPath": "$.count", "numberValue": 2}, {"jsonPath": "$.hot", "boolValue": True}]
    chunks.append(_call_chunk(partialArgs=numbers, willContinue=True))
    chunks += [_call_chunk(), _call_chunk(name="g", finish="STOP")]
    (output,) = call_of(pair("generateContent", HELLO, chunks)).outputs
    cook, after = output.tool_calls
    recipe = {"steps": ["Preheat", "Cook"], "the name": "Lasagna"}
    assert (cook.name, cook.id) == ("cook", "1")
    assert json.loads(cook.arguments) == {"recipe": recipe, "count": 2, "hot": True}
    assert after == ToolCall("g", "{}")


@pytest.mark.parametrize("path", ["", "$", "$.a[1000000000]", "$.a" + ".b" * 200, "$[0]", "nonsense"])
def test_a_path_that_leads_nowhere_is_left_out(path: str) -> None:
    argument = {"jsonPath": path, "stringValue": "x"}
    chunks = [_call_chunk(name="f", partialArgs=[argument], willContinue=True), _call_chunk(finish="STOP")]
    (output,) = call_of(pair("generateContent", HELLO, chunks)).outputs
    assert len(output.tool_calls[0].arguments) < 100


@pytest.mark.parametrize(
    ("path", "model", "provider"),
    [
        ("generativelanguage.googleapis.com/v1beta/models/g-1:generateContent", "g-1", "gcp.gemini"),
        (
            "us-aiplatform.googleapis.com/v1/projects/p/models/g-1:streamGenerateContent",
            "g-1",
            "gcp.vertex_ai",
        ),
    ],
)
def test_the_url_names_the_model_and_who_serves_it(path: str, model: str, provider: str) -> None:
    one = {
        "request": {"url": f"https://{path}?alt=sse", "body": HELLO},
        "response": {"status": 429, "body": None},
    }
    call = call_of(one)
    assert (call.model_requested, call.provider, call.error is None) == (model, provider, False)
    assert call.stream is (True if "stream" in path else None)


def test_anthropic_bodies_under_vertex_are_messages() -> None:
    url = "https://europe-aiplatform.googleapis.com/v1/projects/p/models/claude-x@20250101:rawPredict"
    request = {"anthropic_version": "vertex-2023-10-16", "messages": [{"role": "user", "content": "hi"}]}
    answer = {"type": "message", "model": "claude-x", "content": [{"type": "text", "text": "x"}]}
    call = call_of({"request": {"url": url, "body": request}, "response": {"body": answer}})
    assert (call.outputs[0].text, call.model_requested) == ("x", "claude-x@20250101")
