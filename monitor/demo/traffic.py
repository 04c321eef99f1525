"""Sends calls to Kafka: a day of history as fast as it goes, then live traffic as the clock says.

``MadeUp`` is the made-up applications, each with a shipper of its own as it would be in production;
``Replay`` sends recorded calls with their times moved to now. Both count what Kafka acknowledged.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Protocol

import msgspec
from kafka import KafkaProducer

from monitor.demo import gateway
from monitor.demo.apps import APPS, Faults
from monitor.errors import Permanent
from monitor.files import Unreadable, expand, read_records
from monitor.ship import Shipper

#: How much history there is, and how many calls a minute it has on average.
HISTORY = timedelta(hours=24)
HISTORY_PER_MINUTE = 20.0

#: Records that may wait in a shipper while history is sent; its own queue takes a few times more.
_BACKLOG = 4_000

#: Calls a second of a replay, and records of its history.
_REPLAY_PER_SECOND = 20.0
_REPLAY_HISTORY = 3_000


class Traffic(Protocol):
    """Something that sends calls."""

    faults: Faults

    def history(self, now: datetime) -> Iterator[float]:
        """Send the day before ``now``; gives the share that is done, now and then."""
        ...

    def live(self, now: datetime) -> None:
        """Send what is due since this was last called."""
        ...

    def close(self) -> None:
        """Send what is left and stop."""
        ...

    @property
    def produced(self) -> int:
        """Records that Kafka has acknowledged."""
        ...

    @property
    def dropped(self) -> int:
        """Records that were lost before Kafka had them."""
        ...


class RawProducer:
    """Sends bytes, and counts what was acknowledged.

    Args:
        bootstrap_servers: Kafka's address.
        topic: where to.
    """

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._topic = topic
        self._producer = KafkaProducer(bootstrap_servers=bootstrap_servers, linger_ms=20)
        self._pending: list[Any] = []
        self._produced = 0
        self._failed = 0

    @property
    def produced(self) -> int:
        """Messages that Kafka has acknowledged."""
        self._settle()
        return self._produced

    @property
    def dropped(self) -> int:
        """Messages that failed."""
        self._settle()
        return self._failed

    def send(self, value: bytes) -> None:
        """Take one message to be sent."""
        self._pending.append(self._producer.send(self._topic, value=value))
        if len(self._pending) >= _BACKLOG:
            self.flush()

    def flush(self) -> None:
        """Wait until every message is acknowledged or has failed."""
        self._producer.flush(timeout=30)

    def close(self) -> None:
        """Send what is left and give up the connection."""
        self.flush()
        self._producer.close(timeout=5)

    def _settle(self) -> None:
        """Count the messages of which it is known by now."""
        pending = []
        for future in self._pending:
            if not future.is_done:
                pending.append(future)
            elif future.succeeded():
                self._produced += 1
            else:
                self._failed += 1
        self._pending = pending


class Pace:
    """How many calls are due: a rate, kept over uneven steps.

    Args:
        per_second: the rate.
    """

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._owed = 0.0

    def due(self, seconds: float) -> int:
        """Calls that became due in these seconds."""
        self._owed += self._per_second * seconds
        whole = int(self._owed)
        self._owed -= whole
        return whole


class MadeUp:
    """The made-up applications.

    Args:
        bootstrap_servers: Kafka's address.
        topic: where the calls go.
        rng: the only source of chance.
    """

    def __init__(self, bootstrap_servers: str, topic: str, rng: Random) -> None:
        self.faults = Faults()
        self._rng = rng
        self._shippers = {app.service: Shipper(bootstrap_servers, topic, service=app.service) for app in APPS}
        self._gateway = RawProducer(bootstrap_servers, topic)
        self._paces = {app.service: Pace(app.per_second) for app in APPS}
        self._gateway_pace = Pace(gateway.PER_SECOND)
        self._last: datetime | None = None

    def history(self, now: datetime) -> Iterator[float]:
        """See ``Traffic.history``. Traffic rises and falls over the day."""
        total = sum(app.per_second for app in APPS)
        paces = {app.service: Pace(app.per_second / total) for app in APPS}
        gateway_pace = Pace(gateway.PER_SECOND / total)
        minutes = int(HISTORY.total_seconds() // 60)
        for minute in range(minutes):
            start = now - HISTORY + timedelta(minutes=minute)
            volume = HISTORY_PER_MINUTE * (1 + 0.5 * math.sin(minute / minutes * 2 * math.pi))
            for app in APPS:
                for _ in range(paces[app.service].due(volume)):
                    self._request(app.service, start + timedelta(seconds=self._rng.uniform(0, 60)))
            for _ in range(gateway_pace.due(volume)):
                self._gateway_call(start + timedelta(seconds=self._rng.uniform(0, 60)))
            while max(shipper.queued for shipper in self._shippers.values()) > _BACKLOG:
                time.sleep(0.01)
            if minute % 60 == 59:
                yield (minute + 1) / minutes
        for shipper in self._shippers.values():
            shipper.flush(30)
        self._gateway.flush()

    def live(self, now: datetime) -> None:
        """See ``Traffic.live``."""
        elapsed = (now - self._last).total_seconds() if self._last else 0.0
        self._last = now
        for app in APPS:
            for _ in range(self._paces[app.service].due(elapsed)):
                self._request(app.service, now - timedelta(seconds=self._rng.uniform(0, elapsed)))
        for _ in range(self._gateway_pace.due(elapsed)):
            self._gateway_call(now)

    def close(self) -> None:
        """See ``Traffic.close``."""
        for shipper in self._shippers.values():
            shipper.flush(30)
            shipper.close()
        self._gateway.close()

    @property
    def produced(self) -> int:
        """See ``Traffic.produced``."""
        return sum(shipper.sent for shipper in self._shippers.values()) + self._gateway.produced

    @property
    def dropped(self) -> int:
        """See ``Traffic.dropped``."""
        lost = sum(sum(shipper.dropped.values()) for shipper in self._shippers.values())
        return lost + self._gateway.dropped

    def _request(self, service: str, at: datetime) -> None:
        app = next(app for app in APPS if app.service == service)
        for record in app.request(self._rng, at, self.faults):
            self._shippers[service].ship(record)

    def _gateway_call(self, at: datetime) -> None:
        for value in gateway.messages(self._rng, at):
            self._gateway.send(value)


class Replay:
    """Recorded calls, again and again, each time with a new id and a time of now.

    Args:
        bootstrap_servers: Kafka's address.
        topic: where the calls go.
        paths: files and folders, as ``llm-monitor score`` takes them.

    Raises:
        Permanent: there is nothing to replay.
    """

    def __init__(self, bootstrap_servers: str, topic: str, paths: Sequence[str]) -> None:
        self.faults = Faults()
        self._recorded = [
            found.record.value or b""
            for found in read_records(expand(paths))
            if not isinstance(found, Unreadable)
        ]
        if not self._recorded:
            raise Permanent(f"nothing to replay in {', '.join(paths)}")
        self._producer = RawProducer(bootstrap_servers, topic)
        self._pace = Pace(_REPLAY_PER_SECOND)
        self._last: datetime | None = None
        self._sent = 0

    def history(self, now: datetime) -> Iterator[float]:
        """See ``Traffic.history``."""
        for number in range(_REPLAY_HISTORY):
            self._send(now - HISTORY * (1 - number / _REPLAY_HISTORY))
            if number % 300 == 299:
                yield (number + 1) / _REPLAY_HISTORY
        self._producer.flush()

    def live(self, now: datetime) -> None:
        """See ``Traffic.live``."""
        elapsed = (now - self._last).total_seconds() if self._last else 0.0
        self._last = now
        for _ in range(self._pace.due(elapsed)):
            self._send(now)

    def close(self) -> None:
        """See ``Traffic.close``."""
        self._producer.close()

    @property
    def produced(self) -> int:
        """See ``Traffic.produced``."""
        return self._producer.produced

    @property
    def dropped(self) -> int:
        """See ``Traffic.dropped``."""
        return self._producer.dropped

    def _send(self, at: datetime) -> None:
        recorded = self._recorded[self._sent % len(self._recorded)]
        self._producer.send(moved(recorded, self._sent, at))
        self._sent += 1


def moved(recorded: bytes, number: int, at: datetime) -> bytes:
    """A recorded call as if it had been made at ``at``, the ``number``-th of the replay.

    What is not a JSON object goes out as it is: the service is there to say so.
    """
    try:
        value = msgspec.json.decode(recorded)
    except (ValueError, RecursionError):
        return recorded
    if not isinstance(value, dict):
        return recorded
    id_key = "call_id" if "call_id" in value else "id"
    value[id_key] = f"{value.get(id_key, 'replay')}-{number}"
    value["started_at"] = at.astimezone(UTC).isoformat()
    value.setdefault("service", str(value.get("provider") or "replay"))
    return msgspec.json.encode(value)
