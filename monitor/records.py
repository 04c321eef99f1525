"""The records every stage shares: a ``Call`` comes out of decode, ``Scores`` out of the scorers.

These are values, frozen, with closed lists of outcomes; the few functions say what follows from one value
alone (its dimensions, whether a call was answered), for stages that may not know each other. Field names
follow the OpenTelemetry GenAI conventions where they have a name. Durations are in milliseconds, sizes in
characters, tokens in tokens, times timezone-aware and in UTC. One long file on purpose: it is the
vocabulary, and a vocabulary is read in one place.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, NamedTuple

import msgspec

from monitor.errors import DeadLetterReason

# ---------------------------------------------------------------------------------------------------- call


class Status(StrEnum):
    """How the attempt ended, as far as transport and provider are concerned."""

    OK = "ok"
    ERROR = "error"


class ContractKind(StrEnum):
    """What the call promised to return."""

    NONE = "none"
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"
    TOOL = "tool"
    """A tool call is required, or one named tool is forced."""
    UNKNOWN = "unknown"


#: Contracts by which the text of an answer is JSON.
JSON_CONTRACTS = frozenset({ContractKind.JSON_OBJECT, ContractKind.JSON_SCHEMA})


class FinishReason(StrEnum):
    """Why the model stopped, normalised over providers."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALL = "tool_call"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    ERROR = "error"
    MALFORMED_TOOL_CALL = "malformed_tool_call"
    PAUSE = "pause"
    UNKNOWN = "unknown"


#: Finish reasons of a turn that isn't over: what is not in the answer may come yet.
UNFINISHED = frozenset({FinishReason.PAUSE, FinishReason.ERROR})


class PartType(StrEnum):
    """What one part of a message is."""

    TEXT = "text"
    REASONING = "reasoning"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    DOCUMENT = "document"
    MEDIA = "media"
    OTHER = "other"


class _Value(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Base of every record: immutable, small when encoded.

    Made of values that were there before it, it is part of no circle, so the garbage collector need not look
    at it: of what a worker holds, it then looks at 12 objects a call instead of 28.
    """


class Part(_Value, frozen=True):
    """One part of a message. Which fields are set depends on ``type``."""

    type: PartType = PartType.TEXT
    content: str = ""
    """The text of a text, reasoning, document or tool_result part."""
    id: str | None = None
    """The tool call's id, on tool_call and tool_result."""
    name: str | None = None
    """The tool's or the document's name."""
    arguments: str | None = None
    """The arguments of a tool_call, as JSON text."""
    is_error: bool = False
    """Of a tool_result: the model was told, by the format and not only in words, that the tool failed."""


class Message(_Value, frozen=True):
    """One message of the conversation that was sent."""

    role: str
    parts: tuple[Part, ...] = ()


class Document(_Value, frozen=True):
    """A passage given to the model as context, wherever the format keeps it."""

    content: str
    id: str | None = None
    origin: str | None = None
    """Where it was found: ``message``, ``tool_result``, ``retrieval``, ``citation``."""


class Contract(_Value, frozen=True):
    """What the call promised to return, and the JSON Schema if it gave one.

    ``schema`` is the schema as the request carried it (an object or a boolean); ``None`` where none
    was given or none was captured.
    """

    kind: ContractKind = ContractKind.UNKNOWN
    schema: dict[str, Any] | bool | None = None
    strict: bool | None = None
    name: str | None = None


class Tool(_Value, frozen=True):
    """One tool offered to the model."""

    name: str
    kind: Literal["function", "builtin", "mcp"] = "function"
    description: str | None = None
    schema: dict[str, Any] | bool | None = None
    """The JSON Schema of its arguments, or ``None`` where it was not captured."""
    strict: bool | None = None


class ToolChoice(_Value, frozen=True):
    """Which tools the model may or must call."""

    mode: Literal["auto", "none", "required"] = "auto"
    names: tuple[str, ...] = ()
    """The only tools allowed, where the request restricts them; empty means any that was offered."""


class ToolCall(_Value, frozen=True):
    """One tool call the model made."""

    name: str
    arguments: str
    """The arguments as JSON text: exactly what the model wrote where the format keeps it."""
    id: str | None = None
    server_side: bool = False
    """Run by the provider itself (web search, code interpreter): not the application's tool."""


class Output(_Value, frozen=True):
    """One choice that the model returned."""

    text: str = ""
    refusal: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    citations: tuple[str, ...] = ()
    """Titles, URLs or ids of what the answer cites."""
    finish_reason: FinishReason = FinishReason.UNKNOWN
    finish_reason_raw: str | None = None
    logprobs: tuple[float, ...] = ()
    """Natural logarithms of the probabilities of the text's tokens, in their order, where they are logged."""


class Usage(_Value, frozen=True):
    """Tokens. ``input_tokens`` includes cache reads and writes, ``output_tokens`` includes reasoning."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    raw: dict[str, int | float] | None = None
    """The provider's own counts, by their own names, nested ones joined by dots:
    ``prompt_tokens_details.cached_tokens``."""
    cost: float | None = None
    """US dollars, where whoever logged the call says what it cost."""


class ErrorCategory(StrEnum):
    """The class of a provider's or transport's failure."""

    RATE_LIMIT = "rate_limit"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"
    AUTHENTICATION = "authentication"
    INVALID_REQUEST = "invalid_request"
    NOT_FOUND = "not_found"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    TOOL_USE_FAILED = "tool_use_failed"
    OTHER = "other"


class CallError(_Value, frozen=True):
    """Why an attempt failed."""

    type: str
    """The provider's or client's own name for it, as ``error.type`` in OpenTelemetry."""
    category: ErrorCategory = ErrorCategory.OTHER
    http_status: int | None = None


class FallbackHint(_Value, frozen=True):
    """What the emitter itself says about retries and fallbacks, where it says anything.

    ``declared`` is ``none`` (it says: first choice), ``retry``, ``fallback``, ``exhausted`` (the last of
    several attempts, and it failed too), or ``unknown``.
    """

    declared: Literal["none", "retry", "fallback", "exhausted", "unknown"] = "unknown"
    from_model: str | None = None
    to_model: str | None = None
    cause: str | None = None
    """In words of the emitter's own: a ``FallbackCause``, an exception's name, an HTTP status."""
    evidence: str | None = None
    hop: int | None = None
    """How many attempts came before, where the emitter says so."""


class Expected(_Value, frozen=True):
    """What else the request asked of the answer, where it says so machine-readably. Empty: it didn't."""

    language: str = ""
    """A language, as a BCP 47 tag: ``de``, ``pt-BR``."""
    format: str = ""
    """The form of the text: ``json``, ``xml``, ``html``, ``markdown``, ``plain``, ``enum``, …; see
    ``docs/native.md``."""
    values: tuple[str, ...] = ()
    """The only texts that may be answered, for the format ``enum``."""


class Captured(_Value, frozen=True):
    """What of the call the format carried, so that a scorer can abstain instead of blaming the model."""

    input: bool = True
    output: bool = True
    tools: bool = True
    """False when tools were offered but their schemas, or the list itself, are missing."""
    schema: bool = True
    """False when a schema was asked for but the record does not have it."""


class Source(_Value, frozen=True):
    """Where a call was read. ``topic`` is a file's path when it was not Kafka."""

    format: str
    topic: str = ""
    partition: int = 0
    offset: int = 0
    item: int = 0
    """Position within the record, where one record holds several calls."""
    logged: bool = False
    """Whether the call's start is only the time at which its record was logged: the record says none."""


class CallFields(_Value, frozen=True, kw_only=True):
    """Everything about one attempt at one model, except where it was read.

    This is also the body of the native format (``docs/native.md``), so a field added here is a field
    that an application can send.
    """

    call_id: str
    started_at: datetime
    request_id: str | None = None
    """Shared by the attempts (retries, fallbacks) of one request."""
    attempt: int = 1
    trace_id: str | None = None
    span_id: str | None = None

    service: str = ""
    environment: str = ""
    provider: str = ""
    model_requested: str = ""
    model_served: str = ""
    route: str = ""
    prompt_name: str = ""
    prompt_version: str = ""
    operation: str = "chat"
    agent: str = ""

    status: Status = Status.OK
    error: CallError | None = None
    duration_ms: float | None = None
    ttft_ms: float | None = None
    """Time to the first token. Null when unknown, never the duration instead."""
    stream: bool | None = None

    contract: Contract = Contract()
    expected: Expected = Expected()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool = True
    """Whether more than one client tool call was allowed in one answer."""
    input: tuple[Message, ...] = ()
    documents: tuple[Document, ...] = ()
    outputs: tuple[Output, ...] = ()
    usage: Usage = Usage()
    fallback: FallbackHint = FallbackHint()
    captured: Captured = Captured()


class Call(CallFields, frozen=True, kw_only=True):
    """One attempt at one model: one request sent to one deployment, one outcome."""

    source: Source


# ----------------------------------------------------------------------------------------------- fragments


class FragmentKind(StrEnum):
    """What a piece of a trace says."""

    CALL = "call"
    """It stands for a call: an inference span, a Langfuse generation. Its fields may be incomplete."""
    CONTENT = "content"
    """It adds what was said to the call of ``span_id``: a content event, a span below the call's own."""
    DOCUMENTS = "documents"
    """It brings passages that calls of its trace were given: a retriever's span."""
    CHAIN = "chain"
    """It names the models that the calls below ``span_id`` may fall back to, first choice first."""
    DONE = "done"
    """The mark of a call that was counted, so that what comes late for it isn't counted again."""


class Fragment(_Value, frozen=True, kw_only=True):
    """A piece of a call that may come in a message of its own: a span, an event, half of an observation.

    Fragments of one ``group`` are put together by ``decode.assemble``; until then they wait in Postgres.
    """

    kind: FragmentKind
    group: str
    """What they have in common: the trace id."""
    span_id: str
    """The span that it is, or that it belongs to."""
    parent_span_id: str | None = None
    response_id: str | None = None
    emitter: str = ""
    """The instrumentation scope. One emitter writes one CALL a call; two may both write the same one."""
    started_at: datetime
    ended_at: datetime
    first_token_at: datetime | None = None
    """When the first token came, for a fragment that doesn't know when the call started."""
    call: Call | None = None
    """What CALL and CONTENT say, defaults for what they don't; ``captured`` tells which content is in it."""
    documents: tuple[Document, ...] = ()
    models: tuple[str, ...] = ()
    piece: bool = False
    """One message or choice of several that are events of their own; together they are what was said."""
    choice: int = 0
    """Which choice of the answer a piece is."""
    settled: bool = False
    """This emitter writes the whole call in this one piece: no other piece will bring more content."""


class Waiting(_Value, frozen=True):
    """A fragment that waits for the rest of its call.

    ``part_id`` is its row in ``parts``; ``None`` for one that was just read.
    """

    fragment: Fragment
    arrived_at: datetime
    due_at: datetime
    """When the wait ends."""
    part_id: int | None = None


class Told(_Value, frozen=True):
    """A call that was put together, with the parts that it was put together of.

    ``marks`` begin to wait when the call is saved, so that what comes late for it isn't counted again.
    """

    call: Call
    parts: tuple[Waiting, ...]
    marks: tuple[Waiting, ...]


#: The dimensions of a series, in the order of the key and of the columns of ``series``.
DIMENSIONS = (
    "service",
    "environment",
    "provider",
    "model_requested",
    "model_served",
    "route",
    "prompt_name",
    "prompt_version",
    "operation",
    "agent",
)


def dimensions(call: CallFields) -> tuple[str, ...]:
    """The values of ``DIMENSIONS`` of this call, in that order."""
    return (
        call.service,
        call.environment,
        call.provider,
        call.model_requested,
        call.model_served,
        call.route,
        call.prompt_name,
        call.prompt_version,
        call.operation,
        call.agent,
    )


# -------------------------------------------------------------------------------------------------- scores


class JsonOutcome(StrEnum):
    """What became of a JSON contract."""

    OK = "ok"
    NOT_JSON = "not_json"
    FENCED = "fenced"
    """Valid JSON inside a Markdown code fence."""
    WRAPPED = "wrapped"
    """Valid JSON with prose around it."""
    TRUNCATED = "truncated"
    """Cut off: by the token limit, or it ends inside a value."""
    SCHEMA_VIOLATION = "schema_violation"
    DUPLICATE_KEYS = "duplicate_keys"
    EMPTY = "empty"
    REFUSED = "refused"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"


class ToolsOutcome(StrEnum):
    """What became of the tools that were offered. The first failure that applies, in this order."""

    OK = "ok"
    MALFORMED_ARGUMENTS = "malformed_arguments"
    UNKNOWN_TOOL = "unknown_tool"
    MISSING_ARGUMENT = "missing_argument"
    UNEXPECTED_ARGUMENT = "unexpected_argument"
    WRONG_TYPE = "wrong_type"
    INVALID_VALUE = "invalid_value"
    FORBIDDEN_CALL = "forbidden_call"
    MISSING_CALL = "missing_call"
    PARALLEL_NOT_ALLOWED = "parallel_not_allowed"
    REPEATED_CALL = "repeated_call"
    """The same call, with the same arguments, once more in one answer or one loop of tool calls."""
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"


class GroundingOutcome(StrEnum):
    """Whether the answer's words, numbers, names and links stand in its context. A heuristic."""

    SUPPORTED = "supported"
    SUSPECT = "suspect"
    UNSUPPORTED = "unsupported"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"


class FallbackOutcome(StrEnum):
    """Whether this call is the first choice of its request."""

    NONE = "none"
    RETRY = "retry"
    FALLBACK = "fallback"
    EXHAUSTED = "exhausted"
    """The last of several attempts, and none of them gave an answer."""
    SILENT_DOWNGRADE = "silent_downgrade"
    """Another model answered than was asked for, not known to be a greater one, and nothing says why."""
    UNKNOWN = "unknown"


class FallbackCause(StrEnum):
    """Why a request was tried again or elsewhere; a value that is not in this list is ``OTHER``."""

    RATE_LIMIT = "rate_limit"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"
    CONTENT_FILTER = "content_filter"
    CONTEXT_LENGTH = "context_length"
    NO_ANSWER = "no_answer"
    """The attempt before went well, and there was nothing in its output."""
    OTHER = "other"
    """It is known, and none of these: credentials, a model that isn't there, a request it didn't take."""
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, _: object) -> FallbackCause:
        return cls.OTHER


class InstructionsOutcome(StrEnum):
    """Whether the answer is one at all, and in the language and form that the request asked for."""

    OK = "ok"
    EMPTY = "empty"
    REFUSED = "refused"
    LENGTH_LIMIT = "length_limit"
    """Cut off by the token limit."""
    WRONG_LANGUAGE = "wrong_language"
    WRONG_FORMAT = "wrong_format"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"


class JudgeOutcome(StrEnum):
    """What the second stage says of the answer's grounding: a model or judge that a user plugged in."""

    SUPPORTED = "supported"
    SUSPECT = "suspect"
    UNSUPPORTED = "unsupported"
    NOT_APPLICABLE = "not_applicable"
    """It was not asked: no judge is configured, or this call is not in its sample."""
    UNKNOWN = "unknown"
    """It was asked and gave no verdict: a timeout, an error, a bound that was reached."""


class Signal(_Value, frozen=True):
    """One reason for a risk: what was found, and how much it adds. Never the text that it was found in."""

    name: str
    value: float
    """How much was found, in the signal's own unit: a count, or a share in 0..1."""
    adds: float = 0.0
    """What it adds to the logarithm of the odds."""
    at: tuple[int, ...] = ()
    """Where the first few were found: positions in the answer, in characters."""


class JsonScore(_Value, frozen=True):
    """The ``json`` score: does the output keep its JSON contract."""

    outcome: JsonOutcome
    detail: str | None = None
    """Where and which rule: ``/items/0/price: type``. Never the offending value."""
    recoverable: bool | None = None
    """Of a failure: whether a tolerant parser could have saved the value; null where that is no question."""
    violations: int = 0
    """How many violations of the schema were found, up to a bound."""


class ToolsScore(_Value, frozen=True):
    """The ``tools`` score: do the tool calls keep to what was offered."""

    outcome: ToolsOutcome
    detail: str | None = None
    """Every structural failure, the first that applies first, and what the risk is made of."""
    risk: float | None = None
    """0..1, how likely these calls (or their absence) are not what was asked for; null if untold."""
    signals: tuple[Signal, ...] = ()
    """What makes the risk, the strongest first."""


class GroundingScore(_Value, frozen=True):
    """The ``grounding`` score: how much of the answer its context does not carry."""

    outcome: GroundingOutcome
    risk: float | None = None
    """0..1; null when there is nothing to compare."""
    words: int = 0
    """Content words of the answer that the context does not carry."""
    share: float | None = None
    """The same as a share of the answer's content words."""
    detail: str | None = None
    """What the risk is made of, or why there is none."""
    signals: tuple[Signal, ...] = ()
    """What makes the risk, the strongest first."""


class FallbackScore(_Value, frozen=True):
    """The ``fallback`` score: was this the model that was asked for, at the first try."""

    outcome: FallbackOutcome
    from_model: str | None = None
    to_model: str | None = None
    cause: FallbackCause | None = None
    """Why there was another attempt; of the last of several that failed, why that failed."""
    evidence: str | None = None
    hop: int | None = None
    """How many attempts of its request are known to have come before; null where nothing is known."""


class InstructionsScore(_Value, frozen=True):
    """The ``instructions`` score: is there an answer, in the language and form that were asked for."""

    outcome: InstructionsOutcome
    detail: str | None = None


class JudgeScore(_Value, frozen=True):
    """The ``judge`` score: the verdict of the second stage."""

    outcome: JudgeOutcome
    risk: float | None = None
    """0..1, as the judge gave it."""
    detail: str | None = None
    """Which judge, and why it gave no verdict, where it gave none."""


class Attempt(_Value, frozen=True, kw_only=True):
    """What of a stored call decides how it relates to the other calls of its request."""

    request_id: str
    started_at: datetime
    call_id: str
    duration_ms: float | None = None
    provider: str = ""
    model_requested: str = ""
    model_served: str = ""
    route: str = ""
    attempt: int = 1
    status: Status = Status.OK
    error_category: ErrorCategory | None = None
    finish_reason: FinishReason | None = None
    """Of the first choice; null where there is none."""
    answered: bool = True
    """Whether the application got something to use: text, a refusal or a tool call that nothing filtered."""
    cost: float | None = None
    """US dollars; null where that isn't known."""
    fallback: FallbackScore
    """The score of the call alone."""


class RequestTruth(_Value, frozen=True):
    """What became of a request, told by its first attempt; the others say ``TOLD_BY_FIRST``."""

    attempts: int
    """Calls of the request, this one among them; 0 if it is not the first."""
    answered: bool | None = None
    """Whether the last attempt gave an answer."""
    model: str | None = None
    """Who answered in the end; null where nobody did, and where it is this call itself."""
    extra_ms: float | None = None
    """From the start of the first attempt to that of the last; null where there was one."""
    extra_cost: float | None = None
    """US dollars for all attempts but the last; null where there was one, or no cost is known."""


#: What an attempt says of its request that is not the first.
TOLD_BY_FIRST = RequestTruth(0)


class Related(_Value, frozen=True):
    """What a call is among the calls of its request."""

    fallback: FallbackScore
    request: RequestTruth


def alone(attempt: Attempt) -> Related:
    """What a call is as the only one of its request."""
    return Related(attempt.fallback, RequestTruth(1, attempt.answered))


def answered(call: CallFields) -> bool:
    """Whether the application got something to use: text, a refusal or a tool call that nothing filtered.

    Of a call that went well and whose output was not captured, it is taken that it did.
    """
    if call.status is not Status.OK:
        return False
    let_by = [output for output in call.outputs if output.finish_reason is not FinishReason.CONTENT_FILTER]
    if not call.captured.output:
        return bool(let_by) or not call.outputs
    return any(output.text or output.refusal or output.tool_calls for output in let_by)


def attempt_of(call: CallFields, fallback: FallbackScore, cost: float | None = None) -> Attempt:
    """What of a call decides how it relates to the others of its request; a call without one is its own."""
    return Attempt(
        request_id=call.request_id or call.call_id,
        started_at=call.started_at,
        call_id=call.call_id,
        duration_ms=call.duration_ms,
        provider=call.provider,
        model_requested=call.model_requested,
        model_served=call.model_served,
        route=call.route,
        attempt=call.attempt,
        status=call.status,
        error_category=call.error.category if call.error else None,
        finish_reason=call.outputs[0].finish_reason if call.outputs else None,
        answered=answered(call),
        cost=cost,
        fallback=fallback,
    )


class Versions(_Value, frozen=True):
    """Which version of each scorer made the scores. A change that can change a score counts one up."""

    json: int = 0
    tools: int = 0
    grounding: int = 0
    fallback: int = 0
    instructions: int = 0
    judge: int = 0


class Scores(_Value, frozen=True):
    """What the scorers say of one call."""

    json: JsonScore
    tools: ToolsScore
    grounding: GroundingScore
    fallback: FallbackScore
    instructions: InstructionsScore = InstructionsScore(InstructionsOutcome.NOT_APPLICABLE)
    judge: JudgeScore = JudgeScore(JudgeOutcome.NOT_APPLICABLE)
    cost: float | None = None
    """US dollars: what the emitter logged, else by list prices; null where neither is known."""
    versions: Versions = Versions()


#: Outcomes that mean "nothing to judge": they are in no rate's denominator.
ABSTENTIONS = frozenset({"not_applicable", "unknown"})

#: Outcomes that mean the call kept its promise.
GOOD = frozenset({"ok", "supported", "none"})

#: Score name to its closed list of outcomes: the columns of the rollups and the metrics of the rules.
OUTCOMES: dict[str, type[StrEnum]] = {
    "json": JsonOutcome,
    "tools": ToolsOutcome,
    "grounding": GroundingOutcome,
    "fallback": FallbackOutcome,
    "instructions": InstructionsOutcome,
    "judge": JudgeOutcome,
}

#: The scores that every call gets. What a judge says is asked for a few calls, if one is plugged in.
ALWAYS = tuple(name for name in OUTCOMES if name != "judge")

#: A graded risk from which on a call counts as risky: in the rollups, and on the dashboards.
RISKY = 0.5


#: What a format may not carry: the fields of ``Captured``, and columns and metrics of coverage.
CAPTURES = Captured.__struct_fields__


class ScoredCall(_Value, frozen=True):
    """A call with its scores: what the store saves."""

    call: Call
    scores: Scores


# ------------------------------------------------------------------------------------------------- records


class Partition(NamedTuple):
    """One partition of one Kafka topic."""

    topic: str
    partition: int


class Place(NamedTuple):
    """Where one record is in Kafka."""

    topic: str
    partition: int
    offset: int


class Progress(NamedTuple):
    """How far ingest has come in one partition."""

    partition: Partition
    reached_at: datetime | None
    """Up to when all that was written is saved; ``None`` where nothing is known of that."""
    updated_at: datetime
    """When something of it was last saved, or it was last found read to its end."""


class Unread(_Value, frozen=True):
    """Why nothing is known of a record but its place."""

    reason: DeadLetterReason
    detail: str


class Record(_Value, frozen=True):
    """One message as it came from Kafka, or one line of a file.

    ``timestamp`` is the broker's or producer's time of the message; calls that carry no time of their
    own started then; ``by_broker`` says which of the two it is. ``value`` is ``None`` for a tombstone, and
    where ``unread`` says why it can't be had.
    """

    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: datetime | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    unread: Unread | None = None
    by_broker: bool = False


class DeadLetter(_Value, frozen=True):
    """A record, or one item of it, that could not be used, and why."""

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    size: int
    """Bytes of the value."""
    sha256: bytes
    item: int = 0
    value: bytes | None = None
    """The bytes, only where content may be kept."""
    headers: tuple[tuple[str, str], ...] = ()
    """The record's headers, without those that hold secrets."""
    recorded_at: datetime | None = None
    """The record's own time, as Kafka has it."""
