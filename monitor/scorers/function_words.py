"""Words that hardly a sentence does without, by language: what tells languages of one script apart."""

# ruff: noqa: RUF001 - other alphabets have letters that look like Latin ones

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from monitor.scorers.lists import word_set

#: Words of each language that are frequent and tell it from most others: its function words.
_WORDS = {
    "en": """
        the and of to in is that for with are this it as be by from or have not you which can will was
        at an but they your has their been these its would there if when what more also were about we he
        she do
    """,
    "de": """
        der die und das ist nicht ein eine mit den von zu für auf sich dem des auch es werden wird als
        sind oder wie im bei kann einen einer wenn nach durch aus noch nur sie aber haben zum zur ich
        wir über dass wurde konnte kein keine um in am was war mir so
    """,
    "fr": """
        le la les des et est une du que pour dans qui pas sur avec ce au par plus sont cette vous il ou
        ne être nous ont aux mais leur elle comme ces se sa son fait peut un de en l d qu n
    """,
    "es": """
        el la los las y que es una del por para con no se su al lo como más pero este esta son ser o sus
        ha fue están también puede entre cuando sin sobre muy un de en hay está
    """,
    "it": """
        il la che di è una per con non del della sono le si da gli dei anche come più nel alla questo
        delle essere ha ma al lo i nella suo dal può un in l dell all impossibile
    """,
    "pt": """
        o a os as que e é uma do da para com não em um dos das no na por mais se como foi são ao seu sua
        pelo pela mas ou ser também pode está você isso de há
    """,
    "nl": """
        de het een en van is dat niet op te zijn voor met die in aan er ook als maar om door wordt deze
        naar bij uit kan heeft dit worden of ze we hebben geen je meer kon
    """,
    "sv": """
        och att det som en på är av för med den till inte har om ett de kan men från vi så var eller ska
        jag man när detta vid också inga kunde
    """,
    "da": """
        og at det som en på er af for med den til ikke har om et de kan men fra vi så var eller skal jeg
        man når dette ved også blev efter ingen kunne
    """,
    "no": """
        og at det som en på er av for med den til ikke har om et de kan men fra vi så var eller skal jeg
        man når dette ved også ble etter ingen kunne
    """,
    "fi": """
        ja on ei että se ole oli joka tai kun mutta ovat myös sen hän niin kuin jos voi tämä olla mukaan
        nyt sekä ovat voida ollut
    """,
    "is": """
        og að er í á sem það við um en ekki til með hann var af fyrir eru því þetta hefur eða frá
    """,
    "et": """
        ja on ei et see ta oli mis kui ka oma või aga selle on kes siis mitte ole
    """,
    "pl": """
        i w na nie się z do że jest to o jak za po co ale przez od dla są jego który oraz może tego przy
        lub być tym można
    """,
    "cs": """
        a v se na je že s z do o to i jako pro za od ale by jsou po při nebo která který byl jeho také k
        není
    """,
    "sk": """
        a v sa na je že s z do o to aj ako pre za od ale by sú po pri alebo ktorá ktorý bol jeho nie k
    """,
    "sl": """
        in v je na se da za so ki z pa ne tudi kot po od ali s pri bi ni lahko
    """,
    "hr": """
        i u je na se da za su od s koji kao o ne iz to ili bi što koja nije može
    """,
    "hu": """
        a az és hogy nem egy is van ez de meg volt csak mint ha vagy már el kell lehet még azt amely sem
    """,
    "ro": """
        și în de la cu pe care nu este o un din mai sau pentru sunt să a fi ca se că au fost prin al ale
        dar
    """,
    "tr": """
        ve bir bu için da de ile olarak daha çok en var olan ne gibi kadar sonra ama veya her değil
        olduğu tarafından
    """,
    "id": """
        dan yang di untuk dengan ini itu dari pada adalah tidak dalam akan ke juga atau oleh sebagai
        dapat bisa anda telah tersebut
    """,
    "vi": """
        và của là có cho không được trong một các với những để này khi người đã từ như về đến bạn tôi
    """,
    "ca": """
        el la els les i que és una del per amb no en es al com més però aquest aquesta són o ha també
        pot un de l d
    """,
    "lt": """
        ir yra kad su iš į tai ne kaip bet arba nuo per apie po buvo gali
    """,
    "lv": """
        un ir no ar par ka uz nav kas bet vai pēc to tiek tika
    """,
    "ru": """
        и в не на что с по это как из для он к но так его от все она у же или был мы при может также
        если есть
    """,
    "uk": """
        і в не на що з за це як до для він та але від все вона у є або був ми при може також якщо її ви
    """,
    "be": """
        і ў не на што з па гэта як да для ён але ад яна у ці быў мы пры можа таксама калі
    """,
    "bg": """
        и в не на че с за това като от да е се са той но по или ще при може също които беше
    """,
    "sr": """
        и у је на се да за су од са који као о не из то или би што није може i u je na se da za su od s
        koji kao o ne iz to ili bi što koja nije može
    """,
    "ar": """
        في من على أن إلى هذا التي عن مع هو ما لا كان هذه هي كما أو الذي لم بين ذلك قد كل إن غير
    """,
    "fa": """
        و در به از که این را با است برای آن یک تا بر هم شده می نیز یا اگر کرد شود بود
    """,
    "ur": """
        کے میں کی ہے اور سے کا کو کہ پر اس نے یہ ہیں ایک کر بھی لیے نہیں ہو تو جو
    """,
    "hi": """
        के में की है और से का को कि पर इस ने यह हैं एक कर भी लिए नहीं हो तो जो
    """,
    "mr": """
        आणि आहे या हे ते नाही की तर व करण्यात असे होते मध्ये साठी
    """,
    "ne": """
        र छ को मा लाई गर्न भएको यो पनि हुन छन् गरिएको तथा छैन
    """,
}
#: Languages that share too many of these words to be told apart by them.
ALIKE = tuple(
    map(
        word_set,
        (
            "da no",
            "id ms",
            "bs hr sl sr",
            "cs sk",
            "ca es gl",
            "gl pt",
            "bg mk",
            "be ru",
            "hi mr ne sa",
            "af nl",
        ),
    )
)

#: The languages of which there are words.
LISTED = frozenset(_WORDS)


def _by_word() -> dict[str, tuple[str, ...]]:
    found = defaultdict[str, list[str]](list)
    for language, listed in _WORDS.items():
        for word in word_set(listed):
            found[word].append(language)
    return {word: tuple(languages) for word, languages in found.items()}


#: The languages of each of these words.
LANGUAGES = _by_word()


class Rival(NamedTuple):
    """The language, other than the expected one, that most of some function words belong to."""

    language: str
    words: int
    """How many of them are its, and not the expected language's."""
    against: int
    """How many are the expected language's, and not its."""


def rival(found: Sequence[tuple[str, ...]], expected: str) -> Rival | None:
    """Which language speaks most against the expected one; ``None`` if none does, or the two are alike.

    Args:
        found: for each function word of a text, the languages that have it, as in ``LANGUAGES``.
        expected: a language's code.
    """
    others = Counter(other for languages in found if expected not in languages for other in languages)
    if not others:
        return None
    language, words = max(others.items(), key=lambda vote: (vote[1], vote[0]))
    if any(expected in alike and language in alike for alike in ALIKE):
        return None
    return Rival(language, words, sum(expected in them and language not in them for them in found))
