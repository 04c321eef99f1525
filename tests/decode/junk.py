"""Real messages with something else in them, for properties that hold whatever comes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from monitor.decode import Decoded, decode
from tests.decode.build import record

#: Values of every type, for places that expect another one.
JUNK: list[Any] = [
    None,
    True,
    0,
    -1.5,
    10**30,
    "",
    "x",
    "1e999",
    "{",
    "\x00",
    [],
    ["x"],
    [[]],
    [{}],
    {},
    {"type": []},
]


def spoilt(samples: Callable[[], Sequence[Any]]) -> st.SearchStrategy[bytes]:
    """A sample with junk in up to three of its places, or a piece of its JSON text cut out or doubled."""
    chosen = st.deferred(lambda: st.sampled_from([json.dumps(sample) for sample in samples()]))
    return _replaced(chosen) | _cut(chosen)


@st.composite
def _replaced(draw: st.DrawFn, chosen: st.SearchStrategy[str]) -> bytes:
    value = json.loads(draw(chosen))
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(_paths(value) or [("junk",)]))
        holder = value
        for key in above:
            holder = holder[key]
        holder[last] = json.loads(json.dumps(draw(st.sampled_from(JUNK))))
    return json.dumps(value).encode()


@st.composite
def _cut(draw: st.DrawFn, chosen: st.SearchStrategy[str]) -> bytes:
    raw = draw(chosen).encode()
    start = draw(st.integers(0, len(raw)))
    end = draw(st.integers(start, min(len(raw), start + 300)))
    return raw[:start] + draw(st.sampled_from([b"", raw[start:end] * 2, b"null", b"\x00", b'"'])) + raw[end:]


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    within: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        within = list(value.items())
    elif isinstance(value, list):
        within = list(enumerate(value))
    return [path] * bool(path) + [deeper for key, inner in within for deeper in _paths(inner, (*path, key))]


def borne(value: bytes) -> Decoded:
    """What a record holds, which is never a bug of the decoder's."""
    decoded = decode(record(value))
    assert "decoder_failed" not in {letter.reason for letter in decoded.dead_letters}
    return decoded
