"""How often the detector cries wolf, and how soon it tells a rise, beside what people use and the floor.

``python -m benchmarks.detection [--series 100] [--weeks 1] [--seed N] [--for 0]``. It plays the worlds of
``_worlds`` minute by minute to the product's own code (baseline, evidence, gates, the lane of days) with its
one untouched default; 2 % of the calls arrive too late to be judged. Whatever fires where nothing changed is
a false alarm; episodes less than an hour apart are one (six hours for tickets, which a person closes by day).
"""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Callable, Sequence
from math import sqrt

import numpy as np
import numpy.typing as npt

from benchmarks._rivals import RIVALS, Played
from benchmarks._worlds import DAY, HISTORY_DAYS, Cell, Worlds
from monitor.rules.baseline import Baseline, seasonal
from monitor.rules.detector import BUDGET, PAGE_LANES, TICKET_LANES, Evidence, Lane, step
from monitor.rules.floor import least_delay
from monitor.rules.gates import PAGE_GATES, TICKET_GATES, Gates, enough, risen
from monitor.rules.slow import SHIFTED, shift

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

TRAFFIC, RISES = (20.0, 200.0, 2000.0), (1.15, 1.5, 2.0, 5.0)

#: Best cells of the reference's table (b), bursty world, base 2 %: minutes (median, p90).
BEST = {
    (20.0, 2.0): (82, 174), (20.0, 5.0): (11, 22), (200.0, 2.0): (14, 48), (200.0, 5.0): (6, 7),
    (2000.0, 2.0): (10, 14), (2000.0, 5.0): (5, 6),
}  # fmt: skip

#: The same of +15 %: the share that is told within 24 hours.
BEST_CAUGHT = {20.0: 0.19, 200.0: 0.48, 2000.0: 0.53}


class Tally:
    """Counts episodes and takes the first minute of each series and column that fired after the change."""

    def __init__(self, worlds: Worlds, columns: int, gap: int = 60) -> None:
        self.episodes = np.zeros((worlds.series, columns))
        self.delay = np.full((worlds.series, columns), np.inf)
        self._last = np.full((worlds.series, columns), -DAY)
        self._from = np.where(worlds.change > 1, worlds.changed_at, 0)[:, None]
        self._gap = gap

    def add(self, at: int, fired: Bools) -> None:
        """``[S, columns]`` of one minute."""
        self.episodes += fired & (at - self._last > self._gap)
        self._last = np.where(fired, at, self._last)
        now = fired & (at >= self._from) & ~np.isfinite(self.delay)
        self.delay = np.where(now, at + 1 - self._from, self.delay)


class Ours:
    """The product's rule at one severity, minute by minute."""

    def __init__(self, series: int, lanes: Sequence[Lane], gates: Gates, *, page: bool, held: int) -> None:
        self._lanes, self._gates, self._page, self._held = lanes, gates, page, held
        self._evidence = Evidence.empty(series, lanes)
        self._streak: Floats = np.zeros(series)
        self._shifted = np.zeros(series, dtype=bool)

    def fires(
        self, worlds: Worlds, played: Played, baseline: Baseline, minute: tuple[Floats, Floats]
    ) -> Bools:
        """Whether it fires after this minute."""
        self._evidence = step(self._evidence, *minute, baseline, self._lanes)
        told = risen(self._evidence, *played.window(5), self._lanes, self._gates, waits=self._page)
        told &= enough(*played.window(60), baseline.rate, self._gates)
        if not self._page:
            if played.at % 60 == 0:
                self._shifted = _day_is_shifted(worlds, played.at, self._gates)
            told |= self._shifted
        self._streak = np.where(told, self._streak + 1, 0)
        return self._streak > self._held


def _day_is_shifted(worlds: Worlds, at: int, gates: Gates) -> Bools:
    end = at // 60 + HISTORY_DAYS * 24
    days = [worlds.hours[:, :, max(0, end - 24 * k - 24) : end - 24 * k].sum(axis=2) for k in range(29)]
    # The oldest day begins before history does while less than a day was played.
    days[28] *= end >= 29 * 24
    (calls, failures), past = days[0], np.stack(days[1:], axis=-1)
    score, usual = shift(calls, failures, past[0], past[1])
    now = failures / np.maximum(calls, 1.0)
    large: Bools = (now >= usual * (1 + gates.relative)) & (now - usual >= gates.absolute)
    return large & (score >= SHIFTED)


def play(worlds: Worlds, *, held: int, rivals: bool) -> tuple[Tally, Tally, list[Tally]]:
    """Play every minute: what pages, what writes tickets, and each rival (usual threshold first)."""
    played = Played(worlds.days * DAY, worlds.series)
    page = Ours(worlds.series, PAGE_LANES, PAGE_GATES, page=True, held=held)
    ticket = Ours(worlds.series, TICKET_LANES, TICKET_GATES, page=False, held=held)
    pages, tickets = Tally(worlds, 1), Tally(worlds, 1, gap=360)
    others = [Tally(worlds, 1 + len(rival.tried)) for rival in RIVALS] if rivals else []
    for at, calls, failures in worlds.minutes():
        played.add(calls, failures)
        if at % 10 == 0:
            baseline = seasonal(*worlds.past(at))
        for ours, tally in ((page, pages), (ticket, tickets)):
            fired = ours.fires(worlds, played, baseline, (calls, failures))
            tally.add(at, fired[:, None])
        if others and at >= DAY // 4:
            hour = at // 60 + HISTORY_DAYS * 24 - 168
            before = worlds.hours[1, :, hour] / np.maximum(worlds.hours[0, :, hour], 1.0)
            for rival, tally in zip(RIVALS, others, strict=True):
                if at % rival.every == 0:
                    score = rival.score(played, before)[:, None]
                    tally.add(at, score >= [rival.usual, *rival.tried])
    return pages, tickets, others


def quiet_cells(series: int) -> list[Cell]:
    """Nothing changes in these: every world and traffic at 2 %, other rates at 200 calls a minute."""
    cells = [Cell(world, t, 0.02, series) for world in ("plain", "bursty", "weekly") for t in TRAFFIC]
    cells += [
        Cell(world, 200.0, base, series) for world in ("plain", "bursty", "weekly") for base in (0.005, 0.08)
    ]
    return cells + [Cell("bursty", t, 0.02, series, blip=(4, 8)) for t in TRAFFIC]


def changed_cells(series: int) -> list[Cell]:
    """The rate rises in these; the world is the bursty one."""
    cells = [Cell("bursty", t, 0.02, series, rise) for rise in RISES for t in TRAFFIC]
    return cells + [Cell("bursty", 200.0, base, series, rise) for base in (0.005, 0.08) for rise in RISES[1:]]


def alarms(tally: Tally, worlds: Worlds, cell: int, column: int = 0) -> tuple[float, float]:
    """False alarms per series and week, and the standard error of that."""
    found = tally.episodes[worlds.cell == cell, column] * 7 / worlds.days
    return float(found.mean()), float(found.std() / sqrt(len(found)))


def delays(tally: Tally, worlds: Worlds, cell: int, column: int = 0) -> tuple[float, float, float]:
    """Median and p90 of the delay in minutes (inf: not within a day), and the share within a day."""
    found = tally.delay[worlds.cell == cell, column]
    found = np.where(found <= DAY, found, np.inf)
    middle, most = np.quantile(found, (0.5, 0.9), method="higher")
    return float(middle), float(most), float(np.isfinite(found).mean())


def span(minutes: float) -> str:
    """Minutes as people write them."""
    if not np.isfinite(minutes):
        return "never"
    return f"{minutes:.0f} m" if minutes < 100 else f"{minutes / 60:.1f} h"


def quietest(tally: Tally, worlds: Worlds, cell: int) -> int | None:
    """The column of the lowest threshold with at most the budget of false alarms in a cell."""
    columns = range(1, tally.episodes.shape[1])
    return next((k for k in columns if alarms(tally, worlds, cell, k)[0] <= BUDGET), None)


def report(out: Callable[[str], None], quiet: Worlds, changed: Worlds, *, held: int) -> None:
    """Play both and print the tables."""
    pages, tickets, others = play(quiet, held=held, rivals=True)
    out("\nFalse alarms per series and week, one default (target: at most 0.1)")
    for i, cell in enumerate(quiet.cells):
        page, ticket = alarms(pages, quiet, i), alarms(tickets, quiet, i)
        blips = "  (blips of 4 to 8 m, 3.5 a week)" if cell.blip != (1, 3) else ""
        name = f"{cell.world:7} {cell.traffic:5.0f}/min {cell.base:6.1%}"
        out(f"  {name}  page {page[0]:.2f} ± {page[1]:.2f}   ticket {ticket[0]:.2f} ± {ticket[1]:.2f}{blips}")
    out("\nRivals as configured: false alarms per series and week, bursty, 20 / 200 / 2000 a minute")
    bursty = [i for i, c in enumerate(quiet.cells) if (c.world, c.base, c.blip) == ("bursty", 0.02, (1, 3))]
    for rival, tally in zip(RIVALS, others, strict=True):
        out(f"  {rival.name:42}" + " / ".join(f"{alarms(tally, quiet, i)[0]:6.2f}" for i in bursty))
    told, noted, rival_told = play(changed, held=held, rivals=True)
    out("\nDelay from the change, median / p90, bursty (best: the best cell of the reference's table)")
    for i, cell in enumerate(changed.cells):
        middle, most, caught = delays(told, changed, i)
        noted_middle, noted_most, noted_caught = delays(noted, changed, i)
        floor = least_delay(cell.traffic, cell.base, cell.change)
        best = BEST.get((cell.traffic, cell.change)) if cell.base == 0.02 else None
        beside = f"  best {span(best[0])} / {span(best[1])}" if best else ""
        if cell.change == RISES[0]:
            beside = f"  best {BEST_CAUGHT[cell.traffic]:.0%} within 24 h"
        name = f"{cell.traffic:5.0f}/min {cell.base:6.1%} x{cell.change:<4}"
        out(
            f"  {name}  page {span(middle):>6} / {span(most):>6} ({caught:4.0%})"
            f"  ticket {span(noted_middle):>6} / {span(noted_most):>6} ({noted_caught:4.0%})"
            f"  floor {span(floor):>6}{beside}"
        )
    out("\nRivals retuned at each traffic to at most 0.1 false alarms a week: median / p90 (share in 24 h)")
    for rival, quiet_tally, tally in zip(RIVALS, others, rival_told, strict=True):
        out(f"  {rival.name}")
        for t, cell_of_traffic in zip(TRAFFIC, bursty, strict=True):
            column = quietest(quiet_tally, quiet, cell_of_traffic)
            texts = []
            for i, cell in enumerate(changed.cells):
                if cell.traffic == t and cell.base == 0.02 and column is not None:
                    middle, most, caught = delays(tally, changed, i, column)
                    texts.append(f"x{cell.change:<4} {span(middle)} / {span(most)} ({caught:.0%})")
            out(f"    {t:5.0f}/min  " + ("   ".join(texts) or "no threshold is quiet enough"))


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=50, help="series of each cell")
    parser.add_argument("--weeks", type=int, default=1, help="weeks without a change")
    parser.add_argument("--for", type=int, default=0, dest="held", help="minutes the condition must hold")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers; left out: a fresh one")
    arguments = parser.parse_args()
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}, {arguments.series} series a cell, {arguments.weeks} week(s), for {arguments.held} m")
    started = time.monotonic()
    quiet = Worlds(quiet_cells(arguments.series), days=7 * arguments.weeks, seed=seed)
    changed = Worlds(changed_cells(arguments.series), days=3, seed=seed + 1)
    report(print, quiet, changed, held=arguments.held)
    print(f"\n{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
