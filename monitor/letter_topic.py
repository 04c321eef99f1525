"""Writes dead letters to a Kafka topic, for whoever wants them there: letters go in, messages come out.

A message's key is the letter's place, ``topic/partition/offset/item``; its value the bytes that were kept,
which may be none; its headers are the record's and, named ``llm-monitor-…``, what is known of the letter.
It comes at least once: whoever reads it can tell a repeat by its key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from monitor.errors import Permanent, Transient
from monitor.store.letters import Unsent, key_of

#: Seconds that Kafka has to take a letter.
PATIENCE_S = 10.0

#: A letter with larger bytes goes without them; the broker's limit may be lower.
MAX_BYTES = 64 * 1024 * 1024

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)

#: What begins the names of our own headers.
PREFIX = "llm-monitor-"


class LetterTopic:
    """The topic of dead letters. Kafka is contacted when there is something to write.

    Args:
        topic: its name.
        client: settings of the configuration, which are a consumer's: those that a producer takes are used.
    """

    def __init__(self, topic: str, client: Mapping[str, Any]) -> None:
        self._topic = topic
        self._settings = {key: value for key, value in client.items() if key in KafkaProducer.DEFAULT_CONFIG}
        self._opened: KafkaProducer | None = None

    def send(self, letters: Sequence[Unsent]) -> None:
        """Write these letters, and wait until Kafka has all of them.

        Raises:
            Transient: it does not take one of them now; some may be written.
            Permanent: a setting that the client does not accept.
        """
        try:
            for unsent, future in [(unsent, self._send(unsent)) for unsent in letters]:
                try:
                    future.get(timeout=PATIENCE_S)
                except _TOO_LARGE:  # for the broker
                    self._write(unsent, None).get(timeout=PATIENCE_S)
        except KafkaError as error:
            raise Transient(f"Kafka: {self._topic}: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Let go of the brokers."""
        if self._opened is not None:
            with suppress(KafkaError):
                self._opened.close(timeout=PATIENCE_S)

    def _send(self, unsent: Unsent) -> Any:
        try:
            return self._write(unsent, unsent.letter.value)
        except _TOO_LARGE:  # for us
            return self._write(unsent, None)

    def _write(self, unsent: Unsent, value: bytes | None) -> Any:
        key = "/".join(map(str, key_of(unsent.letter))).encode()
        return self._producer().send(self._topic, value=value or b"", key=key, headers=_headers(unsent))

    def _producer(self) -> KafkaProducer:
        if self._opened is None:
            limit_ms = int(PATIENCE_S * 1000)
            try:
                self._opened = KafkaProducer(
                    **{
                        **self._settings,
                        "request_timeout_ms": limit_ms,
                        "delivery_timeout_ms": limit_ms,
                        "max_block_ms": limit_ms,
                        "max_request_size": MAX_BYTES,
                        "acks": "all",
                    }
                )
            except (AssertionError, TypeError, ValueError) as error:
                raise Permanent(f"kafka: {error}") from error
        return self._opened


def _headers(unsent: Unsent) -> list[tuple[str, bytes]]:
    """The record's headers, and ours, which come last: a record may have some of that name."""
    letter = unsent.letter
    ours = {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "item": letter.item,
        "reason": letter.reason,
        "detail": letter.detail,
        "size": letter.size,
        "sha256": letter.sha256.hex(),
        "first-seen": unsent.first_seen.isoformat(),
    }
    return [
        *((name, value.encode()) for name, value in letter.headers if not name.startswith(PREFIX)),
        *((PREFIX + name, str(value).encode()) for name, value in ours.items()),
    ]
