"""A page in sentences: the title that people read on a phone, and what is below it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from monitor.notify.page import Contributor, Example, FailureClass, Member, Page
from monitor.notify.words import TITLE, fit, fit_bytes, fitting, plain, sections, title
from tests.notify.pages import HOSTILE, PAGES, TRIGGER, swollen

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            {"now": "42.0 %", "before": "2.0 %", "ratio": 21.0},
            "json failed up ×21 (2.0 % → 42.0 %) on checkout",
        ),
        (
            {"now": "5.0 %", "before": "2.0 %", "ratio": 2.5},
            "json failed up ×2.5 (2.0 % → 5.0 %) on checkout",
        ),
        (
            {"now": "50.0 %", "before": "80.0 %", "ratio": 0.625},
            "json failed down ×0.62 (80.0 % → 50.0 %) on checkout",
        ),
        # No number says how many times nothing it is, and ×1,000 says no more than the rates do.
        ({"now": "1.0 %", "before": "0.0 %", "ratio": None}, "json failed up (0.0 % → 1.0 %) on checkout"),
        (
            {"now": "50.0 %", "before": "0.0 %", "ratio": 2500.0},
            "json failed up (0.0 % → 50.0 %) on checkout",
        ),
        ({"now": "42.0 %"}, "json failed at 42.0 % on checkout"),
        ({"now": "42.0 %", "limit": "10.0 %"}, "json failed at 42.0 %, allowed 10.0 % on checkout"),
        ({}, "json failed on checkout"),
    ],
    ids=["up", "up a little", "down", "from nothing", "from next to nothing", "alone", "limit", "no numbers"],
)
def test_a_title_says_what_by_how_much_and_where(said: dict[str, Any], expected: str) -> None:
    assert title("json failed", {"service": "checkout"}, **said) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, "errors on everything"),
        ({"service": "checkout", "environment": ""}, "errors on checkout / (none)"),
        ({"route": "a\nb\x07"}, "errors on a b"),
        ({"route": "r" * 100}, f"errors on {'r' * 47}…"),
    ],
    ids=["none", "empty", "not printed", "long"],
)
def test_a_title_names_every_label_whatever_it_is(labels: dict[str, str], expected: str) -> None:
    assert title("errors", labels) == expected


@given(st.dictionaries(st.text(max_size=300), st.text(max_size=300), max_size=12), st.text(max_size=400))
def test_a_title_is_one_short_line(labels: dict[str, str], what: str) -> None:
    said = title("json failed", labels, now="1 %", before="2 %", ratio=0.5)
    assert len(said) <= TITLE
    assert said.isprintable()
    assert len(title(what, labels)) <= TITLE


def test_a_page_says_first_what_somebody_reads_who_reads_no_further() -> None:
    text = plain(TRIGGER)
    assert text.startswith(TRIGGER.summary)
    for part in (
        "Began about 2026-03-10 12:00 UTC.",
        "Now: 42.0 %, 95 % sure of 32.8 % to 51.8 %, 42 of 100 calls",
        "Before: 2.0 %",
        "prompt_version v8: 41 of 55 calls, 40 more than usual",
        "truncated: 40 calls",
        "3.5 calls in flight on average, usually 3.1",
        "c-81, 2026-03-10 12:01 UTC, gpt-x-2026-02 / v8",
        "ended inside a value",
        "Evidence: steep 13.2 of 10",
        "Runbook: https://wiki.example.com",
    ):
        assert part in text, part


@pytest.mark.parametrize(
    ("one", "unit", "expected"),
    [
        (
            {"failures": 41, "calls": 55, "excess": 39.9, "rate": 41 / 55, "usual_share": 0.0, "share": 0.55},
            "",
            "route r: 41 of 55 calls (74.5 %, new), 40 more than usual",
        ),
        (
            {
                "failures": 8,
                "calls": 80,
                "excess": 6.4,
                "rate": 0.1,
                "usual_rate": 0.02,
                "by_rate": 0.064,
                "by_mix": -0.001,
                "share": 0.8,
                "usual_share": 0.81,
            },
            "",
            "route r: 8 of 80 calls (10.0 %, usually 2.0 %), 6 more than usual: +6.4 points as it is worse, "
            "-0.1 points by its share of calls (81% → 80%)",
        ),
        (
            {
                "calls": 80,
                "excess": 160_000.0,
                "rate": 4000.0,
                "usual_rate": 2000.0,
                "by_rate": 1500.0,
                "by_mix": -20.0,
                "share": 0.8,
                "usual_share": 0.81,
            },
            "ms",
            "route r: over 80 calls (4 s, usually 2 s), 160 s more than usual: +1.5 s as it is worse, "
            "-20 ms by its share of calls (81% → 80%)",
        ),
        (
            {"failures": 8, "calls": 80, "excess": 6.4},
            "",
            "route r: 8 of 80 calls, 6 more than usual",
        ),
    ],
    ids=["new", "worse", "mean", "bare"],
)
def test_a_contributor_says_what_it_adds_and_how(one: dict[str, Any], unit: str, expected: str) -> None:
    contributor = Contributor(dimension="route", value="r", **one)
    page = structs.replace(TRIGGER, unit=unit, contributors=(contributor,), usually="the day before")
    assert dict(sections(page))["Who carries it"] == (expected, "Usually: the day before.")


def test_a_value_that_is_empty_or_hostile_is_one_line_all_the_same() -> None:
    values = ("", HOSTILE)
    page = structs.replace(
        TRIGGER,
        contributors=tuple(
            Contributor(dimension="route", value=value, calls=1, failures=1, excess=1) for value in values
        ),
        examples=(Example(call_id=HOSTILE, started_at=AT, outcome=HOSTILE, detail=HOSTILE),),
        alerts=tuple(Member(labels={"route": value}, status="firing", since=AT) for value in values),
    )
    lines = [line for one in sections(page) for line in one.lines]
    assert all(line.isprintable() for line in lines)
    assert any(line.startswith("route (none): ") for line in lines)
    assert any(line.startswith("(none): firing") for line in lines)


def test_a_class_of_failures_says_its_part_now_and_usually() -> None:
    classes = (
        FailureClass(outcome="truncated", calls=40, rate=0.4, usual_rate=0.011),
        FailureClass(outcome="not_json", calls=1, rate=0.01),
        FailureClass(outcome="rate_limit", calls=7),
    )
    assert dict(sections(structs.replace(TRIGGER, failure_classes=classes)))["Failures"] == (
        "truncated: 40 calls, 40.0 % of all, usually 1.1 %",
        "not_json: 1 call, 1.0 % of all",
        "rate_limit: 7 calls",
    )


def test_an_end_says_how_long_how_bad_and_how_many() -> None:
    assert "Lasted 30 min, at its worst 44.0 %, 512 calls affected." in plain(PAGES["resolve"])


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_no_section_is_empty_and_the_title_is_left_to_the_channel(page: Page) -> None:
    assert all(one.lines and all(one.lines) for one in sections(page))
    assert not page.title or page.title not in plain(page)


@pytest.mark.parametrize("limit", [0, 1, 80, 400, 3_000])
@pytest.mark.parametrize("page", [TRIGGER, swollen(TRIGGER, HOSTILE * 20)], ids=["as it is", "swollen"])
def test_a_text_is_never_longer_than_there_is_room(page: Page, limit: int) -> None:
    assert len(plain(page, limit)) <= limit


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(7, "a\nb\nc"), (5, "a\nb\nc"), (13, "a\nb\nc")],
    ids=str,
)
def test_what_fits_is_said_whole(limit: int, expected: str) -> None:
    assert fitting(["a", "b", "c"], limit) == expected


def test_of_what_does_not_fit_the_first_is_said_and_how_much_more_there_is() -> None:
    parts = ["first part", "second part", "third part"]
    assert fitting(parts, 24) == "first part\nand 2 more"
    assert fitting(parts, 6) == "first…"
    assert fitting([], 6) == ""


@given(st.text(), st.integers(0, 40))
def test_a_cut_text_is_never_too_long_and_never_torn(text: str, limit: int) -> None:
    assert len(fit(text, limit)) <= limit
    assert fit(text, len(text)) == text
    if limit >= 3:
        assert len(fit_bytes(text, limit).encode()) <= limit


def test_a_repeat_says_since_when_it_fires() -> None:
    page = structs.replace(PAGES["repeat"], started_at=AT - timedelta(hours=4))
    assert plain(page).startswith("Still firing, since 2026-03-10 08:00 UTC.")


def test_a_digest_says_how_many_more_episodes_there_are_than_it_shows() -> None:
    named = PAGES["digest"].digest[:1] * 50
    many = structs.replace(PAGES["digest"], digest=named, episodes=200)
    assert "\nand 190 more" in plain(many)
    assert "more" not in plain(PAGES["digest"])
