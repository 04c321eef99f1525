"""Reaching PostgreSQL: which URLs are understood, what a session is like, and which failures pass."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
import sqlalchemy as sa

from monitor.errors import ConfigError, Transient
from monitor.store import PostgresStore, connect
from monitor.store.database import one_line, transient_if_unreachable
from tests.examples import PARTITION, batch, scored
from tests.store.helpers import end_other_sessions, rows, run_at_once

NOBODY = "postgresql://monitor:hunter2@127.0.0.1:{port}/monitor"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "postgres://monitor:hunter2@localhost/monitor",
        "mysql://monitor:hunter2@localhost/monitor",
        "sqlite://",
        "http://monitor:hunter2@localhost",
        "postgresql://monitor:hunter2@localhost:port/monitor",
        "postgresql://monitor:with@:hunter2@localhost/monitor",
    ],
)
def test_a_url_that_is_not_postgresqls_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(ConfigError, match=r"database\.url") as refused:
        connect(url)
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_any_postgresql_url_is_spoken_with_psycopg(scheme: str) -> None:
    engine = connect(f"{scheme}://monitor@localhost/monitor")
    assert engine.dialect.driver == "psycopg"


def test_a_session_speaks_utc_and_says_whose_it_is(engine: sa.Engine) -> None:
    (found,) = rows(engine, "SELECT current_setting('timezone'), current_setting('application_name')")
    assert found == ("UTC", "llm-monitor")


def test_both_ends_of_a_session_notice_a_silent_network(module_database: str) -> None:
    """Within 25 seconds: 10 until the first question, then three of them, 5 seconds apart."""
    engine = connect(module_database, statement_timeout_s=7)
    names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
    ours = ("idle_in_transaction_session_timeout", "statement_timeout")
    asked = ", ".join(f"current_setting('{name}')" for name in (*names, *ours))
    (server,) = rows(engine, f"SELECT {asked}")
    assert tuple(server) == ("10", "5", "3", "20000", "30s", "7s")
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        client = driver.info.get_parameters()
    assert [client[name.removeprefix("tcp_") if "keep" in name else name] for name in names] == [
        "10",
        "5",
        "3",
        "20000",
    ]
    engine.dispose()


def test_a_statement_that_takes_too_long_is_transient(module_database: str) -> None:
    engine = connect(module_database, statement_timeout_s=1)
    with pytest.raises(Transient, match="statement timeout"), transient_if_unreachable():
        rows(engine, "SELECT pg_sleep(600)")
    engine.dispose()


def test_a_session_that_ended_in_the_pool_is_replaced(engine: sa.Engine) -> None:
    store = PostgresStore(engine)
    store.save(batch([scored("a")]))
    end_other_sessions(engine)
    assert store.offsets([PARTITION]) == {PARTITION: 1}


def test_nobody_at_the_address_is_transient() -> None:
    with free_port() as port:
        engine = connect(NOBODY.format(port=port))
    with pytest.raises(Transient, match="refused") as failed:
        PostgresStore(engine).offsets([PARTITION])
    assert "hunter2" not in str(failed.value)
    with pytest.raises(Transient):
        PostgresStore(engine).save(batch([scored()]))


def test_a_server_that_hangs_up_is_transient() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.listen()
        engine = connect(NOBODY.format(port=server.getsockname()[1]))

        def ask() -> None:
            with pytest.raises(Transient):
                PostgresStore(engine).offsets([PARTITION])

        run_at_once(lambda: server.accept()[0].close(), ask)


def test_a_wrong_password_is_transient_and_not_told(module_database: str) -> None:
    """It may be in the middle of being changed; the message says what is wrong."""
    url = sa.make_url(module_database).set(password="not the secret")
    engine = connect(url.render_as_string(hide_password=False))
    with pytest.raises(Transient, match="password authentication failed") as failed:
        PostgresStore(engine).offsets([PARTITION])
    assert "not the secret" not in str(failed.value)


def test_a_server_without_a_free_session_is_transient(database: str) -> None:
    name = sa.make_url(database).database
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0".encode())
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        try:
            url = sa.make_url(database).set(username="guest", password="guest")
            engine = connect(url.render_as_string(hide_password=False))
            with pytest.raises(Transient, match="too many connections"):
                PostgresStore(engine).offsets([PARTITION])
        finally:
            connection.execute("DROP ROLE guest")


def test_a_pool_without_a_free_connection_is_transient(database: str) -> None:
    engine = sa.create_engine(connect(database).url, pool_size=1, max_overflow=0, pool_timeout=0.01)
    with engine.connect(), pytest.raises(Transient, match="QueuePool"):
        PostgresStore(engine).offsets([PARTITION])
    engine.dispose()


#: SQLSTATE (PostgreSQL manual, appendix A) and whether it passes by itself or by an operator's hand.
STATES = {
    "08006": True,  # connection_failure
    "25006": True,  # read_only_sql_transaction
    "40001": True,  # serialization_failure
    "40P01": True,  # deadlock_detected
    "53100": True,  # disk_full
    "53200": True,  # out_of_memory
    "53300": True,  # too_many_connections
    "55P03": True,  # lock_not_available
    "57014": True,  # query_canceled, by statement_timeout
    "57P01": True,  # admin_shutdown
    "57P03": True,  # cannot_connect_now
    "58030": True,  # io_error
    "22001": False,  # string_data_right_truncation
    "23505": False,  # unique_violation
    "42501": False,  # insufficient_privilege
    "42703": False,  # undefined_column
    "42P01": False,  # undefined_table
    "XX000": False,  # internal_error
}


@pytest.mark.parametrize(("state", "passes"), STATES.items())
@pytest.mark.parametrize("wrapped", [True, False], ids=["by SQLAlchemy", "by the driver"])
def test_a_failure_is_sorted_by_its_state(engine: sa.Engine, state: str, passes: bool, wrapped: bool) -> None:
    """COPY speaks to the driver, whose errors SQLAlchemy does not wrap."""
    statement = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"

    def run() -> None:
        with transient_if_unreachable(), engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            connection.exec_driver_sql(statement) if wrapped else driver.execute(statement.encode())

    with pytest.raises(Transient if passes else (sa.exc.DBAPIError, psycopg.Error)):
        run()


def test_a_bug_is_let_through() -> None:
    with pytest.raises(ZeroDivisionError), transient_if_unreachable():
        raise ZeroDivisionError


def test_an_error_is_told_in_one_line_without_its_values(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.DBAPIError) as failed, engine.connect() as connection:
        connection.execute(sa.text("SELECT CAST(:value AS date)"), {"value": "the user's own words"})
    assert one_line(failed.value).startswith("invalid input syntax")


@contextmanager
def free_port() -> Iterator[int]:
    """A port at which nobody answers once this is left."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
