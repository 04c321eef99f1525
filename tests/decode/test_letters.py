"""What is kept of a dead letter: size, hash, headers without secrets, and bytes where they may be."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext

import pytest

from monitor.decode import item_with_hash
from monitor.decode.letters import MAX_HEADERS, MAX_NAME, MAX_VALUE, costly_letter, dead_letter
from monitor.errors import BadInput, DeadLetterReason, TookTooLong
from monitor.records import Place, Record

BAD = BadInput(DeadLetterReason.TOOK_TOO_LONG, "more than 10 s")


def headers(*headers: tuple[str, bytes]) -> tuple[tuple[str, str], ...]:
    record = Record("calls", 0, 0, b"{}", headers=headers)
    return dead_letter(record, BAD, keep_content=False).headers


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"blue", "blue"),
        ("gr\u00fcn".encode(), "gr\u00fcn"),
        (b"", ""),
        (b"\xff\x00", "base64:/wA="),
        (b"a\x00b", "base64:YQBi"),
        (b"x" * 10_000_000, "x" * MAX_VALUE),
        (b"x" + "\u00fc".encode() * MAX_VALUE, "x" + "\u00fc" * (MAX_VALUE // 2 - 1)),
    ],
    ids=["text", "not ASCII", "nothing", "bytes", "NUL", "ten megabytes", "cut within a character"],
)
def test_a_header_is_kept_as_text_of_bounded_size(value: bytes, kept: str) -> None:
    assert headers(("team", value)) == (("team", kept),)


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "Cookie", "session_token", "X-Session-Id"])
def test_a_header_with_the_name_of_a_credential_is_left_out(name: str) -> None:
    assert headers((name, b"hush"), ("team", b"blue")) == (("team", "blue"),)


SECRETS = {
    "a scheme": b"Bearer abcdefgh",
    "basic": b"Basic dTpw",
    "two bytes a letter": "Bearer abcdefgh".encode("utf-16"),
    "openai": b"sk-0123456789abcdef",
    "github": b"ghp_abcdefghijklmnopqrstuvwxyz",
    "slack": b"xoxb-1234567890-abcdefghij",
    "google": b"AIzaSyA1234567890abcdefghijk",
    "google's token": b"ya29.a0AfH6SMBabcdefghijkl",
    "aws": b"ASIAQWERTYUIOPASDFGH",
    "hugging face": b"hf_abcdefghijklmnopqrstuvwxyz",
    "a JSON Web Token": b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J",
    "a private key": b"-----BEGIN EC PRIVATE KEY-----",
    "after something else": b"auth is ghp_abcdefghijklmnopqrstuvwxyz",
}


@pytest.mark.parametrize("value", SECRETS.values(), ids=SECRETS)
def test_a_header_that_looks_like_a_credential_is_left_out(value: bytes) -> None:
    assert headers(("note", value)) == ()


def test_a_credential_within_a_header_is_blanked() -> None:
    (kept,) = headers(("link", b"https://shop.example/?api_key=hushhush"))
    assert b"hush" not in kept[1].encode()


def test_no_more_headers_are_kept_than_so_many_and_no_longer_names() -> None:
    kept = headers(*(("n" * 1_000, b"v") for _ in range(1_000)))
    assert len(kept) == MAX_HEADERS
    assert {len(name) for name, _ in kept} == {MAX_NAME}


def test_a_costly_record_keeps_its_bytes_only_if_that_costs_no_more() -> None:
    record = Record("calls", 0, 7, b"{}")

    def guard(place: Place) -> nullcontext[None]:
        assert place == Place("calls", 0, 7)
        raise TookTooLong

    easy = costly_letter(record, BAD, keep_content=True, guard=lambda _: nullcontext())
    hard = costly_letter(record, BAD, keep_content=True, guard=guard)
    assert (easy.value, hard.value) == (b"{}", None)
    assert easy.sha256 == hard.sha256 == hashlib.sha256(b"{}").digest()


def test_what_a_letter_is_about_is_found_again_by_its_hash() -> None:
    record = Record("calls", 0, 0, b'[{"a": 1}, {"b": 2}]')
    for value in (b'{"b": 2}', record.value or b""):
        assert item_with_hash(record, hashlib.sha256(value).digest()) == value
    assert item_with_hash(record, hashlib.sha256(b'{"c": 3}').digest()) is None
    assert item_with_hash(Record("calls", 0, 0, None), hashlib.sha256(b"x").digest()) is None
