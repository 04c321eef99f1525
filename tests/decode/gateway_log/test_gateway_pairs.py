"""Every recorded pair as a gateway would have logged it: lines made from documentation, see ``build.py``."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given

from monitor.decode import decode
from tests.decode.build import record
from tests.decode.gateway_log.build import apisix, kong
from tests.decode.junk import borne, spoilt
from tests.decode.recorded import call_of_pair, differences, pair_ids, pair_of


def _logged(body: Any) -> Any:
    """A body as text; bytes stay as the recording has them."""
    return body if isinstance(body, str) or "__base64__" in (body or {}) else json.dumps(body)


def by_kong(pair: dict[str, Any]) -> dict[str, Any]:
    request, response = pair["request"], pair["response"]
    asked = call_of_pair(pair["id"])
    payload = {"request": _logged(request["body"]), "response": _logged(response["body"])}
    meta = {"provider_name": "x", "request_model": asked.model_requested}
    return kong({"proxy": {"payload": payload, "meta": meta}}, status=response["status"])


def by_apisix(pair: dict[str, Any]) -> dict[str, Any]:
    request, response = pair["request"], pair["response"]
    entry = apisix(status=response["status"])
    entry["request"] |= {"url": request["url"], "body": _logged(request["body"])}
    entry["response"] |= {"headers": response.get("headers"), "body": _logged(response["body"])}
    return entry


@cache
def pairs() -> list[dict[str, Any]]:
    """The pairs that are calls; seven are embeddings by Bedrock's Invoke."""
    found = (pair_of(pair_id) for pair_id in pair_ids())
    return [pair for pair in found if decode(record(pair)).calls]


@pytest.mark.parametrize("write", [by_kong, by_apisix])
def test_a_call_scores_as_its_pair_through_a_gateway_s_log(
    write: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    for pair in pairs():
        decoded = decode(record(write(pair)))
        assert not decoded.dead_letters, pair["id"]
        (call,) = decoded.calls
        assert not differences(pair["id"], call), pair["id"]
    assert len(pairs()) == 1373


@given(spoilt(lambda: [write(pair) for pair in pairs()[::50] for write in (by_kong, by_apisix)]))
def test_a_spoilt_line_is_calls_or_dead_letters_or_nothing(value: bytes) -> None:
    borne(value)
