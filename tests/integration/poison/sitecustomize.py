"""A format that is bad for its decoder. Python imports this by its name in every process that finds it.

A message ``{"poison": …}`` loops, eats memory or ends the process, as it says. With ``POISON_MENDED`` set
it is a release later: such a message is a call.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from monitor.decode.registry import Context, Format, register
from monitor.records import Call


def loop() -> None:
    while True:
        pass


def eat_memory() -> None:
    bytearray(1 << 40)


def read_null() -> None:
    ctypes.string_at(0)


KINDS: dict[str, Callable[[], None]] = {"loop": loop, "memory": eat_memory, "segfault": read_null}


def decode(value: dict[str, Any], context: Context) -> Iterable[Call]:
    if "POISON_MENDED" not in os.environ:
        KINDS[value["poison"]]()
    yield Call(call_id=value["poison"], started_at=datetime.now(UTC), source=context.source("poison"))


register(Format("poison", lambda value: "poison" in value, decode))
