"""Which API of which provider a URL belongs to. A request's URL comes in, names or nothing come out."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from urllib.parse import unquote, urlsplit

#: What is no call of a model that answers, by how its path ends.
_OTHERS = (
    ("embeddings", re.compile(r"/embed(dings)?$|:(batch)?embedContents?$", re.IGNORECASE)),
    ("rerank", re.compile(r"/rerank$")),
    ("moderations", re.compile(r"/moderations$")),
    ("images", re.compile(r"/images/(generations|edits|variations)$")),
    ("audio", re.compile(r"/audio/(speech|transcriptions|translations)$")),
    ("countTokens", re.compile(r":countTokens$|/count_tokens$|/count-tokens$")),
    ("predict", re.compile(r":predict$")),
    ("interactions", re.compile(r"/interactions$")),
)

#: Paths that carry bodies of whatever API the model behind them has. Names as in recorded pairs.
_CARRIERS = (
    ("invoke", re.compile(r"/invoke$")),
    ("invoke_stream", re.compile(r"/invoke-with-response-stream$")),
    ("rawPredict", re.compile(r":(stream)?rawPredict$", re.IGNORECASE)),
)

#: The names of those paths, which a pair may give as its API.
CARRIERS = frozenset(name for name, _ in _CARRIERS)

#: Paths that ask for a stream.
_STREAMED = re.compile(r":stream\w+$|-stream$")

#: Who serves a host, under the names of OpenTelemetry's ``gen_ai.provider.name`` where it has one.
_PROVIDERS = (
    ("api.openai.com", "openai"),
    ("azure.com", "azure.ai.openai"),
    ("api.anthropic.com", "anthropic"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.groq.com", "groq"),
    ("api.deepseek.com", "deepseek"),
    ("api.x.ai", "x_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("openrouter.ai", "openrouter"),
    ("together.ai", "together"),
    ("together.xyz", "together"),
    ("api.cerebras.ai", "cerebras"),
    ("huggingface.co", "huggingface"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("googleapis.com", "gcp.vertex_ai"),
    ("amazonaws.com", "aws.bedrock"),
    ("api.aws", "aws.bedrock"),
)

#: Azure has the model's deployment in the path, Google and Bedrock have the model itself.
_MODEL = re.compile(r"/deployments/([^/]+)/|/models/([^/:]+):\w+$|/model/([^/]+)/[^/]+$")


#: Characters of the longest URL that is remembered, and how many of them are.
MAX_URL, MAX_URLS = 500, 1_024


class Endpoint:
    """Where a request was sent.

    Args:
        url: the request's URL, or nothing. What is not a URL counts as nothing.
    """

    def __init__(self, url: str | None) -> None:
        try:
            parts = urlsplit(url or "")
            self._host, self._path = parts.hostname or "", parts.path.rstrip("/")
        except ValueError:
            self._host = self._path = ""

    @cached_property
    def provider(self) -> str:
        """Who serves the host; the host itself where it is no one we know."""
        return self.known_provider or self._host

    @cached_property
    def known_provider(self) -> str | None:
        """Who serves the host, if it is someone we know."""
        named = (name for end, name in _PROVIDERS if f".{self._host}".endswith(f".{end}"))
        return next(named, None)

    @cached_property
    def model(self) -> str:
        """The model or deployment that the path names; of an AWS resource name, the resource.

        A prompt router is asked for whatever model it chooses, so its name keeps saying that it is one.
        """
        found = _MODEL.search(self._path)
        name = unquote(next(filter(None, found.groups()), "")) if found else ""
        resource = name.split(":", 5)[-1] if name.startswith("arn:") else name
        return resource if "prompt-router/" in resource else resource.rpartition("/")[2]

    @cached_property
    def streams(self) -> bool | None:
        """True where the path asks for a stream, else unknown: most APIs ask for one in the body."""
        return True if _STREAMED.search(self._path) else None

    @cached_property
    def other_api(self) -> str | None:
        """What the path belongs to, if it is something we know that is no call."""
        return next((name for name, pattern in _OTHERS if pattern.search(self._path)), None)

    @cached_property
    def carrier(self) -> str | None:
        """The path's name, if it carries bodies of several APIs."""
        return next((name for name, pattern in _CARRIERS if pattern.search(self._path)), None)

    def is_at(self, ends: tuple[str, ...]) -> bool:
        """Whether the URL's path ends in one of these ways."""
        return self._path.endswith(ends) if ends else False


def endpoint_of(url: str | None) -> Endpoint:
    """The endpoint of a URL, remembered: an application has a few, and taking one apart takes 5 µs."""
    return _remembered(url) if url is None or len(url) <= MAX_URL else Endpoint(url)


_remembered = lru_cache(MAX_URLS)(Endpoint)
