"""Which of two models of a family is the lesser: two names come in, an order goes out where one is known.

Names order models in four ways: by tier (``haiku`` below ``sonnet``), by version (``4`` below ``4.1``), by
size (``8b`` below ``70b``) and by kind (``sonar`` below ``sonar-deep-research``). One model is lesser only
where one of these says so and none says otherwise; models of two families have no order that a name could
tell.
"""

from __future__ import annotations

import re

from monitor.scorers.fallback.models import Name, parse

#: How far a word of a name lies above or below the model without one; two words add up (``flash-lite``).
#: ``turbo`` has no rank: it is a newer model of GPT's, and a faster one elsewhere.
_RANKS = {
    **dict.fromkeys(("nano", "micro", "tiny", "instant"), -3),
    **dict.fromkeys(("mini", "lite", "light", "small", "haiku"), -2),
    **dict.fromkeys(("flash", "fast", "air", "nemo"), -1),
    **dict.fromkeys(("sonnet", "medium"), 0),
    **dict.fromkeys(("plus", "pro", "large"), 1),
    **dict.fromkeys(("max", "opus", "premier"), 2),
    "ultra": 3,
}

#: GPT's models that came after 4 and before 4.1, the older one first
#: (https://platform.openai.com/docs/models).
_AFTER_GPT_4 = {"4turbo": ("4", "0", "0"), "4o": ("4", "0", "1")}

#: Kinds of model that do less than one without the word.
_LESS = frozenset({"nonreasoning"})

_NUMBER = re.compile(r"\d+")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(?:x(\d+))?b")


def is_lesser(requested: str, served: str) -> bool | None:
    """Whether ``served`` is a lesser sibling of ``requested`` or a greater one; ``None`` if that isn't known.

    Both are names of models, as ``models.compare`` takes them.
    """
    asked, got = _with_generation(parse(requested)), _with_generation(parse(served))
    if not asked.families or asked.families != got.families:
        return None
    if asked.words - got.words and got.words - asked.words:  # maverick and scout: neither word has a rank
        return None
    steps = {_tier(asked, got), _version(asked, got), _size(asked, got), _kind(asked, got)} - {0}
    return steps == {-1} if len(steps) == 1 and None not in steps else None


def _with_generation(name: Name) -> Name:
    """GPT's ``turbo`` and ``4o`` as versions, which is what they are; any other name as it is."""
    if "gpt" not in name.families:
        return name
    turbo = name.tiers & {"turbo"}
    version = _AFTER_GPT_4.get("".join((*name.version, *turbo)), name.version)
    return name._replace(tiers=name.tiers - turbo, version=version)


def _kind(asked: Name, got: Name) -> int | None:
    """More kinds are more: it thinks or hears besides. Of two that differ otherwise it isn't known."""
    if asked.kinds == got.kinds:
        return 0
    ours, theirs = (len(name.kinds - _LESS) - len(name.kinds & _LESS) for name in (asked, got))
    return _sign(theirs - ours) or None


def _tier(asked: Name, got: Name) -> int | None:
    if asked.tiers == got.tiers:
        return 0
    if not (asked.tiers | got.tiers) <= _RANKS.keys():
        return None
    ours, theirs = (sum(_RANKS[tier] for tier in name.tiers) for name in (asked, got))
    return None if ours == theirs else _sign(theirs - ours)


def _version(asked: Name, got: Name) -> int | None:
    """The first number that differs decides. ``4`` is below ``4.1``; of ``4`` and ``4o`` it isn't known."""
    if asked.version == got.version or not asked.version or not got.version:
        return 0
    ours, theirs = (_numbers(name.version) for name in (asked, got))
    for one, other in zip(ours, theirs, strict=False):
        if one != other:
            return _sign(other - one)
    return _sign(len(theirs) - len(ours)) if _are_plain(asked.version + got.version) else None


def _size(asked: Name, got: Name) -> int | None:
    ours, theirs = _parameters(asked), _parameters(got)
    if ours is None or theirs is None:
        return 0 if ours == theirs else None
    return _sign(theirs - ours)


def _parameters(name: Name) -> float | None:
    """Billions of parameters: of ``8x7b`` all experts', of ``235b-a22b`` not the active ones'."""
    found = [match for size in name.sizes if (match := _SIZE.fullmatch(size))]
    return max((float(match[1]) * float(match[2] or 1) for match in found), default=None)


def _numbers(version: tuple[str, ...]) -> list[int]:
    return [int(number[0]) for token in version if (number := _NUMBER.match(token))]


def _are_plain(version: tuple[str, ...]) -> bool:
    return all(token.isdigit() for token in version)


def _sign(difference: float) -> int:
    return (difference > 0) - (difference < 0)
