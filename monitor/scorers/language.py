"""What an answer is written in: a text and the language that was asked for come in, another one goes out.

The script is looked at first, then, among languages that share it, words that hardly a sentence does without.
Wherever there is doubt (a short text, code, names, two languages at once, a language without a list of words)
nothing goes out: it is for the sure cases, such as English where German was asked for.
"""

# ruff: noqa: RUF001 - other alphabets have letters that look like Latin ones

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from operator import itemgetter

from monitor.scorers.words import word_set

#: Characters that are looked at: a paragraph or two tell the language, and more would only cost.
MAX_SAMPLE = 1_200
#: Characters among which the sample is looked for, before code and links are taken out of them.
MAX_READ = 4_000
#: Letters that it takes to tell a script.
MIN_LETTERS = 20
#: The share of the letters that the text's script has; below it, it is written in several.
MIN_SCRIPT = 0.75
#: For how many letters a character counts that is a syllable or a word.
SYLLABLE = 3
#: Words of the other language that it takes, and their share of all words.
MIN_WORDS, MIN_SHARE = 5, 0.15
#: How many words of the other language there have to be for each one of the language that was asked for.
MIN_RATIO = 5

#: Where each script begins in Unicode, coarsely: blocks of letters; what is in none of them is "".
_BLOCKS = (
    (0x0041, "Latin"),
    (0x0370, "Greek"),
    (0x0400, "Cyrillic"),
    (0x0530, "Armenian"),
    (0x0590, "Hebrew"),
    (0x0600, "Arabic"),
    (0x0780, ""),
    (0x0900, "Devanagari"),
    (0x0980, "Bengali"),
    (0x0A00, "Gurmukhi"),
    (0x0A80, "Gujarati"),
    (0x0B00, ""),
    (0x0B80, "Tamil"),
    (0x0C00, "Telugu"),
    (0x0C80, "Kannada"),
    (0x0D00, "Malayalam"),
    (0x0D80, "Sinhala"),
    (0x0E00, "Thai"),
    (0x0E80, "Lao"),
    (0x0F00, ""),
    (0x1000, "Myanmar"),
    (0x10A0, "Georgian"),
    (0x1100, "Hangul"),
    (0x1200, "Ethiopic"),
    (0x13A0, ""),
    (0x1780, "Khmer"),
    (0x1800, ""),
    (0x1E00, "Latin"),
    (0x1F00, "Greek"),
    (0x2000, ""),
    (0x3040, "Kana"),
    (0x3100, ""),
    (0x3130, "Hangul"),
    (0x3190, ""),
    (0x3400, "Han"),
    (0xA000, ""),
    (0xAC00, "Hangul"),
    (0xD7A4, ""),
    (0xF900, "Han"),
    (0xFB00, ""),
    (0xFB50, "Arabic"),
    (0xFE00, ""),
    (0xFE70, "Arabic"),
    (0xFF00, ""),
    (0xFF66, "Kana"),
    (0xFFA0, ""),
    (0x20000, "Han"),
    (0x32000, ""),
)
_SYLLABLES = frozenset({"Han", "Kana", "Hangul"})
_STARTS = [start for start, _ in _BLOCKS]

#: The languages of each script, by their ISO 639 codes. One that is in no list is not judged.
_WRITTEN_IN = {
    "Latin": word_set("""
        af az bs ca cs cy da de en eo es et eu fi fr ga gl hr hu id is it la lb lt lv ms mt nb nl nn no pl pt
        ro sk sl sq sr sv sw tl tr uz vi
    """),
    "Cyrillic": word_set("az be bg kk ky mk mn ru sr tg tt uk uz"),
    "Arabic": word_set("ar ckb fa ps sd ug ur"),
    "Devanagari": word_set("hi mr ne sa"),
    "Greek": word_set("el"),
    "Armenian": word_set("hy"),
    "Hebrew": word_set("he yi"),
    "Bengali": word_set("as bn"),
    "Gurmukhi": word_set("pa"),
    "Gujarati": word_set("gu"),
    "Tamil": word_set("ta"),
    "Telugu": word_set("te"),
    "Kannada": word_set("kn"),
    "Malayalam": word_set("ml"),
    "Sinhala": word_set("si"),
    "Thai": word_set("th"),
    "Lao": word_set("lo"),
    "Myanmar": word_set("my"),
    "Georgian": word_set("ka"),
    "Hangul": word_set("ko"),
    "Ethiopic": word_set("am ti"),
    "Khmer": word_set("km"),
    "Kana": word_set("ja"),
    "Han": word_set("zh yue"),
}
#: Scripts as a tag may name them (``sr-Latn``, ISO 15924).
_NAMED = {
    "latn": "Latin",
    "cyrl": "Cyrillic",
    "arab": "Arabic",
    "deva": "Devanagari",
    "hans": "Han",
    "hant": "Han",
}

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
        wir über dass wurde konnte kein keine um
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
_ALIKE = tuple(
    map(
        word_set,
        (
            "da nb nn no",
            "id ms",
            "bs hr sl sr",
            "cs sk",
            "ca es gl",
            "gl pt",
            "bg mk",
            "be ru",
            "hi ne sa mr",
            "af nl",
        ),
    )
)

_LANGUAGES = {
    word: frozenset(code for code, words in _WORDS.items() if word in words.split())
    for words in _WORDS.values()
    for word in words.split()
}
_NOT_PROSE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]{1,200}`|https?://\S+|<[^<>\n]{1,200}>|^[ \t]*[{\[\]}\"][^\n]*",
    re.DOTALL | re.MULTILINE,
)
_WORD = re.compile(r"[^\s\d!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u2027\u060c\u061b\u061f\u0964\u3001\u3002]+")


def other_language(text: str, tag: str) -> str | None:
    """What ``text`` is plainly written in, if that is not the language of ``tag``.

    Args:
        text: an answer.
        tag: the language that was asked for, as a BCP 47 tag; regions are not told apart.

    Returns:
        The ISO 639 code of another language, or the name of another script; ``None`` where it is the language
        that was asked for, or may be.
    """
    language, *subtags = tag.lower().replace("_", "-").split("-")
    language = "no" if language in ("nb", "nn") else language
    wanted = {script for script, languages in _WRITTEN_IN.items() if language in languages}
    named = next((_NAMED.get(subtag) for subtag in subtags if len(subtag) == 4), None)
    wanted = {named} if named else wanted
    sample = _NOT_PROSE.sub(" ", text[:MAX_READ])[:MAX_SAMPLE]
    script = _script(sample)
    if script is None or not wanted:
        return None
    if script not in wanted and script != "Latin":
        return script
    found = _by_words(sample, language)
    has_words = language in _WORDS or script not in wanted
    return found if has_words or found == "en" else None


def _script(sample: str) -> str | None:
    """The script of nearly all letters; Japanese counts as kana, which it mixes with Chinese characters."""
    if sample.isascii():
        return "Latin" if sum(map(str.isalpha, sample)) >= MIN_LETTERS else None
    letters = Counter(filter(str.isalpha, sample))
    scripts = Counter[str]()
    for letter, count in letters.items():
        script = _BLOCKS[max(bisect_right(_STARTS, ord(letter)) - 1, 0)][1]
        scripts[script] += count * (SYLLABLE if script in _SYLLABLES else 1)
    total = scripts.total()
    if 10 * scripts["Kana"] >= scripts["Han"]:
        scripts["Kana"] += scripts.pop("Han", 0)
    script, most = max(scripts.items(), key=itemgetter(1), default=("", 0))
    return script if script and total >= MIN_LETTERS and most >= MIN_SCRIPT * total else None


def _by_words(sample: str, language: str) -> str | None:
    """The language whose words are in the sample, if it is another one and that one's are not."""
    words = _WORD.findall(sample.lower())
    known = [_LANGUAGES[word] for word in words if word in _LANGUAGES]
    others = Counter(code for codes in known if language not in codes for code in codes)
    if not others:
        return None
    found, hits = others.most_common(1)[0]
    if any(language in alike and found in alike for alike in _ALIKE):
        return None
    asked_for = sum(language in codes and found not in codes for codes in known)
    is_plain = hits >= max(MIN_WORDS, MIN_SHARE * len(words)) and hits >= MIN_RATIO * asked_for
    return found if is_plain else None
