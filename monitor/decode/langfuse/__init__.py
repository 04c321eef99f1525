"""The ``langfuse`` format: a batch of Langfuse's ingestion API comes in, fragments of calls go out.

SDKs before version 3 post ``{batch: [{id, type, timestamp, body}], metadata}``. A generation is told by two
events, at its start and at its end, which may come in different batches and in any order: one fragment
says what one batch knows of it (``generation.py``). A retriever's passages are a fragment of their own
(``retriever.py``). Traces, spans, scores and the SDK's own logs are no part of a call.
Reference: https://api.reference.langfuse.com and fern/apis/server/definition/ingestion.yml in
https://github.com/langfuse/langfuse.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from monitor.decode import registry
from monitor.decode.langfuse import generation, retriever
from monitor.decode.langfuse.observation import Observation, observations
from monitor.decode.pair.shapes import at, text
from monitor.decode.registry import Context, Found
from monitor.errors import BadInput, DeadLetterReason

#: What reads each kind of observation.
_READ = {"generation": generation.read, "retriever": retriever.read}


def recognises(value: dict[str, Any]) -> bool:
    """Whether an object has a batch, of which at least one event has a type and a body; or an empty one."""
    batch = value.get("batch")
    if not isinstance(batch, list):
        return False
    if not batch:
        return "metadata" in value
    return any(isinstance(event, dict) and "type" in event and "body" in event for event in batch)


def decode(value: dict[str, Any], context: Context) -> Iterable[Found]:
    """The fragments of a batch; one ``BadInput`` for each event that can't be used.

    Raises:
        BadInput: ``unknown_format`` for what is no batch.
    """
    batch = value.get("batch")
    if not isinstance(batch, list):
        raise BadInput(DeadLetterReason.UNKNOWN_FORMAT, "no batch of Langfuse's: no list under batch")
    integration = text(at(value, "metadata", "sdk_integration"))

    def read(found: Observation | BadInput) -> Iterable[Found]:
        if isinstance(found, BadInput):
            raise found
        return _READ[found.kind](found, integration, context)

    return registry.each(observations(batch), read)


registry.register(registry.Format("langfuse", recognises, decode))
