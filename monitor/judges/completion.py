"""What a Chat Completions endpoint answers: a response comes in, a verdict goes out, or why there is none.

Pure. The endpoint is a stranger: any status and any bytes are taken for what they are.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar, get_args

import msgspec

from monitor.errors import Permanent
from monitor.judges.judge import NoVerdict, Reason, Verdict

T = TypeVar("T")

#: Statuses that say that the judge is set up wrong: who asks, what for, or where.
_NEEDS_A_PERSON = frozenset({401, 402, 403, 404, 405})

#: Codes of errors of OpenAI and Azure that are about the one call.
_FILTERED = frozenset({"content_filter", "content_policy_violation"})
_TOO_LONG = frozenset({"context_length_exceeded", "string_above_max_length"})

_Finding = Literal["all_given", "no_claims", "some_not_given", "contradicted"]

#: What the model is asked for, in the subset of JSON Schema that strict structured outputs take: no bounds on
#: numbers.
SCHEMA = {
    "type": "object",
    "properties": {
        "finding": {"type": "string", "enum": list(get_args(_Finding))},
        "risk": {"type": "number"},
    },
    "required": ["finding", "risk"],
    "additionalProperties": False,
}


class Response(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    retry_after: str
    """The header of that name; empty where there is none."""
    body: bytes


class Prices(msgspec.Struct, frozen=True):
    """US dollars for a million tokens."""

    input: float
    output: float

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """US dollars of so many tokens."""
        return (input_tokens * self.input + output_tokens * self.output) / 1_000_000


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


_Tokens = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


class _Usage(msgspec.Struct):
    prompt_tokens: _Tokens
    completion_tokens: _Tokens


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


class _Opinion(msgspec.Struct):
    finding: _Finding
    risk: Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Error(msgspec.Struct):
    code: str | int | None = None


class _Failure(msgspec.Struct):
    error: _Error


def read(response: Response, prices: Prices) -> Verdict:
    """What the model says, and what that cost.

    Raises:
        NoVerdict: nothing that was asked for.
        Permanent: the endpoint won't answer until a person has done something.
    """
    if not 200 <= response.status < 300:
        raise _failure(response)
    completion = _decoded(response.body, _Completion)
    if completion is None or not completion.choices:
        raise NoVerdict(Reason.MALFORMED, cost=None)
    usage, choice = completion.usage, completion.choices[0]
    cost = prices.cost(usage.prompt_tokens, usage.completion_tokens) if usage else None
    if choice.message.refusal or choice.finish_reason == "content_filter":
        raise NoVerdict(Reason.FILTERED, cost=cost)
    opinion = _decoded((choice.message.content or "").encode(), _Opinion)
    if opinion is None:
        raise NoVerdict(Reason.MALFORMED, cost=cost)
    return Verdict(opinion.risk, cost, opinion.finding)


def _failure(response: Response) -> NoVerdict | Permanent:
    """What to raise for an answer that is no success. Such an answer costs nothing.

    A 400 or 422 may be the fault of this one call, whose text must not be able to switch the judge off for
    all others: it counts as a failure of the judge, and needs no person.
    """
    status = response.status
    if status in _NEEDS_A_PERSON or 300 <= status < 400:
        return Permanent(f"the endpoint answered {status}: check base_url, model and api_key")
    if status == 429:
        return NoVerdict(Reason.RATE_LIMITED, pause_s=_pause_s(response))
    if status == 408 or status >= 500:
        return NoVerdict(Reason.SERVER_ERROR, pause_s=_pause_s(response))
    failure = _decoded(response.body, _Failure)
    code = failure.error.code if failure else None
    if status == 413 or code in _TOO_LONG:
        return NoVerdict(Reason.TOO_LONG)
    return NoVerdict(Reason.FILTERED if code in _FILTERED else Reason.REFUSED)


def _pause_s(response: Response) -> float | None:
    """The pause of a ``Retry-After`` header in seconds (RFC 9110, 10.2.3); a date is not understood."""
    value = response.retry_after
    return float(value[:9]) if value.isascii() and value.isdecimal() else None


def _decoded(body: bytes, type_: type[T]) -> T | None:
    """The JSON as this type, or ``None`` where it is none."""
    try:
        return msgspec.json.decode(body, type=type_)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors, and so are bad UTF-8's
        return None
