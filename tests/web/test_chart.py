"""Pictures as SVG: what is drawn where, what is a gap, and that texts stay texts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.web import chart
from monitor.web.chart import NARROW, WIDE, Mark, nice, sparkline, tick
from monitor.web.values import Course, Gathered, LaneCourse, Point

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
AT = st.datetimes(datetime(2026, 1, 1), datetime(2026, 2, 1), timezones=st.just(UTC))  # noqa: DTZ001
RATE = st.none() | st.floats(0, 1e9)


def course(*values: float | None, unit: str = "", limit: float | None = None) -> Course:
    points = tuple(
        Point(at=NOON + n * MINUTE, calls=100, value=value, usual=0.02, low=0.0, high=0.05)
        for n, value in enumerate(values)
    )
    return Course(
        unit=unit, start=NOON, end=NOON + len(values) * MINUTE, step_s=60, points=points, limit=limit
    )


def drawn(found: Course, *marks: Mark, size: chart.Size = WIDE) -> ElementTree.Element:
    return ElementTree.fromstring(chart.metric(found, marks, size, name="name", said="said"))  # noqa: S314


def lines(picture: ElementTree.Element, kind: str) -> list[int]:
    """How many points each line of a kind has."""
    found = [one for one in picture.iter() if one.get("class", "").split()[:1] == [kind]]
    return [len(one.get("points", "x").split()) for one in found]


def test_a_line_goes_through_every_point() -> None:
    assert lines(drawn(course(0.02, 0.03, 0.4)), "value") == [3]


def test_where_there_is_no_data_the_line_is_broken() -> None:
    picture = drawn(course(0.02, 0.03, None, 0.4, None, 0.1, 0.1))
    assert lines(picture, "value") == [2, 1, 2]
    assert lines(picture, "usual") == [7]


def test_a_step_that_is_missing_is_a_gap_too() -> None:
    whole = course(0.02, 0.03, 0.4, 0.4)
    points = (*whole.points[:1], *whole.points[2:])
    found = Course(unit="", start=whole.start, end=whole.end, step_s=60, points=points)
    assert lines(drawn(found), "value") == [1, 2]


def test_the_higher_value_is_higher_up() -> None:
    picture = drawn(course(0.0, 1.0))
    [line] = [one for one in picture.iter() if one.get("class") == "value"]
    (_, low), (_, high) = [map(float, one.split(",")) for one in line.get("points", "").split()]
    assert high < low


def test_what_happened_is_marked_inside_the_span_only() -> None:
    marks = [
        Mark(NOON + MINUTE, "onset", "began"),
        Mark(NOON + 2 * MINUTE, "fired", "fired"),
        Mark(NOON - MINUTE, "deploy", "v7"),
    ]
    picture = drawn(course(0.1, 0.1, 0.1, 0.1), *marks)
    assert [one.text for one in picture.iter() if "label" in one.get("class", "")] == ["began", "fired"]


def test_labels_at_one_time_are_below_each_other() -> None:
    marks = [Mark(NOON + MINUTE, "deploy", f"version {n}") for n in range(3)]
    labels = [one for one in drawn(course(0.1, 0.1, 0.1), *marks).iter() if "label" in one.get("class", "")]
    assert len({one.get("y") for one in labels}) == 3


def test_a_limit_is_a_line_across() -> None:
    assert lines(drawn(course(0.1, 0.2, limit=0.15)), "limit") == [2]


@pytest.mark.parametrize("text", ["<script>", '"/><img>', "a" * 300, "‮x", "]]>", "&"], ids=range(6))
def test_a_label_stays_text(text: str) -> None:
    picture = drawn(course(0.1, 0.1), Mark(NOON + MINUTE, "deploy", text))
    [label] = [one for one in picture.iter() if "label" in one.get("class", "")]
    assert label.text is not None
    assert text.startswith(label.text.rstrip("…"))
    assert {one.tag for one in picture.iter()} <= {"svg", "line", "text", "polyline", "polygon"}


@given(st.lists(RATE, max_size=30), st.lists(AT, max_size=5), st.sampled_from([WIDE, NARROW]))
def test_any_picture_is_well_formed_and_stays_inside(
    values: list[float | None], times: list[datetime], size: chart.Size
) -> None:
    picture = drawn(course(*values), *(Mark(at, "deploy", "v") for at in times), size=size)
    for one in picture.iter():
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", one.get("points", ""))]
        assert all(-1 <= x <= size.width + 1 for x in numbers[::2])
        assert all(-1 <= y <= size.height + 1 for y in numbers[1::2])


def test_evidence_is_a_share_of_its_threshold() -> None:
    lanes = (
        LaneCourse(lane="steep", threshold=10.0, scores=(0.0, 5.0, 20.0)),
        LaneCourse(lane="double", threshold=5.0, scores=(0.0, 0.0, 5.0)),
    )
    text = chart.evidence(Gathered(start=NOON, lanes=lanes), [], WIDE, name="Evidence", said="said")
    picture = ElementTree.fromstring(text)  # noqa: S314
    ends = {
        one.get("class"): one.get("points", "").split()[-1].partition(",")[2]
        for one in picture.iter()
        if one.get("class", "").startswith(("lane", "limit"))
    }
    assert ends["lane lane1"] == ends["limit"]
    assert float(ends["lane lane0"]) < float(ends["limit"])


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (0.0, [0.0, 1.0]),
        (0.05, [0.0, 0.02, 0.04, 0.06]),
        (1.0, [0.0, 0.25, 0.5, 0.75, 1.0]),
        (437.0, [0.0, 200.0, 400.0, 600.0]),
    ],
    ids=str,
)
def test_values_along_the_side_are_round(most: float, expected: list[float]) -> None:
    assert nice(most) == expected


@given(st.floats(1e-9, 1e12))
def test_values_along_the_side_reach_far_enough_and_are_few(most: float) -> None:
    found = nice(most)
    assert found[-1] >= most * 0.999
    assert 2 <= len(found) <= 6


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.25, "", "25 %"),
        (500, "ms", "500 ms"),
        (2_500, "ms", "2.5 s"),
        (0.02, "USD", "$0.02"),
        (12_000, "tokens", "12,000"),
    ],
    ids=str,
)
def test_values_along_the_side_are_short(value: float, unit: str, expected: str) -> None:
    assert tick(value, unit) == expected


def test_a_small_line_has_gaps_too() -> None:
    picture = ElementTree.fromstring(sparkline([1.0, 2.0, None, 3.0], said="calls"))  # noqa: S314
    assert [one.tag for one in picture] == ["polyline", "circle"]
    assert picture.get("aria-label") == "calls"


def test_the_words_say_what_is_highest_usual_and_missing() -> None:
    said = chart.in_words(course(0.02, None, 0.4, 0.1, limit=0.3))
    assert "Highest 40.0 % at 12:02; last 10.0 % at 12:03." in said
    assert "Usual is 2.0 %." in said
    assert "The limit is 30.0 %." in said
    assert "1 of 4 steps have no data." in said
    assert chart.in_words(course(None)) == "Nothing was measured in this time."
