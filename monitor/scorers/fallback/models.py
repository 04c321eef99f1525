"""Model names: two names come in, whether they name the same model goes out.

Providers answer with another spelling than they were asked with: a dated version for an alias, a vendor in
front, another order of the words. A name is reduced to its family (``claude``), tier (``sonnet``), version
(``4``, ``5``), size (``70b``), kind (``reasoning``) and remaining words; what dates, regions, quantisation
and packaging say is dropped. Two names agree unless they say different things: a part that one of them leaves
out is no contradiction, except for family and tier, which nobody leaves out, and a kind that was asked for.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from monitor.scorers.lists import word_set

#: Characters above which a name is none.
MAX_NAME = 256

#: What a router is called: whatever model answers was asked for.
ROUTERS = frozenset({"auto", "router", "model-router", "default"})

#: What the names of Amazon Bedrock's routers have before the router's own name.
_PROMPT_ROUTER = "prompt-router/"

#: Names of a product line whose model the provider moves, and the family that they stay within.
MOVING = {
    "deepseek-chat": "deepseek",
    "deepseek-reasoner": "deepseek",
    "mistral-tiny": "mistral",
}

#: The words that name a family of models. A name that has none is a deployment or somebody's own alias.
FAMILIES = word_set("""
    gpt oss chatgpt o davinci babbage codex whisper claude gemini gemma palm llama codellama mistral
    mixtral ministral magistral codestral devstral pixtral voxtral command commandr commanda aya grok
    deepseek qwen qwq qvq kimi glm chatglm minimax phi orca wizardlm nova titan jamba jurassic sonar pplx
    palmyra granite nemotron falcon yi baichuan ernie doubao hunyuan dbrx mpt olmo solar exaone vicuna hermes
    starcoder smollm opt reka embed embedding
""")

#: The words that tell a family's siblings apart: smaller, faster or cheaper ones, and larger ones.
TIERS = word_set("""
    mini nano micro lite light small tiny air flash fast instant turbo haiku sonnet opus pro plus max
    medium large ultra premier nemo
""")

#: Of some families, what makes another model of one: it thinks, searches, hears, or holds a longer prompt.
#: Elsewhere the same word may be a setting, or part of somebody's own name.
KINDS = {
    "gpt": word_set("audio realtime 32k"),
    "gemini": word_set("thinking"),
    "deepseek": word_set("reasoner"),
    "grok": word_set("reasoning nonreasoning"),
    "sonar": word_set("research reasoning"),
    "kimi": word_set("thinking"),
    "qwen": word_set("thinking"),
}

#: Words that stand before a family without naming one.
_VENDORS = word_set("""
    openai azure anthropic amazon aws meta google vertex mistralai cohere ai21 nvidia zai moonshot
    moonshotai minimaxai writer xai databricks open hf text
""")
_NOISE = word_set("""
    latest preview exp experimental beta stable default instruct it versatile maas free nitro floor online
    exacto extended v
""")

# Of an ARN, these name a model; the rest ends in an id of the account's own.
_ARN = re.compile(r"^arn:(?!.*:(?:foundation-model|inference-profile|(?:default-)?prompt-router)/)")
_REGION = re.compile(r"^(?:us-gov|us|eu|apac|global|jp|au|ca)\.(?=[a-z0-9]+\.)")
_VENDOR = re.compile(r"^([a-z][a-z0-9]+)\.(?=([a-z]+))")
_PACKAGE = re.compile(r"(?:-v\d+(?::\d+)+k?|(?:-v\d+)?@(?:\d+|latest|default)|\.ft-[0-9a-f]+)$")
_QUANTISED = re.compile(
    r"""(?<![a-z0-9])(?:
      (?:fp|bf|f|int|nvfp|mxfp)\d+ | w\d+a\d+ | \d+-?bit   # fp8, bf16, w4a16, 4bit
    | i?q\d(?:_[a-z0-9]+)*                                 # llama.cpp's q4_K_M, iq3_xs
    | awq | gptq | gguf | mlx
    )(?![a-z0-9])""",
    re.VERBOSE,
)
_DATE = re.compile(
    r"""(?<![\d.])(?:
      20\d\d[-.]?(?:0[1-9]|1[0-2])(?:[-.]?(?:0[1-9]|[12]\d|3[01]))?   # 2024-08-06, 20250514, 2024-08
    | (?:0[1-9]|1[0-2])-(?:20\d\d|0[1-9]|[12]\d|3[01])                # 08-2024, 05-06
    | \d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])?                   # 2411, 250715
    | (?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])                        # 0613
    | 0\d\d                                                           # 001
    )(?![\d.a-z])""",
    re.VERBOSE,
)
_TOKEN = re.compile(r"[a-z]+|\d+\.\d+b(?![a-z])|\d+(?:x\d+)?[a-z]*")
_SIZE = re.compile(r"\d+(?:\.\d+|x\d+)?[bekm]")


class Match(StrEnum):
    """How a served model relates to the one that was asked for."""

    SAME = "same"
    ALIAS = "alias"
    """A router or a product line was asked for, and this is what it stands for."""
    OTHER = "other"
    UNKNOWN = "unknown"
    """One of the names is no model's: a deployment, a model group, an alias of the application's own."""


class Name(NamedTuple):
    """What a name says of a model, without what it says of where and how that is served."""

    families: frozenset[str]
    tiers: frozenset[str]
    version: tuple[str, ...]
    sizes: frozenset[str]
    kinds: frozenset[str]
    words: frozenset[str]


def compare(requested: str, served: str) -> Match:
    """Whether ``served`` is the model that ``requested`` asks for, under whatever spelling."""
    if len(requested) > MAX_NAME or len(served) > MAX_NAME:
        return Match.UNKNOWN
    return _compare(requested, served)


@lru_cache(maxsize=4096)
def _compare(requested: str, served: str) -> Match:
    asked, got = _tidy(requested), _tidy(served)
    if asked == got:
        return Match.SAME if asked else Match.UNKNOWN
    if asked in ROUTERS or _PROMPT_ROUTER in requested:
        return Match.ALIAS
    if asked.startswith("ft:"):  # a fine-tuned model and its base share every word
        return Match.OTHER
    a, b = _parsed(asked), _parsed(got)
    if not a.families or not b.families:
        return Match.SAME if a == b and a.words else Match.UNKNOWN
    if asked in MOVING:
        return Match.ALIAS if got not in MOVING and MOVING[asked] in b.families else Match.OTHER
    bare = not a.tiers and not a.version and not a.sizes
    if a.families != b.families or (a.tiers != b.tiers and not bare):
        return Match.OTHER
    if a.kinds - b.kinds or (a.version and b.version and a.version != b.version):
        return Match.OTHER
    if any(x - y and y - x for x, y in ((a.sizes, b.sizes), (a.words, b.words))):
        return Match.OTHER
    return Match.SAME


def parse(name: str) -> Name:
    """What a name says; nothing of one that is no model's."""
    return _parsed(_tidy(name[:MAX_NAME]))


def _tidy(name: str) -> str:
    """``name`` in lower case, without path, region, vendor, packaging, date and moving suffixes.

    An ARN that names no model stays as it is.
    """
    name = name.strip().lower()
    if _ARN.match(name):
        return name
    name = name.partition("#")[0].rstrip("/").rpartition("/")[2]
    name = _VENDOR.sub(_without_vendor, _REGION.sub("", name))
    name = _QUANTISED.sub("", _PACKAGE.sub("", name))
    # gpt-4-0125-preview and gpt-4-1106-preview are GPT-4 Turbo; Azure writes gpt-35 for gpt-3.5; Command R is
    # no Command; OpenRouter's :thinking is a setting; Fireworks writes v3p1 for 3.1.
    name = re.sub(r"^gpt-4-(?:(?:0125|1106)(?:-vision)?|vision)-preview$", "gpt-4-turbo", name)
    name = re.sub(r"^gpt-35(?!\d)", "gpt-3.5", name)
    name = re.sub(r"^command-(?=[ar](?![a-z]))", "command", name).removesuffix(":thinking")
    name = name.replace("non-reasoning", "nonreasoning")
    name = re.sub(r"(?<=\d)p(?=\d)", ".", name)
    name = re.sub(r"-+(?=:|$)", "", _DATE.sub("", name))
    return re.sub(r"(?:[-:](?:latest|preview|free))+$", "", name.strip("-_:@ "))


def _without_vendor(found: re.Match[str]) -> str:
    """Bedrock's vendor in front; ``deepseek.`` of ``deepseek.r1`` is the family."""
    vendor, following = found.groups()
    return f"{vendor}-" if vendor in FAMILIES and following not in FAMILIES else ""


def _parsed(name: str) -> Name:
    tokens = _TOKEN.findall(name)
    while len(tokens) > 1 and tokens[0] in _VENDORS:
        del tokens[0]
    families = FAMILIES.intersection(tokens) if tokens and tokens[0] in FAMILIES else frozenset[str]()
    kinds = frozenset(kind for family in families for kind in KINDS.get(family, ()) if kind in tokens)
    tokens = [token for token in tokens if token not in kinds]
    words = frozenset(token for token in tokens if token.isalpha()) - _NOISE
    numbers = [token for token in tokens if not token.isalpha()]
    version = [token for token in numbers if not _SIZE.fullmatch(token)]
    while version and version[-1] == "0":
        del version[-1]
    return Name(
        families=families,
        tiers=words & TIERS,
        version=tuple(version),
        sizes=frozenset(token for token in numbers if _SIZE.fullmatch(token)),
        kinds=kinds,
        words=words - FAMILIES - TIERS,
    )
