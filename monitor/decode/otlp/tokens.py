"""A span's attributes come in, the tokens that they count go out, whichever names a dialect has for them."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.decode.counts import raw_counts
from monitor.decode.otlp.attributes import first
from monitor.decode.otlp.span import Attributes
from monitor.decode.pair.shapes import integer
from monitor.records import Usage

#: How the names of attributes begin that count tokens, or what they cost.
_COUNTED = ("gen_ai.usage.", "llm.usage.", "llm.token_count.", "ai.usage.")


def usage_of(attributes: Attributes, names: Mapping[str, tuple[str, ...]]) -> Usage:
    """The tokens of a span.

    Args:
        attributes: the span's.
        names: for each field of ``Usage``, the attributes that may hold it, the best first.
    """
    counted = {name: value for name, value in attributes.items() if name.startswith(_COUNTED)}
    tokens = {field: integer(first(counted, *candidates)) for field, candidates in names.items()}
    return Usage(**tokens, raw=raw_counts(counted))
