"""What evidence alone does not say: is the rise large, still there, no passing blip, and is it over. Pure.

Evidence that a rate has risen is not yet a reason to wake somebody. All take counts of
S label sets, or ``[S, L]`` where each lane of the evidence has its own onset, and give booleans (alerting
reference §2).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from monitor.rules.detector import Evidence, Lane

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Gates(msgspec.Struct, frozen=True):
    """How much worse counts as worse, and how much must have been seen."""

    relative: float
    """Share of the baseline's rate by which it must have risen since the onset."""
    absolute: float
    """The same in points of rate: 0.005 is half a percentage point."""
    minimum_calls: float = 50.0
    """Calls of the window."""
    minimum_expected: float = 5.0
    """Failures that the baseline expects of the window, or that came."""


PAGE_GATES = Gates(relative=0.25, absolute=0.005)
TICKET_GATES = Gates(relative=0.10, absolute=0.002)

#: Share of the rise since onset that the last five minutes must still show.
STILL = 0.5

#: So many failures look like a provider's blip. Worse than the second is an outage and does not wait.
BLIP, OUTAGE = 0.14, 0.6

#: Minutes of the short window, and those that a page waits for what may be a blip: eight that it may last,
#: a short window that has none of it, and one for an onset that came a little before.
SHORT_MINUTES, BLIP_MINUTES = 5, 14

#: One-sided 95 % normal quantile, of the bound that recovery is judged by.
_Z = 1.645


def enough(calls: Floats, failures: Floats, rate: Floats, gates: Gates) -> Bools:
    """Whether a window has seen enough to say anything: its counts, and the baseline's ``rate``.

    So many failures must be expected, or have come. False where there is no baseline (NaN). What is not
    enough is not OK: it is insufficient data.
    """
    seen = np.maximum(failures, calls * np.nan_to_num(rate))
    return np.isfinite(rate) & (calls >= gates.minimum_calls) & (seen >= gates.minimum_expected)


def risen(
    evidence: Evidence,
    short_calls: Floats,
    short_failures: Floats,
    lanes: Sequence[Lane],
    gates: Gates,
    *,
    waits: bool = True,
) -> Bools:
    """Which label sets have risen, by any lane: evidence, margins, still elevated, and no blip.

    Args:
        evidence: after the minute that is judged.
        short_calls: of the last five minutes, ``[S]``.
        short_failures: of the same.
        lanes: of the evidence.
        gates: the margins.
        waits: whether what looks like a blip is waited for; a page does.
    """
    told = evidence.score >= [lane.threshold for lane in lanes]
    calls = np.maximum(evidence.calls, 1.0)
    now, usual = evidence.failures / calls, evidence.expected / calls
    short = (short_failures / np.maximum(short_calls, 1.0))[:, None]
    large = (now >= usual * (1 + gates.relative)) & (now - usual >= gates.absolute)
    still = (short >= usual * (1 + gates.relative)) & (short - usual >= STILL * (now - usual))
    # As steep as it was if all of the rise fell into a few minutes since the onset.
    share = np.minimum(1.0, SHORT_MINUTES / np.maximum(evidence.minutes, 1.0))
    steepest = usual + (now - usual) / share
    blip = (np.maximum(steepest, short) >= BLIP) & (now < OUTAGE) & (evidence.minutes < BLIP_MINUTES)
    some: Bools = np.any(told & large & still & ~(blip & waits), axis=1)
    return some


def recovered(calls: Floats, failures: Floats, rate: Floats, gates: Gates) -> Bools:
    """Which label sets are well again, by what was seen since they were last bad.

    Either the rate is back within half of the margin, or it surely is within the margin: the upper bound of
    the ratio (E. B. Wilson's score, JASA 22, 1927) is below it. Too few calls are no recovery.

    Args:
        calls: seen, ``[S]``.
        failures: of them.
        rate: of the baseline as it was at the onset.
        gates: the margins the alert fired by.
    """
    n = np.maximum(calls, 1.0)
    now = failures / n
    half = _Z * np.sqrt(now * (1 - now) / n + (_Z / (2 * n)) ** 2)
    upper = (now + _Z**2 / (2 * n) + half) / (1 + _Z**2 / n)
    back = (now <= rate * (1 + gates.relative / 2)) | (upper < rate * (1 + gates.relative))
    return back & (calls >= gates.minimum_calls)
