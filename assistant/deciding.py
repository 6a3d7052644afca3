"""Whether the passages that were found hold an answer at all: a first rule, that knows the question's words and cosines only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.languages import language_of_query
from assistant.lexical import terms
from assistant.types import Hit

THRESHOLD = 0.5
# Hits further down change neither the coverage nor the cosine that the rule was fitted on.
_LOOKED_AT = 6


@dataclass(frozen=True, slots=True)
class _Rule:
    """Logistic regression: the log odds of an answer are the sum of these, each times what it is named after."""

    constant: float
    cosine: float
    coverage: float
    log_passages: float


# Fitted on questions asked of their own passages against questions asked of other articles' or another set's, both of whole
# sets and of 5 and 30 passages, every group weighing the same; half the questions fit, the other half tested. The more passages
# there are to choose from, the nearer comes the nearest by chance, hence the last term. False refusals and false answers, tested:
# English (SQuAD 2, ClapNQ, SciFact) .038 and .032; French and Portuguese (PIAF, FaQuAD), with an English model's cosines, .089
# and .070.
_COVERED = _Rule(constant=-4.18, cosine=8.47, coverage=5.29, log_passages=-0.32)
_UNCOVERED = _Rule(constant=-4.37, cosine=4.54, coverage=7.70, log_passages=-0.36)


def confidence(query: str, hits: Sequence[Hit], *, searched: int, covered: Sequence[str]) -> float:
    """How likely the hits answer the query, 0 to 1; 0 without hits. It reads the best cosine and the share of the query's terms
    that one hit holds. `searched` is how many passages there were, `covered` the languages that the embedder covers.

    It tells questions that the documents do not touch. A near miss, where they speak of the matter and leave the answer out, it
    takes for an answer: of SQuAD 2's .92, of ClapNQ's .73.
    """
    if not hits:
        return 0.0
    languages = list(dict.fromkeys(hit.chunk.language for hit in hits))
    language = language_of_query(query, languages)
    wanted = set(terms(query, language))
    held = [wanted.intersection(terms(hit.chunk.search_text, language)) for hit in hits[:_LOOKED_AT]]
    coverage = max(map(len, held)) / len(wanted) if wanted else 0.0
    cosine = max(hit.scores.get("dense", 0.0) for hit in hits[:_LOOKED_AT])
    rule = _COVERED if language in covered else _UNCOVERED
    log_odds = rule.constant + rule.cosine * cosine + rule.coverage * coverage + rule.log_passages * math.log(max(1, searched))
    return 1 / (1 + math.exp(-log_odds))


def touches(question: str, hits: Sequence[Hit]) -> bool:
    """Whether any hit holds any of the question's own words; so, too, for a question that has none ("And why?").

    For a follow-up, whose query holds words of earlier questions as well: these find their passages again whatever is asked now.
    """
    languages = list(dict.fromkeys(hit.chunk.language for hit in hits))
    language = language_of_query(question, languages)
    own = set(terms(question, language))
    return not own or any(not own.isdisjoint(terms(hit.chunk.search_text, language)) for hit in hits)


def enough(sure: float) -> bool:
    """Whether a confidence is high enough to answer."""
    return sure >= THRESHOLD
