"""What is done with one record, as it is configured: bytes come in, calls with their scores go out.

One value holds all that this needs, so that it can be sent to another process.
"""

from __future__ import annotations

from functools import cached_property

import msgspec

from monitor.config import GroundingConfig, IngestConfig
from monitor.decode import Decoded, Window, decode
from monitor.decode.dimensions import Mapping
from monitor.records import Call, Record, Scores
from monitor.scorers import score
from monitor.scorers.grounding import GroundingThresholds


class Work(msgspec.Struct, frozen=True, dict=True):
    """Decoding and scoring.

    Args:
        ingest: what is accepted.
        grounding: when an answer is suspect.
    """

    ingest: IngestConfig
    grounding: GroundingConfig

    def decode(self, record: Record, window: Window | None) -> Decoded:
        """What a record holds, of calls that started within the window."""
        return decode(
            record,
            window=window,
            max_bytes=self.ingest.max_record_bytes,
            keep_content=self.ingest.keep_content,
            mapping=self._mapping,
        )

    def score(self, call: Call) -> Scores:
        """What the scorers say of a call."""
        return score(call, thresholds=self._thresholds)

    def __call__(self, record: Record) -> None:
        """Do all of it, for nothing but to see whether that goes well."""
        for call in self.decode(record, None).calls:
            self.score(call)

    @cached_property
    def _mapping(self) -> Mapping:
        return Mapping(self.ingest.dimensions)

    @cached_property
    def _thresholds(self) -> GroundingThresholds:
        return GroundingThresholds(self.grounding.suspect, self.grounding.unsupported)
