"""How an application sends its LLM calls: native records go in by ``Shipper.ship``, Kafka messages come out.

``ship`` appends to a bounded queue and returns; a thread of the shipper's own encodes, batches and
produces. Whatever goes wrong, a full queue, a broken record, Kafka being down, costs records and is
counted, and never raises into the application or slows it. Only the standard library is imported until
the first record is sent, and kafka-python then. The record's fields: ``docs/native.md``.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Protocol, Self
from uuid import uuid4

VERSION = 1
"""The version of the native format that this module writes."""

Cause = Literal["queue_full", "invalid", "too_large", "failed", "closed"]

_BATCH = 500
_CONNECT_MS = 2_000
_DELIVERY_MS = 30_000
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_EXIT_S = 2.0
_ROOM_FOR_FRAMING = 65_536

_log = logging.getLogger(__name__)


class Delivery(Protocol):
    """What became of one message, as kafka-python's futures tell it."""

    def succeeded(self) -> bool:
        """Whether the broker has acknowledged the message."""
        ...


class Producer(Protocol):
    """The part of ``kafka.KafkaProducer`` that a shipper uses."""

    def send(self, topic: str, value: bytes, key: bytes) -> Delivery:
        """Take one message to be sent."""
        ...

    def flush(self, timeout: float) -> None:
        """Wait ``timeout`` seconds at most until every message taken is acknowledged or has failed."""
        ...

    def close(self, timeout: float) -> None:
        """Give up the connection, after ``timeout`` seconds at most."""
        ...


class Shipper:
    """Sends native records to Kafka, in the background.

    One per process is enough; it may be shared by threads, and a forked child goes on with an empty
    queue and a thread and connection of its own. Closed at exit, within 2 seconds, if not before.

    Args:
        bootstrap_servers: Kafka's address, ``host:port`` or several with commas.
        topic: where the records go.
        service: the record's ``service``, where it has none.
        environment: the record's ``environment``, where it has none.
        max_queue: records that may wait; while as many do, further ones are dropped.
        max_record_bytes: a record whose key and JSON are larger is dropped. Kafka's default limit for a
            message is 1 MiB; where the topic takes more, this may be more.
        linger_ms: how long the first record of a batch waits for others.
        kafka: further settings of ``kafka.KafkaProducer`` (TLS, SASL, ``compression_type``, ...).
        producer_factory: makes the producer from those settings; for tests.

    Attributes:
        sent: records that Kafka has acknowledged.
        dropped: records lost, by cause: ``queue_full``, ``invalid`` (not a mapping, or not JSON),
            ``too_large``, ``failed`` (not acknowledged within 30 seconds of trying, or still unsent at
            ``close``), ``closed`` (shipped after ``close``).
        queued: records accepted that are neither sent nor dropped yet.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topic: str = "llm-calls",
        *,
        service: str = "",
        environment: str = "",
        max_queue: int = 10_000,
        max_record_bytes: int = 1_000_000,
        linger_ms: float = 50.0,
        kafka: Mapping[str, Any] | None = None,
        producer_factory: Callable[..., Producer] | None = None,
    ) -> None:
        self._topic = topic
        self._defaults = {"version": VERSION, "service": service, "environment": environment}
        self._max_queue = max_queue
        self._max_record_bytes = max_record_bytes
        self._linger = linger_ms / 1000
        self._settings = {
            "bootstrap_servers": bootstrap_servers.split(","),
            "bootstrap_timeout_ms": _CONNECT_MS,
            "max_block_ms": _CONNECT_MS,
            "delivery_timeout_ms": _DELIVERY_MS,
            "max_request_size": max_record_bytes + _ROOM_FOR_FRAMING,
        } | dict(kafka or {})
        self._producer_factory = producer_factory or _kafka_producer
        self._start_afresh()
        _shippers.add(self)
        atexit.register(self._at_exit)

    def _start_afresh(self) -> None:
        """Become a shipper that nothing was shipped with: when made, and in a forked child."""
        self.sent = 0
        self.dropped: dict[Cause, int] = dict.fromkeys(("queue_full", "invalid", "too_large", "failed", "closed"), 0)
        self.queued = 0
        self._accepted = 0
        # Reentrant: a signal handler may ship while its thread is shipping.
        self._changed = threading.Condition(threading.RLock())
        self._queue: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._hurry = threading.Event()
        self._closing = threading.Event()

    # ------------------------------------------------------------------------------ the application's side

    def ship(self, record: Mapping[str, Any]) -> bool:
        """Hand over one call; gives whether it was accepted. Never raises, never waits.

        ``version``, ``call_id``, ``started_at`` (now), ``service`` and ``environment`` are filled in
        where they are absent. What is inside the record (its messages, say) is read later by the
        shipper's thread: don't change it afterwards. A ``datetime`` is written as RFC 3339 in UTC.
        """
        try:
            fields = self._defaults | {"call_id": uuid4().hex, "started_at": datetime.now(UTC)} | dict(record)
        except Exception:  # noqa: BLE001 - the application's mapping may raise anything, and must not
            self._drop("invalid")
            return False
        with self._changed:
            if self._closing.is_set():
                return self._drop("closed")
            if self.queued >= self._max_queue:
                return self._drop("queue_full")
            if self._thread is None and not self._start_thread():
                return self._drop("failed")
            self.queued += 1
            self._accepted += 1
            self._queue.put(fields)
        return True

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until every record accepted so far is sent or dropped; gives whether that took ``timeout`` s at most."""
        with self._changed:
            target = self._accepted
            self._hurry.set()
            try:
                return self._changed.wait_for(lambda: self._accepted - self.queued >= target, timeout)
            finally:
                self._hurry.clear()

    def close(self, timeout: float = 5.0) -> None:
        """Send what is queued, for ``timeout`` seconds at most, count the rest as ``failed``, and stop."""
        with self._changed:
            if self._closing.is_set():
                return
            self._closing.set()
            self._hurry.set()
            self._queue.put(None)
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        with self._changed:
            self._thread = None  # a thread that is still at it is given up, and counts nothing any more
            self.dropped["failed"] += self.queued
            self.queued = 0
            self._changed.notify_all()
        atexit.unregister(self._at_exit)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _at_exit(self) -> None:
        self.close(_EXIT_S)

    def _drop(self, cause: Cause) -> bool:
        with self._changed:
            self.dropped[cause] += 1
        return False

    def _start_thread(self) -> bool:
        thread = threading.Thread(target=self._run, name="llm-monitor-ship", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread to be had, or the interpreter is ending
            _log.warning("an LLM call is not shipped: %s", error)
            return False
        self._thread = thread
        return True

    # --------------------------------------------------------------------------------- the thread's side

    def _run(self) -> None:
        producer: Producer | None = None
        more = True
        while more and not self._given_up():
            batch, more = self._next_batch()
            if not batch:
                continue
            producer = producer or self._connect()
            sent = self._send(producer, batch) if producer else 0
            self._settle(sent=sent, failed=len(batch) - sent)
            if producer and not sent:
                # It may have failed for good, as an idempotent producer can: the next batch gets a new one.
                _close(producer)
                producer = None
        if producer:
            _close(producer)

    def _given_up(self) -> bool:
        return threading.current_thread() is not self._thread
