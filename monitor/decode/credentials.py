"""What is a credential: names and values of attributes and headers come in, what may pass decode goes out."""

from __future__ import annotations

import re
from typing import Any

#: How the names of headers and fields that hold a credential end, or that may hold one in a URL's query.
#: ``…_key_alias`` is none, ``…_key_hash`` is.
_NAME = re.compile(
    r"(?:^|[-_.])(?:(?:proxy-)?authorization|auth|cookies?2?|apikey|key(?:[-_]hash)?|token|secret|password"
    r"|credentials?|signature|query(?:[-_]?string)?)$",
    re.IGNORECASE,
)

#: How a credential itself begins, under whatever name.
_VALUE = re.compile(r"\s*(?:(?:bearer|basic|digest|negotiate|token)\s|sk-|pk-lf-)", re.IGNORECASE)

#: What a credential looks like wherever it stands, by its issuer: OpenAI and Anthropic, Langfuse, GitHub,
#: Slack, Google, AWS, Hugging Face; a JSON Web Token, a private key; and what follows a scheme.
_ANYWHERE = re.compile(
    r"(?<![A-Za-z0-9])(?:sk-[\w-]{8}|pk-lf-|gh[oprsu]_\w{16}|github_pat_|xox[a-z]-|AIza[\w-]{16}|ya29\."
    r"|A(?:KIA|SIA)[A-Z0-9]{12}|hf_\w{16}|eyJ[\w-]{8,512}\.[\w-]{8}|(?i:bearer|basic)\s{1,4}[\w.~+/=-]{8})"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY"
)

#: What of a URL may be one: its query or fragment with values, and who logs in.
_IN_URL = re.compile(r"[?#][^\s=?#]{0,100}=.*|(?<=://)[^/@\s]*@", re.DOTALL)


def is_named(name: str) -> bool:
    """Whether an attribute of this name holds a credential."""
    return _NAME.search(name) is not None


def is_secret(value: Any) -> bool:
    """Whether a value looks like a credential, whatever its name."""
    return isinstance(value, str) and _VALUE.match(value) is not None


def holds_secret(value: bytes) -> bool:
    """Whether something in these bytes looks like a credential, also in an encoding of two bytes a letter."""
    return _ANYWHERE.search(value.replace(b"\x00", b"").decode("latin-1")) is not None


def without_secrets(value: str) -> str:
    """A text without the parts of a URL that may hold a credential."""
    return _IN_URL.sub("", value)
