"""The prepared context: what it covers, and that it is kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from monitor.scorers.grounding.context import (
    BLOCK,
    MAX_BLOCKS,
    MAX_KEPT_PASSAGE,
    MAX_PASSAGES,
    QUESTION,
    Cache,
    Context,
    Passage,
    negates,
)

#: A paragraph that has nothing to do with anything.
FILLER = " ".join(f"filler{number}" for number in range(4 * BLOCK)).translate(
    str.maketrans("0123456789", "abcdefghij")
)


def test_a_short_passage_covers_all_its_stems() -> None:
    assert Passage("Strauss designed the bridge").cover({"strau": 1.0, "desig": 1.0, "tower": 1.0}) == 2.0


def test_of_a_long_passage_only_what_stands_together_counts() -> None:
    apart = Passage(f"Strauss {FILLER} tower")
    assert apart.cover({"strau": 1.0, "tower": 1.0}) == 1.0
    assert Passage(f"{FILLER} Strauss tower").cover({"strau": 1.0, "tower": 1.0}) == 2.0


def test_a_stem_counts_once_in_a_window() -> None:
    assert Passage(f"{FILLER} " + "tower " * 3 * BLOCK).cover({"tower": 1.0}) == 1.0


def test_a_window_is_larger_in_a_very_long_passage() -> None:
    text = f"Strauss {FILLER} tower" + f" {FILLER}" * 3 * MAX_BLOCKS
    assert Passage(text).cover({"tower": 1.0, "strau": 1.0}) == 2.0


def test_the_question_covers_a_part() -> None:
    context = Context(["Strauss designed it."], "Who designed the tower?", Cache())
    assert context.missing({"strau": 1.0, "tower": 1.0}) == 0.5 * (1 - QUESTION)
    assert context.missing({"strau": 1.0}) == 0.0
    assert context.missing({}) == 0.0


def test_passages_combine() -> None:
    context = Context(["Strauss designed it.", "It opened in 1937, not 1936."], "When?", Cache())
    assert {"strau", "opene", "when"} <= context.known
    wanted = frozenset({("strau", "desig"), ("it", "it"), ("in", "1937")})
    for _ in ("looked through", "kept since"):
        assert context.phrases(wanted) == {("strau", "desig"), ("in", "1937")}
    assert context.negates
    assert negates(["witho"])
    assert not negates(["would"])
    assert context.units("1937") == {""}
    assert context.units("1938") == set()
    assert context.contains("strauss designed")


def test_any_number_of_passages_is_known() -> None:
    texts = [f"passage {number}" for number in range(3 * MAX_PASSAGES)]
    context = Context(texts, "", Cache())
    assert len(context.passages) == MAX_PASSAGES
    assert str(3 * MAX_PASSAGES - 1) in context.known


def test_a_passage_that_recurs_is_prepared_once() -> None:
    cache = Cache()
    assert cache.prepare("one") is cache.prepare("one")


def test_what_was_used_last_is_kept() -> None:
    cache = Cache(budget=8)
    one, two = cache.prepare("one"), cache.prepare("two")
    assert cache.prepare("one") is one
    cache.prepare("three")
    assert cache.prepare("one") is one
    assert cache.prepare("two") is not two


def test_a_very_long_passage_is_not_kept() -> None:
    cache, text = Cache(), "x" * (MAX_KEPT_PASSAGE + 1)
    assert cache.prepare(text) is not cache.prepare(text)


def test_threads_share_a_cache() -> None:
    cache = Cache(budget=50)
    texts = [f"passage {number % 7}" for number in range(500)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: cache.prepare(text).lower, texts))
    assert found == texts


@given(st.lists(st.text(), max_size=4), st.text(), st.text())
def test_a_share_is_a_share(passages: list[str], question: str, word: str) -> None:
    context = Context(passages, question, Cache())
    assert 0.0 <= context.missing({word[:5]: 1.0, "tower": 0.3}) <= 1.0


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 1.0]), min_size=1, max_size=50))
def test_what_is_carried_whole_lacks_exactly_nothing(weights: list[float]) -> None:
    found = {f"w{number}": weight for number, weight in enumerate(weights)}
    assert Context([" ".join(found)], "", Cache()).missing(found) == 0.0
