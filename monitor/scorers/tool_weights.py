"""The weights of ``tools_risk``, as ``benchmarks/fit_tools.py`` prints them."""

from __future__ import annotations

from typing import Final

#: The signal that a structural failure is.
STRUCTURE: Final = "structure"

#: Of an answer that makes calls.
CALL_WEIGHTS: Final = {
    "bias": -4.41,
    "placeholder": 6.23,
    "invented_value": 2.09,
    "unsupported_required": 1.05,
    "unsupported_optional": 0.34,
    "tool_unlike_request": 1.66,
    "name_unlike_request": 0.41,
    "better_tool": 2.13,
    "several_asked": 0.40,
    "tool_left_out": 0.54,
    "value_not_used": 2.55,
    "structure": 9.00,
}
#: Of an answer that makes none.
ANSWER_WEIGHTS: Final = {
    "bias": -4.14,
    "tool_would_fit": 2.91,
    "declined_though_tool_fits": 0.71,
    "answered_though_tool_fits": 4.08,
    "call_written_out": 1.95,
    "structure": 9.00,
    "tool_error_ignored": 4.00,
}
