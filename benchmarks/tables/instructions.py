"""The ``instructions`` table: refusals told from answers, languages, and what recorded calls get.

Beside our refusals stands what a search of the log would find: an answer that says sorry, unable or can't.
"""

from __future__ import annotations

import re
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean

from benchmarks._data import call, precision_recall, rows, timed
from monitor.decode import decode
from monitor.records import Call, Expected, InstructionsOutcome, Output, Record
from monitor.scorers.instructions import score_instructions

#: Where a Linux distribution keeps what its programs say in many languages: labelled text of a hard kind,
#: short and full of names and options.
CATALOGUES = Path("/usr/share/locale")
#: Characters of a text that is put together of messages, and how many are taken of one language.
TEXT_SIZE, TEXTS = 450, 100
#: Messages shorter than this are labels, not sentences.
MIN_MESSAGE = 25

_SEARCHED = re.compile(r"\b(?:sorry|apolog\w+|unable|can't|cannot|can not)\b", re.IGNORECASE)
_LITTLE_ENDIAN = b"\xde\x12\x04\x95"
_PLACEHOLDER = re.compile(r"%[-#0-9.*$ ]*[a-zA-Z]+")


def table(data: Path, split: str) -> None:
    """Precision and recall of refusals, mistakes of language, outcomes by provider, and the cost."""
    _refusals(data, split)
    _languages(data, split)
    _recorded(data)


def _refusals(data: Path, split: str) -> None:
    print(
        f"\ninstructions, {split}: refused by its words; the reference is a search for sorry, unable, can't"
    )
    replies = [
        (row["content"], row["id"].endswith("_cannot_answer"))
        for row in rows(data / "scoring" / "toolcalls" / f"when2call.{split}.jsonl.gz")
        if row["content"]
    ]
    _print_refusals("When2Call replies", replies)
    corrupted = [
        (row["response"], row["error"] == "refusal")
        for row in rows(data / "scoring" / "jsonmode" / "llm_json_mode.jsonl.gz")
        if row["response"].strip()
    ]
    _print_refusals("llm_json_mode", corrupted)
    answers = [(answer, False) for answer in _grounded_answers(data, split)]
    _print_refusals("answers to a context", answers)


def _print_refusals(name: str, labelled: Sequence[tuple[str, bool]]) -> None:
    texts, labels = [text for text, _ in labelled], [label for _, label in labelled]
    scores, cost = timed(score_instructions, [call(outputs=(Output(text),)) for text in texts])
    ours = [score.outcome is InstructionsOutcome.REFUSED for score in scores]
    searched = [_SEARCHED.search(text) is not None for text in texts]
    print(
        f"  {name:22}{len(labels):6} rows{sum(labels):5} refusals   ours {_shown(ours, labels)}"
        f"   reference {_shown(searched, labels)}   {cost:.0f} µs"
    )


def _shown(flags: Sequence[bool], labels: Sequence[bool]) -> str:
    false = sum(flag and not label for flag, label in zip(flags, labels, strict=True))
    if not any(labels):
        return f"false {false}"
    precision, recall = precision_recall(flags, labels)
    return f"P {precision:.2f} R {recall:.2f} false {false}"


def _languages(data: Path, split: str) -> None:
    print(
        f"instructions, {split}: language; called wrong though it is right, and found where another was asked"
    )
    _print_language("English answers", "en", _grounded_answers(data, split), other="de")
    texts = dict(_catalogues(CATALOGUES))
    if not texts:
        print(f"  no message catalogues in {CATALOGUES}")
        return
    judged = {
        tag: (_wrong(found, tag)[0], _wrong(found, "de" if tag.startswith("en") else "en")[0])
        for tag, found in texts.items()
    }
    wrong, seen = Counter[str](), sum(map(len, texts.values()))
    for tag, (false, _) in judged.items():
        wrong[tag] += round(false * len(texts[tag]))
    print(
        f"  message catalogues, {len(texts)} languages: {wrong.total()} of {seen} called wrong {dict(+wrong)}"
    )
    found = mean(share for _, share in judged.values())
    print(f"  found where English was asked for: {found:.0%} on average; " + _listed(judged))


def _listed(judged: dict[str, tuple[float, float]]) -> str:
    shown = ("de", "fr", "es", "it", "pt_BR", "nl", "pl", "tr", "ru", "ar", "hi", "zh_CN", "ja", "ko")
    return ", ".join(f"{tag} {judged[tag][1]:.0%}" for tag in shown if tag in judged)


def _print_language(name: str, language: str, texts: Sequence[str], *, other: str) -> None:
    false, _ = _wrong(texts, language)
    found, cost = _wrong(texts, other)
    long = [text for text in texts if len(text) >= TEXT_SIZE]
    print(
        f"  {name:22}{len(texts):6} rows   wrong {false:.2%}   found where {other} was asked {found:.0%}"
        f" ({_wrong(long, other)[0]:.0%} of those with {TEXT_SIZE} characters)   {cost:.0f} µs"
    )


def _wrong(texts: Iterable[str], language: str) -> tuple[float, float]:
    """The share of texts that are called the wrong language, and the microseconds that one took."""
    tag = language.replace("_", "-").replace("@latin", "-Latn").partition("@")[0]
    calls = [call(outputs=(Output(text),), expected=Expected(tag)) for text in texts]
    scores, cost = timed(score_instructions, calls)
    wrong = [score.outcome is InstructionsOutcome.WRONG_LANGUAGE for score in scores]
    return sum(wrong) / max(1, len(wrong)), cost


def _grounded_answers(data: Path, split: str) -> list[str]:
    """The answers of the hallucination sets: all English, none a refusal, some that found nothing."""
    paths = sorted((data / "scoring" / "hallucination").glob(f"*/{split}.jsonl.gz"))
    return [row["answer"] for path in paths for row in rows(path) if row["answer"].strip()]


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


def _recorded(data: Path) -> None:
    by_provider = defaultdict[str, Counter[str]](Counter)
    received = datetime(2026, 1, 1, tzinfo=UTC)
    calls: list[Call] = []
    for path in sorted((data / "recorded" / "pairs").glob("*/*.json")):
        calls += decode(
            Record(path.name, 0, 0, path.read_bytes(), timestamp=received), keep_content=True
        ).calls
    scores, cost = timed(score_instructions, calls)
    for one, score in zip(calls, scores, strict=True):
        by_provider[one.provider][score.outcome.value] += 1
        by_provider["all"][score.outcome.value] += 1
    print(f"instructions: {len(calls)} recorded pairs, {cost:.0f} µs a call")
    for provider, outcomes in sorted(by_provider.items(), key=lambda item: -item[1].total())[:9]:
        shares = ", ".join(f"{name} {count}" for name, count in outcomes.most_common())
        print(f"  {provider:22}{outcomes.total():6}   {shares}")
