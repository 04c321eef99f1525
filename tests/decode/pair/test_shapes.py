"""Reading JSON whose shape nobody guarantees."""

from __future__ import annotations

from monitor.decode.pair.shapes import number


def test_a_number_is_neither_a_flag_nor_a_text_nor_more_than_a_float_holds() -> None:
    values = (3, 0.5, True, "3", None, 10**400)
    assert [number(value) for value in values] == [3.0, 0.5, None, None, None, None]
