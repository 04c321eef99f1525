"""Replays on a real Postgres: dead letters come in, from kept bytes or a log; calls are stored once each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from msgspec import structs
from prometheus_client import CollectorRegistry

from monitor.clock import ManualClock
from monitor.config import GroundingConfig, IngestConfig
from monitor.decode import decode
from monitor.decode.assemble import Waits, arrived
from monitor.decode.letters import dead_letter, part_letters
from monitor.errors import BadInput, DeadLetterReason, Transient
from monitor.ingest.collected import Collected
from monitor.ingest.joiner import Joiner
from monitor.ingest.reader import Reader, unguarded, untried
from monitor.ingest.work import Work
from monitor.letters.replay import Replayer
from monitor.letters.reread import Log
from monitor.records import Call, DeadLetter, Place, Record, Scores
from monitor.store import OffsetMove, PostgresStore, connect
from monitor.store.letters import Wanted
from monitor.telemetry import IngestMetrics
from tests.decode.otlp.build import chat, log, logs, span, told, traces, words
from tests.examples import NOON, PARTITION, batch, record
from tests.store.helpers import contents, empty, rows

BUG = BadInput(DeadLetterReason.DECODER_FAILED, "KeyError")


class MemoryLog:
    """A log in memory."""

    def __init__(self, *records: Record) -> None:
        self.records = {Place(one.topic, one.partition, one.offset): one for one in records}

    def read(self, place: Place) -> Record | None:
        """See ``Log.read``."""
        return self.records.get(place)


@pytest.fixture
def engine(module_database: str) -> Iterator[sa.Engine]:
    engine = connect(module_database)
    yield engine
    empty(engine)
    engine.dispose()


def native(call_id: str, **fields: Any) -> bytes:
    return msgspec.json.encode({"version": 1, "call_id": call_id, "started_at": NOON, **fields})


def replayer(
    engine: sa.Engine,
    *records: Record,
    log: Log | None = None,
    alone: dict[Place, DeadLetter] = {},  # noqa: B006 - only read
    max_lateness: timedelta = timedelta(days=3),
) -> Replayer:
    return Replayer(
        engine,
        log or MemoryLog(*records),
        Work(IngestConfig(), GroundingConfig()),
        guard=unguarded,
        try_alone=lambda one: alone.get(Place(one.topic, one.partition, one.offset)),
        clock=ManualClock(datetime.now(UTC)),
        max_lateness=max_lateness,
        max_skew=timedelta(minutes=10),
        max_values=1_000,
    )


def dead(engine: sa.Engine, *letters: DeadLetter) -> None:
    """What a release before this one could not use."""
    PostgresStore(engine).save(batch([], letters))


def outcomes(replayer: Replayer, **options: Any) -> list[str]:
    return [outcome for _, outcome in replayer.replay(Wanted(), **options)]


def ledger(engine: sa.Engine) -> tuple[int, ...]:
    return tuple(contents(engine).ledger.values())


def kept(one: Record, bad: BadInput = BUG) -> DeadLetter:
    return dead_letter(one, bad, keep_content=True)


def lost(one: Record, bad: BadInput = BUG) -> DeadLetter:
    return dead_letter(one, bad, keep_content=False)


A, B, C = (record(offset, native(name)) for offset, name in enumerate("abc"))


def test_letters_are_replayed_from_kept_bytes_and_from_the_log_and_once_is_enough(engine: sa.Engine) -> None:
    dead(engine, kept(A), lost(B), lost(C))
    ours = replayer(engine, B)
    assert outcomes(ours) == ["stored", "stored", "gone"]
    assert contents(engine).calls == ["a", "b"]
    assert ledger(engine) == (3, 2, 0, 1)
    assert outcomes(ours) == ["gone"]
    assert ledger(engine) == (3, 2, 0, 1)
    assert contents(engine).offsets == {("calls", 0): 3}
    (minute,) = rows(engine, "SELECT DISTINCT minute FROM dirty_minutes")
    assert minute.minute == NOON


def test_a_call_that_was_stored_meanwhile_counts_once(engine: sa.Engine) -> None:
    dead(engine, kept(A), kept(structs.replace(A, offset=1)))
    assert outcomes(replayer(engine)) == ["stored", "duplicate"]
    assert ledger(engine) == (2, 1, 1, 0)


def test_two_replays_at_once_count_once(engine: sa.Engine) -> None:
    dead(engine, kept(A), kept(B))
    first = replayer(engine).replay(Wanted())
    # It has found both letters when the other settles one of them.
    assert next(first)[1] == "stored"
    assert outcomes(replayer(engine)) == ["stored"]
    assert [outcome for _, outcome in first] == ["duplicate"]
    assert ledger(engine) == (2, 2, 0, 0)


def test_what_still_cannot_be_used_says_why_and_waits_for_the_next_release(engine: sa.Engine) -> None:
    broken = record(0, b"not json")
    old = record(1, native("old", started_at=NOON - timedelta(days=5)))
    dead(engine, kept(broken), kept(old))
    assert outcomes(replayer(engine)) == ["still not_json", "still too_old"]
    assert outcomes(replayer(engine, max_lateness=timedelta(days=7))) == ["still not_json", "stored"]
    assert ledger(engine) == (2, 1, 0, 1)


def test_a_rehearsal_changes_nothing(engine: sa.Engine) -> None:
    dead(engine, kept(A), kept(record(1, b"not json")), lost(C))
    assert outcomes(replayer(engine), rehearse=True) == ["usable", "still not_json", "gone"]
    assert contents(engine).calls == []
    assert rows(engine, "SELECT * FROM dead_letters WHERE replayed_at IS NOT NULL") == []


def test_only_so_many_are_replayed_as_are_asked_for(engine: sa.Engine) -> None:
    dead(engine, kept(A), kept(B), kept(C))
    assert outcomes(replayer(engine), limit=2) == ["stored", "stored"]


def test_another_record_in_its_place_is_not_taken_for_it(engine: sa.Engine) -> None:
    dead(engine, lost(A))
    assert outcomes(replayer(engine, structs.replace(B, offset=0))) == ["changed"]
    assert contents(engine).calls == []


def test_of_a_record_of_many_items_only_the_bad_one_is_replayed(engine: sa.Engine) -> None:
    items = [native("a"), native("b"), native("c")]
    whole = record(0, b"[" + b",".join(items) + b"]")
    letter = structs.replace(lost(structs.replace(whole, value=items[1])), item=1)
    dead(engine, letter)
    assert outcomes(replayer(engine, whole)) == ["stored"]
    assert contents(engine).calls == ["b"]


SECRET = record(0, native("a", service="shop", usage={"raw": {"x": 1}}, api_key="sk-0123456789abcdef"))


def test_bytes_without_their_credential_are_used_where_kafka_has_no_others(engine: sa.Engine) -> None:
    assert b"sk-" not in (kept(SECRET).value or b"")
    dead(engine, kept(SECRET))
    assert outcomes(replayer(engine)) == ["stored"]
    assert contents(engine).calls == ["a"]


def test_a_record_without_a_known_hash_is_read_again_by_its_place(engine: sa.Engine) -> None:
    dead(engine, structs.replace(lost(A), sha256=b"", size=0))
    assert outcomes(replayer(engine, A)) == ["stored"]


def test_a_record_that_ended_a_process_is_tried_alone_first(engine: sa.Engine) -> None:
    killed = BadInput(DeadLetterReason.KILLED_WORKER, "SIGSEGV")
    dead(engine, kept(A, killed), kept(B, killed))
    alone = {Place("calls", 0, 0): kept(A, killed)}
    assert outcomes(replayer(engine, alone=alone)) == ["still killed_worker", "stored"]
    assert contents(engine).calls == ["b"]


def test_parts_of_calls_wait_for_the_rest_as_from_a_worker(engine: sa.Engine) -> None:
    noon = str(int(NOON.timestamp()) * 10**9)
    times = {"startTimeUnixNano": noon, "endTimeUnixNano": noon}
    part = span(chat(request__model="m"), parentSpanId="00000000000000bb", **times)
    dead(engine, kept(record(0, msgspec.json.encode(traces(part)))))
    assert outcomes(replayer(engine)) == ["waiting"]
    assert outcomes(replayer(engine)) == []
    assert PostgresStore(engine).parts_waiting() == 1
    assert ledger(engine) == (1, 0, 0, 1), "nobody knows yet whether it can be used"


AT = str(int(NOON.timestamp()) * 10**9)
SAID = chat(input__messages=told(words("Hi"), role="user"), output__messages=told(words("Ho")))
SPANS = ("0000000000000001", "0000000000000002")


def spans_and_events() -> list[Record]:
    """Two calls, of which one record has the spans and another what was said in them."""
    times = {"startTimeUnixNano": AT, "endTimeUnixNano": AT}
    spans = (span(chat(request__model="m"), spanId=one, **times) for one in SPANS)
    name = "gen_ai.client.inference.operation.details"
    events = (log(name, values=SAID, spanId=one, observedTimeUnixNano=AT) for one in SPANS)
    values = (traces(*spans), logs(*events))
    return [record(offset, msgspec.json.encode(value)) for offset, value in enumerate(values)]


HALVES = spans_and_events()


def joiner(engine: sa.Engine, score: Callable[[Call], Scores], clock: ManualClock) -> Joiner:
    """What puts parts together in a worker."""
    metrics = IngestMetrics(CollectorRegistry())
    reader = Reader(
        lambda record, window: decode(record), score, unguarded, untried, keep_content=False, metrics=metrics
    )
    return Joiner(PostgresStore(engine), reader, list, clock, Waits(), timedelta(days=3), metrics)


@pytest.mark.parametrize("waited", [timedelta(0), timedelta(minutes=10)], ids=["at once", "later"])
def test_a_call_in_two_records_whose_scorer_failed_is_whole_again_after_a_replay(
    engine: sa.Engine, waited: timedelta
) -> None:
    work = Work(IngestConfig(), GroundingConfig())
    clock = ManualClock(datetime.now(UTC))

    def broken(call: Call) -> Scores:
        if call.span_id == SPANS[0]:
            raise ZeroDivisionError
        return work.score(call)

    collected = Collected()
    collected.fragments = [part for one in HALVES for part in decode(one).fragments]
    collected.offsets = {PARTITION: OffsetMove(None, 2, 2, 2)}
    PostgresStore(engine).save(joiner(engine, broken, clock).together(collected, set()))
    assert (contents(engine).calls, contents(engine).dead_letters) == ([SPANS[1]], [0, 1])

    clock.advance(waited)
    ours = joiner(engine, work.score, clock)
    ours.sweep(set())
    assert outcomes(replayer(engine, *HALVES)) == ["waiting", "waiting"]
    clock.advance(timedelta(minutes=1))
    ours.sweep(set())
    found = rows(engine, "SELECT call_id, captured_input AND captured_output AS whole FROM calls ORDER BY 1")
    assert [tuple(row) for row in found] == [(one, True) for one in SPANS]
    assert {row.replay for row in rows(engine, "SELECT replay FROM dead_letters")} == {"joined"}
    assert outcomes(replayer(engine, *HALVES)) == []
    assert ledger(engine) == (2, 2, 0, 0)


def test_a_replay_whose_call_fails_again_settles_nothing(engine: sa.Engine) -> None:
    def fails(call: Call) -> Scores:
        raise ZeroDivisionError

    clock = ManualClock(datetime.now(UTC))
    halves = [decode(half).fragments[0] for half in HALVES]
    dead(engine, *part_letters(arrived(halves, NOON), BUG.reason, "KeyError"))
    broken = joiner(engine, fails, clock)
    assert outcomes(replayer(engine, *HALVES)) == ["waiting", "waiting"]
    clock.advance(timedelta(minutes=1))
    broken.sweep(set())
    assert {row.replay for row in rows(engine, "SELECT replay FROM dead_letters")} == {"still scorer_failed"}
    assert outcomes(replayer(engine, *HALVES)) == ["waiting", "waiting"]


def test_what_was_replayed_stays_so_when_kafka_goes_away(engine: sa.Engine) -> None:
    class Away:
        def read(self, place: Place) -> Record | None:
            raise Transient("Kafka: away")

    dead(engine, kept(A), lost(B))
    with pytest.raises(Transient):
        outcomes(replayer(engine, log=Away()))
    assert contents(engine).calls == ["a"]
