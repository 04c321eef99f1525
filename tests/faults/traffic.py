"""The known set of calls: what is sent to Kafka while something is broken, and what must be stored of it.

Native records, most of them plain calls; among them calls that a producer sends twice, calls of yesterday
that come late, requests that needed a second attempt, calls that OpenTelemetry tells in two messages, and
records that nobody can read. The producer itself neither loses nor doubles: it is idempotent, and a record
counts when every in-sync broker has it.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from kafka import KafkaProducer

from monitor.decode.otlp.events import DETAILS

#: Seconds in which Kafka must have taken what was sent to it: longer than any broker is away.
ACKNOWLEDGED_S = 180.0

#: Seconds between two looks at the clock of a producer that keeps a rate.
BURST_S = 0.05

MODELS = ("small", "medium", "large")

#: What a model answers, and what the score of that has to be.
ANSWERS = {'{"a": 1}': "json_ok", "{}": "json_ok", "no JSON": "json_not_json"}

#: Calls of which half is in Kafka and the other half is not: at 200 records a second, for about 2 s.
HALVED = 20

#: A minute and a model, and what is counted of them.
Counted = Counter[tuple[datetime, str, str]]


class Traffic:
    """Produces records and knows what has to become of them.

    Args:
        bootstrap_servers: Kafka's address.
        topic: where to.
        seed: which calls.
        in_parts: whether there are calls that come in two messages among them.

    Attributes:
        calls: the ids of the calls that must be stored, each with its start.
        counted: what the rollups must say of them: calls, errors, outcomes, tokens, requests.
        duplicates: how many records repeat a call.
        bad: how many records nobody can read.
        parts: how many records are a part of a call beside its first.
        repeated: how many of them are a half that was sent before.
        sent: how many records that makes.
    """

    def __init__(self, bootstrap_servers: str, topic: str, seed: int = 7, *, in_parts: bool = True) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.topic = topic
        self.calls: dict[str, datetime] = {}
        self.counted: Counted = Counter()
        self.duplicates = 0
        self.bad = 0
        self.parts = 0
        self.repeated = 0
        self.sent = 0
        self._in_parts = in_parts
        self._random = Random(seed)
        self._halves: deque[bytes] = deque()
        self._repeatable: deque[bytes] = deque(maxlen=100)
        self._failures: list[Exception] = []
        self._flowing = threading.Event()
        self._thread: threading.Thread | None = None
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            delivery_timeout_ms=int(ACKNOWLEDGED_S * 1000),
            max_block_ms=int(ACKNOWLEDGED_S * 1000),
            linger_ms=5,
            metadata_max_age_ms=2_000,
        )

    def close(self) -> None:
        """Stop producing."""
        self._halt()
        self._producer.close(timeout=10)

    def start(self, per_second: int) -> None:
        """Produce in the background, this many records a second, until ``stop``."""
        self._flowing.set()
        self._thread = threading.Thread(target=self._flow, args=(per_second,), name="traffic")
        self._thread.start()

    def stop(self) -> None:
        """Stop producing and wait until Kafka has everything.

        Raises:
            KafkaError: it did not take a record, so that nobody knows what is in it.
        """
        self._halt()
        self._acknowledge()

    def send(self, records: int) -> None:
        """Produce at least this many records as fast as Kafka takes them, and wait until it has them.

        Raises:
            KafkaError: as for ``stop``.
        """
        until = self.sent + records
        while self.sent < until:
            self._produce()
        self._acknowledge()

    def _halt(self) -> None:
        self._flowing.clear()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _acknowledge(self) -> None:
        while self._halves:
            self._send(self._halves.popleft())
        self._producer.flush(timeout=ACKNOWLEDGED_S)
        if self._failures:
            raise self._failures[0]

    def _flow(self, per_second: int) -> None:
        began, sent = time.monotonic(), 0
        while self._flowing.is_set():
            while sent < (time.monotonic() - began) * per_second:
                sent += self._produce()
            time.sleep(BURST_S)

    def _produce(self) -> int:
        records = 0
        for value in self._next():
            self._send(value)
            records += 1
        return records

    def _send(self, value: bytes) -> None:
        self._producer.send(self.topic, value).add_errback(self._failures.append)
        self.sent += 1

    def _next(self) -> Iterator[bytes]:
        """The records of one more request, or one that is of none."""
        draw = self._random.random()
        request = f"request-{len(self.calls)}"
        if draw < 0.02:
            self.bad += 1
            yield b'{"version": 1, "cut off'
        elif draw < 0.07 and self._repeatable:
            self.duplicates += 1
            yield self._random.choice(self._repeatable)
        elif draw < 0.12:
            yield self._answered(request, late=timedelta(days=1))
        elif draw < 0.17:
            first = self._failed(request)
            second = self._answered(request, attempts_before=1)
            yield from self._random.sample((first, second), 2)
        elif draw < 0.22 and self._in_parts:
            yield from self._in_two_messages()
        else:
            yield self._answered(request)

    def _answered(self, request: str, *, late: timedelta = timedelta(), attempts_before: int = 0) -> bytes:
        answer = self._random.choice(list(ANSWERS))
        counted = [ANSWERS[answer]] if attempts_before else [ANSWERS[answer], "requests"]
        output = {"text": answer, "finish_reason": "stop"}
        return self._call(request, datetime.now(UTC) - late, counted, {"outputs": [output]})

    def _failed(self, request: str) -> bytes:
        """The first attempt of a request; it is over when the one begins that is answered."""
        error = {"type": "overloaded_error", "http_status": 503}
        more: dict[str, object] = {"status": "error", "error": error, "duration_ms": 100}
        earlier = datetime.now(UTC) - timedelta(seconds=1)
        return self._call(request, earlier, ["errors", "requests", "requests_rescued"], more)

    def _in_two_messages(self) -> Iterator[bytes]:
        """Half of a call, one time in ten twice, and the other half of one that began a while ago."""
        half, other = self._random.sample(self._halved(), 2)
        self._halves.append(other)
        repeated = self._random.random() < 0.1
        yield from [half] * (1 + repeated)
        if len(self._halves) > HALVED:
            yield self._halves.popleft()
        self.parts += 1 + repeated
        self.repeated += repeated

    def _halved(self) -> tuple[bytes, bytes]:
        """A span, which says what was asked and how long it took, and its event, which says the answer."""
        started_at = datetime.now(UTC).replace(microsecond=0)
        model, tokens = self._random.choice(MODELS), self._random.randrange(500)
        answer = self._random.choice(list(ANSWERS))
        trace_id, span_id = f"{self._random.getrandbits(128):032x}", f"{self._random.getrandbits(64):016x}"
        ids = {"traceId": trace_id, "spanId": span_id}
        asked: dict[str, str | int] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": model,
            "gen_ai.output.type": "json",
            "gen_ai.usage.input_tokens": tokens,
        }
        # Whole seconds, whose sum is the same in whatever order they are added.
        began, ended = (
            str(int(at.timestamp() * 1e9)) for at in (started_at, started_at + timedelta(seconds=1))
        )
        span = {**ids, "kind": 3, "startTimeUnixNano": began, "endTimeUnixNano": ended, **_attributes(asked)}
        said = [
            {"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}
        ]
        told = _attributes({**asked, "gen_ai.output.messages": json.dumps(said)})
        event = {**ids, "timeUnixNano": ended, "eventName": DETAILS, **told}
        # A span names no schema, so whether JSON is what was wanted, nobody knows.
        wrong = [ANSWERS[answer]] if ANSWERS[answer] == "json_not_json" else []
        self._expect(span_id, started_at, model, tokens, ["requests", *wrong])
        spans = _message("resourceSpans", "scopeSpans", "spans", span)
        return spans, _message("resourceLogs", "scopeLogs", "logRecords", event)

    def _call(self, request: str, started_at: datetime, counted: list[str], more: dict[str, object]) -> bytes:
        call_id = f"call-{len(self.calls)}"
        model = self._random.choice(MODELS)
        tokens = self._random.randrange(500)
        fields: dict[str, object] = {
            "version": 1,
            "call_id": call_id,
            "request_id": request,
            "started_at": started_at.isoformat(),
            "service": "faults",
            "model_requested": model,
            "duration_ms": self._random.randrange(10, 10_000),
            "usage": {"input_tokens": tokens},
            "contract": {"kind": "json_object"},
            **more,
        }
        self._expect(call_id, started_at, model, tokens, counted)
        value = json.dumps(fields).encode()
        self._repeatable.append(value)
        return value

    def _expect(
        self, call_id: str, started_at: datetime, model: str, tokens: int, counted: list[str]
    ) -> None:
        """Note what must become of a call."""
        minute = started_at.replace(second=0, microsecond=0)
        self.calls[call_id] = started_at
        self.counted.update((minute, model, what) for what in ("calls", *counted))
        self.counted[minute, model, "input_tokens"] += tokens


def _attributes(values: dict[str, str | int]) -> dict[str, object]:
    """Attributes as OTLP writes them in JSON, where a number of 64 bits is text too."""
    kinds = {str: "stringValue", int: "intValue"}
    return {"attributes": [{"key": key, "value": {kinds[type(it)]: str(it)}} for key, it in values.items()]}


def _message(resources: str, scopes: str, items: str, item: dict[str, object]) -> bytes:
    """A message with one span or one event, as the Collector writes it to Kafka."""
    scope = {"scope": {"name": "faults"}, items: [item]}
    resource = {"resource": _attributes({"service.name": "faults"}), scopes: [scope]}
    return json.dumps({resources: [resource]}).encode()
