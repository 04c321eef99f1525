"""What a rule remembers between two minutes: its label sets, where each stands, and the evidence so far.

Arrays over the rule's label sets, with bytes for Postgres and back. Restored and carried on, a memory gives
the same answers as one that was never put away.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from monitor.rules.detector import Evidence, Lane
from monitor.rules.frozen import Frozen
from monitor.rules.states import STATE_CODE, STATES, Standing

#: Labels by their values, in the order of the rule's dimensions.
Labels = tuple[str, ...]

Ints = npt.NDArray[np.int64]

#: For "never" in arrays of minutes.
NEVER = -1

#: Version of the bytes; others are not read, and what they knew is learned anew.
VERSION = 2


class Memory:
    """What is remembered of every label set of one rule.

    Args:
        lanes: of the detector, which evidence is gathered in; none for a rule that gathers none.

    Attributes:
        labels: of each label set; its place in this list is its place in every array.
        evidence: what the detector has gathered.
        state: codes of ``STATES``.
        onset: where the evidence of an open alert began.
        other_since: since when each would be in another state, where neither has an alert.
        frozen: what open alerts were opened against.
        well_calls, well_failures: what was seen since it was last bad.
        held_calls, held_failures: of a bucket that is not full yet.
    """

    def __init__(self, lanes: Sequence[Lane] = ()) -> None:
        self.lanes = tuple(lanes)
        self.labels: list[Labels] = []
        self.evidence = Evidence.empty(0, self.lanes)
        self.stale = False
        self.state = np.empty(0, np.int64)
        self._since = np.empty(0, np.int64)
        self._open = np.empty(0, np.int64)
        self._breached = np.empty(0, np.int64)
        self._clear_since = np.empty(0, np.int64)
        self.onset = np.empty(0, np.int64)
        self.other_since = np.empty(0, np.int64)
        self.frozen = Frozen()
        self.well_calls = np.empty(0, np.float64)
        self.well_failures = np.empty(0, np.float64)
        self.held_calls = np.empty(0, np.float64)
        self.held_failures = np.empty(0, np.float64)

    def grow(self, labels: Sequence[Labels]) -> None:
        """Take in label sets that are new; ``labels`` are all of them, the known ones first and in order."""
        more = len(labels) - len(self.labels)
        if not more:
            return
        self.labels = list(labels)
        self.evidence = self.evidence.grown(len(labels))
        for name in _ARRAYS:
            never = 0 if name in _ZEROS else NEVER
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.full(more, never, np.int64)]))
        for name, fill in _FLOATS.items():
            setattr(self, name, np.concatenate([getattr(self, name), np.full(more, fill)]))

    @property
    def open(self) -> npt.NDArray[np.bool_]:
        """Which have an open alert."""
        return self._open.astype(bool)

    @property
    def is_new(self) -> npt.NDArray[np.bool_]:
        """Which were never judged."""
        new: npt.NDArray[np.bool_] = self._since == 0
        return new

    def settle(self, which: Ints, states: Ints, minute: int) -> None:
        """Let some label sets stand, from this minute on, where ``states`` (of all of them) says."""
        self.state[which] = states[which]
        self._since[which] = minute

    def standing(self, i: int) -> Standing:
        """Where one label set stands."""
        return Standing(
            STATES[self.state[i]],
            int(self._since[i]),
            bool(self._open[i]),
            _minute(self._breached[i]),
            _minute(self._clear_since[i]),
        )

    def stand(self, i: int, standing: Standing) -> None:
        """Say where one label set stands now."""
        self.state[i] = STATE_CODE[standing.state]
        self._since[i] = standing.since
        self._open[i] = standing.open
        self._breached[i] = NEVER if standing.breached is None else standing.breached
        self._clear_since[i] = NEVER if standing.clear_since is None else standing.clear_since

    def forget(self, i: int) -> None:
        """Let one label set gather evidence anew."""
        for name in self.evidence.__struct_fields__:
            getattr(self.evidence, name)[i] = 0.0

    def encode(self) -> bytes:
        """The bytes that ``decode`` reads."""
        arrays = {name: getattr(self, name).tobytes() for name in _ARRAYS}
        kept = {
            "version": VERSION,
            "labels": self.labels,
            "stale": self.stale,
            "arrays": arrays,
            "frozen": self.frozen.encode(),
            "floats": {name: getattr(self, name).tobytes() for name in _FLOATS},
            "evidence": {
                name: getattr(self.evidence, name).tobytes() for name in self.evidence.__struct_fields__
            },
        }
        return zlib.compress(msgspec.msgpack.encode(kept), 1)

    @classmethod
    def decode(cls, kept: bytes, lanes: Sequence[Lane]) -> Memory:
        """What was remembered.

        Raises:
            ValueError: bytes of another version, or of none.
        """
        try:
            found: dict[str, Any] = msgspec.msgpack.decode(zlib.decompress(kept), type=dict[str, Any])
        except (zlib.error, msgspec.DecodeError) as error:
            raise ValueError(f"stored evidence that can't be read: {error}") from error
        if found.get("version") != VERSION:
            raise ValueError(f"stored evidence of version {found.get('version')}")
        try:
            return cls._of(found, lanes)
        except (KeyError, ValueError) as error:
            raise ValueError(f"stored evidence of another form: {error}") from error

    @classmethod
    def _of(cls, found: Mapping[str, Any], lanes: Sequence[Lane]) -> Memory:
        memory = cls(lanes)
        memory.grow([tuple(values) for values in found["labels"]])
        memory.stale = found["stale"]
        memory.frozen = Frozen.decode(found["frozen"])
        for name in _ARRAYS:
            setattr(memory, name, np.frombuffer(found["arrays"][name], np.int64).copy())
        for name in _FLOATS:
            setattr(memory, name, np.frombuffer(found["floats"][name], np.float64).copy())
        for name, stored in found["evidence"].items():
            array = getattr(memory.evidence, name)
            setattr(memory.evidence, name, np.frombuffer(stored, array.dtype).reshape(array.shape).copy())
        return memory


_ARRAYS = ("state", "_since", "_open", "_breached", "_clear_since", "onset", "other_since")
_FLOATS = {
    "well_calls": 0.0,
    "well_failures": 0.0,
    "held_calls": 0.0,
    "held_failures": 0.0,
}
_ZEROS = frozenset({"state", "_since", "_open"})


def _minute(value: int) -> int | None:
    return None if value == NEVER else int(value)
