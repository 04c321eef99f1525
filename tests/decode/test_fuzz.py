"""Real messages of every format, broken in every way: calls, fragments or a reason come out, nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.decode import decode
from monitor.decode.assemble import arrived, assemble
from monitor.errors import DeadLetterReason
from monitor.records import Record
from monitor.scorers import score
from tests.fragments import NOON, WAITS
from tests.paths import SHARED

DATA = SHARED / "data"

#: Where real messages of each format are, and how many of them are broken.
MATERIAL = {
    "pair": "recorded/pairs/*/*.json",
    "otlp-proto": "otlp/*/*.pb",
    "otlp-json": "otlp/*/*.*.json",
    "litellm": "recorded/litellm_slp/[0-9]*.json",
    "langfuse": "recorded/langfuse_ingestion_v2/batch_*.json",
}

#: Values that stand where nobody expects them.
ODD: list[Any] = [
    None,
    True,
    -1,
    1e308,
    2**80,
    10**400,
    "",
    "\x00",
    "[",
    '{"a":',
    [],
    [[]],
    {},
    {"type": []},
    "é" * 500,
]


@cache
def messages(format_name: str) -> list[bytes]:
    """Some messages of this format, small and large."""
    paths = sorted(DATA.glob(MATERIAL[format_name]), key=lambda path: path.stat().st_size)
    return [path.read_bytes() for path in paths[:: max(1, len(paths) // 60)]]


def read(value: bytes) -> None:
    """Take a message down the whole pure road; every dead letter has a reason that is no bug of ours."""
    decoded = decode(Record("t", 0, 0, value, timestamp=NOON))
    for letter in decoded.dead_letters:
        assert letter.reason in set(DeadLetterReason)
        assert letter.reason != DeadLetterReason.DECODER_FAILED, letter.detail
    assembled = assemble(arrived(decoded.fragments, NOON), NOON.replace(year=2027), WAITS)
    for call in (*decoded.calls, *assembled.calls):
        score(call)


@pytest.mark.parametrize("format_name", MATERIAL)
@given(data=st.data())
@settings(max_examples=300)
def test_broken_bytes_cost_nothing_but_themselves(format_name: str, data: st.DataObject) -> None:
    value = bytearray(data.draw(st.sampled_from(messages(format_name))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(value) - 1))
        length = data.draw(st.integers(0, 40))
        value[at : at + length] = data.draw(st.binary(max_size=40))
        if not value:
            break
    read(bytes(value))


@pytest.mark.parametrize("format_name", [name for name in MATERIAL if name != "otlp-proto"])
@given(data=st.data())
@settings(max_examples=300)
def test_odd_values_cost_nothing_but_themselves(format_name: str, data: st.DataObject) -> None:
    value = json.loads(data.draw(st.sampled_from(messages(format_name))))
    for _ in range(data.draw(st.integers(1, 6))):
        _break(value, data.draw)
    read(json.dumps(value).encode())


def _break(value: Any, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    """Replace, remove or double one thing somewhere inside, at any depth."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = draw(st.sampled_from(keys))
        inner = value[key]
        if isinstance(inner, dict | list) and inner and draw(st.integers(0, 5)):
            value = inner
            continue
        action = draw(st.integers(0, 3))
        if action == 0:
            del value[key]
        elif action == 1 and isinstance(value, list):
            value.append(inner)
        else:
            value[key] = deepcopy(draw(st.sampled_from(ODD)))
        return
