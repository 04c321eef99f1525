"""Lists that an emitter wrote as attributes with numbers in their names; in come attributes, out go elements.

Attributes of spans were flat for long, so ``[{"role": "user"}]`` under ``gen_ai.prompt`` became the
attribute ``gen_ai.prompt.0.role``.
"""

from __future__ import annotations

from monitor.decode.otlp.span import Attributes

#: Digits of the largest number believed.
_MAX_DIGITS = 9


def numbered(attributes: Attributes, prefix: str) -> list[Attributes]:
    """The elements of the list under a prefix, in the order of their numbers, whichever of these are there.

    Each has its own attributes, named by what follows the number; an element that is a plain value has it
    under the empty name.
    """
    start = f"{prefix}."
    elements: dict[int, Attributes] = {}
    for name, value in attributes.items():
        if name.startswith(start) and value is not None:
            number, _, rest = name[len(start) :].partition(".")
            if number.isascii() and number.isdecimal() and len(number) <= _MAX_DIGITS:
                elements.setdefault(int(number), {})[rest] = value
    return [elements[number] for number in sorted(elements)]
