"""Courtesies: a sentence comes in, whether it is one goes out.

Greetings, thanks, good wishes, and what is asked of the user say nothing of the world, so that no context
has to carry them: "Hi! How can I help you today?", "Could you tell me your order number?".
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from monitor.scorers.grounding.vocabulary import FUNCTION_WORDS
from monitor.scorers.grounding.words import words
from monitor.scorers.lists import word_set

#: A sentence that has one of these, and otherwise just usual ones and function words, is a courtesy.
_COURTEOUS: Final = word_set("""
    hi hello hey hiya howdy greetings dear welcome thank thanks please sorry apologies apologise apologize
    regards sincerely cheers glad happy pleased pleasure delighted great good nice lovely wonderful perfect
    awesome excellent fantastic sure certainly absolutely definitely course okay ok alright understood gotcha
    congratulations congrats enjoy bye goodbye problem worries trouble hesitate free ask asking question
    questions hallo moin servus guten danke gern gerne bitte grüße bonjour salut bonsoir merci plaisir hola
    buenos buenas gracias gusto nada ciao buongiorno grazie prego olá bom obrigado obrigada dank graag cześć
    dzień dobry dziękuję proszę merhaba teşekkürler hej tack tak takk kiitos
""")
_USUAL: Final = word_set("""
    day days weekend week morning afternoon evening night today tonight time anytime moment minute second
    help helps helped helping assist assistance reach reaching contact contacting contacted touch getting
    writing let know feel hear look check follow begin start started ahead right away back anything something
    everything thing things need more patience understanding message interest team support chat friend there
    rest kind kindly warm best yours truly words feedback inconvenience confusion frustrating frustration
    appreciate yes no tag schönen einen noch sehr helfen für ihre frage fragen
""")
#: Words of a sentence above which it is no courtesy, whatever it begins with.
MAX_WORDS: Final = 30

#: What a sentence opens with: a greeting, and whom it greets.
_GREETS = re.compile(
    r"\W{0,4}(?:hi|hello|hey|dear|hallo|bonjour|hola|ciao|olá)\b(?: [^\W\d]{1,20}){0,3}(?:[,!.]|\W{0,4}\Z)",
    re.IGNORECASE,
)
_OPENING = (
    r"\W{0,4}(?:(?:sure|okay|great|thanks|sorry|of course|certainly|no problem|to help)\b[^.!?]{0,60}?"
    r"[,;:!-] |(?:and|so|also|or|by the way),? )?"
)
#: A question that an assistant puts to its user. One that only wraps what it tells ("did you know that
#: ...?"), and small talk ("do you like ...?"), are none.
_QUESTION = re.compile(
    _OPENING + r"(?:(?:could|can|would|will) you\b|how (?:can|may|could|else can) (?:I|we)\b"
    r"|(?:can|could|may|shall|should) (?:I|we)\b|is there (?:anything|something)\b"
    r"|(?:do|did) you (?:want|need|mean|have (?:your|the))\b|are you (?:looking|asking|trying|referring)\b"
    r"|(?:what|which|when|where|who|how)\b.{0,60}\b(?:you(?:r|['\u2019]d)?|me|I)\b|is your\b"
    r"|(?:wie|womit|wobei) (?:kann|darf) ich\b|(?:können|könnten|möchten) sie\b|(?:kannst|möchtest) du\b"
    r"|(?:comment|en quoi) puis-je\b|pouvez-vous\b|\u00bf?(?:en qué|cómo) (?:te |le )?puedo\b"
    r"|\u00bf?(?:puede|podría)s?\b|come posso\b|(?:puoi|può|potrebbe) (?:dirmi|darmi)\b|como posso\b"
    r"|(?:pode|poderia) me\b)",
    re.IGNORECASE,
)
#: What asks the user for something, and names no figure.
_ASKS = re.compile(
    _OPENING + r"(?:please|kindly|just|could you|can you) (?:\w{1,12} )?(?:tell me|let me know|share|provide"
    r"|send me|give me|confirm|clarify|specify|describe|rephrase)\b[^0-9]{0,200}",
    re.IGNORECASE,
)
#: What an answer signs with: all that follows, if it is short.
_SIGNED = re.compile(
    r"(?:^|\n)[ \t*]{0,4}(?:(?:best|kind|warm|warmest) regards|best wishes|best|regards|sincerely(?: yours)?"
    r"|yours (?:sincerely|truly)|cheers|mit freundlichen grüßen|viele grüße|cordialement|saludos"
    r"|cordiali saluti|atenciosamente|met vriendelijke groet)[,!.]?[ \t*]{0,4}\n.{0,80}\n?.{0,80}\Z",
    re.IGNORECASE,
)
#: Characters at the end of an answer in which its signature begins.
_ENDING: Final = 240


def unsigned(answer: str) -> str:
    """``answer`` without the line that signs it, and the name below."""
    if "\n" not in answer:
        return answer
    signed = _SIGNED.search(answer, max(0, len(answer) - _ENDING))
    return answer[: signed.start()] if signed else answer


def is_courtesy(sentence: str, said: Collection[str]) -> bool:
    """Whether a sentence greets, thanks, wishes well, or asks the user something.

    Args:
        sentence: one sentence of an answer.
        said: its words in lower case.
    """
    if len(said) > MAX_WORDS:
        return False
    if "?" in sentence and sentence.rstrip(" \n\t*_\"')").endswith("?"):
        return _QUESTION.match(sentence) is not None
    if _COURTEOUS.isdisjoint(said):
        return False
    if _ASKS.fullmatch(sentence):
        return True
    greeting = _GREETS.match(sentence)
    rest = words(sentence[greeting.end() :]) if greeting else said
    return all(
        word in _COURTEOUS or word in _USUAL or word in FUNCTION_WORDS or len(word) == 1 for word in rest
    )
