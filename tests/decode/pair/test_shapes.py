"""Reading JSON whose shape nobody guarantees."""

from __future__ import annotations

from monitor.decode.pair.shapes import listed, number, numbers


def test_a_number_is_neither_a_flag_nor_a_text_nor_more_than_a_float_holds() -> None:
    values = (3, 0.5, True, "3", None, 10**400)
    assert [number(value) for value in values] == [3.0, 0.5, None, None, None, None]


def test_numbers_are_those_of_the_values_in_their_order() -> None:
    assert numbers((1, True, "2", None, -0.5)) == (1.0, -0.5)


def test_what_is_no_list_counts_as_an_empty_one() -> None:
    assert [listed(value) for value in ([1], (1,), "ab", {"a": 1}, None)] == [[1], [], [], [], []]
