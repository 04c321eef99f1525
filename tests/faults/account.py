"""The account: what was produced against what is stored, counted, and said of it in offsets and rollups.

In come the traffic that knows what it sent and the service's database; out goes what was lost, what was
doubled, and every sentence that does not add up.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from monitor.store.rollups import rebuild, recompute_hours
from tests.faults.traffic import Counted, Traffic
from tests.integration.running import Running

#: What the traffic knows of a rollup.
COUNTERS = ("calls", "errors", "json_ok", "json_not_json", "requests", "requests_rescued", "input_tokens")


class Account(msgspec.Struct, frozen=True):
    """What became of the calls that were produced since some moment."""

    produced: int
    stored: int
    lost: int
    doubled: int
    problems: list[str]
    """What does not add up otherwise."""


def ends(bootstrap_servers: str, topic: str) -> dict[int, tuple[int, int]]:
    """Where the log of each partition begins and ends now; a broker that was just killed is tried again.

    Raises:
        KafkaError: no broker has answered for a minute.
    """
    until = time.monotonic() + 60
    while True:
        try:
            return _ends(bootstrap_servers, topic)
        except KafkaError:
            if time.monotonic() > until:
                raise


def _ends(bootstrap_servers: str, topic: str) -> dict[int, tuple[int, int]]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap_servers)
    try:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        begin, end = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        return {partition.partition: (begin[partition], end[partition]) for partition in partitions}
    finally:
        consumer.close()


def behind(service: Running, log: dict[int, tuple[int, int]]) -> int:
    """How many records of these logs the service has not saved."""
    saved = dict(service.query("SELECT partition, next_offset FROM consumer_offsets"))
    return sum(max(0, end - saved.get(partition, 0)) for partition, (_, end) in log.items())


def settled(service: Running) -> bool:
    """Whether no call waits for its other part, and the rollup of every minute says what its calls say."""
    waiting = "SELECT FROM parts WHERE done_span IS NULL UNION ALL SELECT FROM dirty_minutes"
    return service.query(f"SELECT count(*) FROM ({waiting}) AS waiting") == [(0,)]


def compare(service: Running, traffic: Traffic, *, since: int = 0, lost_before: int = 0) -> Account:
    """Compare everything, once the service has read everything and its rollups are settled.

    Args:
        service: the service, with its database.
        traffic: what was produced.
        since: how many of its calls were produced before what is reported began.
        lost_before: how many records Kafka itself deleted before the service could read them.
    """
    stored = Counter(dict(service.query("SELECT call_id, count(*) FROM calls GROUP BY 1")))
    calls = list(traffic.calls)[since:]
    log = ends(service.bootstrap_servers, traffic.topic)
    problems = [*_offsets(service, traffic, log, lost_before), *_letters(service, traffic, lost_before)]
    if not lost_before:
        problems += _rollups(service, traffic.counted)
    problems += [f"{call} was never produced" for call in stored if call not in traffic.calls]
    return Account(
        produced=len(calls),
        stored=sum(call in stored for call in calls),
        lost=sum(call not in stored for call in calls),
        doubled=stored.total() - len(stored),
        problems=problems,
    )


def compare_with_rebuild(
    service: Running, traffic: Traffic, wait: Callable[[str, Callable[[], bool]], None]
) -> list[str]:
    """What a rebuild of every rollup from the calls changes, which has to be nothing."""
    before = _rows(service)
    starts = traffic.calls.values()
    rebuild(service.engine, min(starts), max(starts) + timedelta(minutes=1))
    wait("the rebuild", lambda: settled(service))
    changed = set(before) ^ set(_rows(service))
    recompute_hours(service.engine)
    return [f"a rebuild changes {len(changed)} rows"] * bool(changed) + _hours(service) + _services(service)


def _offsets(
    service: Running, traffic: Traffic, log: dict[int, tuple[int, int]], lost_before: int
) -> list[str]:
    """What the offsets and the ledger get wrong."""
    problems = []
    rows = {
        row[0]: row[1:]
        for row in service.query("SELECT partition, next_offset, records, lost FROM consumer_offsets")
    }
    for partition, (_, end) in log.items():
        next_offset, records, lost = rows.get(partition, (0, 0, 0))
        if next_offset != end:
            problems.append(f"partition {partition} ends at {end}, next offset is {next_offset}")
        if records + lost != end:
            problems.append(f"partition {partition}: {records} read and {lost} lost, of {end}")
    records, stored, duplicates, letters = service.ledger()
    if not 0 <= records - (stored + duplicates + letters) <= traffic.parts:
        problems.append(
            f"{records} records are not {stored} + {duplicates} + {letters} and {traffic.parts} parts"
        )
    lost = sum(row[2] for row in rows.values())
    if lost != lost_before:
        problems.append(f"{lost} records are said to be lost, {lost_before} were")
    expected = (traffic.sent, len(traffic.calls), traffic.duplicates, traffic.bad)
    # A half that came twice is left out as late, or makes its call once more when it has waited long enough.
    again = min(max(0, duplicates - traffic.duplicates), traffic.repeated)
    if not lost_before and (records, stored, duplicates - again, letters) != expected:
        problems.append(f"the ledger is {(records, stored, duplicates, letters)}, produced were {expected}")
    return problems


def _letters(service: Running, traffic: Traffic, lost_before: int) -> list[str]:
    """What is wrong with the dead letters: only what nobody can read may be among them."""
    reasons = dict(service.query("SELECT reason, count(*) FROM dead_letters GROUP BY 1"))
    wrong = {reason: count for reason, count in reasons.items() if reason != "not_json"}
    problems = [f"{count} dead letters: {reason}" for reason, count in wrong.items()]
    if not lost_before and reasons.get("not_json", 0) != traffic.bad:
        problems.append(f"{reasons.get('not_json', 0)} records could not be read, {traffic.bad} were sent")
    return problems


def _rollups(service: Running, produced: Counted) -> list[str]:
    """Where the rollups of the minutes are not what was produced."""
    rows = service.query(
        f"SELECT bucket, model_requested, {', '.join(COUNTERS)} FROM rollup_1m JOIN series USING (series_id)"
    )
    counted = {
        (row[0], row[1], what): count
        for row in rows
        for what, count in zip(COUNTERS, row[2:], strict=True)
        if count
    }
    wrong = [key for key in {*counted, *produced} if counted.get(key, 0) != produced[key]]
    return [f"rollup {key}: {counted.get(key, 0)}, produced {produced[key]}" for key in wrong[:5]]


def _hours(service: Running) -> list[str]:
    """Where the rollup of an hour, once it is made, is not the sum of its minutes."""
    sums = ", ".join(f"sum({name})" for name in COUNTERS)
    minutes = service.query(
        f"SELECT date_trunc('hour', bucket) AS hour, series_id, {sums} FROM rollup_1m GROUP BY 1, 2"
        " HAVING date_trunc('hour', bucket) NOT IN (SELECT hour FROM dirty_hours)"
    )
    hours = service.query(
        f"SELECT bucket, series_id, {', '.join(COUNTERS)} FROM rollup_1h"
        " WHERE bucket NOT IN (SELECT hour FROM dirty_hours)"
    )
    return ["an hour is not the sum of its minutes"] * (sorted(minutes) != sorted(hours))


def _services(service: Running) -> list[str]:
    """Where the rollups of services are not the sums of those of their series."""
    sums = ", ".join(f"sum({name})" for name in COUNTERS)
    of_series, of_services = (
        service.query(
            f"SELECT bucket, service, environment, {sums} FROM {tier} JOIN series USING (series_id)"
            " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
        for tier in ("rollup_1m", "rollup_service_1m")
    )
    return ["a service is not the sum of its series"] * (of_series != of_services)


def _rows(service: Running) -> list[str]:
    """The rollups of minutes, of series and of services, each row as text."""
    tiers = ("rollup_1m", "rollup_service_1m")
    return [row[0] for tier in tiers for row in service.query(f"SELECT CAST({tier} AS text) FROM {tier}")]
