"""Content that an emitter does not tell: a call with marks in its place comes in, one without them goes out.

Applications hide what was said, masks replace it, instrumentations write a message's part without what is in
it, and SDKs cut it at a limit. What stands there instead says nothing about the model: that half of the call
was not captured.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import structs

from monitor.records import Call, Document, Message, Output, Part, PartType, ToolCall

#: What decoders write in the place of content that they know to be missing, or to be only a beginning.
MISSING = "\ue000not captured\ue000"

#: What others write in the place of all of a content: OpenInference, LiteLLM, Langfuse where its mask fails,
#: and Logfire; and what people write by themselves.
_HIDDEN = re.compile(
    r"\s*(?:[\[<({]redacted[\])>}]|__redacted__|\*+redacted\*+|redacted[-_]by[-_]litell?m"
    r"|<fully masked due to failed mask function>|\[scrubbed due to [^\]]{0,100}\]"
    r"|[\[<](?:masked|filtered|hidden)[\]>])\s*",
    re.IGNORECASE,
)


def is_withheld(content: Any) -> bool:
    """Whether a text stands for content that is not told, or lacks some of it."""
    return isinstance(content, str) and (MISSING in content or _HIDDEN.fullmatch(content) is not None)


def told(content: Any) -> str:
    """A text as it is; ``MISSING`` for anything else: a part that has no content."""
    return content if isinstance(content, str) else MISSING


def without_marks(call: Call) -> Call:
    """The call without what stands for content, and with what it stands for as not captured.

    What a model thought is judged by no one, so that it may be missing.
    """
    parts = [part for message in call.input for part in message.parts]
    thoughts = [part.content for part in parts if part.type is PartType.REASONING]
    sent = any(map(_is_hidden, parts)) or len(shown(call.documents)) < len(call.documents)
    answered = any(map(_is_unanswered, call.outputs))
    thought = any(map(is_withheld, (*thoughts, *(output.reasoning for output in call.outputs))))
    if not (sent or answered or thought):
        return call
    return structs.replace(
        call,
        input=tuple(map(_message, call.input)),
        documents=shown(call.documents),
        outputs=tuple(map(_output, call.outputs)),
        captured=structs.replace(
            call.captured,
            input=call.captured.input and not sent,
            output=call.captured.output and not answered,
        ),
    )


def shown(documents: tuple[Document, ...]) -> tuple[Document, ...]:
    """The documents whose text is told."""
    return tuple(document for document in documents if not is_withheld(document.content))


def _is_hidden(part: Part) -> bool:
    return part.type is not PartType.REASONING and (is_withheld(part.content) or is_withheld(part.arguments))


def _is_unanswered(output: Output) -> bool:
    written = (output.text, output.refusal, *(call.arguments for call in output.tool_calls))
    return any(map(is_withheld, written))


def _message(message: Message) -> Message:
    return structs.replace(message, parts=tuple(map(_part, message.parts)))


def _part(part: Part) -> Part:
    if part.arguments is None:
        return structs.replace(part, content=_unmarked(part.content))
    return structs.replace(part, content=_unmarked(part.content), arguments=_unmarked(part.arguments))


def _output(output: Output) -> Output:
    return structs.replace(
        output,
        text=_unmarked(output.text),
        refusal=output.refusal and _unmarked(output.refusal),
        reasoning=None if is_withheld(output.reasoning) else output.reasoning,
        tool_calls=tuple(map(_tool_call, output.tool_calls)),
    )


def _tool_call(call: ToolCall) -> ToolCall:
    return structs.replace(call, arguments=_unmarked(call.arguments))


def _unmarked(content: str) -> str:
    return "" if is_withheld(content) else content
