"""Helicone's internal Kafka message comes in and is refused: every one carries a customer's API credential.

It holds no prompt or answer either; those are in object storage. What can be read is an export that joins the
two without the credential, as pairs. Reference: ``KafkaMessageContents`` in
https://github.com/Helicone/helicone, valhalla/jawn/src/lib/handlers/HandlerContext.ts.
"""

from __future__ import annotations

from typing import Any, NoReturn

from monitor.decode.pair.shapes import mapping, text
from monitor.decode.registry import Context, Format, register
from monitor.errors import BadInput, DeadLetterReason

#: A field that no one else's messages have. The credential itself is next to it.
_FIELD = "heliconeMeta"


def recognises(value: dict[str, Any]) -> bool:
    """Whether an object is the message, or has it under ``value`` as an object or as JSON text."""
    inner = value.get("value")
    return _FIELD in value or _FIELD in mapping(inner) or f'"{_FIELD}"' in text(inner)


def decode(value: dict[str, Any], context: Context) -> NoReturn:  # noqa: ARG001 - as every format's
    """Refuse it, and keep nothing of it.

    Raises:
        BadInput: ``carries_credential``, always.
    """
    raise BadInput(DeadLetterReason.CARRIES_CREDENTIAL, "Helicone's internal message; send pairs instead")


register(Format("helicone", recognises, decode, refused=True))
