"""The form of an answer: only what is plainly wrong counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.scorers.instructions.forms import MAX_XML, mistake

ENTITIES = '<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;&x;&x;">]><a>&z;</a>'


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("json", '{"a": 1}'),
        ("json", "42"),
        ("xml", "<a b='c'><d/>text</a>"),
        ("xml", '<?xml version="1.0" encoding="UTF-16"?>\n<a>\u00e9</a>'),
        ("xml", ENTITIES),
        ("xml", "<a>" + "b" * MAX_XML),
        ("html", "<p>Hello <b>world</b>"),
        ("html", "Paris"),
        ("html", "<p>**Paris**</p>"),
        ("markdown", "# Paris\n\nIs **big**."),
        ("markdown", "Paris"),
        ("markdown", "```python\nprint()\n```"),
        ("plain", "Paris is big: 5 * 3 * 2. See [1]."),
        ("csv", "a,b\n1,2"),
        ("yaml", "a: 1"),
        ("yaml", '{"a": 1}'),
        ("enum", " positive\n"),
        ("sonnet", "Shall I compare thee"),
    ],
)
def test_a_text_in_its_form_has_no_mistake(form: str, text: str) -> None:
    assert mistake(text, form, ("positive", "negative")) is None


@pytest.mark.parametrize(
    ("form", "text", "wrong"),
    [
        ("json", "Sure!", "malformed"),
        ("json", '```json\n{"a": 1}\n```', "in a code fence"),
        ("xml", "<a><b></a>", "mismatched tag"),
        ("xml", "<a/><b/>", "junk after document element"),
        ("xml", "```xml\n<a/>\n```", "in a code fence"),
        ("xml", "<a>&undefined;</a>", "undefined entity"),
        ("xml", "<a>\ud800</a>" * 2, "junk after document element"),
        ("html", "```html\n<p>Hi</p>\n```", "in a code fence"),
        ("html", '{"html": "<p>Hi</p>"}', "JSON"),
        ("html", "# Paris\n\nIs **big**.", "Markdown"),
        ("markdown", "```markdown\n# Paris\n```", "in a code fence"),
        ("markdown", "<!DOCTYPE html><html></html>", "HTML"),
        ("markdown", '["Paris"]', "JSON"),
        ("plain", "Paris is **big**.", "Markdown"),
        ("plain", "## Paris\nBig.", "Markdown"),
        ("plain", "See [the site](https://example.com).", "Markdown"),
        ("plain", "<html><body>Paris</body></html>", "HTML"),
        ("plain", '{"city": "Paris"}', "JSON"),
        ("csv", "```csv\na,b\n```", "in a code fence"),
        ("csv", '[{"a": 1}]', "JSON"),
        ("yaml", "```yaml\na: 1\n```", "in a code fence"),
        ("enum", "Positive", "none of the values"),
        ("enum", "positive.", "none of the values"),
    ],
)
def test_a_plain_mistake_is_found_and_says_nothing_of_the_text(form: str, text: str, wrong: str) -> None:
    found = mistake(text, form, ("positive", "negative"))
    assert found is not None
    assert wrong in found


def test_an_enumeration_whose_values_were_not_logged_is_not_judged() -> None:
    assert mistake("positive", "enum", ()) is None


@given(
    st.text() | st.text("<>/ab&;!?[]{}\"'` \n#*|-\x00\ud800"),
    st.sampled_from(["json", "xml", "html", "markdown", "plain", "csv", "yaml", "enum", ""]),
)
def test_any_text_has_a_mistake_or_none(text: str, form: str) -> None:
    assert mistake(text, form, ("a",)) == mistake(text, form, ("a",))
