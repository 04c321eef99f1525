"""Whether an answer tells that a tool failed: its text comes in, yes, no or not known goes out.

Who tells of a failure denies something ("there is nobody called Zed"), names it ("the service is down"), or
asks back. An answer that does none of these says that all is well. Denials and names of failures are known in
eleven languages of the Latin alphabet, in Chinese, Japanese and Korean, and in Cyrillic; of an answer in
another language nothing is known.
"""

# ruff: noqa: RUF001 - other alphabets have letters that look like Latin ones

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from monitor.scorers.function_words import LANGUAGES
from monitor.scorers.scripts import script_of
from monitor.scorers.tools.words import words_of

#: Function words from which on a language is told by them.
MIN_WORDS: Final = 2

# What is said out of courtesy denies and asks nothing.
_COURTESY = re.compile(
    r"""\b(?: (?:no|not\ a|without\ any)\ (?:problem|worries|trouble|issues?)s?
    | (?:do\ not|don['\u2019]t)\ (?:worry|hesitate) | (?:can['\u2019]t|cannot)\ wait
    | (?:is\ there\ )?anything\ else\b[^.!\n]*
    | (?:if|in\ case|should\ you|whenever|wenn|falls|hvis|jeśli|если)\ [^.,;:!?\n]*
    | (?:kein|pas\ de|geen|sem|sin|nessun|inget?|ingen|intet)\ probl[eè]m\w* | no\ hay\ problema
    | (?:de|di)\ (?:nada|niente|rien) | nie\ ma\ sprawy | (?:нет|без)\ проблем\w* | не\ за\ что )
    | 没问题 | 沒問題 | 没关系 | 不客气 | 不客氣 | 問題ありません | 문제\ ?없""",
    re.IGNORECASE | re.VERBOSE,
)
# What denies, and what a failure is called: English; German; French; Spanish; Italian and
# Portuguese; Dutch; Swedish, Danish and Norwegian; Polish and the languages in Cyrillic; Chinese, Japanese
# and Korean.
_TELLS = re.compile(
    r"""\b(?: no | not | none | nobody | nothing | never | neither | nor | cannot | without | unable
      | \w+n['\u2019]t | fail\w* | errors? | issues? | problem\w* | troubles? | wrong | invalid | down
      | offline | un(?:available|reachable|expected|known|successful\w*|fortunately|authori[sz]ed)
      | broken | red | missing | reject\w* | denied | declin\w* | refus\w* | blocked | time[ds]?\ ?out
      | sorry | apolog\w* | however | instead | expired | exceed\w* | outage | forbidden | insufficient
      | too\ \w+ | try\ again
    | nicht | kein\w* | niemand\w* | nichts | nie | leider | fehl\w* | gescheitert | störung\w* | unbekannt\w*
      | ungültig\w* | abgelehnt
    | n['\u2019] | ne | pas | aucun\w* | rien | personne | jamais | échou\w* | échec\w* | erreurs?
      | malheureusement | problèmes? | désolée? | impossible | indisponible\w* | inconnue?s?
    | ning[uú]n\w* | nadie | nada | nunca | fall[oóa]\w* | error\w+ | lamenta\w* | lo\ siento
      | imposible | desconocid\w* | inválid\w* | sin
    | non | nessun\w* | niente | nulla | errore | fallit\w* | purtroppo | impossibile | spiacent\w*
      | sconosciut\w* | não | nenhum\w* | ninguém | erros? | falh\w* | infelizmente | impossível | indispon\w*
    | niet | geen | niemand | niets | nooit | helaas | fout\w* | mislukt\w* | storing | onbekend\w*
      | ongeldig\w*
    | inte | ingen | inga | inget | aldrig | tyvärr | fel | misslyck\w* | okän\w* | ikke | intet | ingenting
      | aldri | desværre | dessverre | beklager | fejl\w* | feil\w* | mislyk\w*
    | nie\w* | żad\w* | nikt | nic | nigdy | błąd | błęd\w* | brak\w*
    | не\w* | ни\w* | ні\w* | ошибк\w* | помилк\w* | сбой | сбо[яе] )\b
    | 不 | 没 | 沒 | 无 | 無 | 未 | 失败 | 失敗 | 错误 | 錯誤 | 抱歉 | 故障
    | ない | ません | なかっ | エラー | できな | 残念 | 않 | 못 | 없 | 실패 | 오류 | 죄송""",
    re.IGNORECASE | re.VERBOSE,
)

_QUESTION_MARKS = frozenset("?\uff1f")
# The languages and scripts that the words above are of.
_LANGUAGES = frozenset({"en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "pl"})
_SCRIPTS = frozenset({"Han", "Kana", "Hangul", "Cyrillic"})


def tells_of_failure(text: str) -> bool | None:
    """Whether an answer denies, names a failure or asks back; ``None`` if its language isn't known."""
    meant = _COURTESY.sub(" ", text)
    if not _QUESTION_MARKS.isdisjoint(meant) or _TELLS.search(meant):
        return True
    return False if _is_known(text) else None


def _is_known(text: str) -> bool:
    """Whether a text is in one of the languages whose denials are known."""
    script = script_of(text)
    if script in _SCRIPTS:
        return True
    counts = Counter(language for word in set(words_of(text)) for language in LANGUAGES.get(word, ()))
    most = max(counts.values(), default=0)
    return most >= MIN_WORDS and any(counts[language] == most for language in _LANGUAGES)
