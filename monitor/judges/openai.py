"""The judge ``openai``: asks any endpoint that speaks OpenAI's Chat Completions, one POST a call.

A call goes in, what a model says of its grounding comes out. The endpoint may be OpenAI's, a gateway's or a
server of your own (vLLM, llama.cpp, Ollama). What it answers is read up to a bound, and neither the key nor
anything of the call is in an error or a log.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any, Final

import httpx
import msgspec

from monitor.errors import ConfigError
from monitor.explain import explain
from monitor.judges.completion import SCHEMA, Prices, Response, read
from monitor.judges.judge import NoVerdict, Reason, Verdict
from monitor.judges.prompt import messages
from monitor.records import Call, Scores

#: Counts up when the prompt, the schema or what is shown changes.
VERSION: Final = 1

#: Bytes of an answer that are read; one that is asked for has a few hundred.
MAX_RESPONSE = 64 * 1024

#: Bytes of the instructions, the schema and what a chat template puts around them, rounded up.
_AROUND = 8 * 1024


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
        self._prices = Prices(options.input_price, options.output_price)
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
        return self._prices.cost(self._options.max_bytes + _AROUND, self._options.max_tokens)

    def judge(self, call: Call, scores: Scores, *, timeout_s: float) -> Verdict:  # noqa: ARG002 - see Judge.judge
        """See ``Judge.judge``. One attempt, no redirects."""
        body = {
            "model": self._options.model,
            "messages": messages(call, self._options.max_bytes),
            "temperature": 0,
            "max_tokens": self._options.max_tokens,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA},
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
        return read(response, self._prices)

    async def _post(self, content: bytes, timeout_s: float) -> Response:
        """What the endpoint answers. One limit over everything: one that trickles can't hold the thread."""
        async with (
            asyncio.timeout(timeout_s),
            httpx.AsyncClient(timeout=timeout_s, verify=self._tls, follow_redirects=False) as client,
            client.stream("POST", self._url, content=content, headers=self._headers) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) >= MAX_RESPONSE:
                    break
            return Response(
                response.status_code, response.headers.get("retry-after", ""), bytes(body[:MAX_RESPONSE])
            )


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
