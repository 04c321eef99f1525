"""Decides where an alert goes, and when: its labels and a time in, channels out. Pure.

The first route that matches decides. A route may hold its notifications back in quiet hours, collect them for
a digest, and repeat them while nobody has acknowledged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from monitor.config import QuietConfig, RouteConfig
from monitor.durations import seconds
from monitor.rules.matchers import Matcher, match, parse
from monitor.store.outbox import Destination

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Quiet(msgspec.Struct, frozen=True):
    """Hours of the day, in a time zone, that begin on some days of the week."""

    start: time
    end: time
    zone: ZoneInfo
    days: frozenset[int]

    def until(self, at: datetime) -> datetime | None:
        """When the quiet hours end that ``at`` lies in; ``None`` where it lies in none."""
        local = at.astimezone(self.zone)
        for back in (0, 1):
            day = local.date() - timedelta(days=back)
            if day.weekday() not in self.days:
                continue
            begin = datetime.combine(day, self.start, self.zone)
            last = day if self.start < self.end else day + timedelta(days=1)
            end = datetime.combine(last, self.end, self.zone)
            # Compared in UTC: in one zone Python compares what clocks show, and those are put back.
            if begin.astimezone(UTC) <= at < end.astimezone(UTC):
                return end.astimezone(UTC)
        return None


class Route(msgspec.Struct, frozen=True):
    """One route, ready to use."""

    matchers: tuple[Matcher, ...]
    channels: tuple[str, ...]
    repeat: timedelta | None = None
    quiet: Quiet | None = None
    digest: timedelta | None = None

    def destinations(self, now: datetime) -> list[Destination]:
        """Its channels, and when they may be told of what is known now."""
        held = None if self.quiet is None else self.quiet.until(now)
        if self.digest is not None:
            turn = _next(held or now, self.digest)
            return [Destination(name, turn, digest=True) for name in self.channels]
        return [Destination(name, held) for name in self.channels]


class Routing:
    """All routes.

    Args:
        routes: in order; without any, everything goes to every channel at once.
        everywhere: the names of all channels.
        only: the channels that this is about, where it is not all of them: others are left out of routes.
    """

    def __init__(
        self, routes: Sequence[Route], everywhere: Sequence[str], only: Collection[str] | None = None
    ) -> None:
        self._only = everywhere if only is None else only
        self._routes = tuple(map(self._restricted, routes or [Route((), tuple(everywhere))]))

    @property
    def repeats(self) -> bool:
        """Whether anything is ever told again."""
        return any(one.repeat is not None for one in self._routes)

    def route(self, labels: Mapping[str, str], own: Sequence[str] = ()) -> Route:
        """The route of an alert: over its rule's ``own`` channels where it names some, else by its labels.

        The last route of a configuration matches everything.
        """
        if own:
            return self._restricted(Route((), tuple(own)))
        return next(one for one in self._routes if match(one.matchers, labels))

    def _restricted(self, route: Route) -> Route:
        channels = tuple(name for name in route.channels if name in self._only)
        return msgspec.structs.replace(route, channels=channels)


def routing_of(
    routes: Sequence[RouteConfig], channels: Sequence[str], only: Collection[str] | None = None
) -> Routing:
    """The routes of a configuration that was checked, for all its channels or ``only`` some."""
    return Routing([_route(one) for one in routes], channels, only)


def _route(config: RouteConfig) -> Route:
    return Route(
        tuple(matcher for text in config.match for matcher in parse(text)),
        config.channels,
        repeat=_length(config.repeat),
        quiet=_quiet(config.quiet) if config.quiet else None,
        digest=_length(config.digest),
    )


def _quiet(config: QuietConfig) -> Quiet:
    days = [_DAYS.index(day) for day in config.days or _DAYS]
    # That of the next day: these hours end there, as those do that end before they start.
    end_text = "00:00" if config.end == "24:00" else config.end
    start, end = (time.fromisoformat(text) for text in (config.start, end_text))
    return Quiet(start, end, ZoneInfo(config.zone), frozenset(days))


def _length(text: str | None) -> timedelta | None:
    return None if text is None else timedelta(seconds=seconds(text))


def _next(at: datetime, every: timedelta) -> datetime:
    """The next time, from ``at`` on, that is a multiple of ``every`` since 1970: the same for all alerts."""
    step = every.total_seconds()
    return datetime.fromtimestamp(-(-at.timestamp() // step) * step, UTC)
