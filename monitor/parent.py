"""Ends a process with its parent, so that nobody who is killed leaves others behind."""

from __future__ import annotations

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent() -> None:
    """From now on this process is killed when the thread that started it ends, whatever it is doing.

    On Linux (prctl(2), PR_SET_PDEATHSIG). Elsewhere it does nothing.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
