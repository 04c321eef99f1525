"""The mixed workload of the benchmarks: the same for the same seed, and every message one call."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

from benchmarks._workload import decoded, messages
from monitor.records import JSON_CONTRACTS

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_workload_is_the_same_for_the_same_seed() -> None:
    first, again, other = (list(islice(messages(seed, START), 200)) for seed in (1, 1, 2))
    assert first == again
    assert {message.key for message in first}.isdisjoint(message.key for message in other)


def test_every_message_of_the_workload_is_one_call_with_what_was_put_in() -> None:
    sent = list(islice(messages(1, START), 400))
    calls = [decoded(message, offset) for offset, message in enumerate(sent)]
    assert len({call.call_id for call in calls}) == len(calls)
    assert [call.started_at for call in calls] == [message.at for message in sent]
    assert {call.source.format for call in calls} == {"pair", "native"}
    assert all(call.usage.input_tokens for call in calls if call.status == "ok")
    for has in (
        [call.contract.kind in JSON_CONTRACTS for call in calls],
        [bool(call.tools) for call in calls],
        [bool(call.stream) for call in calls],
    ):
        assert 0.2 < sum(has) / len(calls) < 0.6
