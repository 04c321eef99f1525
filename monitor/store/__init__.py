"""The store: Postgres, the only place where ingest, control, Grafana and the web page meet.

In come scored calls, dead letters and the next offsets of a batch; out come rollups, series and the life
of alerts. ``tables`` names every table, ``ingest`` saves batches, ``parts`` keeps what waits for
the rest of its call, ``requests`` relates the calls of a request, ``rollups`` recomputes minutes,
``partitions`` makes and drops days, ``alerts`` keeps the state machine and the outbox.
"""

from monitor.store.database import connect
from monitor.store.ingest import Batch, Parts, PostgresStore, Saved, Store
from monitor.store.offsets import OffsetMove
from monitor.store.parts import READ_BYTES

__all__ = ["READ_BYTES", "Batch", "OffsetMove", "Parts", "PostgresStore", "Saved", "Store", "connect"]
