"""Writes dead letters to a Kafka topic, for whoever wants them there: letters go in, messages come out.

A message's key is the letter's place, ``topic/partition/offset/item``; its value the bytes that were kept,
which may be none; its headers are the record's and, named ``llm-monitor-…``, what is known of the letter.
What is too large for the topic goes without its bytes and, if need be, without all but its place and reason,
so that it holds up no other. It comes at least once: whoever reads it can tell a repeat by its key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

#: The header that says what a letter goes without, because the topic takes no more.
LEFT_OUT = PREFIX + "left-out"


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
            for unsent, future in [(unsent, self._begin(unsent)) for unsent in letters]:
                self._end(unsent, future)
        except KafkaError as error:
            raise Transient(f"Kafka: {self._topic}: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Let go of the brokers."""
        if self._opened is not None:
            with suppress(KafkaError):
                self._opened.close(timeout=PATIENCE_S)

    def _begin(self, unsent: Unsent) -> Any:
        """What will say whether the broker has the letter; ``None`` where it is too large to be asked."""
        try:
            return self._write(unsent, *next(_forms(unsent)))
        except _TOO_LARGE:
            return None

    def _end(self, unsent: Unsent, future: Any) -> None:
        """Wait until the broker has the letter, in the largest form that it takes.

        Raises:
            KafkaError: it takes none of them.
        """
        with suppress(*_TOO_LARGE):
            if future is not None:
                future.get(timeout=PATIENCE_S)
                return
        # What was refused may have been others beside it, so it is first tried as it is, alone.
        refused: KafkaError | None = None
        for value, headers in _forms(unsent):
            try:
                self._write(unsent, value, headers).get(timeout=PATIENCE_S)
            except _TOO_LARGE as error:
                refused = error
            else:
                return
        assert refused is not None  # noqa: S101 - there is more than one form
        raise refused

    def _write(self, unsent: Unsent, value: bytes, headers: list[tuple[str, bytes]]) -> Any:
        key = "/".join(map(str, key_of(unsent.letter))).encode()
        return self._producer().send(self._topic, value=value, key=key, headers=headers)

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
                        # An idempotent producer sends nothing more after a message that was refused.
                        "enable_idempotence": False,
                    }
                )
            except (AssertionError, TypeError, ValueError) as error:
                raise Permanent(f"kafka: {error}") from error
        return self._opened


def _forms(unsent: Unsent) -> Iterator[tuple[bytes, list[tuple[str, bytes]]]]:
    """A letter's value and headers: whole, and then with less and less of it, which ``left-out`` names.

    The record's headers come before ours: a record may have some of that name.
    """
    letter, ours = unsent.letter, _ours(unsent)
    theirs = [(name, value.encode()) for name, value in letter.headers if not name.startswith(PREFIX)]
    yield letter.value or b"", theirs + ours
    if letter.value:
        yield b"", [*theirs, *ours, (LEFT_OUT, b"value")]
    least = [(name, value) for name, value in ours if name != PREFIX + "detail"]
    yield b"", [*least, (LEFT_OUT, b"value, headers, detail")]


def _ours(unsent: Unsent) -> list[tuple[str, bytes]]:
    """What is known of a letter."""
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
    return [(PREFIX + name, str(value).encode()) for name, value in ours.items()]
