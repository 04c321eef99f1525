"""Where in a conversation a call stands: the language of its request."""

from __future__ import annotations

import pytest

from monitor.scorers.tools.loop import is_english
from monitor.scorers.tools.words import words_of


@pytest.mark.parametrize(
    "request_text",
    [
        "Find restaurants near Alexanderplatz with italian cuisine",
        "Book a table at Nobu",
        "weather in Oslo",
        "What's the weather like in Oslo?",
        "Find me flights to Los Angeles and Las Vegas",
        "How far is it from Los Angeles to San Diego?",
        "Who was Leonardo da Vinci?",
        "Set a timer for 5 minutes",
        "It's dark in the kitchen",
    ],
)
def test_a_short_english_request_is_english(request_text: str) -> None:
    assert is_english(words_of(request_text))


@pytest.mark.parametrize(
    "request_text",
    [
        "Such mir bitte einen Flug von Wien nach Athen am 3. Dezember 2026",
        "Was ist das Wetter in Berlin?",
        "Wie war das Wetter in Hamburg gestern?",
        "Warum war so ein Wetter in Berlin?",
        "Was gibt es Neues in Wien?",
        "Wat is het weer in Amsterdam?",
        "Ik wil een hotel in Rome",
        "Hvad er vejret i København i dag?",
        "Bestil et bord til to",
        "Quel temps fait-il a Paris ?",
        "Book me un vol a Paris",
        "Qual e a hora em Lisboa a 3 de maio?",
        "Quiero un hotel en Madrid",
        "Ho bisogno di un hotel a Roma",
        "東京の天気を教えて",
        "Oslo?",
    ],
)
def test_a_request_in_another_language_or_of_a_word_is_not(request_text: str) -> None:
    assert not is_english(words_of(request_text))
