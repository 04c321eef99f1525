"""What PostgreSQL may do to the service: go away, come back, refuse, wait, lose a connection."""

from __future__ import annotations

import signal
import time

import psycopg
import sqlalchemy as sa
from psycopg import sql

from monitor.demo.embedded import PostgresServer
from tests.faults.proof import Proof
from tests.services.proxy import Proxy


def test_nothing_is_lost_when_postgres_crashes_and_when_it_is_restarted(
    proof: Proof, own_postgres: PostgresServer, long_form: bool
) -> None:
    with proof.of("PostgreSQL shut down immediately and restarted"):
        for _ in range(10 if long_form else 2):
            own_postgres.stop(signal.SIGQUIT)
            own_postgres.start()
            proof.mended()


def test_nothing_is_lost_while_postgres_is_away(
    proof: Proof, own_postgres: PostgresServer, long_form: bool
) -> None:
    away_s = 60 if long_form else 5
    with proof.of(f"PostgreSQL away for {away_s} s"):
        for _ in range(3 if long_form else 1):
            own_postgres.stop()
            time.sleep(away_s)
            own_postgres.start()
            proof.mended()


def test_nothing_is_lost_when_a_connection_is_reset_in_the_middle_of_a_copy(
    proof: Proof, proxy: Proxy, long_form: bool
) -> None:
    resets = 20 if long_form else 3
    with proof.of("connection reset in the middle of a COPY"):
        for _ in range(resets):
            before = proxy.resets
            proxy.reset_copies(1)
            proof.service.wait_for("a reset", lambda: proxy.resets > before)  # noqa: B023
            proof.mended()


def test_nothing_is_lost_while_postgres_is_read_only(
    proof: Proof, own_postgres: PostgresServer, long_form: bool
) -> None:
    with proof.of("PostgreSQL read-only"):
        for _ in range(5 if long_form else 1):
            _set(own_postgres, "default_transaction_read_only", "on")
            time.sleep(20 if long_form else 4)
            _set(own_postgres, "default_transaction_read_only", "off")
            proof.mended()


def test_nothing_is_lost_while_somebody_holds_a_lock(proof: Proof, long_form: bool) -> None:
    held_s = 30 if long_form else 5
    with proof.of(f"calls locked for {held_s} s"):
        for _ in range(3 if long_form else 1):
            with proof.service.engine.begin() as connection:
                connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
                connection.execute(sa.text("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE"))
                time.sleep(held_s)
            proof.mended()


def test_nothing_is_lost_when_every_statement_is_slow(proof: Proof, long_form: bool) -> None:
    service = proof.service
    with proof.of("a save that takes 2 s more"):
        with service.engine.begin() as connection:
            connection.execute(sa.text(_WAIT))
            connection.execute(sa.text(_SLOW))
        time.sleep(60 if long_form else 6)
        with service.engine.begin() as connection:
            connection.execute(sa.text("DROP TRIGGER slow ON consumer_offsets"))
        proof.mended()


_WAIT = """
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$
"""
_SLOW = "CREATE TRIGGER slow AFTER UPDATE ON consumer_offsets EXECUTE FUNCTION wait()"


def _set(server: PostgresServer, name: str, value: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        statement = sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
        connection.execute(statement)
        connection.execute("SELECT pg_reload_conf()")
