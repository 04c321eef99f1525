"""Dead letters in Postgres: whatever is in them they are kept, found again, settled once and deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from msgspec import structs

from monitor.records import DeadLetter
from monitor.store import Batch, Parts, PostgresStore, Saved
from monitor.store.letters import (
    LetterKey,
    Replay,
    Wanted,
    count,
    expire,
    find,
    key_of,
    mark_sent,
    unsent,
)
from monitor.store.tables import consumer_offsets
from tests.examples import NOON, PARTITION, batch, call, dead_letter, part, scored
from tests.store.helpers import contents, rows

NOW = datetime.now(UTC)


def kept(engine: sa.Engine) -> list[DeadLetter]:
    return find(engine, Wanted())


def key(offset: int = 0, item: int = 0) -> LetterKey:
    return LetterKey(*PARTITION, offset, item)


WORST: dict[str, DeadLetter] = {
    "NUL": structs.replace(dead_letter(), detail="a\x00b", value=b"\x00\xff", headers=(("a\x00", "\x00b"),)),
    "half a character": structs.replace(dead_letter(), detail="\ud800", headers=(("\udfff", "x\ud83d"),)),
    "large headers": structs.replace(dead_letter(), headers=(("a", "b" * 10_000_000),)),
    "many headers": structs.replace(dead_letter(), headers=(("a", "b"),) * 100_000),
    "a long detail": structs.replace(dead_letter(), detail="x" * 1_000_000),
    "a year without a calendar": structs.replace(dead_letter(), recorded_at=datetime.max.replace(tzinfo=UTC)),
}


@pytest.mark.parametrize("worst", WORST.values(), ids=WORST)
def test_no_dead_letter_breaks_the_store_or_costs_its_neighbour(engine: sa.Engine, worst: DeadLetter) -> None:
    saved = PostgresStore(engine).save(batch([scored("a")], [worst, dead_letter(1), dead_letter(2)]))
    assert saved == Saved(1, 0, 3)
    assert [(letter.offset, letter.reason) for letter in kept(engine)] == [
        (0, "not_json"), (1, "not_json"), (2, "not_json"),
    ]  # fmt: skip


def test_everything_of_a_dead_letter_comes_back(engine: sa.Engine) -> None:
    letter = structs.replace(
        dead_letter(7), item=2, value=b"\x00\xff", headers=(("team", "blue"), ("team", "é")), recorded_at=NOON
    )
    PostgresStore(engine).save(batch([], [letter]))
    assert find(engine, Wanted()) == [letter]
    assert key_of(letter) == key(7, 2)


def test_a_dead_letter_that_is_seen_again_stays_as_it_was(engine: sa.Engine) -> None:
    store = PostgresStore(engine)
    store.save(batch([], [dead_letter(0)]))
    first = unsent(engine, 1)
    store.save(batch([], [structs.replace(dead_letter(0), reason="too_old")], expected=1))
    assert unsent(engine, 1) == first


def test_of_a_topic_that_was_made_anew_the_newer_letter_is_kept(engine: sa.Engine) -> None:
    """Its offsets begin anew, so other records have the places of the old ones."""
    store, at = PostgresStore(engine), key_of(dead_letter())
    store.save(batch([], [structs.replace(dead_letter(), value=b"old")]))
    mark_sent(engine, [at])
    with engine.begin() as connection:
        connection.execute(sa.delete(consumer_offsets))
    newer = structs.replace(dead_letter(), detail="newer", sha256=b"\x01" * 32)
    placed = structs.replace(dead_letter(), detail="only the place is known", sha256=b"", size=0)
    store.save(batch([], [newer]))
    store.save(batch([], [placed], expected=1))
    assert kept(engine) == [newer]
    assert [one.letter for one in unsent(engine, 9)] == [newer]


def test_a_refused_call_is_told_with_all_that_is_known_of_its_record(engine: sa.Engine) -> None:
    known = structs.replace(dead_letter(0), headers=(("team", "blue"),))
    poisoned = structs.replace(
        batch([scored("bad", trace_id="\x00")]),
        refused=lambda _call, why: structs.replace(known, reason="refused_by_store", detail=why),
    )
    assert PostgresStore(engine).save(poisoned) == Saved(0, 0, 1, 1)
    (letter,) = kept(engine)
    assert (letter.size, letter.sha256, letter.headers) == (known.size, known.sha256, known.headers)
    assert letter.detail == 'invalid byte sequence for encoding "UTF8": 0x00'


def fill(engine: sa.Engine) -> None:
    letters = [structs.replace(dead_letter(n), reason=("not_json", "too_old")[n % 2]) for n in range(6)]
    PostgresStore(engine).save(batch([], letters))


def offsets(found: list[DeadLetter]) -> list[int]:
    return [letter.offset for letter in found]


def test_they_are_found_by_reason_topic_and_time_and_page_by_page(engine: sa.Engine) -> None:
    fill(engine)
    everything = [0, 1, 2, 3, 4, 5]
    for wanted, expected in [
        (Wanted(), everything),
        (Wanted(reasons=("too_old",)), [1, 3, 5]),
        (Wanted(reasons=("too_old", "not_json"), topics=("calls",)), everything),
        (Wanted(topics=("others",)), []),
        (Wanted(since=NOW - timedelta(hours=1)), everything),
        (Wanted(since=NOW + timedelta(hours=1)), []),
    ]:
        assert offsets(find(engine, wanted)) == expected
        assert count(engine, wanted) == len(expected)
    assert offsets(find(engine, Wanted(), limit=2)) == [0, 1]
    assert offsets(find(engine, Wanted(), after=key(1), limit=2)) == [2, 3]


def test_the_letters_of_one_batch_are_found_together_in_whatever_topics_they_are(engine: sa.Engine) -> None:
    """A call's parts are read from several topics, and a replay has only so long for them."""
    store = PostgresStore(engine)
    store.save(batch([], [structs.replace(dead_letter(n), topic=topic) for n in (0, 1) for topic in "ab"]))
    store.save(Batch((), (structs.replace(dead_letter(7), topic="a"),), {}))
    found: list[DeadLetter] = []
    while letters := find(engine, Wanted(), after=key_of(found[-1]) if found else None, limit=2):
        found += letters
    told = [(letter.topic, letter.offset) for letter in found]
    assert told == [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("a", 7)]


def replay(*offsets: int, otherwise: str = "no_call", calls: tuple[str, ...] = ()) -> Batch:
    return Batch(
        tuple(scored(call_id) for call_id in calls),
        (),
        {},
        replay=Replay(tuple(key(offset) for offset in offsets), otherwise),
    )


def test_a_settled_letter_is_in_the_ledger_what_became_of_it_and_is_not_found_again(
    engine: sa.Engine,
) -> None:
    store = PostgresStore(engine)
    store.save(batch([scored("old", offset=9)], [dead_letter(n) for n in range(5)]))
    store.save(replay(0, calls=("new",)))
    store.save(replay(1, calls=("old",)))
    store.save(replay(2))
    store.save(replay(3, otherwise="joined"))
    store.save(replay(4, otherwise="still not_json"))
    assert contents(engine).ledger == {"records": 6, "stored": 2, "duplicates": 1, "dead_letters": 1}
    assert offsets(find(engine, Wanted())) == [4]
    told = rows(engine, "SELECT replay FROM dead_letters WHERE replayed_at IS NOT NULL ORDER BY kafka_offset")
    assert [row.replay for row in told] == ["stored", "duplicate", "no_call", "joined", "still not_json"]


def test_a_letter_that_is_a_part_waits_and_is_settled_by_who_takes_the_part(engine: sa.Engine) -> None:
    store = PostgresStore(engine)
    store.save(batch([], [dead_letter(n) for n in range(3)]))
    for offset in (0, 1):
        said = call("a", offset=offset)
        waiting = part(f"s{offset}")
        waiting = structs.replace(waiting, fragment=structs.replace(waiting.fragment, call=said))
        again = Replay((key(offset),), "joined", {key(offset)})
        store.save(Batch((), (), {}, Parts((waiting,)), replay=again))
    assert contents(engine).ledger["dead_letters"] == 3
    assert offsets(find(engine, Wanted())) == [2], "what waits is not replayed again"

    taken = tuple(one.part_id for one in store.waiting(["t1"]) if one.part_id is not None)
    failed = structs.replace(dead_letter(1), reason="scorer_failed")
    assert store.save(Batch((scored("a"),), (failed,), {}, Parts(taken=taken))) == Saved(1, 0, 0)
    told = rows(engine, "SELECT replay FROM dead_letters ORDER BY kafka_offset")
    assert [row.replay for row in told] == ["joined", "still scorer_failed", None]
    assert contents(engine).ledger == {"records": 3, "stored": 1, "duplicates": 0, "dead_letters": 2}
    assert offsets(find(engine, Wanted())) == [1, 2]


def test_a_letter_that_is_a_part_is_found_again_once_the_part_is_gone(engine: sa.Engine) -> None:
    store = PostgresStore(engine)
    store.save(batch([], [dead_letter(0)]))
    store.save(Batch((), (), {}, replay=Replay((key(0),), "joined", {key(0)})))
    assert offsets(find(engine, Wanted())) == [0]


def test_a_letter_that_two_replays_settle_counts_once(engine: sa.Engine) -> None:
    store = PostgresStore(engine)
    store.save(batch([], [dead_letter(0)]))
    for _ in range(2):
        store.save(replay(0, calls=("new",)))
    assert contents(engine).ledger == {"records": 1, "stored": 1, "duplicates": 0, "dead_letters": 0}


def test_a_call_that_postgres_refuses_again_settles_nothing(engine: sa.Engine) -> None:
    store = PostgresStore(engine)
    store.save(batch([scored("bad", trace_id="\x00")]))
    again = structs.replace(replay(0), calls=(scored("bad", trace_id="\x00"),))
    assert store.save(again).refused == 1
    (row,) = rows(engine, "SELECT reason, replay FROM dead_letters")
    assert (row.reason, row.replay) == ("refused_by_store", "still refused_by_store")
    assert contents(engine).ledger == {"records": 1, "stored": 0, "duplicates": 0, "dead_letters": 1}


def test_the_oldest_go_first_to_the_topic_and_each_once(engine: sa.Engine) -> None:
    fill(engine)
    first = unsent(engine, 4)
    assert len(first) == 4
    mark_sent(engine, [key_of(one.letter) for one in first])
    assert len(unsent(engine, 4)) == 2


def test_letters_are_deleted_when_their_time_is_over_a_few_at_a_time(engine: sa.Engine) -> None:
    fill(engine)
    assert expire(engine, NOW - timedelta(days=1), 10) == 0
    assert [expire(engine, NOW + timedelta(days=1), 4) for _ in range(3)] == [4, 2, 0]
