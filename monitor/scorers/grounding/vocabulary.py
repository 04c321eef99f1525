"""How much a word tells: a word comes in, what it weighs when the context does not have it goes out.

Function words tell nothing. Plain words, with which any answer introduces, links and sums up ("additionally",
"provided", "various"), tell little: an answer has them whatever its context says. All other words, which name
things and what happens to them, tell all. In other languages than English there are lists of function words
alone.
"""

from __future__ import annotations

from typing import Final

from monitor.scorers.function_words import LANGUAGES
from monitor.scorers.grounding.words import Remembered
from monitor.scorers.lists import word_set

#: What a plain word weighs, beside a full one.
PLAIN: Final = 0.2
#: The letters that a word has at least, to weigh anything.
MIN_LETTERS: Final = 3

#: Words of English that tell nothing.
FUNCTION_WORDS: Final = word_set("""
    a about above after again against all also although always am an and any are aren as at be because
    been before being below between both but by can cannot could couldn did didn do does doesn doing don
    done down during each either else etc even ever every few for from further get got had hadn has hasn
    have haven having he hence her here hers herself him himself his how however i if in into is isn it
    its itself just like ll made make many may me might more most much must my myself neither no nor not
    now of off often on once one only onto or other otherwise our ours out over own per perhaps rather re
    really same say says she should shouldn since so some such than that the their theirs them themselves
    then there therefore these they this those though through thus to too under until up upon us use used
    using ve very via was wasn we well were weren what when where whether which while who whom whose why
    will with within without won would wouldn yes yet you your yours yourself
""")
_PLAIN_WORDS = word_set("""
    ability able absence accompanying according accordingly accurate accurately achieve achieved achieves
    achieving across actual actually add added adding addition additional additionally address addressed
    addresses addressing adds advantage advantages advice affect affected affecting affects aid aids aim
    aimed allow allowed allowing allows almost along already alternative alternatively alternatives amount
    amounts another answer answering answers anyone anything appear appeared appears applied applies apply
    applying approach approaches appropriate approximately area areas around article articles ask asked
    asking asks aspect aspects assist assists associated assumed attention availability available avoid
    avoiding avoids aware awareness based basically basis became become becomes becoming began begin
    beginning begins believe believed believes beneficial benefit benefits besides best better big brief
    briefly bring brings brought call called calls came capable care careful carefully carried carries
    carry carrying case cases categories category cause caused causes causing caution certain certainly
    change changed changes changing characteristic characteristics choose chosen clarification clear
    clearly closely collectively combination combined come comes coming common commonly completely
    component components composed comprehensive comprise comprises concerning concise conclude concludes
    conclusion conduct conducted conducting conducts connected connection consequently consider
    considerably consideration considerations considered considering considers consist consistency
    consistent consistently consisting consists contain contained containing contains context contexts
    contextual continue continued continues continuing contrast contribute contributed contributes
    contributing conversely corresponding create created creates creating critical crucial current
    currently data day days decide decrease decreased decreases decreasing deeply define defined defines
    definitely definition degree depend dependent depending depends describe described describes
    describing designed despite detail detailed details determine determined determines develop developed
    developing development develops differ difference differences different differs direct directly
    discuss discussed discusses discussing document documents due earlier early easily effect effective
    effectively effects efficient efficiently element elements employ employed employs enable enables
    enabling encourage encourages end ended ends enhance enhanced enhances enhancing enjoy enjoyed enjoys
    enough ensure ensures ensuring entire equally especially essential essentially eventually everyone
    everything evidence exact exactly example examples excerpt excerpts existence existing expected
    experience experiences explain explained explaining explains explanation explicit explicitly extremely
    facilitate facilitates factor factors fairly false famous far feature features feel finally find
    finding finds first firstly focus focused focuses focusing follow followed following follows form
    formed former forming forms found free frequently full fully function functions furthermore gain gave
    general generalised generalized generally give given gives giving glad goal goals good great greater
    greatly group groups handle handled handles handling happen happened happening happens happy heavily
    hello help helped helpful helping helps hereby high higher highly historically hope identified
    identifies identify identifying impact impacts implied implies imply implying importance important
    improve improved improves improving include included includes including inclusion increase increased
    increases increasing increasingly indicate indicated indicates indicating individual individually
    individuals infer inferred influence influences info information initially inquiry instance instances
    instead intended interaction interactions interesting involve involved involvement involves involving
    issue issues jointly keep keeping keeps kept key kind kinds know knowing known knows lack lacking
    lacks large largely larger last lastly late later latter lead leading leads least led less let level
    levels life likely likes likewise link linked list listed listing lists located location long longer
    look looking looks love loves low lower main mainly maintain maintaining maintains major makes making
    manage managed manages managing manner matter matters mean meaning means meant meanwhile meet meeting
    meets mention mentioned mentioning mentions met method methods mind minor moreover mostly multiple
    name named namely names near nearly necessarily necessary need needed needs nevertheless new next
    nonetheless normally notable notably note noted notes nothing noting number numbers numerous obtain
    obtained occasionally occur occurred occurring occurs offer offered offering offers old ongoing order
    originally others outline overall overview paragraph part partially particular particularly partly
    parts passage passages people percent perform performed performing performs period person persons
    place placed places play played playing plays please point points popular possible possibly potential
    potentially precise presence present presented presents prevent preventing prevents previous
    previously primarily primary probably problem problems procedure process processes promote promoted
    promotes promoting proper properly provide provided provides providing purpose purposes put question
    questions quickly quite range rapidly reach reached reaches reaching reader real reason reasons
    receive received receives recent recently recognize recognized recommend recommendation
    recommendations recommended recommends reduce reduced reduces reducing refer reference references
    refering referred refers regarded regarding regardless regards regular regularly related relation
    relationship relatively relevant remain remained remaining remains remember remove removed represent
    represented representing represents require required requirement requirements requires respect
    respectively result resulted resulting results right role roles roughly second secondly section see
    seem seemed seems seen sees select selected sentence sentences separately series serve served serves
    serving set sets several short show showed showing shown shows significance significant significantly
    similar similarly simply situation situations slowly small smaller someone something sometimes
    somewhat sorry sort source sources specific specifically specifics specified specifies specify start
    started starting starts state stated statement statements states stating step steps still strongly
    substantially successful successfully suggest suggested suggesting suggestion suggests suitable
    summarise summarize summarized summary support supported supporting supports supposed sure surrounding
    take taken takes taking term terms text texts thank thanks thereby therein thing things think thinks
    third thirdly thoroughly thought throughout time times tip tips today together took topic topics total
    toward towards traditional traditionally tried tries true try trying two type types typical typically
    ultimately unable unclear underlying understand understanding understood unless usage useful user uses
    usual usually utilize utilized utilizes utilizing valuable varied varies variety various vary varying
    view vital want wanted wants way ways welcome whatever whenever whereas whereby wherein wherever
    whichever whole widely work worked working works world worth worthwhile wrong year years
""")


def weight(word: str) -> float:
    """What an English word, in lower case, weighs: 0, ``PLAIN`` or 1. Numbers and scraps weigh nothing."""
    if word in _PLAIN_WORDS:
        return PLAIN
    return 1.0 if len(word) >= MIN_LETTERS and word.isalpha() and word not in FUNCTION_WORDS else 0.0


def weight_elsewhere(word: str) -> float:
    """What a word of any other language weighs: 0 or 1."""
    return 1.0 if len(word) >= MIN_LETTERS and word.isalpha() and word not in LANGUAGES else 0.0


#: The weight of each word in English, and in other languages.
WEIGHTS: Final = Remembered(weight)
ELSEWHERE: Final = Remembered(weight_elsewhere)
