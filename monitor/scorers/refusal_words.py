"""How a model refuses, in 26 languages: patterns in lower case, for ``refusal`` to look for.

A language has what an apology begins with and what refuses. Outside English, what refuses names the help
that is refused ("can't help", "can't answer", "can't write"): what a business can't do has other verbs, or
says we. English, which has most of the traffic and the labelled sets, may refuse anything once it has
apologised.
"""

# ruff: noqa: RUF001 - other alphabets have letters that look like Latin ones

from __future__ import annotations

from typing import NamedTuple


class Tongue(NamedTuple):
    """How one language refuses, as alternatives of a pattern in lower case."""

    sorry: str
    """What an apology begins with."""
    refuses: str
    """What refuses, with an apology before it or without."""
    finds: str = r"(?!)"
    """What, in the same sentence, says that it was looked for."""
    once_sorry: str = r"(?!)"
    """What refuses only once it was apologised."""


def _help(unable: str, does: str) -> str:
    """Unable, and soon after the beginning of a verb of helping."""
    return rf"(?:{unable})\b[^.!?]{{0,60}}?\b(?:{does})"


_UNABLE = (
    r"(?:(?:can'?t|cannot|can not|won't|will not)(?: and (?:will not|won't|cannot))?"
    r"|(?:'m|am|'re|are)(?: currently| still)?"
    r" (?:unable|not (?:able|allowed|permitted|going|designed|programmed)) to"
    r"|(?:won't|will not) be able to)"
)
_ADVERB = r"(?: [a-z]{3,12}ly)?"
_THIS = r"(?:this|that|these|those|such|your)\b"
_OF_US = rf"(?:(?:help|assist)(?: you)? with|comply with|fulfil|answer|discuss) {_THIS}"
# What a model is asked to do, and people seldom say of themselves.
_ACTS = (
    r"help\b|assist\b|comply\b|fulfil|answer\b|discuss\b|do (?:that|this|so)\b|respond to|provide|disclose"
    r"|reveal|write|create|generate|browse|produce|draft|compose|engage (?:in|with)|participate in"
    r"|facilitate|condone|translate|summari[sz]e|role-?play|tell you|teach you|speculate|perform|share"
    r"|carry out"
    r"|(?:give|offer)(?: you)?(?: any)? (?:that|this|such|(?:[a-z]+ )?advice|information|instructions)"
    rf"|accommodate {_THIS}|(?:process|complete|continue(?: with)?|proceed with|support|promote) {_THIS}"
)
_DECLINES = (
    rf"\bi(?: (?:must|have to|need to)(?: respectfully| politely)?| respectfully| politely)? decline\b"
    rf"(?=\W*(?:\Z|[.,;:!])|\W+(?:to (?:{_ACTS})|(?:this|that|your) (?:request|question|prompt|task)))"
    rf"|\bi(?: must)? refuse to (?:{_ACTS})"
    r"|\bi(?:(?:'m| am) not| (?:don't|do not) feel) comfortable (?:with (?:that|this|your request)\b"
    r"|(?:writ|discuss|provid|shar|answer|creat|generat|help|assist|continu|engag|produc)\w*ing\b)"
    r"|\bi(?:'d| would) (?:rather|prefer) not(?: to)? (?:discuss|talk about|answer|write|help|engage)\b"
)
_LACKS = r"\bi (?:don't|do not)(?: currently)? have (?:the (?:ability|capability|functionality)|access)\b"
_BARRED = (
    r"\b(?:this|that|your|the) (?:request|prompt|question|content|topic|message)"
    r" (?:(?:may|might|would|could|appears to|seems to) )?(?:violates?|goes? against|(?:is|be) against)"
    r" (?:our|my) (?:(?:ai|content|usage|use|safety|community|acceptable|ethical) )*"
    r"(?:polic(?:y|ies)|guidelines|terms)\b"
    r"|\b(?:it|this|that)(?:'s| is| goes| would be| would go) against my"
    r" (?:guidelines|programming|polic(?:y|ies)|rules)\b"
    r"|\b(?:that|this|it)(?:'s| is) (?:not something|nothing|beyond what|outside (?:of )?what)"
    r" (?:that )?i(?: can|'m (?:able|allowed) to| am (?:able|allowed) to)"
    r" (?:help|assist|do|discuss|provide|answer|share|write|create|engage|support|talk about)\b"
)
_EN = rf"{_DECLINES}|{_LACKS}|{_BARRED}|\bi ?{_UNABLE}{_ADVERB} (?:{_ACTS})|\bwe ?{_UNABLE}{_ADVERB} {_OF_US}"
_DE = (
    r"\b(?:ich (?:kann|könnte|darf|werde|möchte)|(?:kann|könnte|darf|werde|möchte) ich)\b[^.!?]{0,60}?"
    r"\b(?:nicht|kein\w{0,2})\b|\bich bin nicht (?:in der lage|befugt|berechtigt)"
)
_FR = (
    r"\bje ne (?:peux|puis|pourrai) (?:malheureusement )?pas\b|\bje ne puis\b|\bil m'est impossible\b"
    r"|\bje ne suis (?:malheureusement )?pas (?:en mesure|autorisée?|capable|habilitée?)\b"
)
_ES = r"\bno (?:puedo|podré|me es posible|me está permitido|soy capaz|estoy autorizad[oa])\b"
_IT = r"\bnon (?:posso|potrò|mi è possibile|sono in grado|sono autorizzat[oa])\b"
_PT = r"\bnão (?:posso|poderei|consigo|me é possível|sou capaz|estou autorizad[oa])\b"
_NL = r"\b(?:ik (?:kan|mag|zal|wil)|(?:kan|mag|zal|wil) ik)\b[^.!?]{0,50}?\b(?:niet|geen)\b"
_SCANDINAVIAN = (
    r"\b(?:(?:jag|jeg) kan|kan (?:jag|jeg))(?: tyvärr| desværre| dessverre| dock)? (?:inte|ikke)\b"
)

#: Languages in Latin letters. English first, which decides most calls.
LATIN = (
    Tongue(
        r"(?:thank(?:s| you)\b[^.!]{0,40}[.!,] )?"
        r"(?:(?:i'?m|i am|we'?re|we are) (?:(?:very|so|really|truly) )?(?:sorry|afraid)\b|sorry\b"
        r"|unfortunately\b|regrettably\b|(?:my )?apologies\b|i (?:do )?apologi[sz]e\b"
        r"|(?:as|i'm|i am)(?: just| only)? an? (?:ai|large language|language)\b)",
        rf"(?:no[,.] )?(?:{_EN})",
        r"\b(?:can'?t|cannot|can not|unable to|not able to|not going to)"
        r" (?:find|see|locate|tell(?! you)|determine|identify|conclude|infer|confirm|verify"
        r"|be (?:sure|certain)|say (?:for|with|whether))\b"
        r"|\b(?:based on|from|using|given) (?:the |this |these |your )?(?:given |provided |above )?"
        r"(?:passages?|context|documents?|text|articles?|sources?|excerpts?)\b",
        once_sorry=rf"\bi ?{_UNABLE}",
    ),
    Tongue(
        r"(?:es )?tut mir (?:sehr |wirklich )?leid|leider\b|entschuldig\w+|sorry\b|ich bedau\w+"
        r"|bedauerlicherweise\b",
        _help(
            rf"{_DE}|\b(?:dabei|damit|das|dazu|hierbei) (?:kann|darf|werde) ich\b[^.!?]{{0,20}}?\bnicht\b",
            "(?:weiter)?helfen|unterstützen|bereitstellen|beantworten|verfassen|erstellen|tun\\b"
            "|(?:rat|ratschläge|auskunft|informationen|anleitung) (?:geben|erteilen)",
        )
        + r"|\b(?:kann|darf|werde) (?:ich )?(?:leider )?(?:diese[rn]?|ihre[rn]?|deine[rn]?|dieser) "
        r"(?:anfrage|bitte|wunsch) (?:leider )?nicht\b",
        r"\b(?:finden|sehen|erkennen|feststellen|bestimmen|ermitteln|entnehmen|bestätigen)\b",
    ),
    Tongue(
        r"(?:je suis )?(?:vraiment |sincèrement )?(?:désolée?|navrée?)\b|je (?:m'excuse|regrette)\b"
        r"|(?:toutes )?mes excuses\b|malheureusement\b",
        _help(
            _FR,
            "aider|répondre|fournir|satisfaire|accéder à (?:cette|votre) demande|vous assister|créer|générer"
            "|écrire|rédiger|partager|donner|faire (?:cela|ça)|discuter",
        ),
        r"\b(?:trouver?|vois|voir|déterminer|identifier|confirmer|dire (?:avec|si))\b",
    ),
    Tongue(
        r"lo (?:siento|lamento)\b|perdón\b|disculp\w+|lamentablemente\b|desafortunadamente\b|me temo\b",
        _help(
            _ES,
            "ayud|proporcion|respond|cumplir con|asistir(?:te|le)|crear|generar|escrib|compart|hacer eso"
            r"|darte|(?:dar|ofrecer)\w* (?:consej|asesor|informac|instrucc)",
        )
        + r"|\bno podemos ayudar",
        r"\b(?:encontr|ver\b|hall|determin|identific|localiz|confirm|decir con)",
    ),
    Tongue(
        r"mi (?:dispiace|scuso|spiace)\b|(?:sono )?spiacente\b|purtroppo\b|scus\w+|chiedo scusa\b",
        _help(
            _IT,
            "aiut|fornir|rispond|soddisf|assist|creare|generare|scriver|condivider|farlo|"
            r"(?:dar|offrir)\w* (?:consigli|informaz|istruz|consulenz)",
        )
        + r"|\bnon possiamo aiut",
        r"\b(?:trov|veder|vedo|determin|identific|individu|conferm|dire con)",
    ),
    Tongue(
        r"(?:me )?desculp\w+|sinto muito\b|lamento\b|infelizmente\b|peço desculpas?\b",
        _help(
            _PT,
            "ajud|fornec|respond|atender (?:a )?(?:esse|este|essa|esta|seu|sua)|criar|gerar|escrev|compartilh"
            r"|auxili|fazer isso|(?:dar|oferecer)\w* (?:conselh|informaç|instruç)",
        )
        + r"|\bnão podemos ajudar",
        r"\b(?:encontr|ver\b|vejo|determin|identific|localiz|confirm|dizer com)",
    ),
    Tongue(
        r"het spijt me\b|sorry\b|helaas\b|(?:mijn )?excuses\b",
        _help(
            rf"{_NL}|\bik ben niet in staat\b",
            "help|verstrek|beantwoord|voldoen|assist|schrijv|meewerk|(?:advies|informatie|instructies) geven",
        ),
        r"\b(?:vind|zien\b|bepal|vaststel|opmak|bevestig)",
    ),
    Tongue(
        r"(?:bardzo )?przepraszam\b|niestety\b|przykro mi\b|wybacz\w*",
        _help(
            r"\bnie (?:mogę|jestem w stanie|wolno mi)\b",
            "pom[óo]c|udzielić (?:porad|informac|odpowied)|odpowiedzieć|spełnić|stworzyć|napisać|wygener",
        ),
        r"\b(?:znale|zobaczy|ustali|określi|stwierdzi|potwierdzi)",
    ),
    Tongue(
        r"(?:çok )?üzgünüm\b|maalesef\b|özür dilerim\b|ne yazık ki\b|kusura bakma\w*",
        r"\b(?:bu|bunu|buna|size|sana)\b[^.!?]{0,40}?\b(?:yardımcı ola|yardım ede|yanıtlaya|cevaplaya"
        r"|oluştura|yaza|yerine getire|paylaşa|sağlaya)(?:m[ae]m|m[ıi]yorum|mayacağım|meyeceğim)\b",
        r"\b(?:bulama|göreme|belirleyeme|doğrulayama)",
    ),
    Tongue(
        r"tyvärr\b|(?:jag |jeg )?beklag\w+|(?:jag är )?ledsen\b|förlåt\b|ursäkta\b|dess?verre\b|desværre\b"
        r"|un[dn]skyld\b",
        _help(
            _SCANDINAVIAN,
            "hjälpa|hjelpe|hjælpe|svara på|svare på|besvar[ae]|bistå|skriv[ae]|(?:ge|gi|give) (?:dig |deg )?"
            "(?:råd|inform|instru)",
        ),
        r"\b(?:hitta|finn?e|finna|finde|bekräfta|bekrefte|bekræfte)\b",
    ),
    Tongue(
        r"valitettavasti\b|pahoittelen\b|olen pahoillani\b|anteeksi\b",
        _help(r"\ben (?:valitettavasti )?(?:voi|pysty)\b", "auttaa|auttamaan|vastata|vastaamaan|kirjoittaa"),
        r"\b(?:löytää|löydä|vahvistaa)\b",
    ),
    Tongue(
        r"omlouvám se\b|bohužel\b|je mi líto\b|promiňte\b|promiň\b|lituji\b|ľutujem\b|prepáč\w*|žiaľ\b",
        _help(
            r"\b(?:nemohu|nemůžu|nemôžem)\b",
            "pomoc|pomôcť|odpověd|odpoved|vyhov|napsat|napísať|poskytnout inform",
        ),
        r"\b(?:najít|nájsť|potvrdit|potvrdiť|určit|určiť)\b",
    ),
    Tongue(
        r"(?:tôi )?(?:rất )?(?:xin lỗi|tiếc|rất tiếc)\b",
        r"\b(?:tôi|mình) không thể (?:giúp|hỗ trợ|trả lời|cung cấp|viết|đáp ứng|thực hiện yêu cầu)\b",
    ),
    Tongue(
        r"(?:mohon )?maaf\b|sayangnya\b|minta maaf\b",
        r"\bsaya (?:tidak|tak) (?:bisa|dapat|boleh|mampu) (?:membantu|menjawab|memenuhi permintaan|menulis"
        r"|memberikan (?:informasi|saran|instruksi|nasihat))\b",
    ),
)

#: Languages that no text in ASCII is written in.
OTHERS = (
    Tongue(
        r"извини\w*|прости\w*|к сожалению\b|мне (?:очень )?жаль\b|сожалею\b|приношу извинения\b",
        _help(
            r"\b(?:я |но )?не (?:могу|смогу|в состоянии|имею права|вправе)\b",
            "помочь|помогать|предоставить|предоставлять|ответить|отвечать|выполнить (?:эт|ваш|твой)|создать"
            "|создавать|написать|писать|сгенер|поделиться|обсуждать|дать (?:совет|консульт|точный|инструк)",
        ),
        r"\b(?:найти|нахожу|увидеть|определить|установить|подтвердить)\b",
    ),
    Tongue(
        r"(?:非常|很|十分|实在|實在)?(?:抱歉|遗憾|遺憾)|对不起|對不起|不好意思",
        r"我(?!们|們)[^\u3002]{0,6}?(?:无法|無法|不能|不可以|不便|不会|不會|拒绝|拒絕)[^\u3002]{0,12}?"
        "(?:帮|幫|提供|回答|满足|滿足|协助|協助|完成|生成|创作|創作|讨论|討論|执行|執行|分享|写|寫)"
        r"|(?:无法|無法|不能)(?:帮|幫|回答|协助|協助|满足|滿足)",
        "找到|看到|确定|確定|判断|判斷|查到|得知|确认|確認",
    ),
    Tongue(
        "(?:大変|誠に|まことに)?(?:申し訳|すみません|すいません|ごめんなさい|残念ながら|恐れ入りますが|あいにく)",
        r"[^\u3002]{0,40}?(?:お手伝い|お答え|お応え|支援|回答|協力|情報(?:を|の|は)?提供|生成|作成"
        r"|(?:その|この|ご)(?:リクエスト|要望|依頼)[^\u3002]{0,4}?対応)"
        r"[^\u3002]{0,12}?(?:でき(?:ません|かねます)|出来ません|(?:いた|致)しかねます|応じられません|行えません)",
        "見つ|見当|特定|確認でき|判断でき|読み取",
    ),
    Tongue(
        "(?:대단히 |정말 )?(?:죄송|미안|유감|안타깝|아쉽)",
        "[^.!?]{0,40}?(?:도와|도움|답변|대답|응할|응답|(?:정보|방법|내용)(?:를|을)? (?:제공|알려|공유))"
        "[^.!?]{0,12}?(?:수(?:는|가)? 없|못합니다|못 합니다|불가능)",
        "찾을 수|찾지 못|확인할 수|알 수|판단할 수",
    ),
    Tongue(
        "(?:أنا )?(?:آسف|اسف|متأسف)|عذر|أعتذر|للأسف|معذرة|المعذرة",
        r"(?:(?:لا (?:أستطيع|يمكنني)|لن أ(?:تمكن|ستطيع)|لست قادر|غير قادر)[^.!\u061f]{0,40}?"
        "(?:مساعد|تقديم|الإجابة|تلبية|إنشاء|كتابة|توفير|مشاركة)|لا (?:نستطيع|يمكننا) مساعد)",
        "العثور|إيجاد|أجد|تحديد|رؤية|التأكد",
    ),
    Tongue(
        "(?:मुझे )?(?:क्षमा|माफ़|माफ|खेद)|दुर्भाग्य|सॉरी",
        r"मैं [^\u0964]{0,50}?(?:मदद|सहायता|जवाब|उत्तर|जानकारी|अनुरोध)[^\u0964]{0,20}?"
        "(?:नहीं (?:कर|दे|बता) सक|असमर्थ|सक्षम नहीं)",
        "नहीं मिल|ढूंढ|ढूँढ|खोज नहीं|पुष्टि",
    ),
    Tongue(
        r"λυπάμαι\b|συγγνώμη\b|δυστυχώς\b|ζητώ συγγνώμη\b",
        r"\bδεν μπορώ να (?:σας |σε )?(?:βοηθήσω|απαντήσω|παράσχω|γράψω|δημιουργήσω|ικανοποιήσω|συζητήσω)\b",
    ),
    Tongue(
        "ขออภัย|ขอโทษ|เสียใจ",
        "(?:ผม|ดิฉัน|ฉัน)?ไม่สามารถ(?:ช่วย|ให้ความช่วย|ตอบ|ให้ข้อมูล|ให้คำแนะนำ|เขียน)",
    ),
    Tongue(
        r"вибач\w*|перепрош\w*|на жаль\b|мені шкода\b|прошу вибачення\b",
        _help(
            r"\b(?:я |але )?не (?:можу|зможу|маю права)\b",
            "допомог|відповіс|відповід|надати|надавати|викон|створ|напис|обговор",
        ),
        r"\b(?:знайти|визначити|підтвердити)\b",
    ),
)
