"""What a dead letter keeps of a value: everything but the credentials in it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decode import decode
from monitor.decode.redact import REDACTED, redact
from tests.decode.build import record

SECRET = "4f9a1c77d0b2"

NAMES = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "api_key",
    "apiKey",
    "x-goog-api-key",
    "x-amz-security-token",
    "ocp-apim-subscription-key",
    "helicone-auth",
    "access_token",
    "accessToken",
    "client_secret",
    "password",
    "http.request.header.authorization",
]
_SPELLED = st.builds(
    lambda name, spell: spell(name),
    st.sampled_from(NAMES),
    st.sampled_from([str.lower, str.upper, str.title, str]),
)
_VALUE = st.sampled_from([SECRET, f"Bearer {SECRET}", [SECRET, SECRET], {"of": SECRET}, [{"a": [SECRET]}]])
_HEADERS = st.dictionaries(_SPELLED, _VALUE)


@given(_HEADERS, st.integers(0, 5))
def test_what_stands_under_the_name_of_a_credential_goes(headers: dict[str, Any], depth: int) -> None:
    value: Any = {"request": {"headers": headers, "body": {"model": "m"}}, "kept": "kept"}
    for _ in range(depth):
        value = [{"request": value, "kept": "kept"}]
    clean = redact(json.dumps(value).encode())
    assert SECRET not in clean.decode()
    assert b'"model"' in clean
    assert clean.count(b'"kept"') == 2 * (depth + 1)


@pytest.mark.parametrize(
    "value",
    [
        {"url": f"https://h/v1/embeddings?api-key={SECRET}&v=1"},
        {"uri": f"/v1?a=b&key={SECRET}"},
        {"uri": f"/v1?token={SECRET}#x"},
        {"uri": f"/v1?sig={SECRET}"},
        {"uri": f"/v1?access_token={SECRET}"},
        {"url": f"https://user:{SECRET}@h/v1"},
        {"querystring": {"KEY": SECRET, "v": "1"}},
        {"error": f"Incorrect API key provided: sk-{SECRET}"},
        {"any": f"bearer   {SECRET}"},
        {"headers": [{"name": "Authorization", "value": SECRET}]},
        {"attributes": [{"key": "http.request.header.x-api-key", "value": {"stringValue": SECRET}}]},
        {"body": json.dumps({"x-api-key": SECRET})},
        {"body": json.dumps({"headers": json.dumps({"Authorization": f"Basic {SECRET}"})})},
        f"Bearer {SECRET}",
    ],
    ids=str,
)
def test_credentials_inside_of_json_go(value: Any) -> None:
    clean = redact(json.dumps(value).encode())
    assert SECRET not in clean.decode()
    json.loads(clean)


@pytest.mark.parametrize(
    "value",
    [
        f"POST / HTTP/1.1\nAuthorization: Bearer {SECRET}".encode(),
        f'{{"headers": {{"x-api-key": "{SECRET}", "cut'.encode(),
        f'{{"url": "https://h/?key={SECRET}", "cut'.encode(),
        rf'{{"body": "{{\"Authorization\": \"Basic {SECRET}\"}}", "cut'.encode(),
        f'{{"a": "sk-{SECRET}", "a": 1}}'.encode(),
        f"\x0a\x1bsk-{SECRET}\xff".encode("latin-1"),
        b"[" * 9000 + f"sk-{SECRET}".encode(),
    ],
)
def test_credentials_in_what_is_no_json_are_blanked_in_place(value: bytes) -> None:
    clean = redact(value)
    assert SECRET.encode() not in clean
    assert len(clean) == len(value)


@pytest.mark.parametrize(
    "value",
    [
        b'{ "task-oriented": "a basic idea", "monkey": "risk-free", "tokens": 3, "max_tokens": 5 }',
        b'{"key": "gen_ai.request.model", "value": {"stringValue": "gpt"}}',
        b'{"querystring": {"v": "1"}, "query_string": "v=1", "name": 7, "value": 8}',
        b'{"a": 1, "a": 2}',
        b"\x0a\x9a\x01\xff\x00",
        b"not JSON",
        b"",
        b"[" * 20_000,
    ],
)
def test_a_value_without_credentials_is_kept_as_it_is(value: bytes) -> None:
    assert redact(value) == value


@given(st.binary())
def test_any_bytes_are_borne_and_keep_their_length_where_they_are_no_json(value: bytes) -> None:
    clean = redact(b"{" + value)
    assert len(clean) == len(value) + 1 or clean.startswith(b"{")


def test_a_dead_letter_keeps_its_bytes_without_credentials_and_the_original_s_size_and_hash() -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    url = f"https://api.openai.com/v1/embeddings?api-key={SECRET}"
    value = json.dumps({"request": {"url": url, "headers": headers, "body": {}}, "response": None}).encode()
    (letter,) = decode(record(value), keep_content=True).dead_letters
    assert letter.value is not None
    assert SECRET not in letter.value.decode()
    assert json.loads(letter.value)["request"]["headers"] == {"Authorization": REDACTED}
    assert (letter.size, letter.sha256) == (len(value), hashlib.sha256(value).digest())
