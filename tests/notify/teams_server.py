"""A Teams workflow that posts cards: answers 202 whatever comes, and then takes the card or fails."""

from __future__ import annotations

import json
from typing import Any

from tests.notify.receiver import Post, Reply


class Workflow:
    """The workflow behind one URL. Call it with a request.

    Attributes:
        cards: what it posted.
        refused: why its runs failed; only its own history would say so.
    """

    def __init__(self) -> None:
        self.cards: list[dict[str, Any]] = []
        self.refused: list[str] = []

    def __call__(self, post: Post) -> Reply:
        try:
            (attachment,) = json.loads(post.body)["attachments"]
            card = attachment["content"]
        except (ValueError, KeyError, TypeError):
            return Reply(400, {"error": {"code": "TriggerInputSchemaMismatch"}})
        if (size := len(json.dumps(card)) * 1.18) > 28_672:
            self.refused.append(f"MessageSizeExceeded-Message properties size exceeded: {size:.0f} bytes")
        elif attachment["contentType"] != "application/vnd.microsoft.card.adaptive":
            self.refused.append("InvalidCard: content type")
        elif not _is_card(card):
            self.refused.append(f"InvalidCard: {card}"[:500])
        else:
            self.cards.append(card)
        return Reply(202)


def _is_card(card: dict[str, Any]) -> bool:
    return (
        card["type"] == "AdaptiveCard"
        and card["version"] in ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5")
        and len(card["body"]) > 0
        and all(map(_is_element, card["body"]))
        and len(card["actions"]) <= 6
        and all(
            action["type"] == "Action.OpenUrl" and action["url"].startswith(("http://", "https://"))
            for action in card["actions"]
        )
    )


def _is_element(element: dict[str, Any]) -> bool:
    match element:
        case {"type": "RichTextBlock", "inlines": [*runs]}:
            return bool(runs) and all(
                run["type"] == "TextRun"
                and isinstance(run["text"], str)
                and run.get("size") in (None, "Small", "Default", "Medium", "Large", "ExtraLarge")
                and run.get("weight") in (None, "Lighter", "Default", "Bolder")
                for run in runs
            )
        case _:
            return False
