"""What a process was at can be read when it is gone."""

import mmap
import os

from monitor.ingest.at_hand import SIZE, AtHand
from monitor.records import Place

PLACE = Place("calls", 3, 2**40)


def test_nothing_is_at_hand_at_first_and_after_the_end() -> None:
    at_hand = AtHand(mmap.mmap(-1, SIZE))
    assert at_hand.read() is None
    at_hand.begin(PLACE)
    at_hand.end()
    assert at_hand.read() is None


def test_what_a_killed_process_was_at_is_known_after() -> None:
    memory = mmap.mmap(-1, SIZE)
    child = os.fork()
    if not child:
        at_hand = AtHand(memory)
        at_hand.begin(Place("a" * 249, 1, 1))
        at_hand.begin(PLACE)
        os._exit(1)
    os.waitpid(child, 0)
    found = AtHand(memory).read()
    assert found is not None
    assert found[0] == PLACE
    assert found[1] >= 0
