"""Numbers: one for all its spellings, with its unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.scorers.grounding.quantities import MAX_NUMBERS, converted, numbers, rounded, spelled
from monitor.scorers.grounding.words import words


@pytest.mark.parametrize(
    ("text", "reading", "unit"),
    [
        ("12", "12", ""),
        ("007", "7", ""),
        ("6th", "6", ""),
        ("1,300", "1300", ""),
        ("1.3k", "1300", ""),
        ("1.3 thousand", "1300", ""),
        ("13 hundred", "1300", ""),
        ("$1.3 million", "1300000", "$"),
        ("$ 15", "15", "$"),
        ("2 billion euros", "2000000000", "€"),
        ("1.300,50 EUR", "1300.5", "€"),
        ("12,34,567 rupees", "1234567", "₹"),
        ("50%", "50", "%"),
        ("50 percent", "50", "%"),
        ("0.10", "0.1", ""),
        ("5-km", "5", "km"),
        ("5 kilometres", "5", "km"),
        ("$5mm", "5000000", "$"),
        ("1280 m", "1280000000", "meter"),
        ("1.2 g", "1.2", "gram"),
        ("18 h", "18", "hour"),
        ("٣٤", "34", ""),
        ("192.168.0.1", "192.168.0.1", ""),
        ("9" * 30, "9" * 30, ""),
    ],
)
def test_a_number_is_read_as_it_is_meant(text: str, reading: str, unit: str) -> None:
    (number,) = numbers(text)
    assert (number.readings[0], number.unit) == (reading, unit)


def test_a_separator_that_may_mean_either_is_read_both_ways() -> None:
    (number,) = numbers("1.300")
    assert number.readings == ("1300", "1.3")


@pytest.mark.parametrize("text", ["227m tall", "227 m tall", "227 mm"])
def test_a_length_is_no_million_alone(text: str) -> None:
    (number,) = numbers(text)
    assert number.readings == ("227000000", "227")


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("2026-11-22T18:40:00Z", [("2026",), ("11",), ("22",), ("18",), ("40",), ("0",)]),
        ("6:40 pm", [("6", "18"), ("40",)]),
        ("at 6 p.m.", [("6", "18")]),
        ("12PM", [("12",)]),
        ("6:40 am", [("6",), ("40",)]),
        ("6 pmol", [("6",)]),
    ],
)
def test_hours_of_a_day_are_read(text: str, readings: list[tuple[str, ...]]) -> None:
    assert [number.readings for number in numbers(text)] == readings


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1.28 km", ("1280", "meter")),
        ("1280 metres", ("1.28", "km")),
        ("1.2 grams", ("1200", "mg")),
        ("1200 mg", ("1.2", "gram")),
        ("0.5 l", ("500", "ml")),
        ("1.5 hours", ("90", "minute")),
        ("90 minutes", ("1.5", "hour")),
        ("0.12", ("12", "%")),
    ],
)
def test_a_metric_number_is_converted(text: str, same: tuple[str, str]) -> None:
    (number,) = numbers(text)
    assert same in set(converted(number))


@pytest.mark.parametrize(
    ("text", "found"),
    [("59.94", {"59.9", "60"}), ("59", set()), ("192.168.0.1", set()), ("1.300", {"1.3", "1"})],
)
def test_a_number_is_rounded_where_it_has_decimals(text: str, found: set[str]) -> None:
    (number,) = numbers(text)
    assert {rough for reading in number.readings for rough in rounded(reading)} == found


def test_other_units_are_not_converted() -> None:
    (number,) = numbers("$5")
    assert not list(converted(number))


def test_digits_within_a_name_are_no_number() -> None:
    assert list(numbers("H2O, x86 and v2")) == []


def test_a_date_is_its_parts() -> None:
    assert [number.readings[0] for number in numbers("2018-03-05")] == ["2018", "3", "5"]


def test_the_place_is_that_of_the_digits() -> None:
    text = "It cost $ 15 and 20 %."
    assert [text[number.start :][:2] for number in numbers(text)] == ["15", "20"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("six", "6"),
        ("twenty-five", "25"),
        ("twenty fifth", "25"),
        ("thirteen hundred", "1300"),
        ("three million", "3000000"),
        ("the third", "3"),
        ("in March", "3"),
    ],
)
def test_a_number_in_words_is_the_same_number(text: str, value: str) -> None:
    assert value in spelled(words(text))


def test_words_that_spell_nothing_are_no_numbers() -> None:
    assert spelled(words("a hundred reasons")) == set()


def test_so_many_numbers_are_read_and_no_more() -> None:
    assert len(list(numbers("1 " * (MAX_NUMBERS + 10)))) == MAX_NUMBERS


@given(st.integers(min_value=0, max_value=10**12))
def test_thousands_separators_change_nothing(value: int) -> None:
    (number,) = numbers(f"{value:,}")
    assert str(value) in number.readings


@given(st.text())
def test_any_text_has_numbers_or_none(text: str) -> None:
    for number in numbers(text):
        assert number.readings
        assert text[number.start].isdecimal()
