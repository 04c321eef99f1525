"""What is said: the fields that receivers rely on, as the documentation has them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.errors import Permanent
from monitor.notify import page
from monitor.notify.page import VERSION, Links, Page, linked, read_page

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
DOCS = (Path(__file__).resolve().parents[2] / "docs" / "webhook.md").read_text()


def bare(**more: Any) -> Page:
    """A page that says no more than it must."""
    values: dict[str, Any] = {
        "kind": "trigger", "status": "firing", "episode": "e", "alert": "High", "severity": "page",
        "metric": "errors", "title": "t", "started_at": AT, "at": AT,
    }  # fmt: skip
    return Page(**{**values, **more})


def shown() -> dict[str, Any]:
    (block,) = re.findall(r"^```json\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    example: dict[str, Any] = json.loads(block)
    return example


def test_a_page_comes_out_of_the_outbox_as_it_went_in() -> None:
    said = read_page(shown())
    assert read_page(json.loads(json.dumps(said.to_json()))) == said
    assert read_page(bare().to_json()) == bare()


def test_the_documentation_shows_a_page_with_every_field_and_no_other() -> None:
    assert json.loads(json.dumps(read_page(shown()).to_json())) == shown()
    assert shown()["version"] == VERSION


def test_the_documentation_names_every_field_of_every_part() -> None:
    parts = [one for one in vars(page).values() if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    names = {name for part in parts for name in part.__struct_fields__}
    assert {name for name in names if not re.search(rf"\b{name}\b", DOCS)} == set()


def test_a_page_of_a_release_that_says_more_is_read_without_it() -> None:
    assert read_page({**bare().to_json(), "colour": "red"}) == bare()


@pytest.mark.parametrize("payload", [{}, {"title": "old"}, {**bare().to_json(), "at": "noon"}], ids=str)
def test_a_page_that_is_none_is_refused_for_good(payload: dict[str, Any]) -> None:
    with pytest.raises(Permanent, match="another release"):
        read_page(payload)


@pytest.mark.parametrize(
    ("pages", "alert_id", "expected"),
    [
        ("https://x/", 7, Links(alert="https://x/alerts/7", silence="https://x/alerts/7#silence")),
        (
            "https://x/monitor",
            7,
            Links(alert="https://x/monitor/alerts/7", silence="https://x/monitor/alerts/7#silence"),
        ),
        ("", 7, Links()),
        ("https://x", None, Links()),
    ],
    ids=["root", "below", "no address", "no alert"],
)
def test_a_page_links_to_our_own_page_where_that_is_known(
    pages: str, alert_id: int | None, expected: Links
) -> None:
    assert linked(bare(alert_id=alert_id), pages).links == expected
