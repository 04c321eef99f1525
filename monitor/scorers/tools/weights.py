"""The weights of ``tools_risk``, as ``benchmarks/fit_tools.py`` prints them."""

from __future__ import annotations

from typing import Final

#: The signal that a structural failure is.
STRUCTURE: Final = "structure"

#: Of an answer that makes calls.
CALL_WEIGHTS: Final = {
    "bias": -5.15,
    "placeholder": 6.66,
    "invented_value": 2.14,
    "unsupported_required": 1.49,
    "tool_unlike_request": 2.52,
    "better_tool": 1.69,
    "several_asked": 3.38,
    "tool_left_out": 1.65,
    "value_not_used": 1.41,
    "structure": 9.00,
}
#: Of an answer that makes none.
ANSWER_WEIGHTS: Final = {
    "bias": -4.52,
    "tool_would_fit": 3.07,
    "declined_though_tool_fits": 0.53,
    "answered_though_tool_fits": 4.54,
    "call_written_out": 1.90,
    "structure": 9.00,
    "tool_error_ignored": 4.00,
}
