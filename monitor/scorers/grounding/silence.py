"""What of a sentence claims nothing: a sentence comes in, the parts of it that do claim something go out.

An answer that says what its context does not ("the passages do not mention it", "I couldn't find that")
invents nothing, and neither do closing words ("I hope this helps"). What such a sentence claims before or
after a "but" is kept. English, German, French, Spanish, Italian, Portuguese, Dutch and Polish.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from monitor.scorers.grounding.courtesy import is_courtesy
from monitor.scorers.lists import word_set

#: Without one of these words an English sentence needs no closer look.
_TELLING: Final = word_set("""
    not no never none nothing nowhere cannot t fail fails unable unclear unknown unspecified unanswerable na
    silent only just merely beyond outside hope know free happy else sorry afraid sad glad like contact
    consult reach check
""")
_SOURCE = (
    r"(?:contexts?|passages?|documents?|excerpts?|documentation|texts?|articles?|reports?|polic(?:y|ies)"
    r"|handbook|manual|guide|pages?|sources?|materials?|files?|transcript|contract|agreement|sections?|e-?mail|faq"
    r"|knowledge\ base|search\ results|information|data)"
)
_NOT = r"(?:(?:do|does|did|is|are|was|were|ha[sd]|have)(?:\ not|n['\u2019]t)|cannot|fails?\ to|never)"
_SAY = (
    r"(?:mention|contain|provide|give|include|specif|state|say|address|discuss|describe|cover|answer|name\b|list"
    r"|indicate|reveal|disclose|tell|explain|identify|make\ clear|clarify|refer\ to"
    r"|have\ (?:any\ )?(?:info|details|data))"
)
_SAID = (
    r"(?:mentioned|specified|stated|provided|given|included|found|listed|discussed|covered|addressed|available"
    r"|named|indicated|disclosed|described|clear|answered|identified|explained)"
)
_CANNOT = (
    r"(?:(?:could|did|do)(?:\ not|n['\u2019]t)|can(?:\ ?not|['\u2019]t)|(?:am|was|'m)\ (?:not\ |un)able\ to)"
)
# One boundary for nearly all: inside of a word each alternative would be tried in vain. And for text in lower
# case: where case is ignored, none of them is skipped by its first letter, at four times the time.
_ENGLISH = re.compile(
    rf"""\b(?:{_SOURCE}\b(?:\ \w{{1,20}}){{0,3}}?\ {_NOT}\ (?:\w{{1,20}}\ )?{_SAY}
    |{_SOURCE}\b(?:\ \w{{1,20}}){{0,2}}
        \ (?:(?:say|contain|mention|provide|give|include|ha(?:s|ve))s?\ (?:nothing|no)
        |(?:is|are|remains?)\ silent|(?:only|just|merely)\ (?:{_SAY}|talk|focus|deal|go(?:es)?\ into))\b
    |not\ (?:\w{{1,20}}\ ){{0,2}}{_SAID}\b[^.]{{0,40}}\b(?:{_SOURCE}|here|there|anywhere)\b
    |no\ (?:\w{{1,20}}\ )?(?:mention|information|details?|data|indication|references?|evidence)\b
        [^.]{{0,80}}\b{_SOURCE}\b
    |there(?:\ is|\ was|\ are|'s)(?:\ no|n['\u2019]t\ any|\ not\ any)
        \ (?:\w{{1,20}}\ )?(?:mention|information|details|indication)\b
    |(?:none|nothing|nowhere)\ (?:of|in)\ (?:the|these|those|this|my|your)\ (?:\w{{1,20}}\ )?{_SOURCE}\b
    |it(?:['\u2019]s|\ is|\ was|\ remains)
        \ (?:unclear|unknown|unspecified|not\ (?:clear|known|specified|stated))\b
    |(?:outside|beyond)\ (?:of\ )?(?:the\ )?scope\b
    |i\ (?:do\ not|don['\u2019]t)\ (?:know\b|have\ (?:\w{{1,20}}\ ){{0,3}}(?:information|details|data)\b)
    |i(?:['\u2019]m|\ am)\ not\ (?:sure|certain)\b
    |i\ (?:was|were|am|have)(?:n['\u2019]t|\ not)\ (?:been\ )?(?:given|provided|told|shown)\b
    |i\ ?{_CANNOT}\ (?:\w{{1,20}}\ )?(?:find|see|locate|determine|tell|answer|confirm|verify)\b
    |(?:un|not\ )able\ to\ (?:answer|determine|find|provide|say|give)\b
    |(?:cannot|can['\u2019]t|can\ not|not\ possible\ to)\ (?:be\ )?(?:answer|determine|infer)
        [^.]{{0,80}}\b{_SOURCE}\b
    |(?:has|have|found|find)\ nothing\ (?:on|about)\b
    |(?:hope\ (?:this|that)\ helps?|let\ me\ know|feel\ free|happy\ to\ help|anything\ else)\b
    |you\ (?:may|might|could|can)\ (?:(?:want|wish|like|need)\ to\ )?
        (?:contact|consult|reach\ out|check\ with|check\ the)\b[^0-9@]*$
    |(?:sorry|sad|glad|happy)\ (?:to\ hear|for\ the|about\ (?:that|the))\b
    |(?:would\ you\ like\ (?:me\ )?to|if\ you(?:['\u2019]d|\ would)?\ like,))
    |n['\u2019]t\ (?:\w{{1,20}}\ ){{0,2}}{_SAID}\b[^.]{{0,40}}\b(?:{_SOURCE}|here|there|anywhere)\b
    |^\W*(?:(?:not|none|never|no\ (?:answer|information|data|results?|mention))
            \ ?(?:{_SAID}|applicable|known|sure)?
        |n/?a|un(?:known|specified|answerable|clear)
        |it\ (?:does\ not|doesn['\u2019]t)\ (?:say|specify|mention\ (?:it|that|this)))\W*$
    |^\W*(?:i(?:['\u2019]m|\ am)\ )?(?:(?:very|so|really)\ )?(?:sorry|afraid)\W*$""",
    re.VERBOSE,
)
#: Where what claims nothing ends, and something else begins.
_TURN = re.compile(
    r";|,?\ \b(?:but|however|although|though|yet|while|whereas)\b"
    r"|,(?=\ (?:it|he|she|they|there|you)\b)|\ [\u2013\u2014]\ ",
    re.IGNORECASE | re.VERBOSE,
)


class _Tongue(NamedTuple):
    """How one language says that the context is silent: it names the context, and denies what it would do."""

    denying: frozenset[str]
    """Without one of these words a sentence in it needs no closer look."""
    source: re.Pattern[str]
    silent: re.Pattern[str]


def _tongue(denying: str, source: str, silent: str) -> _Tongue:
    return _Tongue(
        word_set(denying),
        re.compile(rf"\b(?:{source})", re.IGNORECASE),
        re.compile(rf"\b(?:{silent})", re.IGNORECASE),
    )


_TONGUES: Final = (
    _tongue(
        "nicht nichts kein keine keinen keinerlei",
        "dokument|kontext|text|quelle|unterlage|abschnitt|passage",
        r"(?:nichts?|keine?\w{0,4})\b.{0,60}\b(?:find|gefunden|erwähn|enth[aä]lt|ange?geben|angabe|information"
        r"|hervor|steh)|(?:enthält|enthalten|nenn|erwähn|find|steh)\w{0,4}\b.{0,40}\b(?:nichts?|keine?\w{0,4})\b",
    ),
    _tongue(
        "pas aucun aucune rien",
        "documents?\\b|contexte|textes?\\b|sources?\\b|passages?\\b|extraits?\\b",
        r"(?:ne|n)\b.{0,20}\b(?:mention|conti|fourni|précis|indiqu|trouv|donn|parl)\w{0,8}\b.{0,20}"
        r"\b(?:pas|aucun|rien)|pas (?:pu )?trouv|aucune? (?:information|mention|indication)",
    ),
    _tongue(
        "no",
        "documento|contexto|texto|fuente|pasaje|fragmento",
        r"no (?:\w{1,12} ){0,2}(?:mencion|contien|proporcion|especific|enc[uo]\w?ntr|indic|ofrec"
        r"|hay información)",
    ),
    _tongue(
        "non nessuna",
        "document[oi]|contesto|test[oi]\\b|font[ei]\\b|bran[oi]\\b",
        r"non (?:\w{1,12} ){0,2}(?:menzion|contien|conteng|forni|specific|trov|indic|riport)"
        r"|nessuna informazione",
    ),
    _tongue(
        "não nenhuma",
        "documento|contexto|texto|fonte|trecho",
        r"não (?:\w{1,12} ){0,2}(?:mencion|cont[éê]m|fornec|especific|encontr|indic)|nenhuma informação",
    ),
    _tongue(
        "niet niets geen",
        "document|context|tekst|bron",
        r"(?:niets?|geen)\b.{0,40}\b(?:vind|gevonden|vermeld|genoemd|informatie|staat)"
        r"|(?:bevat|bevatten|vermeldt|vermelden|noemt|staat)\b.{0,30}\b(?:niets?|geen)\b",
    ),
    _tongue(
        "nie",
        "dokumen|kontek|tekst|źród|fragmen",
        r"nie (?:\w{1,12} ){0,2}(?:zawiera|wspomina|podaj|znalaz|znajd|określa|ma informacji|udało)",
    ),
)
_DENYING: Final = frozenset(word for tongue in _TONGUES for word in tongue.denying)


def claiming(sentence: str, said: Collection[str]) -> Iterator[tuple[int, str]]:
    """The parts of ``sentence`` that claim something, and where they begin in it: mostly the whole.

    Args:
        sentence: one sentence of an answer.
        said: its words in lower case.
    """
    if is_courtesy(sentence, said):
        return
    if not _is_silent(sentence, said):
        yield 0, sentence
        return
    start = 0
    for turn in _TURN.finditer(sentence):
        yield from _unless_silent(start, sentence[start : turn.start()], said)
        start = turn.end()
    yield from _unless_silent(start, sentence[start:], said)


def _unless_silent(start: int, part: str, said: Collection[str]) -> Iterator[tuple[int, str]]:
    if not _is_silent(part, said):
        yield start, part


def _is_silent(text: str, said: Collection[str]) -> bool:
    """Whether ``text`` says that the context says nothing, or nothing at all."""
    if not _TELLING.isdisjoint(said) and _ENGLISH.search(text.lower()):
        return True
    return not _DENYING.isdisjoint(said) and any(
        tongue.silent.search(text) and tongue.source.search(text)
        for tongue in _TONGUES
        if not tongue.denying.isdisjoint(said)
    )
