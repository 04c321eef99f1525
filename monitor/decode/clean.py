"""The one place where values are made safe: a call as a format read it comes in, one fit to store goes out.

What can be kept is kept: an absurd duration, token count or status becomes null, a long name is cut, NUL
characters (which Postgres refuses in any text) are dropped, and so are marks in the place of content. Only a
call without a usable id or time is refused.
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from typing import Any, TypeVar

import msgspec
from msgspec import structs

from monitor.decode import withheld
from monitor.decode.counts import raw_counts
from monitor.decode.shared import Shared
from monitor.errors import BadInput, DeadLetterReason
from monitor.records import (
    DIMENSIONS,
    Call,
    CallError,
    Captured,
    Contract,
    Document,
    Expected,
    Fragment,
    Output,
    Tool,
    Usage,
    dimensions,
)

#: Longest id, dimension and error type, in characters.
MAX_NAME = 200
#: Deepest JSON Schema carried, in levels. Real ones stay under 20; validators recurse.
MAX_SCHEMA_DEPTH = 100
#: Longest duration believed: seven days, in milliseconds.
MAX_DURATION_MS = 7 * 24 * 3600 * 1000.0
#: The largest token count: Postgres' ``integer``.
MAX_TOKENS = 2**31 - 1
#: The highest cost of one call that is believed, in US dollars.
MAX_COST = 10_000.0
#: The largest raw number, either side of zero: what every reader of JSON takes exactly (RFC 8259, section 6).
MAX_NUMBER = 2**53
#: The largest attempt: Postgres' ``smallint``.
MAX_ATTEMPT = 2**15 - 1

#: Most values of an enumeration that are kept, and the longest of them; of a larger one, none is.
MAX_VALUES, MAX_VALUE = 1_000, 1_000
#: Most token log-probabilities that are kept of one choice: a few pages of text.
MAX_LOGPROBS = 4_096

#: Bytes of JSON of the tools that are remembered, and of the contracts.
MAX_SHARED = 4 * 1024 * 1024

_NO_USAGE, _NOTHING_EXPECTED = Usage(), Expected()
_CONTAINERS = (dict, list)

#: Unicode categories: control, format (bidirectional overrides among them), line and paragraph separators.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Zl", "Zp"})

SchemaOwner = TypeVar("SchemaOwner", Contract, Tool)


def clean(call: Call) -> Call:
    """The call with every value in its range. Cleaning twice changes nothing more.

    Raises:
        BadInput: ``invalid_record`` for a call without an id, or at a time that no UTC clock shows.
    """
    call_id = identifier(call.call_id)
    if call_id is None:
        raise BadInput(DeadLetterReason.INVALID_RECORD, "call_id is empty")
    call = withheld.without_marks(call)
    tools = tuple(map(_shared_tool, call.tools))
    contract = call.contract if call.contract.schema is None else _shared_contract(call.contract)
    captured = Captured(
        input=call.captured.input,
        output=call.captured.output,
        tools=call.captured.tools and not any(map(_lacks_schema, tools, call.tools)),
        schema=call.captured.schema and not _lacks_schema(contract, call.contract),
    )
    trace_id = identifier(call.trace_id)
    cleaned = structs.replace(
        call,
        **dict(zip(DIMENSIONS, map(name_of, dimensions(call)), strict=True)),
        call_id=call_id,
        # Of calls of one trace it is likelier that they are attempts of one request than that none are.
        request_id=identifier(call.request_id) or trace_id or call_id,
        trace_id=trace_id,
        span_id=identifier(call.span_id),
        started_at=utc(call.started_at),
        attempt=min(max(call.attempt, 1), MAX_ATTEMPT),
        error=_error(call.error),
        duration_ms=duration_ms(call.duration_ms),
        ttft_ms=duration_ms(call.ttft_ms),
        contract=contract,
        expected=_expected(call.expected),
        tools=tools,
        outputs=tuple(map(_output, call.outputs)),
        usage=_usage(call.usage),
        captured=captured,
    )
    return _without_nul(cleaned)


def fragment(found: Fragment) -> Fragment:
    """The fragment with its ids and times in their range. Its call is cleaned by itself.

    Raises:
        BadInput: ``invalid_record`` for one without a group or a span, or at a time that no UTC clock shows.
    """
    group, span_id = identifier(found.group), identifier(found.span_id)
    if group is None or span_id is None:
        raise BadInput(DeadLetterReason.INVALID_RECORD, "a part of a call without a trace or a span")
    documents = withheld.shown(found.documents)
    if any("\x00" in said for document in documents for said in structs.astuple(document) if said):
        documents = msgspec.convert(_drop_nul(msgspec.to_builtins(documents)), tuple[Document, ...])
    return structs.replace(
        found,
        group=group,
        span_id=span_id,
        parent_span_id=identifier(found.parent_span_id),
        response_id=identifier(found.response_id),
        emitter=name_of(found.emitter),
        started_at=utc(found.started_at),
        ended_at=utc(found.ended_at),
        first_token_at=None if found.first_token_at is None else utc(found.first_token_at),
        documents=documents,
        models=tuple(name_of(model) for model in found.models),
    )


def utc(time: datetime) -> datetime:
    """The time in UTC; one without a zone is taken as UTC.

    Raises:
        BadInput: ``invalid_record`` if it leaves the years 1 to 9999 on the way.
    """
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise BadInput(DeadLetterReason.INVALID_RECORD, "started_at is beyond the calendar") from None


def identifier(name: str | None) -> str | None:
    """An id without control characters; a longer one than 200 characters is replaced by its SHA-256."""
    printable = _printable(name or "").strip()
    if len(printable) > MAX_NAME:
        return f"sha256:{hashlib.sha256(printable.encode()).hexdigest()}"
    return printable or None


def name_of(name: str) -> str:
    """A dimension or type: without control characters, at most 200 characters."""
    return _short_name(name) if len(name) <= MAX_NAME else _name(name)


def _name(name: str) -> str:
    return _printable(name).strip()[:MAX_NAME].rstrip()


@lru_cache(maxsize=8_192)
def _short_name(name: str) -> str:
    """The same, remembered: a call has a dozen names, which recur. No long one is kept, whoever sent it."""
    return intern(_name(name))


def duration_ms(duration: float | None) -> float | None:
    """A duration in milliseconds, or null where it is not a number, negative, or longer than a week."""
    if duration is None or not math.isfinite(duration) or not 0 <= duration <= MAX_DURATION_MS:
        return None
    return duration


def count(tokens: int | None) -> int | None:
    """A token count, or null where it is negative or more than an integer column holds."""
    return tokens if tokens is not None and 0 <= tokens <= MAX_TOKENS else None


def _printable(name: str) -> str:
    """Without what breaks log lines, labels and terminals: control and format characters, line separators."""
    if name.isprintable():
        return name
    return "".join(character for character in name if unicodedata.category(character) not in _UNPRINTABLE)


def _usage(usage: Usage) -> Usage:
    if usage == _NO_USAGE:
        return usage
    return Usage(
        input_tokens=count(usage.input_tokens),
        output_tokens=count(usage.output_tokens),
        cache_read_tokens=count(usage.cache_read_tokens),
        cache_write_tokens=count(usage.cache_write_tokens),
        reasoning_tokens=count(usage.reasoning_tokens),
        raw=_raw(usage.raw),
        cost=_cost(usage.cost),
    )


def _cost(dollars: float | None) -> float | None:
    """A cost in US dollars, or null where it is not a number, negative, or absurd."""
    if dollars is None or not math.isfinite(dollars) or not 0 <= dollars <= MAX_COST:
        return None
    return dollars


def _raw(raw: dict[str, int | float] | None) -> dict[str, int | float] | None:
    """The numbers in range, under printable names; as few and as short as any format's, whoever sent them."""
    bounded = raw_counts(raw) or {}
    named = {name_of(name): value for name, value in bounded.items() if abs(value) <= MAX_NUMBER}
    named.pop("", None)
    return named or None


def _expected(expected: Expected) -> Expected:
    """Names in lower case where case doesn't count; the values of an enumeration, or none of them."""
    if expected == _NOTHING_EXPECTED:
        return expected
    values = expected.values
    is_small = len(values) <= MAX_VALUES and all(len(value) <= MAX_VALUE for value in values)
    return Expected(
        language=name_of(expected.language),
        format=name_of(expected.format.lower()),
        values=values if is_small else (),
    )


def _output(output: Output) -> Output:
    """The choice with the logarithms that are those of a probability."""
    if not output.logprobs:
        return output
    kept = tuple(value for value in output.logprobs[:MAX_LOGPROBS] if math.isfinite(value) and value <= 0)
    return output if kept == output.logprobs else structs.replace(output, logprobs=kept)


def _error(error: CallError | None) -> CallError | None:
    if error is None:
        return None
    status = error.http_status
    return CallError(
        type=name_of(error.type) or "unknown",
        category=error.category,
        http_status=status if status is not None and 100 <= status <= 599 else None,
    )


def _with_shallow_schema(owner: SchemaOwner) -> SchemaOwner:
    """The contract or tool, without its schema if that is too deep to be walked safely."""
    return owner if _depth_within(owner.schema, MAX_SCHEMA_DEPTH) else structs.replace(owner, schema=None)


_shared_tool = Shared[Tool](_with_shallow_schema, MAX_SHARED)
_shared_contract = Shared[Contract](_with_shallow_schema, MAX_SHARED)


def _lacks_schema(cleaned: SchemaOwner, owner: SchemaOwner) -> bool:
    return cleaned.schema is None and owner.schema is not None


def _depth_within(value: Any, limit: int) -> bool:
    """Whether objects and arrays nest at most ``limit`` deep. Goes level by level, so it needs no stack."""
    level = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(limit):
        if not level:
            return True
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, _CONTAINERS)
        ]
    return not level


def _without_nul(call: Call) -> Call:
    """The call with NUL removed from every string in it, at any depth.

    The encoded form shows at C speed whether there is one, which nearly always there is not.
    """
    if b"\\u0000" not in msgspec.json.encode(call):
        return call
    return msgspec.convert(_drop_nul(msgspec.to_builtins(call, builtin_types=(datetime,))), Call)


def _drop_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list | tuple):
        return [_drop_nul(element) for element in value]
    if isinstance(value, dict):
        return {_drop_nul(key): _drop_nul(element) for key, element in value.items()}
    return value
