"""How to reach Postgres: one URL in, one engine out, and driver failures sorted into our kinds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import psycopg
import sqlalchemy as sa

from monitor.errors import ConfigError, Transient

#: Seconds to wait for a connection before the attempt counts as failed.
CONNECT_TIMEOUT_S = 10

#: Seconds for one statement of a worker: many times what the largest batch takes, and an end to waiting for
#: a lock that nobody gives back.
SAVE_TIMEOUT_S = 60

#: What each end does about a silent network, where the other may be gone: it asks after 10 seconds, and
#: gives up after 25, or 20 where something sent was not acknowledged. The server's end matters as much: the
#: locks of a worker that was cut off are in its successor's way until the server notices.
_KEEPALIVES = {"idle": 10, "interval": 5, "count": 3}
_UNACKNOWLEDGED_MS = 20_000

#: Of every session. Compiling a statement takes ten times as long as running it: every one touches few rows
#: of many partitions, which the planner takes for many. A worker that is stopped between two statements
#: gives its locks back in half a minute.
_SETTINGS = {
    "timezone": "UTC",
    "jit": "off",
    "idle_in_transaction_session_timeout": "30s",
    "tcp_user_timeout": str(_UNACKNOWLEDGED_MS),
    **{f"tcp_keepalives_{name}": str(value) for name, value in _KEEPALIVES.items()},
}


def connect(
    url: str, *, pool_size: int = 4, statement_timeout_s: int = 0, idle_session_timeout_s: int = 0
) -> sa.Engine:
    """Make an engine for ``url``; nothing is contacted yet.

    Every session speaks UTC, notices a silent network within half a minute at both ends, and checks a
    pooled connection before it is used.

    Args:
        url: the database's address.
        pool_size: connections that are kept open.
        statement_timeout_s: seconds that one statement may take, and wait for a lock nearly; 0 for no limit.
        idle_session_timeout_s: seconds after which the server ends a session that asks nothing; 0 for never.

    Raises:
        ConfigError: the URL is not a PostgreSQL URL that can be understood.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigError(
            "database.url can't be read: give it as postgresql://user:password@host:5432/name, "
            "with %40 for an @ in the password"
        ) from None  # the cause may quote a piece of the password
    if parsed.get_backend_name() != "postgresql":
        raise ConfigError(f"database.url must start with postgresql://, not {parsed.drivername}://")
    settings = {
        **_SETTINGS,
        "statement_timeout": f"{statement_timeout_s}s",
        "idle_session_timeout": f"{idle_session_timeout_s}s",
    }
    if statement_timeout_s:
        # Somewhat less, so that it is known which it was: a batch that is too large is halved, and no other.
        settings["lock_timeout"] = f"{statement_timeout_s * 800}ms"
    return sa.create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=2,
        pool_pre_ping=True,
        hide_parameters=True,  # an error's text goes to the log, and values are what users wrote
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            **{f"keepalives_{name}": value for name, value in _KEEPALIVES.items()},
            "tcp_user_timeout": _UNACKNOWLEDGED_MS,
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            "application_name": "llm-monitor",
        },
    )


def server_now(engine: sa.Engine) -> datetime:
    """What time it is by Postgres' clock.

    Raises:
        Transient: Postgres can't be reached.
    """
    with transient_if_unreachable(), engine.begin() as connection:
        now: datetime = connection.execute(sa.select(sa.func.now())).scalar_one()
        return now


def driver(connection: sa.Connection) -> psycopg.Connection[tuple[object, ...]]:
    """The driver's own connection, for what SQLAlchemy has no words for: COPY, values as bytes."""
    made = connection.connection.driver_connection
    assert isinstance(made, psycopg.Connection)  # noqa: S101 - the engine's driver is fixed in connect()
    return made


@contextmanager
def transient_if_unreachable() -> Iterator[None]:
    """Turn a lost, refused or overloaded database into ``Transient``; let every other error through.

    Raises:
        Transient: the server is away, shutting down, out of connections, read-only, out of disk, or
            asked for a retry (deadlock, serialization failure).
    """
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise Transient(f"Postgres: {one_line(error)}") from error
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        if _passes(error):
            raise Transient(f"Postgres: {one_line(error)}") from error
        raise


#: SQLSTATE classes (PostgreSQL manual, appendix A) that pass by themselves or by an operator's hand:
#: connection, transaction state (read-only after a failover), rollback, resources, intervention, system.
_TRANSIENT_CLASSES = frozenset({"08", "25", "40", "53", "57", "58"})


def _passes(error: sa.exc.DBAPIError | psycopg.Error) -> bool:
    """Whether an error passes by itself. COPY speaks to the driver, whose errors SQLAlchemy does not wrap."""
    original = getattr(error, "orig", error)
    state = getattr(original, "sqlstate", None) or ""
    return (
        isinstance(original, psycopg.OperationalError | psycopg.InterfaceError)
        or getattr(error, "connection_invalidated", False)
        or state[:2] in _TRANSIENT_CLASSES
    )


def one_line(error: BaseException) -> str:
    """The first line of an error's own message, without the statement and its values."""
    original = getattr(error, "orig", None) or error
    lines = str(original).strip().splitlines()
    return lines[0] if lines else type(original).__name__
