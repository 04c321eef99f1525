from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.records import Contract, ContractKind, Expected, Tool
from tests.decode.otlp.build import chat, plain_call, told, words

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
MESSAGES = told(words("hi"), role="user")
FUNCTION = {"type": "function", "name": "weather", "parameters": SCHEMA}

GENAI_OPENAI = "opentelemetry.instrumentation.genai.openai"
GENAI_ANTHROPIC = "opentelemetry.instrumentation.genai.anthropic"
OPENAI_V2 = "opentelemetry.instrumentation.openai_v2"
UTIL = "opentelemetry.util.genai.handler"
TRACELOOP = "opentelemetry.instrumentation.openai.v1"
ANTHROPIC_SDK = "com.anthropic.sdk.python"
OPENLIT = "openlit.instrumentation.openai"

NONE, UNKNOWN = ContractKind.NONE, ContractKind.UNKNOWN


@pytest.mark.parametrize(
    ("values", "contract", "captured"),
    [
        (chat(output__type="json"), Contract(ContractKind.JSON_SCHEMA), False),
        (chat(output__type="text"), Contract(NONE), True),
        (chat(output__type="image"), Contract(NONE), True),
        (chat(openai__request__response_format="json_schema"), Contract(ContractKind.JSON_SCHEMA), False),
        (chat(openai__request__response_format="json_object"), Contract(ContractKind.JSON_OBJECT), True),
        (chat(openai__request__response_format="text"), Contract(NONE), True),
        (
            chat(request__structured_output_schema='{"type": "json_object"}'),
            Contract(ContractKind.JSON_OBJECT),
            True,
        ),
        (
            chat(request__structured_output_schema=json.dumps(SCHEMA)),
            Contract(ContractKind.JSON_SCHEMA, SCHEMA),
            True,
        ),
        (
            chat(request__structured_output_schema=json.dumps(SCHEMA)[:-4]),
            Contract(ContractKind.JSON_SCHEMA),
            False,
        ),
        (chat(), Contract(UNKNOWN), True),
        (chat(output__type=7, openai__request__response_format=7), Contract(UNKNOWN), True),
    ],
)
def test_what_was_promised_is_read_and_its_missing_schema_marked(
    values: dict[str, Any], contract: Contract, captured: bool
) -> None:
    call = plain_call(values)
    assert call.contract == contract
    assert call.captured.schema is captured


@pytest.mark.parametrize(
    ("output_type", "expected"),
    [
        ("image", Expected(format="image")),
        ("speech", Expected(format="speech")),
        ("text", Expected()),  # of any kind: it may well be Markdown
        ("json", Expected()),  # that is the contract
        (7, Expected()),
    ],
)
def test_a_picture_or_speech_that_was_asked_for_is_expected(output_type: object, expected: Expected) -> None:
    assert plain_call(chat(output__type=output_type)).expected == expected


@pytest.mark.parametrize(
    ("scope", "name", "values", "kind"),
    [
        (GENAI_OPENAI, "chat m", chat(provider__name="openai"), NONE),
        (OPENAI_V2, "chat m", chat(system="openai"), NONE),
        (UTIL, "chat m", chat(provider__name="openai"), NONE),
        (ANTHROPIC_SDK, "anthropic.messages.create", chat(provider__name="anthropic"), NONE),
        (TRACELOOP, "openai.chat", chat(provider__name="openai"), NONE),
        (TRACELOOP, "openai.chat", chat(system="openai"), UNKNOWN),
        (TRACELOOP, "openai.response", chat(provider__name="openai"), UNKNOWN),
        (UTIL, "chat m", chat(provider__name="gcp.vertex_ai"), UNKNOWN),
        (GENAI_ANTHROPIC, "chat m", chat(provider__name="anthropic"), UNKNOWN),
        (OPENLIT, "chat m", chat(provider__name="openai", output__type="text"), UNKNOWN),
        ("anybody", "chat m", chat(provider__name="openai"), UNKNOWN),
    ],
)
def test_silence_means_no_contract_only_where_an_emitter_would_have_spoken(
    scope: str, name: str, values: dict[str, Any], kind: ContractKind
) -> None:
    assert plain_call(values, name=name, scope=scope).contract.kind is kind


@pytest.mark.parametrize(
    ("definition", "tool"),
    [
        (FUNCTION, Tool("weather", schema=SCHEMA)),
        ({**FUNCTION, "description": "d", "strict": True}, Tool("weather", "function", "d", SCHEMA, True)),
        ({**FUNCTION, "parameters": json.dumps(SCHEMA)}, Tool("weather", schema=SCHEMA)),
        (
            {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}},
            Tool("weather", schema=SCHEMA),
        ),
        ({"name": "weather", "input_schema": SCHEMA}, Tool("weather", schema=SCHEMA)),
        ({"type": "web_search_20250305", "name": "web_search"}, Tool("web_search", "builtin")),
        ({"type": "mcp", "name": "calendar"}, Tool("calendar", "mcp")),
    ],
)
def test_a_tool_is_read_however_it_is_defined(definition: dict[str, Any], tool: Tool) -> None:
    call = plain_call(chat(tool__definitions=json.dumps([definition])))
    assert call.tools == (tool,)
    assert call.captured.tools


@pytest.mark.parametrize("value", ['[{"type":"function","name":"weather"}]', '[{"type":"funct', "none"])
def test_tools_without_parameters_or_a_list_that_was_cut_are_not_captured(value: str) -> None:
    assert not plain_call(chat(tool__definitions=value)).captured.tools


@pytest.mark.parametrize(
    ("scope", "name", "captured"),
    [
        (GENAI_OPENAI, "chat m", True),
        (GENAI_ANTHROPIC, "chat m", True),
        (TRACELOOP, "openai.chat", True),
        (TRACELOOP, "openai.response", False),
        (UTIL, "chat m", False),
        (OPENLIT, "chat m", False),
        ("anybody", "chat m", False),
    ],
)
def test_silence_means_no_tools_only_where_an_emitter_would_have_listed_them(
    scope: str, name: str, captured: bool
) -> None:
    with_messages = chat(provider__name="openai", input__messages=MESSAGES)
    assert plain_call(with_messages, scope=scope, name=name).captured.tools is captured
    assert not plain_call(chat(provider__name="openai"), scope=scope, name=name).captured.tools
