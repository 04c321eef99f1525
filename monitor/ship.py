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
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self
from uuid import uuid4

VERSION = 1
"""The version of the native format that this module writes."""

CAUSES = ("queue_full", "invalid", "too_large", "failed", "closed")
"""Why a record may be lost: the keys of ``Shipper.dropped``."""

_BATCH = 500
_BATCH_BYTES = 4_000_000
_CONNECT_MS = 2_000
_DELIVERY_MS = 30_000
_FLUSH_S = _DELIVERY_MS / 1000 + 5.0
_CLOSE_S = 1.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_EXIT_S = 2.0
_ROOM_FOR_FRAMING = 65_536

_log = logging.getLogger(__name__)

_Message = tuple[bytes, bytes]
"""Key and value."""


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
            "request_timeout_ms": _DELIVERY_MS // 2,
            "batch_size": 262_144,
            "max_request_size": max_record_bytes + _ROOM_FOR_FRAMING,
        } | dict(kafka or {})
        self._producer_factory = producer_factory or _kafka_producer
        self._start_afresh()
        _shippers.add(self)
        atexit.register(self._at_exit)

    def _start_afresh(self) -> None:
        """Become a shipper that nothing was shipped with: when made, and in a forked child."""
        self.sent = 0
        self.dropped = dict.fromkeys(CAUSES, 0)
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
        """Wait until every record accepted so far is sent or dropped.

        Gives whether that was so within ``timeout`` seconds.
        """
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

    def _drop(self, cause: str) -> bool:
        with self._changed:
            self.dropped[cause] += 1
        return False

    def _start_thread(self) -> bool:
        self._thread = threading.Thread(target=self._run, name="llm-monitor-ship", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # no thread to be had, or the interpreter is ending
            self._thread = None
            _log.warning("an LLM call is not shipped: %s", error)
        return self._thread is not None

    # --------------------------------------------------------------------------------- the thread's side

    def _run(self) -> None:
        producer: Producer | None = None
        more = True
        while more and threading.current_thread() is self._thread:
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

    def _next_batch(self) -> tuple[list[_Message], bool]:
        """Wait for records; gives the next messages, and whether there may be more after them."""
        batch: list[_Message] = []
        size = 0
        fields = self._queue.get()
        self._hurry.wait(self._linger)
        while fields is not None:
            message = self._encode(fields)
            if message:
                batch.append(message)
                size += len(message[1])
            if len(batch) >= _BATCH or size >= _BATCH_BYTES:
                return batch, True
            try:
                fields = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _encode(self, fields: Mapping[str, Any]) -> _Message | None:
        """The key and value of a record's message, or ``None`` where there can be none."""
        try:
            key = str(fields.get("request_id") or fields["call_id"]).encode(errors="replace")
            value = _TO_JSON.encode(fields).encode(errors="replace")
        except Exception:  # noqa: BLE001 - the application's values may raise anything
            self._settle(invalid=1)
            return None
        if len(key) + len(value) > self._max_record_bytes:
            self._settle(too_large=1)
            return None
        return key, value

    def _connect(self) -> Producer | None:
        """A producer, as soon as Kafka can be reached; ``None`` when the shipper is closed before."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                producer = self._producer_factory(**self._settings)
            except Exception as error:  # noqa: BLE001 - an edge: wait, and try again
                _log.warning("LLM calls can't be shipped: %s", error)
            else:
                # Handlers run last in, first out: ours has to come before the producer's own.
                atexit.unregister(self._at_exit)
                atexit.register(self._at_exit)
                return producer
            if self._closing.wait(pause):
                return None
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _send(self, producer: Producer, batch: list[_Message]) -> int:
        """Produce a batch and wait for Kafka; gives how many messages it acknowledged."""
        deliveries: list[Delivery] = []
        try:
            for key, value in batch:
                deliveries.append(producer.send(self._topic, value=value, key=key))
            producer.flush(timeout=_FLUSH_S)
        except Exception as error:  # noqa: BLE001 - an edge: what was not acknowledged is counted
            _log.warning("LLM calls were not shipped: %s", error)
        return sum(delivery.succeeded() for delivery in deliveries)

    def _settle(self, *, sent: int = 0, **dropped: int) -> None:
        """Count what became of records, unless ``close`` has given up on them and counted them itself."""
        with self._changed:
            if threading.current_thread() is self._thread:
                self.sent += sent
                for cause, records in dropped.items():
                    self.dropped[cause] += records
                self.queued -= sent + sum(dropped.values())
                self._changed.notify_all()


def _rfc_3339(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


_TO_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_rfc_3339)


def _kafka_producer(**settings: Any) -> Producer:
    """A ``kafka.KafkaProducer`` that ends quietly, whoever closes it: we, or kafka-python at exit."""
    from kafka import KafkaProducer
    from kafka.errors import KafkaTimeoutError

    class OwnProducer(KafkaProducer):  # type: ignore[misc]
        owner = os.getpid()

        def close(self, timeout: float | None = None, null_logger: bool = False) -> None:
            # A forked child has the producer but not its threads: closing it there would wait for them.
            if os.getpid() == self.owner:
                # What is still unsent was counted as failed when the shipper gave up.
                with suppress(KafkaTimeoutError):
                    super().close(timeout, null_logger)

    producer: Producer = OwnProducer(**settings)
    return producer


def _close(producer: Producer) -> None:
    try:
        producer.close(timeout=_CLOSE_S)
    except Exception as error:  # noqa: BLE001 - an edge: nothing is left to be done about it
        _log.warning("the connection to Kafka was not closed: %s", error)


_shippers: weakref.WeakSet[Shipper] = weakref.WeakSet()


def _start_afresh_in_child() -> None:
    for shipper in _shippers:
        shipper._start_afresh()


os.register_at_fork(after_in_child=_start_afresh_in_child)
