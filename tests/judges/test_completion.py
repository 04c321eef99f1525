"""Reading an endpoint's answer: whatever it sends, there is a verdict or a reason. Kinds: test_openai.py."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import Permanent
from monitor.judges import NoVerdict
from monitor.judges.completion import Prices, Response, read

PRICES = Prices(1.0, 10.0)

_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8))
_NAMES = st.sampled_from(
    ["choices", "message", "content", "refusal", "finish_reason", "usage", "prompt_tokens", "error", "code"]
)
_VALUES = st.recursive(
    _SCALARS, lambda below: st.lists(below, max_size=2) | st.dictionaries(_NAMES, below, max_size=4)
)


def check(status: int, retry_after: str, body: bytes) -> None:
    """Whether it is read as a verdict, or refused as it may be."""
    with suppress(NoVerdict, Permanent):
        verdict = read(Response(status, retry_after, body), PRICES)
        assert 200 <= status < 300
        assert 0 <= verdict.risk <= 1
        assert verdict.cost is None or verdict.cost >= 0


@given(st.integers(100, 999), st.text(max_size=12), st.binary(max_size=60))
def test_any_bytes_are_read(status: int, retry_after: str, body: bytes) -> None:
    check(status, retry_after, body)


@given(st.sampled_from([200, 400, 429]), _VALUES)
def test_any_json_is_read(status: int, value: Any) -> None:
    check(status, "", msgspec.json.encode(value))


@given(st.text(max_size=40) | st.builds('{{"finding": "all_given", "risk": {}}}'.format, st.floats()))
def test_any_content_of_a_completion_is_read(content: str) -> None:
    check(200, "", msgspec.json.encode({"choices": [{"message": {"content": content}}]}))
