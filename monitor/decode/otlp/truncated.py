"""Text that an SDK cut at its limit: a span or log record comes in, it goes out with such text as missing.

``OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`` cuts every text of a span alike, and nothing in OTLP says that it did.
But it shows: no text is longer than the limit, and what was cut is exactly as long.
Reference: https://opentelemetry.io/docs/specs/otel/common/#attribute-limits
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import structs

from monitor.decode.otlp.attributes import structured
from monitor.decode.otlp.span import LogRecord, Span
from monitor.decode.withheld import MISSING

#: Limits that people set: powers of two and round numbers, what backends take (New Relic 4095, Elastic 1024,
#: Lucene 32766), and one less for who counts an end.
USUAL_LIMITS = frozenset(
    {
        *(2**power - less for power in range(7, 21) for less in (0, 1)),
        *(250, 500, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 8000),
        *(10_000, 12_000, 15_000, 16_000, 20_000, 30_000, 32_000, 32_766, 50_000, 64_000, 100_000),
    }
)

#: Shorter texts are as long as each other without a limit: ids, hashes, flags. No limit is as low.
_SHORTEST = 65

#: Names of attributes and fields that hold no content.
_NO_CONTENT = re.compile(r"(?:^|[._])(?:id|name|model|version|key|type|role|reason|message|stacktrace)$")

#: How messages begin that an emitter, not a model, wrote as JSON.
_MESSAGES = re.compile(r'\s*\[?\s*\{\s*"(?:role|parts|choices)"')


def with_cuts_missing(item: Span | LogRecord) -> Span | LogRecord:
    """The item with ``MISSING`` in the place of each text that was cut."""
    if isinstance(item, Span):
        cut = _cut([item.attributes, *(event.attributes for event in item.events)])
        if not cut:
            return item
        events = (
            structs.replace(event, attributes=_replaced(event.attributes, cut)) for event in item.events
        )
        return structs.replace(item, attributes=_replaced(item.attributes, cut), events=tuple(events))
    # A limit on attributes isn't one on bodies, so that these are compared with themselves.
    of_attributes, of_body = _cut([item.attributes]), _cut([item.body])
    if not (of_attributes or of_body):
        return item
    return structs.replace(
        item, attributes=_replaced(item.attributes, of_attributes), body=_replaced(item.body, of_body)
    )


def _cut(values: list[Any]) -> frozenset[str]:
    """The texts that were cut. A limit counts characters, UTF-16 as JavaScript does, or bytes."""
    texts = frozenset(_texts(values))
    found = _longest({text: len(text) for text in texts})
    if not all(map(str.isascii, texts)):
        for encoding, size in (("utf-16-le", 2), ("utf-8", 1)):
            found |= _longest({text: len(text.encode(encoding)) // size for text in texts})
    return found


def _longest(lengths: dict[str, int]) -> frozenset[str]:
    """The longest texts, if their length is a limit.

    It is where several share it, where limits are usually set, and where messages end within their JSON. JSON
    that is whole was not cut.
    """
    longest = max(lengths.values(), default=0)
    if longest < _SHORTEST:
        return frozenset()
    broken = frozenset(
        text for text, length in lengths.items() if length == longest and structured(text) is None
    )
    is_limit = len(broken) > 1 or longest in USUAL_LIMITS or any(map(_MESSAGES.match, broken))
    return broken if is_limit else frozenset()


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """Every text in values, at any depth: decoding has bounded that."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from _texts(value.values())
        elif isinstance(value, list):
            yield from _texts(value)


def _replaced(value: Any, cut: frozenset[str]) -> Any:
    """The value with ``MISSING`` in the place of these texts, except under names that hold no content."""
    if isinstance(value, str):
        return MISSING if value in cut else value
    if isinstance(value, dict):
        return {
            name: held if isinstance(held, str) and _NO_CONTENT.search(name) else _replaced(held, cut)
            for name, held in value.items()
        }
    return [_replaced(element, cut) for element in value] if isinstance(value, list) else value
