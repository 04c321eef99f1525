"""Response headers come in, the few that are read go out: any other may hold a credential."""

from __future__ import annotations

from typing import Any

from monitor.decode.pair.shapes import mapping

DATE = "date"
#: AWS's name of an error, which its body leaves out.
ERROR_TYPE = "x-amzn-errortype"
#: Portkey's count of retries, and the path of the target that it used in the end.
PORTKEY_RETRIES = "x-portkey-retry-attempt-count"
PORTKEY_TARGET = "x-portkey-last-used-option-index"
LITELLM_RETRIES = "x-litellm-attempted-retries"
LITELLM_FALLBACKS = "x-litellm-attempted-fallbacks"

_READ = frozenset({DATE, ERROR_TYPE, PORTKEY_RETRIES, PORTKEY_TARGET, LITELLM_RETRIES, LITELLM_FALLBACKS})


def named(headers: Any) -> dict[str, str]:
    """Those of the headers above that are there, each one text or the first of several, under these names."""
    found: dict[str, str] = {}
    for name, value in mapping(headers).items():
        if name.lower() in _READ:
            first = value[0] if isinstance(value, list) and value else value
            if isinstance(first, str | int) and not isinstance(first, bool):
                found[name.lower()] = str(first)
    return found
