"""No two formats recognise the same object, whatever is recorded of any of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from monitor.decode import registry, text
from monitor.decode.registry import Format
from tests.decode.build import chat, native
from tests.decode.gateway_log.build import ANSWERED, ASKED, apisix, kong, proxied
from tests.decode.litellm.build import payload, row
from tests.decode.test_helicone import MESSAGE
from tests.paths import PAIRS, SHARED

RECORDED = SHARED / "data" / "recorded"
WRITTEN = {
    "native": [native()],
    "pair": [chat(), chat(id="c", service="s", started_at="2026-11-22T12:00:00Z", route="r")],
    "litellm": [payload(), {"event": "success", "payload": payload()}, row()],
    "gateway-log": [kong(), kong(proxied(ASKED, ANSWERED)), apisix(), apisix(ASKED, ANSWERED)],
    "helicone": [MESSAGE, {"value": MESSAGE}],
    "langfuse": [{"batch": [], "metadata": {}}],
}


def _formats_of(value: dict[str, Any]) -> set[str]:
    formats = (found for found in registry.registered().values() if isinstance(found, Format))
    return {found.name for found in formats if found.recognises(value)}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_message_is_of_one_format(name: str) -> None:
    for value in WRITTEN[name]:
        assert _formats_of(value) == {name}


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
