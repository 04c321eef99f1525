"""Why there was another attempt: an emitter's own word comes in, a cause of the closed list goes out.

Emitters write what they have: one of our causes, an exception's name (``RateLimitError``), a provider's code
(``context_length_exceeded``, ``RESOURCE_EXHAUSTED``), an HTTP status. The word itself may be shown beside the
cause if it looks like a name; a message is not shown, since it may quote the prompt.
"""

from __future__ import annotations

import re
from functools import lru_cache

from monitor.records import FallbackCause

#: Characters of a word that are read. Names are shorter, and a message says what it is about at its start.
MAX_WORD = 200

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_STATUS = re.compile(r"(?:http)?([45]\d\d)")

# What a name holds, without case and separators; the first that is found counts. Names of exceptions are
# LiteLLM's and OpenAI's (https://docs.litellm.ai/docs/exception_mapping), codes Anthropic's, Google's
# (https://cloud.google.com/apis/design/errors) and Bedrock's.
_HOLDS = (
    (FallbackCause.CONTEXT_LENGTH, ("contextlength", "contextwindow", "toolong")),
    (
        FallbackCause.CONTENT_FILTER,
        (
            "contentfilter",
            "contentpolicy",
            "rejectedrequest",
            "safety",
            "moderation",
            "blocklist",
            "prohibited",
            "guardrail",
        ),
    ),
    (FallbackCause.TIMEOUT, ("timeout", "timedout", "deadline")),
    (
        FallbackCause.RATE_LIMIT,
        ("ratelimit", "throttl", "toomanyrequests", "quota", "budget", "resourceexhausted", "notready"),
    ),
    (
        FallbackCause.SERVER_ERROR,
        ("server", "internal", "unavailable", "overloaded", "badgateway", "connection", "apierror"),
    ),
    (FallbackCause.NO_ANSWER, ("noanswer", "noresponse", "empty")),
)

_BY_STATUS = {
    408: FallbackCause.TIMEOUT,
    429: FallbackCause.RATE_LIMIT,
    504: FallbackCause.TIMEOUT,
}


def cause_of(word: str | None) -> FallbackCause:
    """The cause that an emitter's word names: ``unknown`` where it says nothing, ``other`` if it is new."""
    return _cause_of(word[:MAX_WORD]) if word else FallbackCause.UNKNOWN


def shown(word: str | None) -> str | None:
    """The word, if it says more than its cause and looks like a name; else ``None``."""
    if not word or word in FallbackCause.__members__.values() or not _NAME.fullmatch(word):
        return None
    return word


@lru_cache(maxsize=1024)
def _cause_of(word: str) -> FallbackCause:
    plain = re.sub(r"[^a-z0-9]", "", word.lower())
    if plain in ("", FallbackCause.UNKNOWN):
        return FallbackCause.UNKNOWN
    if status := _STATUS.fullmatch(plain):
        number = int(status[1])
        return _BY_STATUS.get(number, FallbackCause.SERVER_ERROR if number >= 500 else FallbackCause.OTHER)
    return next(
        (cause for cause, parts in _HOLDS if any(part in plain for part in parts)), FallbackCause.OTHER
    )
