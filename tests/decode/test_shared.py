"""What is the same is one object, for as long as there is room."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.decode.clean import MAX_SCHEMA_DEPTH, clean
from monitor.decode.shared import Shared
from monitor.records import Call, Captured, Contract, ContractKind, Source, Tool


@pytest.fixture
def made() -> list[str]:
    return []


@pytest.fixture
def shared(made: list[str]) -> Shared[list[str]]:
    def make(value: list[str]) -> list[str]:
        made.extend(value)
        return value

    return Shared(make, most_bytes=1_000)


def test_what_is_the_same_is_made_once_and_is_one_object(shared: Shared[list[str]], made: list[str]) -> None:
    first = shared(["a"])
    assert shared(["a"]) is first
    assert shared(["b"]) is not first
    assert made == ["a", "b"]


def test_what_is_asked_for_again_and_again_is_never_forgotten(
    shared: Shared[list[str]], made: list[str]
) -> None:
    for number in range(10_000):
        shared(["a"])
        shared([str(number)])
    assert made.count("a") == 1


def test_what_is_not_asked_for_is_forgotten(shared: Shared[list[str]], made: list[str]) -> None:
    for name in ["a", *map(str, range(10_000)), "a"]:
        shared([name])
    assert made.count("a") == 2


def test_what_is_large_is_not_remembered(shared: Shared[list[str]], made: list[str]) -> None:
    large = "a" * 100
    assert shared([large]) is not shared([large])
    assert made == [large, large]


def call(schema: dict[str, Any] | None) -> Call:
    return Call(
        call_id="1",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        source=Source("native"),
        tools=(Tool("search", schema=schema), Tool("none")),
        contract=Contract(ContractKind.JSON_SCHEMA, schema),
    )


def test_calls_that_offer_the_same_share_tools_and_contract() -> None:
    one, other = (clean(call({"type": "object", "required": ["a"]})) for _ in range(2))
    assert one.contract is other.contract
    assert all(mine is theirs for mine, theirs in zip(one.tools, other.tools, strict=True))


def test_what_nests_too_deep_to_be_encoded_is_left_out_each_time() -> None:
    schema: dict[str, Any] = {}
    for _ in range(100 * MAX_SCHEMA_DEPTH):
        schema = {"not": schema}
    for cleaned in (clean(call(schema)), clean(call(schema))):
        assert cleaned.tools[0].schema is None
        assert cleaned.contract.schema is None
        assert cleaned.captured == Captured(tools=False, schema=False)
