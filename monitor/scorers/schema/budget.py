"""What judging by schemas may cost: a scorer makes one budget for each call, and all its schemas spend of it.

A call may have thousands of tool calls and choices, each with a schema and a text that are just cheap enough
by themselves. Work is estimated before it is done, and from the call alone, so that the same call always has
the same score, however fast the machine is and whatever was compiled before.
"""

from __future__ import annotations

#: Work that one call may cause, in units of about ten nanoseconds: half a second. A unit is one evaluation of
#: a subschema, or one step of a pattern, twice: once to find that something is wrong, and once to find what.
MAX_WORK = 40_000_000


class Unusable(Exception):
    """The schema cannot be judged by. The message says why, in one line."""


class Budget:
    """The work that may still be done for one call.

    Args:
        work: as much as that, in the units of ``MAX_WORK``.

    Attributes:
        left: what is left of it.
    """

    def __init__(self, work: int = MAX_WORK) -> None:
        self.left = work

    def spend(self, work: int) -> None:
        """Take so much. Raises ``Unusable`` if it isn't there; what is left may do for less work."""
        if work > self.left:
            raise Unusable("too much to judge at once")
        self.left -= work
