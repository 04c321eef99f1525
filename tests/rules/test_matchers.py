"""Matchers: what can be written, what it selects, and that no pattern is dear."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules.matchers import MAX_TEXT, Matcher, Matchers, alert_labels, match, parse, selecting

LABELS = {"service": "checkout", "route": "/v1/pay", "prompt_version": "v7"}

#: What Alertmanager's own documentation and tests write, and what a shell leaves of it.
WRITTEN = [
    ('service="checkout"', ['service="checkout"']),
    ("service=checkout", ['service="checkout"']),
    (" service = checkout ", ['service="checkout"']),
    ('{service="checkout"}', ['service="checkout"']),
    ("{service=checkout,}", ['service="checkout"']),
    ("{}", []),
    ("", []),
    ("service!=checkout", ['service!="checkout"']),
    ("service=~check.*|cart", ['service=~"check.*|cart"']),
    ("service!~[a-z]+", ['service!~"[a-z]+"']),
    ("service=~c.{7}", ['service=~"c.{7}"']),
    ("service=", ['service=""']),
    ('service="checkout", severity!=page', ['service="checkout"', 'severity!="page"']),
    ("service=two words,route=x", ['service="two words"', 'route="x"']),
    ('"service name"="a, b"', ['"service name"="a, b"']),
    ('"with \\"quotes\\""=x', ['"with \\"quotes\\""="x"']),
    ("dienst=🙂", ['dienst="🙂"']),
    ("prompt.version=7", ['"prompt.version"="7"']),
    ('a="line\\nbreak\\ttab"', ['a="line\\nbreak\ttab"']),
    ('a="back\\\\slash"', ['a="back\\\\slash"']),
    ('a=~"\\d+"', ['a=~"\\\\d+"']),
]


@pytest.mark.parametrize(("text", "expected"), WRITTEN, ids=[f"written-{n}" for n in range(len(WRITTEN))])
def test_what_can_be_written(text: str, expected: list[str]) -> None:
    assert [str(matcher) for matcher in parse(text)] == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("checkout", "is no matcher: write name=value"),
        ("=checkout", "is no matcher"),
        ('""=checkout', "needs the name of a label"),
        (",", "is no matcher"),
        ("a=b,,c=d", "is no matcher"),
        ("{a=b", "closing brace is missing"),
        ('a="b"c', "is no matcher"),
        ('a="b', "is no matcher"),
        ("a='b'", "is no matcher"),
        ("a b=c", "is no matcher"),
        ('a=~"("', "'(' is no regular expression"),
        ('a=~"a)|(?:b"', "is no regular expression"),
        ('a=~"(?x)a # comment"', "is no regular expression"),
        ('a=~"(?=a)a"', "look-around and back-references"),
        ('a=~"(a)\\1"', "look-around and back-references"),
        ('a=~"x{1000}{1000}"', "must not be too large"),
        ('a=~"[[:alpha:]]+"', "write [A-Za-z]"),
        (f"a={'b' * MAX_TEXT}", "at most 2,048 characters, not 2,050"),
        (f"a={'b' * (MAX_TEXT - 2)}", "at most 2,048 characters, in quotes, not 2,050"),
        ('a=~"' + r"\d" * 700 + '"', "at most 2,048 characters, in quotes, not 2,105"),
    ],
    ids=lambda value: str(value)[:20].strip(),
)
def test_what_is_no_matcher_is_refused_with_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("service=checkout", True),
        ("service=check", False),
        ("service!=check", True),
        ("service!=checkout", False),
        ("service=~check.*", True),
        ("service=~check", False),
        ("service=~heckout", False),
        ("service=~cart|checkout", True),
        ("service=~(?i)CHECKOUT", True),
        ("service!~check.*", False),
        ("service!~check", True),
        ("route=~/v1/.*", True),
        ('prompt_version=~"v\\d+"', True),
        ("absent=", True),
        ("absent=x", False),
        ("absent!=x", True),
        ("absent!=", False),
        ("absent=~.*", True),
        ("absent=~.+", False),
        ("absent!~.+", True),
        ("service=checkout,route=/v1/pay", True),
        ("service=checkout,route=/v1/refund", False),
    ],
)
def test_what_a_matcher_selects(text: str, expected: bool) -> None:
    assert match(parse(text), LABELS) is expected


@pytest.mark.parametrize("value", ["checkout\n", "\ncheckout", "checkoutcheckout"])
def test_a_regular_expression_matches_the_whole_value(value: str) -> None:
    assert not match(parse('service=~"checkout"'), {"service": value})


def test_an_alert_has_the_labels_of_its_rule_besides_its_own() -> None:
    labels = alert_labels(LABELS, alertname="JsonBroken", severity="page", metric="json.failed")
    assert match(parse('alertname=JsonBroken,severity=page,metric=~"json[.].*",service=checkout'), labels)


@pytest.mark.parametrize("texts", [[], ["{}"], ["service=~.*"], ["service!=x"], ["service=", "route!~.+"]])
def test_matchers_that_select_every_alert_are_refused(texts: list[str]) -> None:
    with pytest.raises(ValueError, match="select every alert"):
        selecting(texts)


def test_one_matcher_that_is_not_of_the_empty_string_is_enough() -> None:
    assert len(selecting(["service=checkout", "route!=/v1/pay"])) == 2


@pytest.mark.parametrize("pattern", ["(x+x+)+y", "(x|x)*y", "x*x*x*x*x*y", "(.*)*y"])
def test_no_pattern_takes_time_beyond_proportion_to_the_text(pattern: str) -> None:
    # On an engine that backtracks, any of them would outlast the time that a test has.
    assert not match(parse(f"a=~{pattern}"), {"a": "x" * 50_000})


_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_NAMES = st.text(_CHARACTERS, min_size=1, max_size=20)
_VALUES = st.text(_CHARACTERS, max_size=30)


@given(_NAMES, st.sampled_from(["=", "!="]), _VALUES)
def test_the_text_of_a_matcher_is_that_matcher(name: str, operator: str, value: str) -> None:
    matcher = Matcher(name, "=" if operator == "=" else "!=", value)
    assert parse(str(matcher)) == (matcher,)


@given(_NAMES, _VALUES, _VALUES)
def test_a_matcher_and_its_opposite_never_agree(name: str, value: str, actual: str) -> None:
    labels = {name: actual}
    assert Matcher(name, "=", value).matches(labels) is not Matcher(name, "!=", value).matches(labels)


@given(st.text(max_size=60))
def test_any_text_is_refused_or_is_matchers_that_can_be_written_again(text: str) -> None:
    found: Matchers = ()
    with suppress(ValueError):
        found = parse(text)
    assert parse(",".join(map(str, found))) == found


@pytest.mark.parametrize("text", ['service="\0"', '"\0"=a', "service=~a\0"])
def test_what_postgres_can_not_keep_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NUL"):
        parse(text)
