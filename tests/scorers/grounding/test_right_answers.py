"""What assistants rightly say all day, which must raise no alarm, and the same things gone wrong."""

from __future__ import annotations

import json

import pytest

from monitor.records import (
    Contract,
    ContractKind,
    Document,
    FinishReason,
    GroundingScore,
    Message,
    Output,
    Part,
    PartType,
)
from monitor.scorers.grounding.score import score_grounding
from tests.scorers.build import call

RENTAL = (
    "Bike rental. A bike can be rented from 9 am to 6 pm, and costs 14 euros a day. Bring an identity "
    "card; the deposit of 80 euros is paid back when the bike is returned. To extend a rental, open the app, "
    "choose your bike and tap Extend. Electric bikes are not rented to people under 16. "
    "Lost keys are charged at cost."
)
HELMETS = (
    "Helmets are free for children. Adults pay 3 euros a day for a helmet, and locks come with every bike."
)
PROMPT = "You are the assistant of a rental shop. Answer from the context only.\n\nContext:\n"


def _score(answer: str, *texts: str, asked: str = "What about the rental?") -> GroundingScore:
    documents = tuple(
        Document(text, id=f"d{number}") for number, text in enumerate(texts or (RENTAL,), start=1)
    )
    return score_grounding(
        call(
            input=(Message("user", (Part(content=asked),)),),
            documents=documents,
            outputs=(Output(answer, finish_reason=FinishReason.STOP),),
        )
    )


COURTESIES = (
    "Hello there! How may I help you?",
    "Hi Robin, thanks for getting in touch!",
    "You're most welcome. Enjoy your day, and just ask if you have more questions!",
    "Happy to help! Which bike did you rent, and when?",
    "Could you please share your booking number?",
    "Sure thing! Please tell me your booking number.",
    "Sorry to hear that! Is there anything else I can do?",
    "Hallo! Wie kann ich Ihnen helfen?",
)

ABSTENTIONS = (
    "The text doesn't say who owns the shop.",
    "The article does not name an owner.",
    "The report doesn't reveal the owner.",
    "The policy does not address insurance.",
    "The search results don't contain this.",
    "Nothing in the handbook mentions an owner.",
    "None of the sources name an owner.",
    "The guide is silent on insurance.",
    "The sources only describe rentals, not insurance.",
    "Insurance isn't covered in the manual.",
    "That isn't mentioned here.",
    "It is unclear who owns the shop.",
    "Based on the context, it is unclear who owns the shop.",
    "I'm not certain who owns it.",
    "I was not told that.",
    "That is beyond the scope of this document.",
    "Not stated.",
    "No information found.",
    "N/A",
    "Unknown.",
)


@pytest.mark.parametrize("answer", COURTESIES + ABSTENTIONS)
def test_what_claims_nothing_needs_no_context(answer: str) -> None:
    assert _score(answer).outcome == "not_applicable"


@pytest.mark.parametrize(
    "answer",
    [
        "Step 1: Open the app.\nStep 2: Choose your bike.\nStep 3: Tap Extend.",
        "**Step 1:** Open the app. **Step 2:** Choose your bike and tap Extend.",
        "To extend a rental, (1) open the app, (2) choose your bike and (3) tap Extend.",
        "1) Open the app\n2) Choose your bike\n3) Tap Extend",
        "There are 3 steps: open the app, choose your bike and tap Extend.",
        "Option 1: rent a bike for 14 euros a day.\nOption 2: rent an electric bike.",
        "Q1: A bike costs 14 euros a day.",
        "As of May 2026, a bike costs 14 euros a day.",
        "A bike costs 14 euros a day【3:7†rental.pdf】.",
        "A bike costs 14 euros a day (Source 1).",
        "A bike costs 14 euros a day [1][d1].",
        "A bike costs 14 euros a day (p. 12).",
        "A bike costs 14 euros a day [Source: rental.pdf].",
        "A bike costs 14 euros a day, and with the deposit of 80 euros you pay 94 euros.",
        "A bike costs 14 euros a day.\n\nKind regards,\nYour Velo Team",
    ],
)
def test_layout_labels_and_sums_are_no_figures(answer: str) -> None:
    score = _score(answer)
    assert score.outcome == "supported"
    assert {"numbers", "dates", "money", "altered"}.isdisjoint(signal.name for signal in score.signals)


ORDER = {
    "booking": "K-2207",
    "status": "confirmed",
    "from": "2026-12-04T09:00:00Z",
    "until": "2026-12-06",
    "bikes": [{"model": "Trekking M", "quantity": 2, "price_cents": 2850}],
    "station": {"name": "Harbour", "distance_km": 0.8},
    "total_cents": 11400,
    "deposit_refundable": True,
    "notes": None,
}


@pytest.mark.parametrize(
    "answer",
    [
        "Your booking K-2207 is confirmed: two Trekking M bikes from Friday, December 4 until Sunday, "
        "December 6. The price is $28.50 each, $114.00 in total, and the deposit is refundable.",
        "The booking is confirmed. The Harbour station is 800 m away.",
    ],
)
def test_a_record_may_be_told_in_words(answer: str) -> None:
    result = Part(PartType.TOOL_RESULT, json.dumps(ORDER))
    asked = Message("user", (Part(content="Is my booking fine?"),))
    one = call(input=(asked, Message("tool", (result,))), outputs=(Output(answer),))
    assert score_grounding(one).outcome == "supported"


@pytest.mark.parametrize(
    "contract", [Contract(ContractKind.JSON_OBJECT), Contract()], ids=["json_object", "no_contract"]
)
def test_labels_of_a_json_answer_are_the_applications_own(contract: Contract) -> None:
    answer = '{"sentiment": "neutral", "topic": "bike_rental", "currency": "EUR"}'
    one = call(documents=(Document(RENTAL),), outputs=(Output(answer),), contract=contract)
    assert score_grounding(one).outcome == "not_applicable"


GERMAN = (
    "Ein Rad kann von 9 bis 18 Uhr gemietet werden und kostet 14 Euro am Tag. Die Kaution von 80 Euro "
    "wird bei der Rückgabe erstattet. Verlorene Schlüssel werden nach Aufwand berechnet, und für Kinder ist "
    "ein Helm kostenlos."
)
ITALIAN = (
    "La bicicletta si può noleggiare dalle 9 alle 18 e costa 14 euro al giorno. Il deposito di 80 euro viene "
    "restituito alla riconsegna. Le chiavi perse sono addebitate al costo, e per i bambini il casco è gratis."
)


@pytest.mark.parametrize(
    ("context", "answer"),
    [
        (GERMAN, "Das Fahrrad bekommst du für 14 Euro pro Tag, und die Kaution erhältst du am Ende zurück."),
        (GERMAN, "Ja, deine Tochter fährt mit einem Helm, für den du nichts bezahlen musst."),
        (ITALIAN, "Puoi prendere la bici per 14 euro al giorno; quando la riporti ti ridanno il deposito."),
        (ITALIAN, "No, per tuo figlio il casco non si paga."),
    ],
)
def test_a_right_answer_in_the_language_of_its_context_raises_no_alarm(context: str, answer: str) -> None:
    assert _score(answer, context).outcome in ("supported", "unknown")


def test_an_invented_answer_in_another_language_is_found_all_the_same() -> None:
    invented = (
        "Der Gründer Wilhelm Adler eröffnete seine Werkstatt 1987 gemeinsam mit seiner Schwester Hedwig in "
        "Leipzig, investierte später 250000 Mark und übernahm bald darauf mehrere Konkurrenten."
    )
    assert _score(invented, GERMAN).outcome == "unsupported"


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("Wie viel?", "80 Euro bei Abholung."),
        ("Wann öffnet ihr?", "Um neun."),
        ("¿Cuánto cuesta un casco para mí?", "Tres euros al día."),
        ("Combien coûte la location ?", "Quatorze euros par jour."),
        ("Voinko pidentää vuokrausta?", "Kyllä, sovelluksessa se käy helposti."),
    ],
)
def test_a_short_answer_in_another_language_than_its_context_is_not_judged(asked: str, answer: str) -> None:
    assert _score(answer, RENTAL, HELMETS, asked=asked).outcome in ("unknown", "supported", "not_applicable")


@pytest.mark.parametrize(
    ("answer", "signal"),
    [
        ("A bike costs 19 euros a day.", "altered"),
        ("A bike costs 14 euros a day [9].", "citations"),
        ("A bike costs 14 euros a day [1, 9].", "citations"),
        ("A bike costs 14 euros a day[^9].", "citations"),
        ("A bike costs 14 euros a day (Source 9).", "citations"),
        ("A bike costs 14 euros a day, see velo-rental.com.", "links"),
        ("The deposit is 80 euros, write to help@velo.example.", "links"),
    ],
)
def test_what_was_copied_but_for_one_thing_is_told(answer: str, signal: str) -> None:
    score = _score(answer, RENTAL, HELMETS)
    assert score.outcome in ("suspect", "unsupported")
    assert signal in {one.name for one in score.signals}


SOURCES = (
    "Sources:\n[1] A bike costs 14 euros a day.\n[2] The deposit is 80 euros.\n"
    "[3] Helmets are free for children."
)


@pytest.mark.parametrize(("mark", "outcome"), [("[3]", "supported"), ("[8]", "suspect")])
def test_sources_in_a_prompt_are_counted(mark: str, outcome: str) -> None:
    asked = Message("user", (Part(content=f"{SOURCES}\n\nQuestion: how much?"),))
    answer = f"A bike costs 14 euros a day {mark}."
    assert score_grounding(call(input=(asked,), outputs=(Output(answer),))).outcome == outcome


@pytest.mark.parametrize(
    "template",
    [
        "You answer questions. Use the following pieces of retrieved context. Keep it short.\n\n{}",
        "Answer based only on the following context:\n{}",
        "Context information is below.\n------\n{}\n------\nAnswer without prior knowledge.",
        "Given the following information, answer the question.\n\n{}",
        "Given these documents, answer the question.\n{}",
        "Use the below articles to answer what follows.\n\n{}",
        "Answer with the information provided below.\n\n{}",
        "You are a bot. Here is what you know:\n{}",
        "Please answer from the context. Context: {}; Question: how much?",
        "Answer well.\n<retrieved_chunks>{}</retrieved_chunks>",
        PROMPT + "{}",
    ],
)
def test_a_system_message_may_carry_the_context(template: str) -> None:
    messages = (
        Message("system", (Part(content=template.format(RENTAL)),)),
        Message("user", (Part(content="How much is it?"),)),
    )
    invented = "Founder Magnus Oyelaran also gives every customer a ceramic penguin from Antarctica."
    assert score_grounding(call(input=messages, outputs=(Output(invented),))).outcome == "unsupported"


@pytest.mark.parametrize(
    "instructions",
    [
        "You answer from the context that the user sends, and from nothing else. Be polite and short. "
        "Thank the user. Never promise anything that nobody has approved, and never speak of politics.",
        "Extract the following information:\n- name\n- address\n- phone\nLeave out what the user does not "
        "say. Dates are written as in ISO 8601, names begin with a capital. Do not guess, and say no more.",
    ],
)
def test_instructions_that_only_speak_of_a_context_carry_none(instructions: str) -> None:
    messages = (Message("system", (Part(content=instructions),)), Message("user", (Part(content="Hi"),)))
    assert score_grounding(call(input=messages, outputs=(Output(RENTAL),))).outcome == "not_applicable"
