"""Helicone's message, as ``KafkaMessageContents`` of its source describes it; none was recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.decode import decode, formats
from monitor.errors import DeadLetterReason
from tests.decode.build import native, record

KEY = "sk-helicone-4f9a"
MESSAGE: dict[str, Any] = {
    "authorization": KEY,
    "heliconeMeta": {"omitRequestLog": False, "posthogApiKey": KEY, "gatewayModel": "gpt-4o"},
    "log": {
        "request": {
            "id": "r1",
            "path": f"/v1/chat/completions?key={KEY}",
            "provider": "OPENAI",
            "isStream": False,
        },
        "response": {"id": "r2", "status": 200, "delayMs": 700},
    },
}
SENT: dict[str, dict[str, Any]] = {
    "as it is": MESSAGE,
    "under value": {"value": MESSAGE},
    "as text under value": {"value": json.dumps(MESSAGE)},
    "without what carries the credential": {"heliconeMeta": {}, "log": {}},
}


@pytest.mark.parametrize("value", SENT.values(), ids=SENT.keys())
def test_the_message_is_refused_and_nothing_of_it_kept(value: dict[str, Any]) -> None:
    decoded = decode(record(value), keep_content=True)
    (letter,) = decoded.dead_letters
    assert not decoded.calls
    assert letter.reason == DeadLetterReason.CARRIES_CREDENTIAL
    assert letter.value is None
    assert KEY not in letter.detail
    assert letter.size > 0


@pytest.mark.parametrize("name", formats())
@pytest.mark.parametrize("value", SENT.values(), ids=SENT.keys())
def test_it_is_refused_whatever_format_is_named(value: dict[str, Any], name: str) -> None:
    (letter,) = decode(record(value), format=name, keep_content=True).dead_letters
    assert KEY.encode() not in (letter.value or b"")
    assert letter.reason == DeadLetterReason.CARRIES_CREDENTIAL or name == "otlp-proto"  # which is no JSON


def test_it_costs_its_neighbours_nothing() -> None:
    decoded = decode(record([native(), MESSAGE, native(call_id="c2")]))
    assert [call.call_id for call in decoded.calls] == ["c1", "c2"]
    assert [letter.item for letter in decoded.dead_letters] == [1]
