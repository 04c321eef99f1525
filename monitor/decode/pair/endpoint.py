"""Which API of which provider a URL belongs to. A request's URL comes in, names or nothing come out."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

#: APIs that are known but not read yet, by how their paths look. Names as in recorded pairs.
_UNREAD = (
    ("generateContent", re.compile(r":(stream)?generateContent$", re.IGNORECASE)),
    ("converse_stream", re.compile(r"/converse-stream$")),
    ("converse", re.compile(r"/converse$")),
    ("invoke_stream", re.compile(r"/invoke-with-response-stream$")),
    ("invoke", re.compile(r"/invoke$")),
    ("ollama.chat", re.compile(r"/api/chat$")),
    ("ollama.generate", re.compile(r"/api/generate$")),
    ("cohere.chat", re.compile(r"/v\d/chat$")),
    ("completions", re.compile(r"(?<!/chat)/completions$")),
    ("embeddings", re.compile(r"/embeddings$")),
)

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

_DEPLOYMENT = re.compile(r"/deployments/([^/]+)/")


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

    @property
    def provider(self) -> str:
        """Who serves the host; the host itself where it is no one we know."""
        named = (name for end, name in _PROVIDERS if f".{self._host}".endswith(f".{end}"))
        return next(named, self._host)

    @property
    def deployment(self) -> str:
        """The model's deployment, which Azure has in the path instead of the body."""
        found = _DEPLOYMENT.search(self._path)
        return found[1] if found else ""

    def is_at(self, path: str) -> bool:
        """Whether the URL's path ends like this."""
        return self._path.endswith(path)

    def unread_api(self) -> str | None:
        """The API that the path belongs to, if it is one that we know but don't read."""
        return next((name for name, pattern in _UNREAD if pattern.search(self._path)), None)
