"""One leader among replicas: a session-level advisory lock on a connection of its own.

The connection is not pooled: returned to a pool, the lock would stay with it. The lock says who leads; it
is no fence, so every state change has a compare-and-set besides.
"""

from __future__ import annotations

import threading
from contextlib import suppress

import sqlalchemy as sa

from monitor.store.database import connect

#: Seconds after which a leader that asks nothing leads no more. Keepalives say whether a peer is there, but
#: where a proxy stands between us and the server that is the proxy, and it may keep a session that we lost.
LASTS_S = 60

#: The key of the lock. Every replica of one monitor shares a database, and so the lock.
LEADER_LOCK = 0x6C6C6D10

# A session may take its own lock again, so it is asked for only when it is not held.
_HOLD = sa.text(
    """
    SELECT CASE
        WHEN EXISTS (
            SELECT 1 FROM pg_locks
            WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
            AND classid = 0 AND objid = CAST(:key AS oid)
        ) THEN true
        ELSE pg_try_advisory_lock(:key)
    END
    """
)


class Leader:
    """A candidate for leadership.

    Args:
        url: the database; a session is opened when leadership is first asked for.
        lasts_s: seconds that the lead lasts without being asked for. Jobs ask every second or so.
    """

    def __init__(self, url: str, *, lasts_s: int = LASTS_S) -> None:
        self._engine = connect(url, pool_size=1, idle_session_timeout_s=lasts_s)
        self._connection: sa.Connection | None = None
        self._one_at_a_time = threading.Lock()

    def leads(self) -> bool:
        """Whether this replica leads now; takes the lead when nobody has it. Ask before each piece of work.

        A lost connection is a lost lead: it answers no, and tries again when asked the next time.
        """
        with self._one_at_a_time:
            try:
                if self._connection is None:
                    self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                return bool(self._connection.execute(_HOLD, {"key": LEADER_LOCK}).scalar_one())
            except sa.exc.DBAPIError:
                self._drop()
                return False

    def resign(self) -> None:
        """Give the lead up and close the session."""
        with self._one_at_a_time:
            if self._connection is not None:
                # The server frees the locks of a closed session too, but only a moment later.
                with suppress(sa.exc.DBAPIError):
                    self._connection.execute(sa.text("SELECT pg_advisory_unlock_all()"))
            self._drop()
        self._engine.dispose()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
