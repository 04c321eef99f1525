"""The weights of ``tools_risk``, as ``benchmarks/fit_tools.py`` prints them."""

from __future__ import annotations

from typing import Final

#: The signal that a structural failure is.
STRUCTURE: Final = "structure"

#: Of an answer that makes calls.
CALL_WEIGHTS: Final = {
    "bias": -4.58,
    "placeholder": 6.65,
    "invented_value": 2.16,
    "unsupported_required": 1.48,
    "unsupported_optional": 0.55,
    "tool_unlike_request": 1.96,
    "name_unlike_request": 0.35,
    "better_tool": 1.99,
    "several_asked": 1.40,
    "tool_left_out": 2.39,
    "value_not_used": 1.36,
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
