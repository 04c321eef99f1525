"""Recorded pairs by their id, and how another account of the same call differs from its pair."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from monitor.records import OUTCOMES, Call
from monitor.scorers import score
from tests.decode.build import call_of
from tests.paths import PAIRS

#: What differs: the score, its outcome for the pair, its outcome for the other account.
Difference = tuple[str, str, str]


@cache
def _files() -> dict[str, Path]:
    return {file.name.split(".")[-2]: file for file in PAIRS.glob("*/*.json")}


def pair_ids() -> list[str]:
    """The id of every recorded pair."""
    return sorted(_files())


def pair_of(pair_id: str) -> dict[str, Any]:
    """The recorded pair of this id."""
    found: dict[str, Any] = json.loads(_files()[pair_id].read_bytes())
    return found


@cache
def call_of_pair(pair_id: str) -> Call:
    """The call of the recorded pair of this id."""
    return call_of(pair_of(pair_id))


def differences(pair_id: str, other: Call) -> Counter[Difference]:
    """The scores of a call that are not those of its pair."""
    ours, theirs = score(call_of_pair(pair_id)), score(other)
    return Counter(
        (name, getattr(ours, name).outcome.value, getattr(theirs, name).outcome.value)
        for name in OUTCOMES
        if getattr(ours, name) != getattr(theirs, name)
    )
