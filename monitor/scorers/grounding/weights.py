"""The weights of the ``grounding`` risk: what each signal adds to the logarithm of the odds.

``FITTED`` is what ``python -m benchmarks.fit_grounding`` prints: a logistic regression on the train parts,
shifted so that a risk of one half is where ``suspect`` begins. The others can't be fitted, since the sets
have next to none of what they look for; each says why it has its weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FITTED: Final[Mapping[str, float]] = {
    "bias": -4.26,
    "words": 0.46,
    "share": 1.22,
    "worst": 1.22,
    "phrases": 0.82,
    "negations": 1.16,
    "numbers": 1.49,
    "dates": 1.49,
    "money": 1.49,
    "units": 1.49,
    "altered": 4.13,
    "names": 0.32,
}

SET_BY_HAND: Final[Mapping[str, float]] = {
    # An address can't be paraphrased: one that isn't in the context was made up, or is common knowledge. All
    # 16 answers of the train parts that have one are unsupported: it makes even a copied answer suspect.
    "links": 6.3,
    # Quotation marks say that someone said exactly this, but ironical and exemplary ones exist: of 25 answers
    # of the train parts that have one (SummEdits left aside), 22 are unsupported.
    "quotations": 1.5,
    # A reference to nothing is wrong for sure, though what it is attached to may be right: it makes even a
    # copied answer suspect. Four answers of the train parts cite a list of which they came with one document,
    # and three of them are supported: so there have to be two.
    "citations": 6.3,
    # The tool says otherwise. The wording may be another one for the same: nearly suspect in a copied answer.
    "contradictions": 3.0,
    # Per nat and token above what is usual: high where a model guesses, but also where it writes freely.
    "unlikely": 1.0,
    # All odd is 0.6 above what is usual, and adds 1.2.
    "disagreement": 2.0,
}

WEIGHTS: Final[Mapping[str, float]] = {**FITTED, **SET_BY_HAND}

#: Where words can't be compared, figures and links are all there is to go by: one figure is little, two
#: make an answer suspect.
WITHOUT_WORDS: Final[Mapping[str, float]] = {
    **SET_BY_HAND,
    "bias": -2.0,
    "numbers": 1.5,
    "dates": 1.5,
    "money": 1.5,
}
