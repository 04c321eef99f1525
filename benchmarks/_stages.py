"""What each stage of a worker costs: messages in Kafka go in, microseconds of processor time a call come out.

The stages are the worker's own functions, called in this process one after the other over the same records,
so that each can be timed by itself; consuming and saving are against the real servers. And the limit of the
job, in the same way: the same records parsed and rows of the same columns copied, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter, process_time
from typing import Any, NamedTuple

import msgspec
import psycopg
from kafka import KafkaConsumer

from benchmarks._service import Servers
from monitor.decode import decode
from monitor.records import Call, Partition, Record, ScoredCall, dimensions
from monitor.scorers import SCORERS, score
from monitor.scorers.cost import cost_of
from monitor.source import KafkaSource
from monitor.store import Batch, OffsetMove, PostgresStore, connect
from monitor.store.rows import COLUMNS, row
from monitor.store.series import SeriesIds

#: Records of one transaction.
BATCH = 5_000


class Spent(NamedTuple):
    """What something took, in microseconds a call."""

    cpu: float
    wall: float


def timed(run: Callable[[], object], calls: int) -> Spent:
    """What ``run`` takes for so many calls: of this process, with all its threads."""
    cpu, wall = process_time(), perf_counter()
    run()
    return Spent((process_time() - cpu) / calls * 1e6, (perf_counter() - wall) / calls * 1e6)


def stages(where: Servers, topic: str, calls: int) -> Iterator[tuple[str, Spent]]:
    """Each stage over the first ``calls`` records of a topic; the caches of all are warm."""
    records: list[Record] = []
    decoded: list[Call] = []
    scored: list[ScoredCall] = []

    source = KafkaSource([topic], f"{topic}-stages", {"bootstrap_servers": where.kafka.bootstrap_servers})
    try:
        while not records:
            records += source.poll(1.0).records
        already = len(records)

        def consume() -> None:
            while len(records) < calls:
                records.extend(source.poll(1.0).records)

        yield "consume", timed(consume, calls - already)
    finally:
        source.close()

    def decode_all() -> None:
        decoded[:] = [call for record in records for call in decode(record).calls]

    decode_all()
    scored[:] = [ScoredCall(call, score(call)) for call in decoded]
    yield "decode", timed(decode_all, calls)
    for name, scorer in {**SCORERS, "cost": cost_of}.items():
        yield name, timed(lambda scorer=scorer: [scorer(call) for call in decoded], calls)  # type: ignore[misc]

    engine = connect(where.database())
    try:
        store = PostgresStore(engine)
        ids = store.series.resolve(engine, {dimensions(call) for call in decoded})
        yield "make rows", timed(lambda: [row(one, ids[dimensions(one.call)]) for one in scored], calls)
        yield "save, with rows", timed(lambda: _save(store, scored), calls)
    finally:
        engine.dispose()


def _save(store: PostgresStore, scored: Sequence[ScoredCall]) -> None:
    offset = 0
    for start in range(0, len(scored), BATCH):
        batch = tuple(scored[start : start + BATCH])
        end = offset + len(batch)
        move = OffsetMove(offset or None, end, len(batch), end)
        store.save(Batch(batch, (), {Partition("stages", 0): move}))
        offset = end


def limit(where: Servers, topic: str, calls: int) -> Spent:
    """Consume, parse with msgspec, and COPY rows of the same columns into a table like ``calls``."""
    url = where.database()
    template = _template(url, topic, where)
    started, identity = (names.index(name) for names in [[n for n, _ in COLUMNS]] for name in _OWN)
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=where.kafka.bootstrap_servers,
        group_id=f"{topic}-limit",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=BATCH,
        fetch_max_bytes=16 * 1024 * 1024,
    )
    parse = msgspec.json.Decoder().decode
    done = 0

    def rows(chunk: Sequence[Any]) -> Iterator[list[Any]]:
        for record in chunk:
            parsed = parse(record.value)
            values = list(template)
            values[identity] = parsed.get("id") or parsed["call_id"]
            values[started] = template[started]
            yield values

    def drain() -> None:
        nonlocal done
        while done < calls:
            waiting = [record for chunk in consumer.poll(1_000).values() for record in chunk]
            if waiting:
                _copy(connection, rows(waiting))
            done += len(waiting)

    try:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE limit_calls (LIKE calls INCLUDING ALL)")
            while not done:
                done += sum(map(len, consumer.poll(1_000).values()))
            return timed(drain, calls - done)
    finally:
        consumer.close()


#: What is each row's own in the limit.
_OWN = ("started_at", "call_id")


def _template(url: str, topic: str, where: Servers) -> tuple[Any, ...]:
    """The row of a real call of the topic."""
    source = KafkaSource([topic], f"{topic}-template", {"bootstrap_servers": where.kafka.bootstrap_servers})
    try:
        records: Sequence[Record] = ()
        while not records:
            records = source.poll(1.0).records
    finally:
        source.close()
    [call] = decode(records[0]).calls
    engine = connect(url)
    ids = SeriesIds().resolve(engine, {dimensions(call)})
    engine.dispose()
    return row(ScoredCall(call, score(call)), ids[dimensions(call)])


def _copy(connection: psycopg.Connection[Any], rows: Iterator[list[Any]]) -> None:
    names = ", ".join(name for name, _ in COLUMNS)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY limit_calls ({names}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types([type_ for _, type_ in COLUMNS])
        for values in rows:
            copy.write_row(values)
    connection.commit()
