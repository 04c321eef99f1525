"""No two formats recognise the same object, and none fails on another's, whatever is recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decode import decode, formats, registry, text
from monitor.decode.registry import Format
from tests.decode.build import chat, native, record
from tests.decode.gateway_log.build import ANSWERED, ASKED, apisix, kong, proxied
from tests.decode.langfuse.build import batch, created, updated
from tests.decode.litellm.build import payload, row
from tests.decode.test_helicone import MESSAGE
from tests.paths import PAIRS, SHARED

RECORDED = SHARED / "data" / "recorded"
WRITTEN: dict[str, list[dict[str, Any]]] = {
    "native": [native()],
    "pair": [
        chat(),
        chat(id="c", service="s", started_at="2026-11-22T12:00:00Z", route="r"),
        chat(
            client_ip="10.0.0.1", start_time=1795348740000, latency=720.5, upstream="10.0.0.2:443", version=2
        ),
    ],
    "litellm": [payload(), {"event": "success", "payload": payload()}, row()],
    "gateway-log": [kong(), kong(proxied(ASKED, ANSWERED)), apisix(), apisix(ASKED, ANSWERED)],
    "helicone": [MESSAGE, {"value": MESSAGE}],
    "langfuse": [{"batch": [], "metadata": {}}, batch(created(), updated())],
    "otlp-json": [{"resourceSpans": []}, {"resourceLogs": [{"scopeLogs": [{"logRecords": [{}]}]}]}],
}

_FIELDS = sorted({name for values in WRITTEN.values() for value in values for name in value})
_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def _formats_of(value: dict[str, Any]) -> set[str]:
    formats = (found for found in registry.registered().values() if isinstance(found, Format))
    return {found.name for found in formats if found.recognises(value)}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_message_is_of_one_format(name: str) -> None:
    for value in WRITTEN[name]:
        assert _formats_of(value) == {name}


@given(
    st.sampled_from([value for values in WRITTEN.values() for value in values])
    | st.dictionaries(st.sampled_from(_FIELDS) | st.text(max_size=4), _ANY_JSON, max_size=4)
)
def test_a_format_that_is_named_bears_any_object(value: dict[str, Any]) -> None:
    for name in formats():
        reasons = {letter.reason for letter in decode(record(value), format=name).dead_letters}
        assert reasons <= {
            "not_json",
            "unknown_format",
            "invalid_record",
            "unsupported_version",
            "unsupported_api",
            "carries_credential",
        }, name


@pytest.mark.parametrize("name", ["langfuse", "litellm"])
def test_what_is_not_of_the_named_format_is_said_to_be_unknown(name: str) -> None:
    for value in [{}, native(), chat(), {"batch": {}}, {"payload": []}]:
        (letter,) = decode(record(value), format=name).dead_letters
        assert letter.reason == "unknown_format"


def _recorded() -> Iterator[tuple[str, Any]]:
    for file in PAIRS.glob("*/*.json"):
        yield "pair", file
    for file in (RECORDED / "litellm_slp").glob("[0-9]*.json"):
        yield "litellm", file
    for file in (RECORDED / "langfuse_ingestion_v2").glob("batch_*.json"):
        yield "langfuse", file
    for file in (SHARED / "data" / "otlp").glob("*/000.*.json"):
        yield "otlp-json", file


def test_a_recorded_message_is_of_one_format() -> None:
    seen: dict[str, int] = {}
    for name, file in _recorded():
        for item in text.split(file.read_bytes()):
            assert _formats_of(json.loads(item)) == {name}, file
        seen[name] = seen.get(name, 0) + 1
    assert (seen["pair"], seen["litellm"], seen["langfuse"]) == (1380, 81, 7)
    assert seen["otlp-json"] > 0
