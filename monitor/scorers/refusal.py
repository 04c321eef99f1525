"""Prose that plainly refuses: the text of an answer comes in, yes or no goes out.

Only short answers that open with the refusal, in the languages of ``refusal_words``, and what is refused is
what was asked for: "we can't ship to islands" is a policy that somebody asked about. One that says no and
then goes on to help, or asks for what it lacks, is an answer. So is one that looked and found nothing ("I
can't find that in the passage"), which is often the right thing to say. Somebody is paged for refusals, so
where there is doubt, it is none. What a provider marks as one needs no guess and does not come here.
"""

# ruff: noqa: RUF001 - other alphabets have letters that look like Latin ones

from __future__ import annotations

import re

from monitor.scorers.refusal_words import LATIN, OTHERS, Tongue

#: An answer longer than this many characters is not taken for a refusal.
MAX_REFUSAL_LENGTH = 600

#: Characters of an answer in which its refusal has to be said: an apology and a sentence.
MAX_OPENING = 240

# Help follows all the same: after a "but", a fact with a figure, or what begins as help does; something else
# that was done; or a question for what it takes.
_HELPS = re.compile(
    r"\b(?:however|but|instead|that said|still|nevertheless)\b,? (?:(?:i can|i'll|let me) tell you"
    r"|here(?:'s| is| are)\b|as of\b|based on\b|according to\b|in general\b|generally\b|typically\b|usually\b"
    r"|it(?:'s| is| was)\b|there (?:is|are|was|were)\b"
    r"|(?:the|most|many|some) [^.!?]{1,60}?\b(?:is|are|was|were|has|have)\b)"
    r"|\b(?:however|but|aber|jedoch|allerdings|mais|cependant|toutefois|pero|sin embargo|ma|però|tuttavia"
    r"|mas|porém|no entanto|maar|echter|ale|jednak|но|однако|ama|ancak|fakat|men|mutta|αλλά|tetapi|але|проте)"
    r"\b[^.!?]{0,100}?\d"
    r"|(?:但|不过|不過|然而|しかし|ただし|하지만|그러나|다만|لكن|लेकिन|परंतु|nhưng|แต่)[^\u3002!?]{0,80}?\d"
    r"|\b(?:aber hier|mais voici|pero aquí|ma ecco|mas aqui|maar hier|ale oto|но вот)\b"
    r"|\b(?:i|we)(?:'ve| have) (?:now |just )?(?!limited\b)(?:\w+ed|made|sent|put|set|found|written|left)\b"
    r"|\bso,? (?:(?:i|we) (?:\w+ed|made|sent|put|set|found|wrote|left)|here(?:'s| is| are))\b"
    r"|\bplease (?:tell me|provide|share|send|upload|paste|attach|specify|try (?:again|another)|leave)\b"
    r"|\b(?:could|can) (?:you|we)\b[^.!]{0,120}\?|\bhow about\b"
)

# Figures of speech, what nobody promises, everyday life, and what is so for now or for want of something:
# they refuse nothing that a model was asked for.
_IDIOMS = re.compile(
    r"\b(?:i|we) (?:can'?t|cannot|can not) (?:wait|believe|stress|emphasi[sz]e|imagine|thank|help but"
    r"|say enough|agree more|disagree|argue|complain|stand|resist|deny|blame|afford|remember|hear|feel|lend"
    r"|extend|approve|waive|lower|reduce|honou?r|hire|offer (?:you )?(?:an?|the|any) (?!\w* ?advice))\b"
    r"|\b(?:can'?t|cannot|can not)\b[^.!?]{0,60}? enough\b|\bnot going to lie\b|\bwon't lie\b"
    r"|\b(?:unable|able|can'?t|cannot|can not|won't)(?: to)? (?:attend|come|join|make it|be there|meet you"
    r"|sleep|log ?in|sign in|accept (?:your|the)|guarantee|promise|ship|deliver|refund|talk|eat|drink|drive"
    r"|stay|go\b|share (?:my|our)|answer the (?:phone|door|call)|help (?:it|feeling|thinking|but)\b)"
    r"|\balready\b|\banymore\b|\buntil\b"
    r"|\bwithout (?:the|your|an?|any|more|further|additional|context|details|knowing|seeing)\b"
    r"|\bkann (?:ich )?(?:\w+ )?nicht (?:genug|erwarten|kommen|schlafen|teilnehmen)\b"
    r"|\bnicht (?:\w+ )?(?:garantieren|versprechen|zusichern|erstatten)\b"
    r"|\bpeux pas (?:attendre|assez|venir|\w* ?(?:garantir|promettre))\b|\bassez de bien\b"
    r"|\bno puedo (?:esperar|creer|ir\b|garantizar|prometer|asistir a)|\bmás de acuerdo\b"
    r"|\bnon posso (?:aspettare|credere|che\b|venire|garantir|promettere)"
    r"|\bnão posso (?:esperar|acreditar|ir\b|vir\b|garantir|prometer)"
    r"|\b(?:kan|niet) (?:niet )?(?:garanderen|beloven|komen)\b"
    r"|\bnie mogę (?:się doczekać|obiecać|zagwarantować)\b"
    r"|\bне могу (?:не |дождаться|обещать|гарантировать)"
)

_SENTENCE_END = re.compile(r"[.!?\n\u3002\uff01\uff1f\u061f\u0964]")
# What may stand before the first word: marks and emphasis, but no quote, which is what somebody else says.
_BEFORE = r"[^\w\"'\u2018\u201c\u201e\u00ab\u300c\u300e]*+"
# From an apology to what refuses: the same sentence, or the one after "Sorry for that." or "Sorry, Ada."
_THEN = r"(?:(?: (?:for|about) [^.!?]{1,50}|,? \w+)?[.!] |[^.!?\u3002]{0,80}?)"


def _compiled(tongue: Tongue) -> tuple[re.Pattern[str], re.Pattern[str]]:
    sorry, refuses, once_sorry = tongue.sorry, tongue.refuses, tongue.once_sorry
    opening = rf"{_BEFORE}(?:(?:{sorry}){_THEN}(?:{refuses}|{once_sorry})|{refuses})"
    return re.compile(opening, re.DOTALL), re.compile(tongue.finds)


_IN_LATIN = tuple(map(_compiled, LATIN))
_IN_ANY = _IN_LATIN + tuple(map(_compiled, OTHERS))


def refuses(text: str) -> bool:
    """Whether ``text`` is short and opens by saying that it can't or won't do what was asked."""
    if len(text) > MAX_REFUSAL_LENGTH:
        return False
    said = text.lower().replace("\u2019", "'")
    opening = said[:MAX_OPENING]
    for refusing, finds in _IN_LATIN if opening.isascii() else _IN_ANY:
        if found := refusing.match(opening):
            end = _SENTENCE_END.search(opening, found.end())
            sentence = opening[: end.start()] if end else opening
            is_answer = _IDIOMS.search(sentence) or finds.search(sentence) or _HELPS.search(said, found.end())
            return not is_answer
    return False
