"""Credentials that formats carry in passing: in headers, next to the call, in tags. None passes decode."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from monitor.decode import decode
from monitor.decode.dimensions import MAPPABLE, Mapping
from tests.decode.build import chat, record
from tests.decode.gateway_log.build import ANSWERED, ASKED, apisix, kong, proxied
from tests.decode.langfuse.build import batch, created, updated
from tests.decode.litellm.build import failed, payload, row

SECRET = "4f9a1c77d0b2"

_NAMES = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "api_key",
    "x-goog-api-key",
    "x-amz-security-token",
    "ocp-apim-subscription-key",
    "x-auth-token",
    "helicone-auth",
    "password",
    "client_secret",
]
_SPELLINGS = [str.lower, str.upper, str.title]
_VALUES = [SECRET, f"Bearer {SECRET}", [SECRET, "x"], f"sk-{SECRET}", {"key": SECRET}]

_HEADERS = st.dictionaries(
    st.builds(lambda name, spell: spell(name), st.sampled_from(_NAMES), st.sampled_from(_SPELLINGS)),
    st.sampled_from(_VALUES),
    max_size=4,
)
_GREEDY = Mapping(
    {
        dimension: tuple(
            f"{where}.{spell(name)}"
            for where in ("request.headers", "response.headers", "metadata", "metadata.headers", "tag")
            for name in _NAMES
            for spell in _SPELLINGS
        )
        for dimension in MAPPABLE
    }
)


def _lines(secret: dict[str, Any]) -> list[dict[str, Any]]:
    """A message of every format, with these headers wherever it has a place for something like them."""
    tags = [f"{name}:{value}" for name, value in secret.items() if isinstance(value, str)]
    metadata = {**secret, "headers": secret, "requester_custom_headers": secret}
    aside = {
        "metadata": metadata,
        "request_tags": tags,
    }
    hidden = {"hidden_params": {"additional_headers": secret}, "error_str": f"key {SECRET}"}
    failure = failed(error_code="401", error_class="AuthenticationError", error_message=f"Bearer {SECRET}")
    lines = [
        kong(proxied(ASKED, ANSWERED), headers=secret),
        kong(proxied(), headers=secret, started_at="never", status=401),
        apisix(ASKED, ANSWERED, headers=secret),
        apisix(status=500, headers=secret),
        payload(**aside, **hidden),
        {**failure, **aside, **hidden},
        row({"user_api_key": SECRET, **metadata}, api_key=SECRET),
        batch(created(**aside, tags=tags), updated(level="ERROR", statusMessage=f"Bearer {SECRET}")),
        {**chat(), **secret},
        {"heliconeMeta": secret, **secret},
    ]
    for line in lines:
        for side in ("request", "response"):
            if isinstance(line.get(side), dict):
                line[side] = {**line[side], "headers": secret}
    return lines


@given(_HEADERS)
def test_no_credential_passes_decode_whoever_asks_for_it(secret: dict[str, Any]) -> None:
    for line in _lines(secret):
        without_time = msgspec.structs.replace(record(line), timestamp=None)
        for read in (record(line), without_time):
            decoded = decode(read, mapping=_GREEDY)
            told = msgspec.json.encode([decoded.calls, decoded.fragments]).decode()
            assert SECRET not in told, json.dumps(line)
            assert all(SECRET not in letter.detail for letter in decoded.dead_letters)
