"""The bytes of a dead letter come in, the same without the credentials that can be told go out.

JSON is read: what stands under the name of a credential goes, whatever it is, and so do credentials inside
of texts. In anything else they are only looked for as text, and blanked in place, so that the lengths that a
binary format wrote stay true. A credential whose name and look say nothing is not found.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from monitor.decode import text
from monitor.decode.pair.shapes import mapping, string
from monitor.errors import BadInput

#: Larger values are not parsed for this, only searched.
MAX_PARSED = 16 * 1024 * 1024

#: What stands in the place of a value under the name of a credential.
REDACTED = "[redacted]"

#: What credentials are called as headers and as fields: alone, or after a prefix (``x-api-key``).
_NAME = re.compile(
    r"(?:^|[-_.])(?:authorization|auth|cookies?2?|api[-_]?keys?|(?:access|private|secret|subscription)[-_]?key"
    r"|key[-_]?hash|(?:(?:access|auth|id|refresh|security|session)[-_]?)?token|(?:client[-_]?)?secret"
    r"|passw(?:or)?d|credentials?|signature)\Z",
    re.IGNORECASE,
)

#: What they are called in the query of an address besides, and how gateways call a query that is an object.
_PARAMETER = re.compile(r"(?:key|sig)\Z", re.IGNORECASE)
_QUERIES = ("querystring", "query_string", "query_params")

#: The fields that name what is under ``value``: OpenTelemetry's attributes, lists of headers.
_NAMING = ("key", "name")

#: Credentials inside a text, after what tells them: a scheme, a prefix, an address, a name in JSON.
_INSIDE = tuple(
    re.compile(pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        r"(bearer\s++)([\w.~+/=-]+)",
        r"((?<![a-z0-9])(?:sk|pk-lf)-)([\w-]{8,})",
        r"(://[^/\s:@\"']*+:)([^/\s@\"']++)(?=@)",
        r"([?&](?:key|api[-_]?key|(?:access_|id_)?token|sig|signature|password|client_secret|subscription-key"
        r"|x-(?:amz|goog)-(?:signature|security-token|credential))=)([^&#\s\"'\\]+)",
        r"(\"(?:(?:proxy-)?authorization|(?:set-)?cookie|(?:x-(?:goog-)?)?api[-_]?key|x-amz-security-token)"
        r"\\?\"\s*+:\s*+\\?\")((?:[^\"\\]|\\[^\"])++)",
    )
)


def redact(value: bytes) -> bytes:
    """A value without the credentials in it; one that holds none, as it is."""
    try:
        held = text.parse(value) if len(value) <= MAX_PARSED else None
        clean = _without(held)
        if clean != held:
            return msgspec.json.encode(clean)
    except (BadInput, RecursionError):
        pass  # then as text
    # Latin-1 has a character for every byte, and gives it back.
    return _blanked(value.decode("latin-1")).encode("latin-1")


def _without(held: Any) -> Any:
    if isinstance(held, str):
        return _blanked(held)
    if isinstance(held, list):
        return [_without(element) for element in held]
    if not isinstance(held, dict):
        return held
    clean = {name: REDACTED if _NAME.search(name) else _without(inner) for name, inner in held.items()}
    for query in (mapping(clean.get(name)) for name in _QUERIES):
        query |= {name: REDACTED for name in query if _PARAMETER.match(name)}
    if "value" in clean and any(_NAME.search(string(held.get(name)) or "") for name in _NAMING):
        clean["value"] = REDACTED
    return clean


def _blanked(words: str) -> str:
    for pattern in _INSIDE:
        words = pattern.sub(lambda found: found[1] + "*" * len(found[2]), words)
    return words
