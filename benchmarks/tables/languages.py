"""The languages of the ``instructions`` table: what is called wrong though it is right, and what is found.

Beside ours stands the nearest profile of letters in threes (Cavnar and Trenkle, "N-Gram-Based Text
Categorization", 1994), which has seen half of the catalogues' texts; both are judged on the other half. It
always names a language, and so finds more and errs more.
"""

from __future__ import annotations

import re
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean

from benchmarks._data import call, timed
from monitor.records import Expected, InstructionsOutcome, Output
from monitor.scorers.instructions import score_instructions
from monitor.scorers.instructions.language import MAX_SAMPLE

#: Where a Linux distribution keeps what its programs say in many languages: labelled text of a hard kind,
#: short and full of names and options.
CATALOGUES = Path("/usr/share/locale")
#: Characters of a text that is put together of messages, and how many are taken of one language.
TEXT_SIZE, TEXTS = 450, 100
#: Messages shorter than this are labels, not sentences.
MIN_MESSAGE = 25
#: Triples of letters in a profile, as its inventors have it.
PROFILE = 300

PUBLISHED = """\
  elsewhere: Lingua, 1,000 German sentences of about 111 characters, 99.7% right among 75 languages"""

#: Whether a text is called wrong, where a language was asked for.
Judge = Callable[[str, str], bool]

_LITTLE_ENDIAN = b"\xde\x12\x04\x95"
_PLACEHOLDER = re.compile(r"%[-#0-9.*$ ]*[a-zA-Z]+")


def print_languages(answers: Sequence[str], split: str) -> None:
    """Print what is called the wrong language of ``answers`` in English, and of message catalogues."""
    print(
        f"instructions, {split}: language; called wrong though it is right, and found where another was asked"
    )
    texts = dict(_catalogues(CATALOGUES))
    if not texts:
        print(f"  no message catalogues in {CATALOGUES}, of which the reference is made")
        return
    profiles = {tag: _profile(found[::2]) for tag, found in texts.items()}
    rest = {tag: found[1::2] for tag, found in texts.items()}
    _print_answers("ours", answers, _is_wrong)
    _print_catalogues("ours", rest, _is_wrong)
    nearest: dict[str, str] = {}

    def differs(text: str, language: str) -> bool:
        if text not in nearest:
            nearest[text] = _nearest(text, profiles)
        return _base(nearest[text]) != _base(language)

    _print_answers("reference", answers, differs)
    _print_catalogues("reference", rest, differs)
    print(PUBLISHED)


def _print_answers(name: str, answers: Sequence[str], judge: Judge) -> None:
    long = [text for text in answers if len(text) >= TEXT_SIZE]
    false, found, of_long = (
        mean(judge(text, language) for text in texts)
        for texts, language in ((answers, "en"), (answers, "de"), (long, "de"))
    )
    calls = [call(outputs=(Output(text),), expected=Expected("en")) for text in answers]
    cost = f"   {timed(score_instructions, calls)[1]:.0f} µs" if judge is _is_wrong else ""
    print(
        f"  {name:10}{len(answers):6} English answers: wrong {false:.2%}, found where de was asked"
        f" {found:.0%} ({of_long:.0%} of those with {TEXT_SIZE} characters){cost}"
    )


def _print_catalogues(name: str, texts: Mapping[str, Sequence[str]], judge: Judge) -> None:
    wrong = Counter({tag: sum(judge(text, tag) for text in found) for tag, found in texts.items()})
    found = {
        tag: mean(judge(text, "de" if tag.startswith("en") else "en") for text in of_tag)
        for tag, of_tag in texts.items()
    }
    seen = sum(map(len, texts.values()))
    print(
        f"  {name:10}{seen:6} texts of message catalogues in {len(texts)} languages: {wrong.total()} called"
        f" wrong {dict((+wrong).most_common(5))}\n            found where English was asked for:"
        f" {mean(found.values()):.0%} on average; {_listed(found)}"
    )


def _listed(found: Mapping[str, float]) -> str:
    shown = ("de", "fr", "es", "it", "pt_BR", "nl", "pl", "tr", "ru", "ar", "hi", "zh_CN", "ja", "ko")
    return ", ".join(f"{tag} {found[tag]:.0%}" for tag in shown if tag in found)


def _is_wrong(text: str, language: str) -> bool:
    """Whether the score calls a text the wrong language."""
    tag = language.replace("_", "-").replace("@latin", "-Latn").partition("@")[0]
    score = score_instructions(call(outputs=(Output(text),), expected=Expected(tag)))
    return score.outcome is InstructionsOutcome.WRONG_LANGUAGE


def _profile(texts: Iterable[str]) -> frozenset[str]:
    """The commonest triples of letters."""
    counted = Counter[str]()
    for text in texts:
        counted.update(_triples(text))
    return frozenset(triple for triple, _ in counted.most_common(PROFILE))


def _nearest(text: str, profiles: Mapping[str, frozenset[str]]) -> str:
    """The language whose triples are most in a text."""
    own = frozenset(_triples(text[:MAX_SAMPLE]))
    return max(profiles, key=lambda tag: len(own & profiles[tag]))


def _triples(text: str) -> list[str]:
    tidy = " ".join("".join(letter if letter.isalpha() else " " for letter in text.lower()).split())
    return [tidy[at : at + 3] for at in range(len(tidy) - 2)]


def _base(tag: str) -> str:
    """The language of a tag, Norwegian's two ways of writing as one."""
    language = tag.partition("_")[0].partition("@")[0]
    return "no" if language in ("nb", "nn") else language


def _catalogues(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Texts by language, made of the translated messages of whatever is installed."""
    found = defaultdict[str, list[str]](list)
    for path in sorted(folder.glob("*/LC_MESSAGES/*.mo")):
        language = path.parts[-3]
        if len(found[language]) < TEXTS and "shaw" not in language and "cyrillic" not in language:
            found[language].extend(_texts(path))
    return ((language, texts[:TEXTS]) for language, texts in found.items() if len(texts) >= TEXTS // 2)


def _texts(path: Path) -> Iterator[str]:
    """Texts of one catalogue: its longer messages, one after the other."""
    text = ""
    for original, message in _messages(path.read_bytes()):
        is_sentence = len(message) >= MIN_MESSAGE and (" " in message.strip() or not message.isascii())
        if original and message != original and is_sentence and "\ufffd" not in message:
            text += " ".join(_PLACEHOLDER.sub("", message).split()) + "\n"
            if len(text) > TEXT_SIZE:
                yield text
                text = ""


def _messages(catalogue: bytes) -> Iterator[tuple[str, str]]:
    """Messages and their translations, the first form of a plural; see GNU gettext's manual, "MO Files"."""
    if not catalogue.startswith(_LITTLE_ENDIAN):
        return
    count, *tables = struct.unpack_from("<3I", catalogue, 8)
    for number in range(count):
        places = [struct.unpack_from("<2I", catalogue, table + 8 * number) for table in tables]
        original, message = (catalogue[at : at + length].partition(b"\0")[0] for length, at in places)
        yield original.decode(errors="replace"), message.decode(errors="replace")
