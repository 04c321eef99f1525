"""The four kinds of failure, and nothing else: bad input, transient, permanent, bug.

A stage raises one of these (or lets a bug through as what it is); only an edge catches, and the kind
decides what the edge does: a bad record becomes a dead letter, a transient failure is retried with the
batch kept, a permanent one stops the process with a message a person can act on.
"""

from __future__ import annotations

from enum import StrEnum


class DeadLetterReason(StrEnum):
    """Why a record could not be used. A closed list: it is a column value and a metric label."""

    UNREADABLE = "unreadable"
    """What is in Kafka at this place is no record: its batch can't be unpacked, or is not what it says."""
    EMPTY = "empty"
    """The record has no value (a tombstone, or zero bytes)."""
    TOO_LARGE = "too_large"
    """The value is larger than ``ingest.max_record_bytes``; or it, or its batch, than is unpacked at all."""
    NOT_JSON = "not_json"
    """The value is not JSON by RFC 8259, even after bad UTF-8 and lone surrogates were replaced."""
    TOO_DEEP = "too_deep"
    """The JSON is nested deeper than any real call; parsing it would exhaust the stack."""
    UNKNOWN_FORMAT = "unknown_format"
    """The value is JSON, but no decoder recognises it."""
    UNSUPPORTED_VERSION = "unsupported_version"
    """A native record of a version that this release does not read."""
    UNSUPPORTED_API = "unsupported_api"
    """A request/response pair of an API that this release does not read."""
    CARRIES_CREDENTIAL = "carries_credential"
    """A format of which every message carries an API credential (Helicone's internal one): refused unread."""
    INVALID_RECORD = "invalid_record"
    """The format is known, but a required field is missing or has the wrong type."""
    TOO_OLD = "too_old"
    """The call started longer ago than ``ingest.max_lateness``."""
    FROM_FUTURE = "from_future"
    """The call started further ahead than ``ingest.max_skew``."""
    DECODER_FAILED = "decoder_failed"
    """Our decoder raised: a bug of ours, kept for replay."""
    SCORER_FAILED = "scorer_failed"
    """A scorer of ours raised: a bug of ours, kept for replay."""
    REFUSED_BY_STORE = "refused_by_store"
    """Postgres refused the row; found by bisecting its batch."""
    TOOK_TOO_LONG = "took_too_long"
    """Decoding and scoring took longer than ``ingest.record_timeout``: a bug of ours, kept for replay."""
    OUT_OF_MEMORY = "out_of_memory"
    """Decoding and scoring needed more memory than a worker may have: a bug of ours, kept for replay."""
    KILLED_WORKER = "killed_worker"
    """The process that worked on it ended, and again when it was tried alone: a bug of ours, kept."""


class MonitorError(Exception):
    """Base of every error that this project raises on purpose."""


class BadInput(MonitorError):
    """A record that cannot be used. Costs that record only.

    Attributes:
        reason: the stable class of the failure.
        detail: one line for a person; never the content itself.
    """

    def __init__(self, reason: DeadLetterReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Transient(MonitorError):
    """A failure that may pass by itself: keep the work, wait, try again."""


class Permanent(MonitorError):
    """A failure that needs a person. The message says what is wrong and what would be right."""


class ConfigError(Permanent):
    """The configuration or a rule file cannot be used; names the file and the line."""


class Fenced(Transient):
    """Another worker owns the partition now: what was read must be dropped and read again."""


class Raced(Transient):
    """Another worker took or finished a part that this batch is made of: put it together again."""


class TookTooLong(BaseException):
    """A record takes longer than one may. Raised in the middle of whatever its worker is at.

    No ``Exception``, so that nothing on the way takes it for an error of its own: only the worker catches it.
    """
