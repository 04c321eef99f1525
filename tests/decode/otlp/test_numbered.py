"""Lists that were flattened into attributes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.decode.otlp.numbered import numbered


def test_elements_stand_in_the_order_of_their_numbers() -> None:
    flat = {"m.10.role": "tool", "m.2.role": "user", "m.2.content": "hi", "n.0.role": "other", "m.size": 2}
    assert numbered(flat, "m") == [{"role": "user", "content": "hi"}, {"role": "tool"}]


def test_lists_nest() -> None:
    (message,) = numbered({"m.0.calls.1.name": "b", "m.0.calls.0.name": "a"}, "m")
    assert numbered(message, "calls") == [{"name": "a"}, {"name": "b"}]


def test_a_plain_element_has_the_empty_name() -> None:
    assert numbered({"m.0": "a"}, "m") == [{"": "a"}]


def test_what_is_no_number_is_no_element() -> None:
    names = ("m.x.role", "m.-1.role", "m.².role", "m.٣.role", "m..role", "m.1234567890.role", "m")
    assert numbered(dict.fromkeys(names, "user"), "m") == []


@given(st.lists(st.dictionaries(st.text("abc.", max_size=4), st.integers(), min_size=1), max_size=4))
def test_what_was_flattened_is_found_again(elements: list[dict[str, int]]) -> None:
    flat = {f"p.{n}.{name}": value for n, element in enumerate(elements) for name, value in element.items()}
    assert numbered(flat, "p") == elements
