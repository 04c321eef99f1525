"""The weights of ``tools_risk``, as ``benchmarks/fit_tools.py`` prints them."""

from __future__ import annotations

from typing import Final

#: The signal that a structural failure is.
STRUCTURE: Final = "structure"

#: Of an answer that makes calls.
CALL_WEIGHTS: Final = {
    "bias": -4.63,
    "placeholder": 5.93,
    "invented_value": 1.80,
    "unsupported_required": 1.71,
    "tool_unlike_request": 2.18,
    "better_tool": 1.87,
    "several_asked": 3.08,
    "tool_left_out": 4.06,
    "value_not_used": 2.27,
    "structure": 9.00,
}
#: Of one whose request can't be compared with the tools: its values have to tell alone.
VALUE_WEIGHTS: Final = {
    "bias": -3.24,
    "placeholder": 6.31,
    "invented_value": 1.75,
    "unsupported_required": 1.64,
    "structure": 9.00,
}
#: Of an answer that makes none.
ANSWER_WEIGHTS: Final = {
    "bias": -4.38,
    "tool_would_fit": 3.07,
    "declined_though_tool_fits": 0.53,
    "answered_though_tool_fits": 4.54,
    "call_written_out": 1.90,
    "structure": 9.00,
    "tool_error_ignored": 6.00,
}
#: Signals by which a request is compared with the tools.
BY_REQUEST: Final = CALL_WEIGHTS.keys() - VALUE_WEIGHTS.keys()
