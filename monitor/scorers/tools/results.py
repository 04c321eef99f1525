"""What a tool's result says of how it went: a result comes in, whether it failed or isn't done goes out.

What the application declares comes first (``is_error`` in Anthropic's and MCP's results). Else it is told by
how an error opens, in a few languages, by the forms of JSON errors, and by the words of a short message: a
long text is what was asked for, whatever words it has.
"""

from __future__ import annotations

import re
from typing import Final

from monitor.records import Part

#: Characters of a result in which its forms are looked for.
MAX_OPENING: Final = 300
#: Characters up to which a result is a message about the call rather than what was asked for.
MAX_SHORT: Final = 150

_ERROR = re.compile(
    r"""\W*(?:
      (?:[\w.]{0,60}(?:error|exception)|failed|failure|fatal|fehler|erreur|errore|erro|fout|fel|fejl|feil)
          \ {0,2}[:!(\[]
    | traceback\b
    | (?:http\S{0,6}\ {1,2})?(?:(?:error|status)(?:\ code)?:?\ )?[45]\d\d[\ :,-]{1,3}(?:
        bad\ request|unauthori[sz]ed|forbidden|not\ found|method\ not|request\ timeout|conflict|gone
      | unprocessable|too\ many|internal\ server|bad\ gateway|service\ unavailable|gateway\ time) )
    | [^{]{0,20}\{[^{}]{0,100}["'](?:
        (?:errors?|exception|error_message)["']\s*:\s*+(?!null|none|false|""|''|\[\]|\{\}|0\b)
      | (?:status|state|type)["']\s*:\s*["'](?:error|failed|failure)["']
      | (?:code|status|status_?code)["']\s*:\s*["']?[45]\d\d\b
      | (?:success|ok)["']\s*:\s*false | is_?error["']\s*:\s*true )""",
    re.IGNORECASE | re.VERBOSE,
)
# What a short message says of a failure.
_FAILED = re.compile(
    r"""\A\W*(?:failed|failure|fatal|invalid|unauthori[sz]ed|forbidden)\b
    | \berrors?(?:\W*\Z|\ occurred\b)
    | \b(?:time[ds]?[ -]?out | rate\ limit | too\ many\ requests | quota\ exceeded
      | (?:could(?:\ not|n['\u2019]t)|can(?:not|['\u2019]t)|unable\ to|failed\ to)\ \w+
      | (?:permission|access)\ denied | connection\ (?:refused|reset|closed|failed|error)
      | not\ found | no\ such | (?:does|do)(?:\ not|n['\u2019]t)\ exist
      | (?:service|server|backend|temporarily|currently|is)\ unavailable )\b""",
    re.IGNORECASE | re.VERBOSE,
)
# A state that goes on: in a field for it, whatever has the form of one in English (packing).
_WAITS = r"queued|started|scheduled|in[_\ -](?:progress|transit|queue)|not[_\ -](?:yet|ready|finished|done)"
_UNFINISHED = re.compile(
    rf"""["']\w{{0,30}}(?:status|state|phase|stage)["']\s*:\s*["'](?:\w{{2,30}}ing|{_WAITS})\b
    | ["'](?:done|finished|completed?|ready)["']\s*:\s*false""",
    re.IGNORECASE | re.VERBOSE,
)
_IN_WORDS = rf"(?:pending|processing|running|waiting|loading|preparing|working|{_WAITS})\b"
_NOT_DONE = re.compile(
    rf"""\A\W*{_IN_WORDS} | \b(?:is|are|still|currently|status:?|state:?)\ {_IN_WORDS}
    | \b(?:please\ wait|(?:re)?try\ (?:again|later|in|after))\b""",
    re.IGNORECASE | re.VERBOSE,
)


def is_error(result: Part) -> bool:
    """Whether this result of a tool is an error: it was declared one, or reads like one."""
    text = result.content
    if result.is_error or _ERROR.match(text[:MAX_OPENING]):
        return True
    return len(text) <= MAX_SHORT and not _is_data(text) and _FAILED.search(text) is not None


def is_unfinished(result: Part) -> bool:
    """Whether this result of a tool says that one should ask again."""
    text = result.content
    if _UNFINISHED.search(text[:MAX_OPENING]):
        return True
    return len(text) <= MAX_SHORT and not _is_data(text) and _NOT_DONE.search(text) is not None


def _is_data(text: str) -> bool:
    """Whether a short result is JSON: its fields say how it went, not its words."""
    return text.lstrip()[:1] in ("{", "[")
