"""One leader among replicas, on a real Postgres."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from monitor.store.leader import LEADER_LOCK, Leader


@pytest.fixture
def replicas(database: str) -> Iterator[tuple[Leader, Leader]]:
    first, second = Leader(database), Leader(database)
    yield first, second
    first.resign()
    second.resign()


def kill_leader(database: str) -> None:
    """As a failover or an impatient administrator does."""
    with psycopg.connect(database, autocommit=True) as connection:
        killed = connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            (LEADER_LOCK,),
        ).fetchall()
    assert killed == [(True,)]


def test_the_first_who_asks_leads_and_goes_on_leading(replicas: tuple[Leader, Leader]) -> None:
    first, second = replicas
    assert [first.leads(), second.leads(), first.leads(), second.leads()] == [True, False, True, False]


def test_asking_often_does_not_take_the_lock_twice(replicas: tuple[Leader, Leader]) -> None:
    first, second = replicas
    for _ in range(3):
        assert first.leads()
    first.resign()
    assert second.leads()


def test_who_resigns_lets_another_lead_and_may_come_back(replicas: tuple[Leader, Leader]) -> None:
    first, second = replicas
    assert first.leads()
    first.resign()
    assert [second.leads(), first.leads()] == [True, False]
    second.resign()
    assert first.leads()


def test_who_never_led_resigns_in_peace(database: str) -> None:
    leader = Leader(database)
    leader.resign()
    leader.resign()


def test_a_leader_whose_connection_was_killed_says_no_and_the_other_leads(
    database: str, replicas: tuple[Leader, Leader]
) -> None:
    first, second = replicas
    assert first.leads()
    kill_leader(database)
    assert not first.leads()
    assert second.leads()
    assert not first.leads()


def test_a_leader_whose_connection_was_killed_may_lead_again(
    database: str, replicas: tuple[Leader, Leader]
) -> None:
    first, _ = replicas
    assert first.leads()
    kill_leader(database)
    assert [first.leads(), first.leads()] == [False, True]


def test_a_leader_that_asks_nothing_any_more_is_followed(database: str) -> None:
    """As one behind a proxy that keeps its session after the network to it was lost."""
    silent, next_one = Leader(database, lasts_s=1), Leader(database)
    assert silent.leads()
    with psycopg.connect(database, autocommit=True) as connection:
        while connection.execute(
            "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            (LEADER_LOCK,),
        ).fetchall():
            pass
    assert [next_one.leads(), silent.leads()] == [True, False]
    silent.resign()
    next_one.resign()


def test_nobody_leads_where_there_is_no_database() -> None:
    leader = Leader("postgresql://nobody@127.0.0.1:1/none")
    assert not leader.leads()
    assert not leader.leads()
    leader.resign()


def test_two_databases_have_a_leader_each(database: str, empty_database: str) -> None:
    first, second = Leader(database), Leader(empty_database)
    assert [first.leads(), second.leads()] == [True, True]
    first.resign()
    second.resign()


def test_many_threads_may_ask_at_once(replicas: tuple[Leader, Leader]) -> None:
    answers: list[bool] = []
    together = threading.Barrier(8)

    def ask(leader: Leader) -> None:
        together.wait(30)
        answers.extend([leader.leads(), leader.leads()])

    first, second = replicas
    threads = [threading.Thread(target=ask, args=(leader,)) for leader in [first, second] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(True) == 8
    assert first.leads() != second.leads()
