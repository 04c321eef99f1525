"""A request or an answer by itself, for formats that keep them apart: a body comes in, what it says goes out.

A body of an API that isn't read says nothing, which is not the same as asking for nothing.
"""

from __future__ import annotations

from monitor.decode.pair import bodies
from monitor.decode.pair.api import Answer, Asked, Body
from monitor.records import Captured, Contract


def request(body: Body | None, api: str) -> tuple[Asked, Captured]:
    """What a request of this API says, and what of it is there."""
    read = bodies.read(body, None, api=api)
    if read is None:
        return Asked(contract=Contract(), whole=False), Captured(input=False, output=False, tools=False)
    return read.asked, read.captured


def answer(body: Body, api: str) -> Answer:
    """What an answer of this API says."""
    read = bodies.read(None, body, api=api)
    return Answer(outputs=()) if read is None else read.answer
