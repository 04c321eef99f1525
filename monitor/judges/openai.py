"""The judge ``openai``: asks any endpoint that speaks OpenAI's Chat Completions, one POST a call.

A call goes in, what a model says of its grounding comes out. The endpoint may be OpenAI's, a gateway's or a
server of your own (vLLM, llama.cpp, Ollama). What it answers is read up to a bound, and neither the key nor
anything of the call is in an error or a log.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

import httpx
import msgspec

from monitor.errors import ConfigError, Permanent
from monitor.explain import explain
from monitor.judges.judge import NoVerdict, Reason, Verdict
from monitor.judges.prompt import messages
from monitor.records import Call, Scores

T = TypeVar("T")

#: Counts up when the prompt, the schema or what is shown changes.
VERSION: Final = 1

#: Bytes of an answer that are read; one that is asked for has a few hundred.
MAX_RESPONSE = 64 * 1024

#: Bytes of the instructions, the schema and what a chat template puts around them, rounded up.
_AROUND = 8 * 1024

#: Answers that say that the judge is set up wrong: who asks, what for, or where.
_NEEDS_A_PERSON = frozenset({401, 402, 403, 404, 405})

_FILTERED = frozenset({"content_filter", "content_policy_violation"})
_TOO_LONG = frozenset({"context_length_exceeded", "string_above_max_length"})

_Finding = Literal["all_given", "no_claims", "some_not_given", "contradicted"]

#: In the subset of JSON Schema that strict structured outputs take: no bounds on numbers.
_SCHEMA = {
    "type": "object",
    "properties": {
        "finding": {"type": "string", "enum": list(get_args(_Finding))},
        "risk": {"type": "number"},
    },
    "required": ["finding", "risk"],
    "additionalProperties": False,
}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What stands below ``judge.options``."""

    base_url: str
    """The endpoint, without ``/chat/completions``: ``https://api.openai.com/v1``."""
    model: str
    input_price: float
    """US dollars for a million tokens; 0 for a model of your own."""
    output_price: float
    api_key: str | None = None
    max_bytes: int = 65_536
    """Bytes of the texts of a call with the marks around them; larger calls are ``too_long``."""
    max_tokens: int = 64
    """Tokens of an answer; a model that reasons needs some thousand."""
    request: dict[str, Any] = {}
    """Further fields of the request, over ours; a null takes ours away."""

    def __repr__(self) -> str:
        return "Options(…)"


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


class _Response(msgspec.Struct, frozen=True):
    """What came back: ``body`` is cut at ``MAX_RESPONSE`` and one byte."""

    status: int
    retry_after: str
    body: bytes


def make(options: Mapping[str, Any]) -> OpenAIJudge:
    """The judge that these options describe.

    Raises:
        ConfigError: they can't be; names the option, and shows no value.
    """
    try:
        return OpenAIJudge(msgspec.convert(dict(options), Options))
    except msgspec.ValidationError as error:
        message, steps = explain(error, dict(options), Options)
        raise ConfigError(f"{'.'.join(['options', *map(str, steps)])}: {message}") from None


class OpenAIJudge:
    """Asks one model at one endpoint.

    Args:
        options: which, and what it costs.

    Raises:
        ConfigError: an option can't be; names it, and shows no value.
    """

    version = VERSION

    def __init__(self, options: Options) -> None:
        _check(options)
        self._options = options
        self._url = _url(options.base_url)
        self._headers = {"content-type": "application/json", "user-agent": "llm-monitor"}
        # What is not compressed can't be a bomb.
        self._headers["accept-encoding"] = "identity"
        if options.api_key:
            self._headers["authorization"] = f"Bearer {options.api_key}"
        # Reading the certificates takes longer than a question: once, not every time.
        self._tls = httpx.create_ssl_context()

    @property
    def max_cost(self) -> float:
        """US dollars of the longest question with the longest answer; a token is a byte at least."""
        return self._cost(self._options.max_bytes + _AROUND, self._options.max_tokens)

    def judge(self, call: Call, scores: Scores, *, timeout_s: float) -> Verdict:  # noqa: ARG002 - see Judge.judge
        """See ``Judge.judge``. One attempt, no redirects."""
        body = {
            "model": self._options.model,
            "messages": messages(call, self._options.max_bytes),
            "temperature": 0,
            "max_tokens": self._options.max_tokens,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": _SCHEMA},
            },
        } | self._options.request
        content = msgspec.json.encode({name: value for name, value in body.items() if value is not None})
        try:
            response = asyncio.run(self._post(content, timeout_s))
        except (TimeoutError, httpx.TimeoutException):
            raise NoVerdict(Reason.TIMEOUT, cost=None) from None
        except httpx.ConnectError:
            raise NoVerdict(Reason.UNREACHABLE) from None
        except httpx.HTTPError:
            raise NoVerdict(Reason.UNREACHABLE, cost=None) from None
        if not 200 <= response.status < 300:
            raise _failure(response)
        return self._verdict(response.body)

    async def _post(self, content: bytes, timeout_s: float) -> _Response:
        """What the endpoint answers. One limit over everything: one that trickles can't hold the thread."""
        async with (
            asyncio.timeout(timeout_s),
            httpx.AsyncClient(timeout=timeout_s, verify=self._tls, follow_redirects=False) as client,
            client.stream("POST", self._url, content=content, headers=self._headers) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_RESPONSE:
                    break
            return _Response(
                response.status_code, response.headers.get("retry-after", ""), bytes(body[: MAX_RESPONSE + 1])
            )

    def _verdict(self, body: bytes) -> Verdict:
        """What the model says in a completion.

        Raises:
            NoVerdict: nothing that was asked for.
        """
        completion = _decoded(body, _Completion)
        if completion is None or not completion.choices:
            raise NoVerdict(Reason.MALFORMED, cost=None)
        usage, choice = completion.usage, completion.choices[0]
        cost = self._cost(usage.prompt_tokens, usage.completion_tokens) if usage else None
        if choice.message.refusal or choice.finish_reason == "content_filter":
            raise NoVerdict(Reason.FILTERED, cost=cost)
        opinion = _decoded((choice.message.content or "").encode(), _Opinion)
        if opinion is None:
            raise NoVerdict(Reason.MALFORMED, cost=cost)
        return Verdict(opinion.risk, cost, opinion.finding)

    def _cost(self, input_tokens: int, output_tokens: int) -> float:
        prices = self._options.input_price, self._options.output_price
        return (input_tokens * prices[0] + output_tokens * prices[1]) / 1_000_000


def _failure(response: _Response) -> NoVerdict | Permanent:
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


def _pause_s(response: _Response) -> float | None:
    """The pause of a ``Retry-After`` header in seconds (RFC 9110, 10.2.3); a date is not understood."""
    value = response.retry_after
    return float(value[:9]) if value.isascii() and value.isdecimal() else None


def _decoded(body: bytes, type_: type[T]) -> T | None:
    """The JSON as this type, or ``None`` where it is none: it is whatever a stranger's server sends."""
    try:
        return msgspec.json.decode(body, type=type_)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors, and so are bad UTF-8's
        return None


def _url(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(f"{base_url.rstrip('/')}/chat/completions")
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host or (url.port or 0) > 65_535:
        raise ConfigError(
            "options.base_url must be http:// or https:// and a host: https://api.openai.com/v1"
        )
    return url


def _check(options: Options) -> None:
    """Everything that the types can't say.

    Raises:
        ConfigError: names the option.
    """
    for name in ("input_price", "output_price"):
        price = getattr(options, name)
        if not math.isfinite(price) or price < 0:
            raise ConfigError(f"options.{name} must be US dollars for a million tokens, 0 or more")
    for name, highest in (("max_bytes", 1024 * 1024), ("max_tokens", 100_000)):
        if not 1 <= getattr(options, name) <= highest:
            raise ConfigError(f"options.{name} must be between 1 and {highest}")
    if not options.model:
        raise ConfigError("options.model is empty")
    key = options.api_key
    if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigError("options.api_key can't be sent: only ASCII letters, digits and signs can")
