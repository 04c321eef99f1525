"""What may happen between an alert and whoever it wakes: freezes, restarts, dropped answers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg import sql

from monitor.demo.embedded import PostgresServer
from monitor.notify.delivery import AT_ONCE
from monitor.store.leader import LEADER_LOCK
from monitor.store.migrate import migrate
from tests.faults.paging import Paging
from tests.faults.proof import Row
from tests.integration.running import Running
from tests.notify.receiver import status


@pytest.fixture
def paging(
    own_postgres: PostgresServer, tmp_path: Path, record: Callable[[Row], None], long_form: bool
) -> Iterator[Paging]:
    """A service that delivers to a receiver that counts."""
    name = f"paging_{uuid4().hex}"
    with psycopg.connect(own_postgres.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    migrate(own_postgres.url(name))
    with Paging(tmp_path, own_postgres.url(name), record, waits=long_form) as running:
        running.service.wait_until_ready()
        yield running


def test_a_leader_killed_between_send_and_mark_loses_nothing(paging: Paging, long_form: bool) -> None:
    with paging.of("SIGKILL of the leader between send and mark"):
        for _ in range(20 if long_form else 2):
            paging.hold()
            paging.fire(AT_ONCE)
            paging.wait_for_posts(AT_ONCE)
            paging.service.kill()
            paging.answer()
            paging.service.start()
            paging.times += 1


def test_a_receiver_whose_answers_the_network_drops_is_told_once(paging: Paging, long_form: bool) -> None:
    with paging.of("the receiver's answer dropped by the network"):
        for _ in range(10 if long_form else 2):
            paging.drop()
            paging.fire(AT_ONCE)
            paging.wait_for_posts(AT_ONCE)
            paging.answer()
            paging.times += 1


def test_a_receiver_that_is_away_hears_of_everything_when_it_is_back(paging: Paging, long_form: bool) -> None:
    with paging.of("receiver answers 503 until it is back"):
        for _ in range(5 if long_form else 1):
            paging.does(status(503))
            paging.fire(AT_ONCE)
            paging.wait_for_posts(5 * AT_ONCE if long_form else 2 * AT_ONCE)
            paging.answer()
            paging.times += 1


def test_postgres_restarted_between_send_and_mark_loses_nothing(
    paging: Paging, own_postgres: PostgresServer, long_form: bool
) -> None:
    with paging.of("PostgreSQL restarted between send and mark"):
        for _ in range(10 if long_form else 2):
            paging.hold()
            paging.fire(AT_ONCE)
            paging.wait_for_posts(AT_ONCE)
            own_postgres.stop(signal.SIGQUIT)
            paging.answer()
            own_postgres.start()
            paging.service.engine.dispose()
            paging.times += 1


def test_a_leader_frozen_past_its_lease_and_its_lead_tells_nothing_twice(
    paging: Paging, own_postgres: PostgresServer, long_form: bool
) -> None:
    other = paging.another()
    other.wait_until_ready()
    with paging.of("SIGSTOP of the leader past its lease and lead, SIGCONT"):
        for _ in range(3 if long_form else 1):
            paging.hold()
            paging.fire(AT_ONCE)
            paging.wait_for_posts(AT_ONCE)
            frozen = next(one.pid for one in (paging.service, other) if _leads(one))
            os.kill(frozen, signal.SIGSTOP)
            paging.answer()
            if not long_form:
                _end_lead(own_postgres)  # as the server itself does after a minute
            paging.outlast_leases()
            paging.wait_for_posts(AT_ONCE)
            os.kill(frozen, signal.SIGCONT)
            paging.times += 1


def _leads(service: Running) -> bool:
    metrics = httpx.get(f"http://127.0.0.1:{service.port}/metrics", timeout=10).text.splitlines()
    return "llm_monitor_leader 1.0" in metrics


def _end_lead(server: PostgresServer) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s",
            [LEADER_LOCK],
        )
