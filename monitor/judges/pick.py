"""Which calls a judge is asked about: a scored call comes in, yes or no goes out.

It depends on the call alone, so every replica and every replay picks the same calls.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from monitor.records import GroundingOutcome, ScoredCall

_SUSPECTS = frozenset({GroundingOutcome.SUSPECT, GroundingOutcome.UNSUPPORTED})
_OF = {"suspects": _SUSPECTS, "all": _SUSPECTS | {GroundingOutcome.SUPPORTED}}


class Pick(msgspec.Struct, frozen=True):
    """A choice of calls: a share of those that the ``grounding`` score has an outcome for."""

    of: Literal["suspects", "all"] = "suspects"
    """Whether only those that ``grounding`` calls suspect or unsupported."""
    share: float = 1.0

    def picks(self, scored: ScoredCall) -> bool:
        """Whether this call is among them; never one whose answer was not captured."""
        return (
            scored.scores.grounding.outcome in _OF[self.of]
            and any(output.text for output in scored.call.outputs)
            and in_share(scored.call.call_id, self.share)
        )


def in_share(call_id: str, share: float) -> bool:
    """Whether a call belongs to this share (0..1) of all. Who is in a share is in every larger one, too."""
    digest = hashlib.blake2b(call_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64
