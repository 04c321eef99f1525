"""Prose that plainly refuses: the text of an answer comes in, yes or no goes out.

English only, and only short answers that open with the refusal: an answer that says no and then goes on to
help is an answer. What a provider marks as a refusal needs no guess and does not come here.
"""

from __future__ import annotations

import re

#: An answer longer than this many characters is not taken for a refusal.
MAX_REFUSAL_LENGTH = 600

_REFUSAL = re.compile(
    r"""\W*
    (?: (?: (?:i'?m|i\ am|we'?re|we\ are)\ (?:(?:very|so|really|truly)\ )?(?:sorry|afraid)
          | sorry | unfortunately | regrettably | (?:my\ )?apologies | i\ apologi[sz]e
          | as\ an?\ (?:ai|large\ language|language)\b )
        .{0,80}? )?
    \b(?:i|we)
    (?: \ ?(?:can'?t|cannot|can\ not|won'?t|will\ not|must\ decline|have\ to\ decline|decline\ to|refuse\ to)
      | (?:'m|\ am|'re|\ are)\ (?:not\ able|unable|not\ allowed|not\ permitted)\ to
    )\b""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def refuses(text: str) -> bool:
    """Whether ``text`` is short and opens with a refusal to do what was asked."""
    return len(text) <= MAX_REFUSAL_LENGTH and _REFUSAL.match(text.replace("\u2019", "'")) is not None
