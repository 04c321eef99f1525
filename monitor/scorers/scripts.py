"""Scripts and who writes in them: a text comes in, the script of nearly all its letters goes out."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from functools import lru_cache
from operator import itemgetter

from monitor.scorers.lists import word_set

#: Letters that it takes to tell a script.
MIN_LETTERS = 20
#: The share of the letters that the text's script has; below it, it is written in several.
MIN_SHARE = 0.75
#: For how many letters a character counts that is a syllable or a word.
SYLLABLE = 3

#: Where each script begins in Unicode, coarsely: blocks of letters; what is in none of them is "".
_BLOCKS = (
    (0x0041, "Latin"),
    (0x0370, "Greek"),
    (0x0400, "Cyrillic"),
    (0x0530, "Armenian"),
    (0x0590, "Hebrew"),
    (0x0600, "Arabic"),
    (0x0780, ""),
    (0x0900, "Devanagari"),
    (0x0980, "Bengali"),
    (0x0A00, "Gurmukhi"),
    (0x0A80, "Gujarati"),
    (0x0B00, ""),
    (0x0B80, "Tamil"),
    (0x0C00, "Telugu"),
    (0x0C80, "Kannada"),
    (0x0D00, "Malayalam"),
    (0x0D80, "Sinhala"),
    (0x0E00, "Thai"),
    (0x0E80, "Lao"),
    (0x0F00, ""),
    (0x1000, "Myanmar"),
    (0x10A0, "Georgian"),
    (0x1100, "Hangul"),
    (0x1200, "Ethiopic"),
    (0x13A0, ""),
    (0x1780, "Khmer"),
    (0x1800, ""),
    (0x1E00, "Latin"),
    (0x1F00, "Greek"),
    (0x2000, ""),
    (0x3040, "Kana"),
    (0x3100, ""),
    (0x3130, "Hangul"),
    (0x3190, ""),
    (0x3400, "Han"),
    (0xA000, ""),
    (0xAC00, "Hangul"),
    (0xD7A4, ""),
    (0xF900, "Han"),
    (0xFB00, ""),
    (0xFB50, "Arabic"),
    (0xFE00, ""),
    (0xFE70, "Arabic"),
    (0xFF00, ""),
    (0xFF66, "Kana"),
    (0xFFA0, ""),
    (0x20000, "Han"),
    (0x32000, ""),
)
_SYLLABLES = frozenset({"Han", "Kana", "Hangul"})
_STARTS = [start for start, _ in _BLOCKS]
_SYLLABLES = frozenset({"Han", "Kana", "Hangul"})

#: The languages of each script, by their ISO 639 codes. One that is in no list is not judged.
WRITTEN_IN = {
    "Latin": word_set("""
        af az bs ca cs cy da de en eo es et eu fi fr ga gl hr hu id is it la lb lt lv ms mt nb nl nn no pl pt
        ro sk sl sq sr sv sw tl tr uz vi
    """),
    "Cyrillic": word_set("az be bg kk ky mk mn ru sr tg tt uk uz"),
    "Arabic": word_set("ar ckb fa ps sd ug ur"),
    "Devanagari": word_set("hi mr ne sa"),
    "Greek": word_set("el"),
    "Armenian": word_set("hy"),
    "Hebrew": word_set("he yi"),
    "Bengali": word_set("as bn"),
    "Gurmukhi": word_set("pa"),
    "Gujarati": word_set("gu"),
    "Tamil": word_set("ta"),
    "Telugu": word_set("te"),
    "Kannada": word_set("kn"),
    "Malayalam": word_set("ml"),
    "Sinhala": word_set("si"),
    "Thai": word_set("th"),
    "Lao": word_set("lo"),
    "Myanmar": word_set("my"),
    "Georgian": word_set("ka"),
    "Hangul": word_set("ko"),
    "Ethiopic": word_set("am ti"),
    "Khmer": word_set("km"),
    "Kana": word_set("ja"),
    "Han": word_set("zh yue"),
}
#: Scripts as a tag may name them (``sr-Latn``, ISO 15924).
NAMED = {
    "latn": "Latin",
    "cyrl": "Cyrillic",
    "arab": "Arabic",
    "deva": "Devanagari",
    "hans": "Han",
    "hant": "Han",
}


def script_of(sample: str) -> str | None:
    """The script of nearly all letters of a sample; ``Kana`` for Japanese, which mixes it with ``Han``."""
    if sample.isascii():
        return "Latin" if sum(map(str.isalpha, sample)) >= MIN_LETTERS else None
    letters = Counter(filter(str.isalpha, sample))
    scripts = Counter[str]()
    for letter, count in letters.items():
        script = _script_of_letter(letter)
        scripts[script] += count * (SYLLABLE if script in _SYLLABLES else 1)
    total = scripts.total()
    if 10 * scripts["Kana"] >= scripts["Han"]:
        scripts["Kana"] += scripts.pop("Han", 0)
    script, most = max(scripts.items(), key=itemgetter(1), default=("", 0))
    return script if script and total >= MIN_LETTERS and most >= MIN_SHARE * total else None


@lru_cache(maxsize=4096)
def _script_of_letter(letter: str) -> str:
    return _BLOCKS[max(bisect_right(_STARTS, ord(letter)) - 1, 0)][1]
