"""The weights of ``tools_risk``, as ``benchmarks/fit_tools.py`` prints them."""

from __future__ import annotations

from typing import Final

#: The signal that a structural failure is.
STRUCTURE: Final = "structure"

#: Of an answer that makes calls.
CALL_WEIGHTS: Final = {
    "bias": -4.61,
    "placeholder": 6.61,
    "invented_value": 2.19,
    "unsupported_required": 1.44,
    "unsupported_optional": 0.48,
    "tool_unlike_request": 1.93,
    "name_unlike_request": 0.40,
    "better_tool": 1.91,
    "several_asked": 1.36,
    "value_not_used": 1.74,
    "tool_left_out": 2.32,
    "structure": 9.00,
}
#: Of an answer that makes none.
ANSWER_WEIGHTS: Final = {
    "bias": -4.14,
    "tool_would_fit": 2.93,
    "declined_though_tool_fits": 0.68,
    "answered_though_tool_fits": 4.06,
    "call_written_out": 1.95,
    "structure": 9.00,
    "tool_error_ignored": 4.00,
}
