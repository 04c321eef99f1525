"""What is kept of a provider's numbers beside the columns of tokens."""

from __future__ import annotations

import pytest

from monitor.records import Usage
from monitor.store.usage import untold

#: What the columns say, what the provider said, and what is kept of that.
CASES: dict[str, tuple[Usage, dict[str, int | float] | None]] = {
    "nothing was reported": (Usage(1, 2), None),
    "all of it is in the columns": (
        Usage(
            15,
            11,
            3,
            0,
            7,
            raw={
                "prompt_tokens": 15,
                "completion_tokens": 11,
                "total_tokens": 26,
                "prompt_tokens_details.cached_tokens": 3,
                "completion_tokens_details.reasoning_tokens": 7,
                "prompt_tokens_details.audio_tokens": 0,
            },
        ),
        None,
    ),
    "a name without a column": (
        Usage(15, 11, raw={"prompt_tokens": 15, "prompt_tokens_details.audio_tokens": 15}),
        {"prompt_tokens_details.audio_tokens": 15},
    ),
    "a count that was normalised": (
        Usage(120, 9, 100, raw={"input_tokens": 20, "output_tokens": 9, "cache_read_input_tokens": 100}),
        {"input_tokens": 20},
    ),
    "a total that is no sum": (Usage(1, 2, raw={"total_tokens": 4}), {"total_tokens": 4}),
    "a total without its parts": (Usage(raw={"total_tokens": 4}), {"total_tokens": 4}),
    "a count that decode did not believe": (Usage(raw={"prompt_tokens": -5}), {"prompt_tokens": -5}),
    "seconds and money": (Usage(raw={"cost": 0.25, "queue_time": 1.5}), {"cost": 0.25, "queue_time": 1.5}),
}


@pytest.mark.parametrize(("usage", "kept"), CASES.values(), ids=CASES)
def test_only_what_the_columns_do_not_say_is_kept(usage: Usage, kept: dict[str, int | float] | None) -> None:
    assert untold(usage) == kept
