"""What a worker process is told and tells, as far as no server is needed for it."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor

from monitor.workers.process import CLIENT, client_settings


def test_the_kafka_client_is_told_what_brings_a_killed_worker_back_soon() -> None:
    settings = client_settings({"bootstrap_servers": "kafka:9092"}, "shop-3")
    assert settings == {
        **CLIENT,
        "bootstrap_servers": "kafka:9092",
        "group_instance_id": "shop-3",
        "partition_assignment_strategy": [RangePartitionAssignor],
    }
    assert 3 * settings["heartbeat_interval_ms"] <= settings["session_timeout_ms"]


@pytest.mark.parametrize(
    ("configured", "key", "expected"),
    [
        ({"session_timeout_ms": 30_000}, "session_timeout_ms", 30_000),
        ({"group_instance_id": None}, "group_instance_id", None),
        # The supervisor has put it before the worker's number.
        ({"group_instance_id": "shop"}, "group_instance_id", "shop-3"),
        (
            {"partition_assignment_strategy": ["cooperative-sticky"]},
            "partition_assignment_strategy",
            [CooperativeStickyAssignor],
        ),
    ],
    ids=["session", "no-name", "name", "assignor"],
)
def test_what_is_configured_goes_first(configured: dict[str, Any], key: str, expected: object) -> None:
    assert client_settings(configured, "shop-3")[key] == expected
