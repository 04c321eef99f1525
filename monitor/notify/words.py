"""Turns a page into sentences: a page in, its title, sections of short lines and links out, in plain text.

Every channel puts these into its own form and escapes them for it: names of models, prompts and routes come
from logs, and are whatever somebody wrote there. The most important section comes first, so that whoever has
little room takes the first ones (``fit``, ``fitting``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from monitor.notify.page import Contributor, Example, FailureClass, Marker, Page, Side
from monitor.phrases import lasting, measure, moment, span

#: Lines of a table that are said; of more it is said how many there are.
ROWS = 10

#: Characters of a title, and of a label's value in it.
TITLE, VALUE = 200, 48

_MORE = "…"


class Section(NamedTuple):
    """A heading, empty for what needs none, and lines of plain text."""

    heading: str
    lines: tuple[str, ...]


def title(
    what: str,
    labels: Mapping[str, str],
    *,
    now: str = "",
    before: str = "",
    ratio: float | None = None,
    limit: str = "",
) -> str:
    """One line that says what, by how much and where, of at most ``TITLE`` characters.

    ``json schema_violation up ×2.1 (2.0 % → 4.2 %) on gpt-x / extract-v7``

    Args:
        what: is measured.
        labels: where.
        now: the value, in words; empty where none is known.
        before: the one that it is compared with; empty where there is none.
        ratio: the one over the other; ``None`` where that is no number.
        limit: the value that it may have; empty where there is none.
    """
    if before:
        what = f"{what} {_changed(ratio)} ({before} → {now})"
    elif now:
        what = f"{what} at {now}" + (f", allowed {limit}" if limit else "")
    return fit(f"{what} on {place(labels)}", TITLE)


def _changed(ratio: float | None) -> str:
    if ratio is None or ratio >= 100:
        return "up"
    return f"{'up' if ratio >= 1 else 'down'} ×{ratio:.2g}"


def place(labels: Mapping[str, str]) -> str:
    """The labels in one line, long values cut: ``checkout / production``."""
    return " / ".join(fit(line(value), VALUE) or "(none)" for value in labels.values()) or "everything"


def line(text: str) -> str:
    """What somebody wrote, in one line: what is not printed (line ends, marks of direction) is a space."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def sections(page: Page) -> tuple[Section, ...]:
    """All that a page says below its title, the most important first. No section is empty."""
    found = [
        Section("", _head(page)),
        Section("Held back", _digest(page)),
        Section("Now and before", _sides(page)),
        Section("Who carries it", _contributors(page)),
        Section("Failures", tuple(_failure(one) for one in page.failure_classes)),
        Section("Deploys and new models near the onset", tuple(_marker(one) for one in page.deploys)),
        Section("Load", _load(page)),
        Section("Calls that show it", tuple(_example(one) for one in page.examples)),
        Section("Alerts of this episode", _members(page)),
        Section("What was measured", _measured(page)),
    ]
    return tuple(Section(one.heading, tuple(map(line, one.lines))) for one in found if one.lines)


def headline(page: Page) -> str:
    """The page's title in one line; the name of its alert where it has none."""
    return line(page.title) or line(page.alert)


def sign(page: Page) -> str:
    """One sign that says from afar how it stands."""
    if page.kind == "test":
        return "🧪"
    if page.status == "resolved":
        return "✅"
    if page.acknowledged is not None:
        return "👀"
    return {"page": "🔴", "ticket": "🟠"}.get(page.severity, "🔵")


def news(page: Page) -> tuple[str, ...]:
    """What is new, in a few lines, for whoever has the page before this one."""
    joined = (f"Now {len(page.alerts) + page.more} alerts.",) if page.kind == "update" else ()
    return (headline(page), *joined, *map(line, _head(page)))


def links(page: Page) -> tuple[tuple[str, str], ...]:
    """Where to go on: names and addresses."""
    found = [
        ("Alert", page.links.alert),
        ("Dashboard", page.links.dashboard),
        ("Runbook", page.links.runbook),
        ("Silence", page.links.silence),
    ]
    return tuple((name, url) for name, url in found if url)


def plain(page: Page, limit: int | None = None) -> str:
    """The whole page as text; with a ``limit`` of characters, its first sections and all links."""
    foot = "\n".join(f"{name}: {url}" for name, url in links(page))
    room = None if limit is None else max(0, limit - len(foot) - 2)
    body = "\n\n".join(_text(one) for one in sections(page))
    if room is not None:
        body = fitting([_text(one) for one in sections(page)], room, "\n\n")
    whole = "\n\n".join(part for part in (body, foot) if part)
    return whole if limit is None else fit(whole, limit)


def fit(text: str, limit: int) -> str:
    """The text, cut to so many characters with an ellipsis where it is longer."""
    return text if len(text) <= limit else text[: max(0, limit - 1)].rstrip() + _MORE[:limit]


def fit_bytes(text: str, limit: int) -> str:
    """The text, cut to so many bytes of UTF-8 with an ellipsis, never within a character."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    return encoded[: max(0, limit - len(_MORE.encode()))].decode(errors="ignore").rstrip() + _MORE


def fit_units(text: str, limit: int) -> str:
    """The text, cut to so many UTF-16 code units, as who counts like Java or JavaScript counts characters."""
    if units(text) <= limit:
        return text
    kept = text.encode("utf-16-le")[: 2 * max(0, limit - 1)]
    return kept.decode("utf-16-le", errors="ignore").rstrip() + _MORE


def units(text: str) -> int:
    """How many UTF-16 code units the text has."""
    return len(text.encode("utf-16-le")) // 2


def fitting(parts: Sequence[str], limit: int, between: str = "\n") -> str:
    """As many of the first parts as fit, and how many are left out; at the least the first, cut."""
    whole = between.join(parts)
    if len(whole) <= limit:
        return whole
    for count in range(len(parts) - 1, 0, -1):
        said = between.join([*parts[:count], f"and {len(parts) - count} more"])
        if len(said) <= limit:
            return said
    return fit(parts[0], limit) if parts else ""


def _text(section: Section) -> str:
    return "\n".join([*([section.heading] if section.heading else []), *section.lines])


def _head(page: Page) -> tuple[str, ...]:
    """What somebody reads who reads no further."""
    lines = []
    if page.kind == "test":
        lines.append("This is a test: nothing is wrong.")
    if page.undeliverable is not None:
        lines.append(f"Channel {page.undeliverable.channel} could not take this: {page.undeliverable.error}")
    if page.kind == "repeat":
        lines.append(f"Still firing, since {moment(page.started_at)}.")
    lines += [text for text in (page.summary, page.reason) if text]
    if page.onset_at is not None and page.status == "firing":
        lines.append(f"Began about {moment(page.onset_at)}.")
    if page.ended is not None:
        ended = [f"lasted {lasting(page.ended.lasted_s)}"]
        if page.ended.peak is not None:
            ended.append(f"at its worst {measure(page.ended.peak, page.unit)}")
        if page.ended.calls_affected is not None:
            ended.append(f"{_calls(page.ended.calls_affected)} affected")
        lines.append(", ".join(ended).capitalize() + ".")
    if page.acknowledged is not None:
        lines.append(f"Acknowledged by {page.acknowledged.by}, {moment(page.acknowledged.at)}.")
    return tuple(lines)


def _digest(page: Page) -> tuple[str, ...]:
    if page.kind != "digest":
        return ()
    shown = [f"{one.severity}, {one.status} {moment(one.at)}: {one.title}" for one in page.digest[:ROWS]]
    return (*shown, *_and_more(page.episodes - len(shown)))


def _sides(page: Page) -> tuple[str, ...]:
    sides = [("Now", page.window), ("Before", page.baseline)]
    lines = [f"{name}: {_side(side, page)}" for name, side in sides if side is not None]
    if page.mix is not None and abs(page.mix) > 0.001:
        lines.append(f"Of the change {page.mix * 100:+.1f} points are traffic that moved.")
    return tuple(lines)


def _side(side: Side, page: Page) -> str:
    said = []
    if side.value is not None:
        said.append(measure(side.value, page.unit))
    if side.rate is not None:
        rate = measure(side.rate, "") + (" of calls beyond the usual" if side.value is not None else "")
        said.append(rate)
    if side.interval_95 is not None:
        low, high = (measure(bound, "") for bound in side.interval_95)
        said.append(f"95 % sure of {low} to {high}")
    if side.failures is not None:
        said.append(f"{side.failures:,} of {_calls(side.calls)}")
    elif side.calls:
        said.append(_calls(side.calls))
    if side.start is not None and side.end is not None:
        said.append(span(side.start, side.end))
    elif side.of:
        said.append(side.of)
    return ", ".join(said) or "nothing"


def _contributors(page: Page) -> tuple[str, ...]:
    lines = tuple(_contributor(one, page) for one in page.contributors)
    return (*lines, f"Usually: {page.usually}.") if lines and page.usually else lines


def _contributor(one: Contributor, page: Page) -> str:
    unit = page.unit if one.failures is None else ""
    usually = "" if one.usual_rate is None else f"usually {measure(one.usual_rate, unit)}"
    if one.usual_share == 0:
        usually = "new"
    if one.failures is None:
        now, more = f"over {_calls(one.calls)}", measure(one.excess, unit)
    else:
        now, more = f"{one.failures:,} of {_calls(one.calls)}", f"{one.excess:.0f}"
    rate = "" if one.rate is None else measure(one.rate, unit)
    facts = ", ".join(part for part in (rate, usually) if part)
    said = f"{one.dimension} {fit(line(one.value), VALUE) or '(none)'}: {now}{f' ({facts})' if facts else ''}"
    said += f", {more} more than usual"
    if one.by_rate is None or one.by_mix is None or one.share is None or one.usual_share is None:
        return said
    shares = f"{one.usual_share:.0%} → {one.share:.0%}"
    by_rate, by_mix = _points(one.by_rate, unit), _points(one.by_mix, unit)
    return f"{said}: {by_rate} as it is worse, {by_mix} by its share of calls ({shares})"


def _points(value: float, unit: str) -> str:
    """A difference, with its sign: ``+1.2 points`` of a rate, else in the unit."""
    if not unit:
        return f"{value * 100:+.1f} points"
    return f"{'-' if value < 0 else '+'}{measure(abs(value), unit)}"


def _failure(one: FailureClass) -> str:
    parts = ""
    if one.rate is not None:
        usual = "" if one.usual_rate is None else f", usually {measure(one.usual_rate, '')}"
        parts = f", {measure(one.rate, '')} of all{usual}"
    return f"{one.outcome}: {_calls(one.calls)}{parts}"


def _marker(one: Marker) -> str:
    what = f"{one.dimension} {one.version}" if one.dimension else one.version
    of = f" of {one.subject}" if one.subject else ""
    where = " / ".join(part for part in (one.service, one.environment) if part)
    comment = f" ({one.comment})" if one.comment else ""
    seen = ", first seen in calls" if one.source == "calls" else ""
    return f"{moment(one.at)} {where}: {what}{of}{comment}{seen}"


def _load(page: Page) -> tuple[str, ...]:
    if page.concurrency is None:
        return ()
    usual = "" if page.concurrency.usual is None else f", usually {page.concurrency.usual:.3g}"
    return (f"{page.concurrency.now:.3g} calls in flight on average{usual}",)


def _example(one: Example) -> str:
    of = " / ".join(part for part in (one.model_served, one.prompt_version) if part)
    trace = f", trace {one.trace_id}" if one.trace_id else ""
    detail = f": {one.detail}" if one.detail else ""
    return f"{one.call_id}, {moment(one.started_at)}{f', {of}' if of else ''}{trace}, {one.outcome}{detail}"


def _members(page: Page) -> tuple[str, ...]:
    if len(page.alerts) < 2 and not page.more:
        return ()
    shown = [f"{place(one.labels)}: {one.status} since {moment(one.since)}" for one in page.alerts[:ROWS]]
    return (*shown, *_and_more(len(page.alerts) - ROWS + page.more if len(page.alerts) > ROWS else page.more))


def _measured(page: Page) -> tuple[str, ...]:
    if page.statistic is None:
        return ()
    lines = [f"{page.metric}, {page.statistic.name}: {page.statistic.meaning}".rstrip(": ")]
    if page.evidence:
        told = ", ".join(f"{lane} {now:.3g} of {limit:.3g}" for lane, (now, limit) in page.evidence.items())
        lines.append(f"Evidence: {told}")
    if page.false_alarms is not None:
        lines.append(f"By chance alone at most about {page.false_alarms:g} a week.")
    return tuple(lines)


def _and_more(count: int) -> tuple[str, ...]:
    return (f"and {count} more",) if count > 0 else ()


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count:,} calls"
