"""Prose that plainly refuses: the text of an answer comes in, yes or no goes out.

Only short answers that open with the refusal, in fifteen languages, and what is refused is what was asked
for: "we can't ship to islands" is a policy that somebody asked about. One that says no and then goes on to
help is an answer. So is one that looked and found nothing ("I can't find that in the passage"), which is
often the right thing to say. What a provider marks as a refusal needs no guess and does not come here.
"""

# ruff: noqa: RUF001 - other alphabets have letters that look like Latin ones

from __future__ import annotations

import re
from typing import NamedTuple

#: An answer longer than this many characters is not taken for a refusal.
MAX_REFUSAL_LENGTH = 600

#: Characters of an answer in which its refusal has to be said: an apology and a sentence.
MAX_OPENING = 240

# Help follows all the same: after a "but", a fact with a figure, or what begins as help does.
_HELPS = re.compile(
    r"\b(?:however|but|instead|that said|still|nevertheless)\b,? (?:(?:i can|i'll|let me) tell you"
    r"|here(?:'s| is| are)\b|as of\b|based on\b|according to\b|in general\b|generally\b|typically\b|usually\b"
    r"|it(?:'s| is| was)\b|there (?:is|are|was|were)\b"
    r"|(?:the|most|many|some) [^.!?]{1,60}?\b(?:is|are|was|were|has|have)\b)"
    r"|\b(?:however|but|aber|jedoch|allerdings|mais|cependant|toutefois|pero|sin embargo|ma|però|tuttavia"
    r"|mas|porém|no entanto|maar|echter|ale|jednak|но|однако|ama|ancak|fakat)\b[^.!?]{0,100}?\d"
    r"|(?:但|不过|不過|然而|しかし|ただし|하지만|그러나|다만|لكن|लेकिन|परंतु)[^\u3002!?]{0,80}?\d"
    r"|\b(?:aber hier|mais voici|pero aquí|ma ecco|mas aqui|maar hier|ale oto|но вот)\b"
)

# Figures of speech, what nobody promises, and appointments: they refuse nothing that a model was asked for.
_IDIOMS = re.compile(
    r"\b(?:i|we) (?:can'?t|cannot|can not) (?:wait|believe|stress|emphasi[sz]e|imagine|thank|help but"
    r"|say enough|agree more|disagree|argue|complain|stand|resist)\b"
    r"|\b(?:can'?t|cannot|can not)\b[^.!?]{0,60}? enough\b|\bnot going to lie\b|\bwon't lie\b"
    r"|\b(?:unable|able|can'?t|cannot|can not)(?: to)? (?:attend|come|join|make it|be there|meet you|sleep"
    r"|log ?in|sign in|accept (?:your|the)|guarantee|promise|ship|deliver|refund)\b"
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


class _Tongue(NamedTuple):
    """How one language refuses, as alternatives of a pattern in lower case."""

    sorry: str
    """What an apology begins with."""
    unable: str
    """What refuses once it was apologised."""
    outright: str
    """What refuses without an apology: it names what won't be done."""
    finds: str
    """What, in the same sentence, says that it was looked for."""


def _refusing(unable: str, does: str) -> str:
    """Unable, and soon after the beginning of a verb of doing."""
    return rf"(?:{unable})\b.{{0,60}}?\b(?:{does})"


_UNABLE = (
    r"(?:can'?t|cannot|can not|won't|will not|(?:'m|am|'re|are)(?: currently| still)? (?:unable"
    r"|not (?:able|allowed|permitted|going|designed|programmed)) to|(?:won't|will not) be able to)"
)
_DECLINE = (
    r"\bi(?: (?:must|have to|need to)(?: respectfully| politely)? decline"
    r"| (?:respectfully |politely )?(?:decline|refuse) to|(?:'m| am) not comfortable"
    r"| (?:don't|do not) have (?:the (?:ability|capability|functionality)|access))\b"
)
# What a request is met with: of anybody, and of a model alone.
_MEETS = (
    "help|assist|answer (?:that|this|your|the|such)|comply|discuss|fulfil|accommodate|do (?:that|this|so)"
    "|(?:provide|share|give|offer|disclose|reveal) (?:that|this|those|these|such|you)"
)
_ACTS = (
    "answer|respond|provide|share|give|offer|disclose|reveal|write|create|generate|produce|draft|compose"
    "|complete|process|perform|engage|participate|continue|proceed|support|promote|encourage|facilitate|condone"
    "|carry out|translate|summari[sz]e|pretend|role-?play|tell you|teach|advise|speculate"
)
_ADVERB = r"(?: [a-z]{3,12}ly)?"
_EN = (
    rf"{_DECLINE}|\bi ?{_UNABLE}{_ADVERB} (?:{_MEETS}|{_ACTS})|\bwe ?{_UNABLE}{_ADVERB} (?:{_MEETS})"
    r"|\b(?:this|that|your) (?:request|prompt) (?:violates|goes against|is against)\b"
)
_DE = (
    r"\b(?:ich (?:kann|könnte|darf|werde|möchte)|(?:kann|könnte|darf|werde|möchte) ich)\b.{0,60}?"
    r"\b(?:nicht|kein\w{0,2})\b|\bich bin nicht (?:in der lage|befugt|berechtigt)"
    r"|\bich (?:muss\b.{0,30}?\bablehnen|lehne\b.{0,30}?\bab\b)"
)
_FR = (
    r"\bje ne (?:peux|puis|pourrai) (?:malheureusement )?pas\b|\bje ne puis\b|\bil m'est impossible\b"
    r"|\bje ne suis (?:malheureusement )?pas (?:en mesure|autorisée?|capable|habilitée?)\b"
)
_ES = (
    r"\bno (?:puedo|podemos|podré|me es posible|me está permitido)\b|\bno (?:soy capaz|estoy autorizad[oa])\b"
)
_IT = r"\bnon (?:posso|possiamo|potrò|mi è possibile|sono in grado|sono autorizzat[oa])\b"
_PT = r"\bnão (?:posso|podemos|poderei|consigo|me é possível|sou capaz|estou autorizad[oa])\b"
_NL = (
    r"\b(?:ik (?:kan|mag|zal|wil)|(?:kan|mag|zal|wil) ik)\b.{0,50}?\b(?:niet|geen)\b|\bik ben niet in staat\b"
)
_PL = r"\bnie (?:mogę|możemy|jestem w stanie|wolno mi)\b"
_RU = r"\bне (?:могу|можем|смогу|сможем|в состоянии|имею права|вправе)\b"
_TR = (
    r"\b(?:yardımcı olama|yardım edeme|sağlayama|yapama|yanıtlayama|cevaplayama|vereme|oluşturama|yazama"
    r"|yerine getireme|paylaşama)\w*"
)
_ZH = r"(?:无法|無法|不能|不可以|不便|不会|不會|拒绝|拒絕)"
_JA = r"(?:でき(?:ません|かねます)|出来ません|(?:いた|致)しかねます|応じられません|行えません|お断り)"
_KO = r"(?:수(?:는|가)? 없|못합니다|못 합니다|불가능|거절)"
_AR = r"(?:لا (?:أستطيع|يمكنني|نستطيع|يمكننا)|لن (?:أتمكن|أستطيع)|لست قادر|غير قادر)"
_HI = r"(?:नहीं (?:कर|दे|बता|लिख|बना) सक|असमर्थ|सक्षम नहीं|(?:मदद|सहायता) नहीं|अनुमति नहीं)"

#: English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Russian, Turkish, Chinese, Japanese,
#: Korean, Arabic, Hindi.
_TONGUES = (
    _Tongue(
        r"(?:thank(?:s| you)\b[^.!]{0,40}[.!,] )?"
        r"(?:(?:i'?m|i am|we'?re|we are) (?:(?:very|so|really|truly) )?(?:sorry|afraid)\b|sorry\b"
        r"|unfortunately\b|regrettably\b|(?:my )?apologies\b|i (?:do )?apologi[sz]e\b"
        r"|as an? (?:ai|large language|language)\b)",
        rf"{_EN}|\bi ?{_UNABLE}|\b(?:not something|nothing) (?:that )?i can\b|\b(?:goes|go) against my\b",
        _EN,
        r"\b(?:can'?t|cannot|can not|unable to|not able to|not going to)"
        r" (?:find|see|locate|tell(?! you)|determine|identify|conclude|infer|confirm|verify"
        r"|be (?:sure|certain)|say (?:for|with|whether))\b",
    ),
    _Tongue(
        r"(?:es )?tut mir (?:sehr |wirklich )?leid|leider\b|entschuldig\w+|sorry\b|ich bedau\w+"
        r"|bedauerlicherweise\b",
        _DE,
        _refusing(
            rf"{_DE}|\b(?:dabei|damit|das|dazu|hierbei) (?:kann|darf|werde) ich\b.{{0,20}}?\bnicht\b",
            "(?:weiter)?helfen|unterstützen|erfüllen|nachkommen|bereitstellen|beantworten|erstellen|schreiben"
            "|geben|anbieten|durchführen|ausführen|bearbeiten|teilen|machen|tun",
        ),
        r"\b(?:finden|sehen|erkennen|feststellen|bestimmen|ermitteln|entnehmen|bestätigen)\b",
    ),
    _Tongue(
        r"(?:je suis )?(?:vraiment |sincèrement )?(?:désolée?|navrée?)\b|je (?:m'excuse|regrette)\b"
        r"|(?:toutes )?mes excuses\b|malheureusement\b",
        _FR,
        _refusing(
            _FR,
            "aider|répondre|fournir|satisfaire|accéder|assister|créer|générer|écrire|partager|donner|faire"
            "|traiter|discuter|vous aider",
        ),
        r"\b(?:trouver?|vois|voir|déterminer|identifier|confirmer|dire (?:avec|si))\b",
    ),
    _Tongue(
        r"lo (?:siento|lamento)\b|perdón\b|disculp\w+|lamentablemente\b|desafortunadamente\b|me temo\b",
        _ES,
        _refusing(
            _ES, "ayud|proporcion|respond|cumpl|asist|crear|gener|escrib|compart|dar|ofrec|hacer|realiz"
        ),
        r"\b(?:encontr|ver\b|hall|determin|identific|localiz|confirm|decir con)",
    ),
    _Tongue(
        r"mi (?:dispiace|scuso|spiace)\b|(?:sono )?spiacente\b|purtroppo\b|scus\w+|chiedo scusa\b",
        _IT,
        _refusing(_IT, "aiut|fornir|rispond|soddisf|assist|crear|gener|scriv|condivid|dar|offrir|far|esegui"),
        r"\b(?:trov|veder|vedo|determin|identific|individu|conferm|dire con)",
    ),
    _Tongue(
        r"(?:me )?desculp\w+|sinto muito\b|lamento\b|infelizmente\b|peço desculpas?\b",
        _PT,
        _refusing(
            _PT,
            "ajud|fornec|respond|atend|cumpr|criar|ger[ae]|escrev|compartilh|dar|oferec|fazer|realiz|auxili",
        ),
        r"\b(?:encontr|ver\b|vejo|determin|identific|localiz|confirm|dizer com)",
    ),
    _Tongue(
        r"het spijt me\b|sorry\b|helaas\b|(?:mijn )?excuses\b",
        _NL,
        _refusing(_NL, "help|verstrek|beantwoord|voldo|assist|mak|geven|schrijv|delen|bied|uitvoer|meewerk"),
        r"\b(?:vind|zien\b|bepal|vaststel|opmak|bevestig)",
    ),
    _Tongue(
        r"(?:bardzo )?przepraszam\b|niestety\b|przykro mi\b|wybacz\w*",
        _PL,
        _refusing(_PL, "pom[óo]c|udziel|odpowiedz|spełni|stworzy|napisa|wygener|poda|udostępn|wykona"),
        r"\b(?:znale|zobaczy|ustali|określi|stwierdzi|potwierdzi)",
    ),
    _Tongue(
        r"извини\w*|прости\w*|к сожалению\b|мне (?:очень )?жаль\b|сожалею\b|приношу извинения\b",
        _RU,
        _refusing(
            rf"(?:я|мы)\b.{{0,20}}?{_RU}", "помо|предостав|ответ|выполн|созда|написа|сгенер|подел|дать|обсужд"
        ),
        r"\b(?:найти|нахожу|увидеть|определить|установить|подтвердить)\b",
    ),
    _Tongue(
        r"(?:çok )?üzgünüm\b|maalesef\b|özür dilerim\b|ne yazık ki\b|kusura bakma\w*",
        _TR,
        rf"(?:bu|bunu|buna|size|sana)\b.{{0,40}}?{_TR}",
        r"\b(?:bulama|göreme|belirleyeme|doğrulayama)",
    ),
    _Tongue(
        r"(?:非常|很|十分|实在|實在)?(?:抱歉|遗憾|遺憾)|对不起|對不起|不好意思",
        _ZH,
        rf"(?:我|我们|我們)[^\u3002]{{0,6}}?{_ZH}[^\u3002]{{0,12}}?"
        "(?:帮|幫|提供|回答|满足|滿足|协助|協助|完成|生成|创作|創作|讨论|討論|执行|執行|处理|處理|分享|写|寫)",
        "找到|看到|确定|確定|判断|判斷|查到|得知|确认|確認",
    ),
    _Tongue(
        "(?:大変|誠に|まことに)?(?:申し訳|すみません|すいません|ごめんなさい|残念ながら|恐れ入りますが|あいにく)",
        _JA,
        rf".{{0,40}}?(?:お手伝い|お答え|お応え|提供|支援|回答|協力)[^\u3002]{{0,12}}?{_JA}",
        "見つ|見当|特定|確認でき|判断でき|読み取",
    ),
    _Tongue(
        "(?:대단히 |정말 )?(?:죄송|미안|유감|안타깝|아쉽)",
        _KO,
        rf".{{0,40}}?(?:도와|도움|제공|답변|대답|지원|응할|공유).{{0,12}}?{_KO}",
        "찾을 수|찾지 못|확인할 수|알 수|판단할 수",
    ),
    _Tongue(
        "(?:أنا )?(?:آسف|اسف|متأسف)|عذر|أعتذر|للأسف|معذرة|المعذرة",
        _AR,
        rf"{_AR}.{{0,40}}?(?:مساعد|تقديم|الإجابة|تلبية|إنشاء|كتابة|توفير|مشاركة)",
        "العثور|إيجاد|أجد|تحديد|رؤية|التأكد",
    ),
    _Tongue(
        "(?:मुझे )?(?:क्षमा|माफ़|माफ|खेद)|दुर्भाग्य|सॉरी",
        _HI,
        rf"(?:मैं|हम) .{{0,60}}?{_HI}",
        "नहीं मिल|ढूंढ|ढूँढ|खोज नहीं|पुष्टि",
    ),
)


def _compiled(tongue: _Tongue) -> tuple[re.Pattern[str], re.Pattern[str]]:
    opening = rf"\W*+(?:(?:{tongue.sorry}).{{0,80}}?(?:{tongue.unable})|{tongue.outright})"
    return re.compile(opening, re.DOTALL), re.compile(tongue.finds)


_PATTERNS = tuple(map(_compiled, _TONGUES))


def refuses(text: str) -> bool:
    """Whether ``text`` is short and opens by saying that it can't or won't do what was asked."""
    if len(text) > MAX_REFUSAL_LENGTH:
        return False
    said = text.lower().replace("\u2019", "'")
    opening = said[:MAX_OPENING]
    for refusing, finds in _PATTERNS:
        if found := refusing.match(opening):
            end = _SENTENCE_END.search(opening, found.end())
            sentence = opening[: end.start()] if end else opening
            is_answer = _IDIOMS.search(sentence) or finds.search(sentence) or _HELPS.search(said, found.end())
            return not is_answer
    return False
