"""What an answer is written in: a text and the language that was asked for come in, another one goes out.

The script is looked at first, then, among languages that share it, words that hardly a sentence does without.
Wherever there is doubt (a short text, code, names, two languages at once, a language without a list of words)
nothing goes out: it is for the sure cases, such as English where German was asked for.
"""

from __future__ import annotations

import re

from monitor.scorers.function_words import LANGUAGES, LISTED, rival
from monitor.scorers.scripts import NAMED, WRITTEN_IN, script_of

#: Characters that are looked at: a paragraph tells the language, and more would only cost.
MAX_SAMPLE = 400
#: Characters among which the sample is looked for, before code and links are taken out of them.
MAX_READ = 1_000
#: Words of the other language that it takes, and their share of all words.
MIN_WORDS, MIN_SHARE = 5, 0.15
#: How many words of the other language there have to be for each one of the language that was asked for.
MIN_RATIO = 5

_NOT_PROSE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]{1,200}`|https?://\S+|<[^<>\n]{1,200}>|^[ \t]*[{\[\]}\"][^\n]*",
    re.DOTALL | re.MULTILINE,
)
#: Without one of these there is nothing of the kind, and they are quicker to look for.
_SIGNS = ("`", "<", "://", "{", "[", "}", "]", '"')
#: What a word may have before and after it, quotes and stops of every script among them.
_AROUND = '.,;:!?()[]*_"/-\u00ab\u00bb\u00bf\u00a1\u2013\u2014\u201c\u201d\u201e\u2026\u060c\u061f\u0964'
_APOSTROPHES = str.maketrans("'\u2019", "  ")


def other_language(text: str, tag: str) -> str | None:
    """What ``text`` is plainly written in, if that is not the language of ``tag``.

    Args:
        text: an answer.
        tag: the language that was asked for, as a BCP 47 tag; regions are not told apart.

    Returns:
        The ISO 639 code of another language, or the name of another script; ``None`` where it is the language
        that was asked for, or may be.
    """
    language, *subtags = tag.lower().replace("_", "-").split("-")
    language = "no" if language in ("nb", "nn") else language
    wanted = {script for script, languages in WRITTEN_IN.items() if language in languages}
    named = next((NAMED.get(subtag) for subtag in subtags if len(subtag) == 4), None)
    wanted = {named} if named else wanted
    sample = _prose(text)
    script = script_of(sample)
    if script is None or not wanted:
        return None
    if script not in wanted and script != "Latin":
        return script
    found = _by_words(sample, language)
    has_words = language in LISTED or script not in wanted
    return found if has_words or found == "en" else None


def _prose(text: str) -> str:
    """The first of the text that is no code, link, tag or JSON."""
    read = text[:MAX_READ]
    is_plain = not any(sign in read for sign in _SIGNS)
    return (read if is_plain else _NOT_PROSE.sub(" ", read))[:MAX_SAMPLE]


def _by_words(sample: str, language: str) -> str | None:
    """The language whose words are in the sample, if it is another one and that one's are not."""
    words = [word.strip(_AROUND) for word in sample.lower().translate(_APOSTROPHES).split()]
    known = [LANGUAGES[word] for word in words if word in LANGUAGES]
    other = rival(known, language)
    if other is None or other.words < max(MIN_WORDS, MIN_SHARE * len(words)):
        return None
    return other.language if other.words >= MIN_RATIO * other.against else None
