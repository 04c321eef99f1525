"""How long a record that ends workers is tried for."""

from __future__ import annotations

from monitor.ingest.repeated import MOST_DEATHS, Repeated
from monitor.records import DeadLetter, Place, Record

RECORD = Record("calls", 2, 7, b"{}")


def test_a_record_that_passes_alone_but_ends_worker_after_worker_is_a_dead_letter_in_the_end() -> None:
    tried: list[Record] = []

    def try_alone(record: Record) -> DeadLetter | None:
        tried.append(record)
        return None

    said = [
        Repeated(try_alone, {Place("calls", 2, 7): deaths}.__getitem__)(RECORD)
        for deaths in range(1, MOST_DEATHS + 1)
    ]
    assert said[:-1] == [None] * (MOST_DEATHS - 1)
    assert tried == [RECORD] * (MOST_DEATHS - 1)
    letter = said[-1]
    assert letter is not None
    assert (letter.reason, letter.detail) == ("killed_worker", f"{MOST_DEATHS} workers ended at it")
    assert (letter.topic, letter.partition, letter.offset) == ("calls", 2, 7)
    assert letter.value is None


def test_what_ends_its_own_process_is_a_dead_letter_the_first_time() -> None:
    own = DeadLetter("calls", 2, 7, "took_too_long", "more than 5 s, tried alone", 2, b"")
    assert Repeated(lambda _: own, lambda _: 1)(RECORD) is own
