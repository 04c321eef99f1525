"""What an answer is written in, told only where it is plain."""

# ruff: noqa: RUF001 - other alphabets have letters that look like Latin ones

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.scorers.instructions.language import other_language

SAID = {
    "en": (
        "The invoice was sent to the wrong address, and that is why it has not been paid yet. You can "
        "change the address in your account, or write to us with the new one."
    ),
    "de": (
        "Die Rechnung wurde an die falsche Adresse geschickt und ist daher noch nicht bezahlt. Sie "
        "können die Adresse in Ihrem Konto ändern oder uns die neue mit einer kurzen Nachricht "
        "schicken."
    ),
    "fr": (
        "La facture a été envoyée à la mauvaise adresse et n'est donc pas encore payée. Vous pouvez "
        "changer l'adresse dans votre compte ou nous écrire avec la nouvelle."
    ),
    "es": (
        "La factura se envió a la dirección equivocada y por eso no está pagada. Puede cambiar la "
        "dirección en su cuenta o escribirnos para que lo hagamos con la nueva."
    ),
    "it": (
        "La fattura è stata inviata all'indirizzo sbagliato e non è ancora pagata. Può cambiare "
        "l'indirizzo nel suo conto o scriverci con quello che è nuovo, anche per il futuro."
    ),
    "pt": (
        "A fatura foi enviada para o endereço errado e por isso ainda não está paga. Você pode mudar "
        "o endereço na sua conta ou escrever para nós com o novo."
    ),
    "nl": (
        "De factuur is naar het verkeerde adres gestuurd en is daarom nog niet betaald. U kunt het "
        "adres in uw account wijzigen of ons een bericht met het nieuwe sturen."
    ),
    "pl": (
        "Faktura została wysłana na zły adres i dlatego nie jest jeszcze zapłacona. Można to zmienić "
        "na stronie konta lub po prostu napisać do nas, co jest nie tak i jak to się stało."
    ),
    "sv": (
        "Fakturan skickades till fel adress och därför är den inte betald. Du kan ändra adressen för "
        "ditt konto eller skriva till oss med den som är ny, om det inte går."
    ),
    "tr": (
        "Fatura yanlış adrese gönderildi ve bu nedenle daha ödenmedi. Bu adresi hesap için bir mesaj "
        "ile veya sayfada olarak değiştirmek için çok zaman gerekli değil."
    ),
    "ru": (
        "Счёт был отправлен не на тот адрес, и поэтому он ещё не оплачен. Вы можете изменить адрес в "
        "своей учётной записи или написать нам, если это не так."
    ),
    "uk": (
        "Рахунок був надісланий не на ту адресу, і тому він ще не сплачений. Ви можете змінити адресу "
        "на сторінці або написати нам, якщо це не так, як має бути."
    ),
    "el": "Το τιμολόγιο στάλθηκε σε λάθος διεύθυνση και γι' αυτό δεν έχει πληρωθεί ακόμη.",
    "ar": "تم إرسال الفاتورة إلى العنوان الخطأ ولهذا لم يتم دفعها بعد.",
    "fa": (
        "این فاکتور به نشانی اشتباه فرستاده شد و برای همین هنوز پرداخت نشده است که باید با ما در میان "
        "گذاشته شود."
    ),
    "he": "החשבונית נשלחה לכתובת הלא נכונה ולכן עדיין לא שולמה.",
    "hi": "चालान गलत पते पर भेजा गया था और इसीलिए अभी तक इसका भुगतान नहीं हुआ है।",
    "th": "ใบแจ้งหนี้ถูกส่งไปยังที่อยู่ผิด จึงยังไม่ได้ชำระเงิน",
    "zh": "发票寄到了错误的地址，所以还没有付款。您可以在账户中更改地址。",
    "ja": "請求書は間違った住所に送られたため、まだ支払われていません。",
    "ko": "청구서가 잘못된 주소로 발송되어 아직 결제되지 않았습니다.",
}


@pytest.mark.parametrize("language", SAID)
def test_a_text_in_the_language_that_was_asked_for_is_in_no_other(language: str) -> None:
    assert other_language(SAID[language], language) is None
    assert other_language(SAID[language], f"{language}-XX") is None


@pytest.mark.parametrize("asked_for", SAID)
def test_english_is_known_wherever_another_language_was_asked_for(asked_for: str) -> None:
    assert other_language(SAID["en"], asked_for) == ("en" if asked_for != "en" else None)


@pytest.mark.parametrize(
    ("language", "found"),
    [
        *((language, language) for language in ("de", "fr", "es", "it", "pt", "nl", "pl", "sv", "tr")),
        ("ru", "Cyrillic"),
        ("el", "Greek"),
        ("ar", "Arabic"),
        ("he", "Hebrew"),
        ("hi", "Devanagari"),
        ("th", "Thai"),
        ("zh", "Han"),
        ("ja", "Kana"),
        ("ko", "Hangul"),
    ],
)
def test_where_english_was_asked_for_others_are_known_by_their_words_or_script(
    language: str, found: str
) -> None:
    assert other_language(SAID[language], "en") == found


@pytest.mark.parametrize(
    ("language", "asked_for", "found"),
    [
        ("uk", "ru", "uk"),
        ("ru", "uk", "ru"),
        ("fa", "ar", "fa"),
        ("ja", "zh", "Kana"),
        ("zh", "ja", "Han"),
        ("zh", "zh-Hant", None),
        ("ru", "sr-Cyrl", "ru"),
        ("ru", "sr-Latn", "Cyrillic"),
        ("es", "ca", None),  # too close to be told apart
        ("sv", "sw", None),  # no list of Swahili's words: only English is known to be wrong
        ("en", "sw", "en"),
        ("en", "tlh", None),  # a language of which nothing is known
        ("en", "", None),
        ("en", "de-Zzzz", "en"),
    ],
)
def test_languages_of_one_script_are_told_apart_where_they_can_be(
    language: str, asked_for: str, found: str | None
) -> None:
    assert other_language(SAID[language], asked_for) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OK",
        "12.50 EUR",
        "Golden Gate Bridge, San Francisco",
        "iPhone 15 Pro Max, Galaxy S24 Ultra, Pixel 9, ThinkPad X1 Carbon",
        "```python\nfor the in of and to is that it not be:\n    print('the and of to in is that')\n```",
        '{"answer": "the invoice was sent to the wrong address and that is why it is not paid"}',
        f"{SAID['en']} {SAID['de']}",
        "https://example.com/the/and/of/to/in/is/that/for/with/are/this",
    ],
)
def test_wherever_there_is_doubt_nothing_is_told(text: str) -> None:
    assert other_language(text, "de") is None
    assert other_language(text, "ja") is None or text.startswith(SAID["en"])


@given(st.text(), st.text(max_size=12) | st.sampled_from([*SAID]))
def test_any_text_and_any_tag_give_an_answer(text: str, tag: str) -> None:
    found = other_language(text, tag)
    assert found is None or found.isalpha()
