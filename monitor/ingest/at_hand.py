"""The record that a process works on, written where it outlives the process: what killed it is known after.

In comes the place of a record at every begin; out goes, to whoever watches from another process, that place
and for how long it has been worked on.
"""

from __future__ import annotations

import mmap
import struct
import time

from monitor.records import Place

#: When it began (nanoseconds of the system's monotonic clock; 0: nothing is at hand), partition, offset and
#: the length of the topic's name, which follows. Kafka's names have at most 249 characters.
_HEAD = struct.Struct("<qiqi")

#: Bytes that one needs.
SIZE = 512


class AtHand:
    """What one process works on.

    Args:
        memory: ``SIZE`` bytes that both processes share.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._topics: dict[str, bytes] = {}

    def begin(self, place: Place) -> None:
        """From now on this record is worked on."""
        topic = self._topics.get(place.topic)
        if topic is None:
            topic = self._topics[place.topic] = place.topic.encode()
        self._memory[_HEAD.size : _HEAD.size + len(topic)] = topic
        _HEAD.pack_into(self._memory, 0, time.monotonic_ns(), place.partition, place.offset, len(topic))

    def end(self) -> None:
        """Nothing is worked on any more."""
        _HEAD.pack_into(self._memory, 0, 0, 0, 0, 0)

    def read(self) -> tuple[Place, float] | None:
        """The record that is worked on, and since how many seconds; ``None`` where there is none."""
        began, partition, offset, length = _HEAD.unpack_from(self._memory, 0)
        if not began:
            return None
        topic = bytes(self._memory[_HEAD.size : _HEAD.size + length]).decode(errors="replace")
        return Place(topic, partition, offset), (time.monotonic_ns() - began) / 1e9
