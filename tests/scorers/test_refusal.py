"""Refusals by their words, in the languages that are read, and what only looks like one."""

# ruff: noqa: RUF001 - other alphabets have letters that look like Latin ones

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import (
    Contract,
    ContractKind,
    Document,
    GroundingOutcome,
    InstructionsOutcome,
    JsonOutcome,
    Output,
)
from monitor.scorers.grounding import score_grounding
from monitor.scorers.instructions import score_instructions
from monitor.scorers.json import score_json
from monitor.scorers.refusal import MAX_REFUSAL_LENGTH, refuses
from tests.scorers.build import call

REFUSALS = [
    "I'm sorry, but I can't help with that request.",
    "I\u2019m unable to share personal details.",
    "I cannot assist with creating malware.",
    "I won't provide instructions for that.",
    "Unfortunately, that's not something I can help with.",
    "As an AI language model, I cannot give medical advice.",
    "I don't have access to real-time data.",
    "I'm sorry, I can't tell you how to pick that lock.",
    "Apologies, I'm unable to check product availability. Please visit the product page.",
    "I'm sorry, but I'm unable to book a therapist for you. However, I recommend asking a doctor.",
    "Thanks for asking! I'm afraid I can't help with that one.",
    "This request violates our policy, so I can't fulfil it.",
    "We can't assist with that request.",
    "We are unable to comply with this request.",
    "**I must decline** to write this.",
    "Es tut mir leid, aber dabei kann ich nicht helfen.",
    "Leider kann ich diese Anfrage nicht bearbeiten.",
    "Ich kann Ihnen bei dieser Anfrage leider nicht weiterhelfen.",
    "Je suis désolée, mais je ne peux pas répondre à cette demande.",
    "Je ne peux pas vous aider à faire cela.",
    "Lo siento, pero no puedo ayudarte con eso.",
    "No puedo proporcionar instrucciones para fabricar armas.",
    "Mi dispiace, ma non posso aiutarti con questa richiesta.",
    "Non sono in grado di fornire consulenza medica.",
    "Desculpe, mas não posso ajudar com isso.",
    "Não posso fornecer essa informação.",
    "Het spijt me, maar daar kan ik je niet mee helpen.",
    "Przepraszam, ale nie mogę pomóc w tej sprawie.",
    "Извините, но я не могу помочь с этим запросом.",
    "Üzgünüm, bu konuda yardımcı olamam.",
    "抱歉，我无法提供这方面的帮助。",
    "我无法协助完成这个请求。",
    "申し訳ありませんが、そのリクエストにはお応えできません。",
    "죄송하지만 해당 요청은 도와드릴 수 없습니다.",
    "آسف، لا أستطيع مساعدتك في ذلك.",
    "माफ़ करें, मैं इसमें आपकी मदद नहीं कर सकता।",
    "That's not something I can help with.",
    "Sorry, that's beyond what I can do.",
    "I'd rather not discuss that.",
    "No, I won't write that.",
    "I don't feel comfortable writing that.",
    "It's against my guidelines to answer.",
    "This content may violate our policies.",
    "I cannot and will not help with that.",
    "I'm just a language model, so I can't help you with that.",
    "Apologies, Karan. I'm unable to provide real-time flight status.",
    "I can't share that, as it would violate privacy.",
    "Sorry, but I can't help with that. Is there anything else you'd like to discuss?",
    "Das kann ich leider nicht beantworten.",
    "Sinto muito, mas não posso atender a esse pedido.",
    "Niestety nie mogę odpowiedzieć na to pytanie.",
    "对不起，我不能回答这个问题。",
    "Tyvärr kan jag inte hjälpa till med det.",
    "Jeg beklager, men jeg kan ikke hjelpe med det.",
    "Desværre kan jeg ikke hjælpe dig med det.",
    "Valitettavasti en voi auttaa.",
    "Λυπάμαι, δεν μπορώ να βοηθήσω.",
    "Omlouvám se, ale s tím nemohu pomoci.",
    "Ľutujem, s tým nemôžem pomôcť.",
    "Xin lỗi, tôi không thể giúp.",
    "ขออภัย ฉันไม่สามารถช่วยได้",
    "Maaf, saya tidak bisa membantu.",
    "Вибачте, я не можу допомогти.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_short_answer_that_opens_with_a_refusal_refuses(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I cannot find that in the document.",
        "I can't tell from the passage who won.",
        "Leider kann ich im Text keine Angabe dazu finden.",
        "Je suis désolé, je ne peux pas trouver la date dans ce texte.",
        "Lo siento, no puedo encontrar esa información en el texto.",
        "К сожалению, я не могу найти это в тексте.",
        "抱歉，我无法在文中找到答案。",
        "죄송합니다, 본문에서 해당 정보를 찾을 수 없습니다.",
    ],
)
def test_one_that_looked_and_found_nothing_is_no_refusal(text: str) -> None:
    assert not refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The bridge was opened in 1937.",
        "Unable to answer based on given passages.",
        "I can't wait to see it!",
        "Ich kann es kaum erwarten.",
        "Ich kann nicht genug betonen, wie wichtig das ist.",
        "I'm sorry to hear that. You can return it within 30 days.",
        "Sorry for the wait! We are open from 9 to 5.",
        "Leider ist das Produkt nicht mehr lieferbar.",
        "Purtroppo il treno è in ritardo.",
        "抱歉，我在文中没有找到相关信息。",
        "The committee said that it cannot help.",
        "I'm sorry, but I can't run code. However, I can tell you that the stadium seats 99,354.",
        "I can't open links, but here is what I know of the page.",
    ],
)
def test_what_only_looks_like_a_refusal_is_none(text: str) -> None:
    assert not refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "We can't ship to PO boxes, but you can choose one of 400 pick-up points for 3.99 euros.",
        "We cannot guarantee delivery dates.",
        "We are unable to refund opened software.",
        "I can't accept your offer. Kind regards",
        "I won't be able to attend the meeting on Friday because of a dentist appointment.",
        "I am unable to attend on Monday. Could we move it to Tuesday?",
        "I can't log in to my account. Please help.",
        "Leider können wir Pakete nicht an Packstationen liefern.",
        "Leider kann ich Ihnen diesen Preis nicht garantieren.",
        "Malheureusement, je ne peux pas vous garantir ce prix.",
        "Lamentablemente no puedo garantizar el precio.",
        "I can't answer the phone right now, please leave a message.",
        "I need to decline the meeting. Could you move it to Thursday?",
        "I have to decline your generous offer, as I've accepted another position.",
        "I respectfully decline to attend.",
        "I am not comfortable with heights, so I prefer the valley route.",
        "Unfortunately I can't offer you a discount on this plan.",
        "Unfortunately, I cannot approve your leave request for these dates.",
        "We're sorry, we can't help with orders placed at other shops.",
        "Sorry, your card was declined. I can't complete the purchase with it: please try another one.",
        "Your request violates the API schema: the field `age` must be an integer.",
        "This request is against rate limits; retry in 5 seconds.",
        "Your content violates our return policy.",
        "Leider kann ich am Montag nicht, aber Dienstag passt gut.",
        "Leider kann ich Ihnen keinen Rabatt geben.",
        "Malheureusement, nous ne pouvons pas vous aider pour les commandes passées ailleurs.",
        "Mi dispiace, non possiamo spedire alle isole.",
        "К сожалению, мы не можем вернуть деньги.",
        "Maalesef pazar günü teslimat yapamıyoruz.",
        "申し訳ございませんが、日曜日は配送できません。",
        "抱歉，周日我们不能送货。",
        "죄송하지만 일요일에는 배송할 수 없습니다.",
        "Tyvärr kan jag inte komma på fredag.",
    ],
)
def test_what_a_business_or_a_person_cannot_do_is_no_refusal_of_the_request(text: str) -> None:
    assert not refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "I don't have access to real-time data, but as of my last update the population was 8 million.",
        "I'm sorry, but I can't browse. However, the stadium has 99,354 seats.",
        "I'm not able to check live prices, but it is usually cheaper in May.",
        "Leider kann ich keine Kurse abrufen, aber 2024 lag der Preis bei 40 Euro.",
        "Je ne peux pas donner la météo, mais voici ce que je sais du climat.",
        "No puedo darte el precio de hoy, pero en 2024 era de 40 euros.",
        "抱歉，我无法提供实时数据，但截至2024年人口约为800万。",
        "Извините, я не могу дать точный ответ, но в 2024 году было 8 миллионов.",
        "I'm sorry, I can't cancel the order because it has already shipped. I've opened a return for you"
        " instead: RMA-5521.",
        "I apologize for the inconvenience! I cannot change the address myself, so I've escalated it.",
        "I can't write code in that language, so here's the Python version: print(1)",
    ],
)
def test_an_answer_that_says_no_and_then_helps_is_no_refusal(text: str) -> None:
    assert not refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "I don't have access to your calendar, so please tell me when you are free.",
        "I'm unable to proceed without the user ID. Please provide it when you're ready.",
        "I'm unable to open the attachment. Could you send it as a PDF?",
        "I can't provide a chess move without context.",
    ],
)
def test_one_that_asks_for_what_it_lacks_is_no_refusal(text: str) -> None:
    assert not refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "'I can't help you,' said the wizard. 'But the dragon can.'",
        "\"I'm sorry, I can't help you,\" she whispered.",
        "\u201eIch kann dir dabei nicht helfen\u201c, sagte der Wolf.",
    ],
)
def test_what_somebody_in_a_story_says_is_no_refusal(text: str) -> None:
    assert not refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "I can't recommend this restaurant enough!",
        "I'm not going to lie, this is a great phone.",
        "I can't see any errors in your code; it looks right.",
        "I can't verify the signature because the key is missing; run gpg --import key.asc first.",
        "I can't stand the rain is a song by Ann Peebles.",
        "I can't agree more.",
        "We can't thank you enough.",
        "Je ne peux pas vous en dire assez de bien.",
        "No puedo estar más de acuerdo contigo.",
        "Non posso che consigliarlo a tutti.",
        "Не могу не согласиться: отличная идея!",
        "我不能同意更多！这个主意很好。",
    ],
)
def test_a_figure_of_speech_is_no_refusal(text: str) -> None:
    assert not refuses(text)


SHIPPING = Document(
    "Shipping. We deliver to all addresses in the EU within 3 days, and free of charge above 50."
)


@pytest.mark.parametrize(
    ("text", "by_json", "by_instructions", "by_grounding"),
    [
        (
            "I'm sorry, but I can't help with that request.",
            JsonOutcome.REFUSED,
            InstructionsOutcome.REFUSED,
            GroundingOutcome.NOT_APPLICABLE,
        ),
        (
            "I cannot find the name in the text.",
            JsonOutcome.NOT_JSON,
            InstructionsOutcome.OK,
            GroundingOutcome.NOT_APPLICABLE,  # it claims nothing
        ),
        (
            "We can't ship to PO boxes, but you can choose one of 400 Hermes pick-up points in Austria.",
            JsonOutcome.NOT_JSON,
            InstructionsOutcome.OK,
            GroundingOutcome.UNSUPPORTED,
        ),
    ],
)
def test_the_scores_agree_on_what_a_refusal_is(
    text: str,
    by_json: JsonOutcome,
    by_instructions: InstructionsOutcome,
    by_grounding: GroundingOutcome,
) -> None:
    answered = call(
        contract=Contract(ContractKind.JSON_OBJECT), documents=(SHIPPING,), outputs=(Output(text),)
    )
    free = call(contract=Contract(ContractKind.NONE), documents=(SHIPPING,), outputs=(Output(text),))
    assert score_json(answered).outcome is by_json
    assert score_instructions(free).outcome is by_instructions
    assert score_grounding(free).outcome is by_grounding


def test_a_long_answer_is_no_refusal_whatever_it_opens_with() -> None:
    refusal = "I'm sorry, but I can't help with that."
    assert refuses(refusal.ljust(MAX_REFUSAL_LENGTH))
    assert not refuses(refusal.ljust(MAX_REFUSAL_LENGTH + 1))


@given(st.text() | st.lists(st.sampled_from([*REFUSALS, "sorry ", "i can't ", "\n", "leider "])).map("".join))
def test_any_text_refuses_or_not(text: str) -> None:
    assert refuses(text) in (True, False)
