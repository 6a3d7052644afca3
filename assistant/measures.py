"""What is measured of a ranking, a refusal and an answer, each with its source. It knows no question set and runs nothing."""

from __future__ import annotations

import math
import random
import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation))


def recall_at(k: int, ranking: Sequence[str], gold: Mapping[str, float]) -> float:
    """Share of the gold passages among the first k, 0 to 1. Passages with grade 0 are not gold; raises ValueError without any."""
    relevant = _relevant(gold)
    return len(relevant & set(ranking[:k])) / len(relevant)


def ndcg_at(k: int, ranking: Sequence[str], gold: Mapping[str, float]) -> float:
    """Discounted cumulative gain of the first k over the best possible, 0 to 1. Järvelin and Kekäläinen 2002, with the grade as
    the gain and log2(rank + 1) as the discount, as trec_eval does. A passage counts where it first stands."""
    _relevant(gold)
    distinct = list(dict.fromkeys(ranking))[:k]
    ideal = _discounted(sorted(gold.values(), reverse=True)[:k])
    return _discounted([max(0.0, gold.get(passage, 0.0)) for passage in distinct]) / ideal


def mrr_at(k: int, ranking: Sequence[str], gold: Mapping[str, float]) -> float:
    """One over the rank of the first gold passage, 0 where none is among the first k. Voorhees 1999."""
    relevant = _relevant(gold)
    for rank, passage in enumerate(ranking[:k], start=1):
        if passage in relevant:
            return 1 / rank
    return 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """How well answerable questions are told from unanswerable ones. `false_refusals` is the share of the answerable that were
    refused, `false_answers` the share of the unanswerable that were answered; `balanced_accuracy` is one less their mean. A share
    of no questions at all is None, and so is the accuracy then."""

    balanced_accuracy: float | None
    false_refusals: float | None
    false_answers: float | None


def refusal(answerable: Sequence[bool], found: Sequence[bool]) -> Refusal:
    """Both in the order of the questions. Balanced accuracy as in Brodersen et al. 2010."""
    pairs = list(zip(answerable, found, strict=True))
    of_answerable = [given for wanted, given in pairs if wanted]
    of_unanswerable = [given for wanted, given in pairs if not wanted]
    false_refusals = of_answerable.count(False) / len(of_answerable) if of_answerable else None
    false_answers = of_unanswerable.count(True) / len(of_unanswerable) if of_unanswerable else None
    if false_refusals is None or false_answers is None:
        return Refusal(None, false_refusals, false_answers)
    return Refusal(1 - (false_refusals + false_answers) / 2, false_refusals, false_answers)


def token_f1(answer: str, gold_answers: Sequence[str]) -> float:
    """The harmonic mean of precision and recall over the words shared with the nearest gold answer, 0 to 1. Rajpurkar et al.
    2016; as in SQuAD 2 an empty answer matches an empty gold only. Raises ValueError without a gold answer."""
    if not gold_answers:
        raise ValueError("token_f1 needs at least one gold answer, and got none.")
    return max(_f1(_normalised(answer).split(), _normalised(gold).split()) for gold in gold_answers)


def contains(answer: str, gold_answers: Sequence[str]) -> bool:
    """Whether a gold answer stands in the answer as whole words, after SQuAD's normalisation."""
    padded = f" {_normalised(answer)} "
    return any(f" {normalised} " in padded for normalised in map(_normalised, gold_answers) if normalised)


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of second - first over the questions, the bounds that hold 95 % of the resampled means, and the share of resamples
    in which the second is no better than the first."""

    mean: float
    low: float
    high: float
    p_value: float


def paired_bootstrap(first: Sequence[float], second: Sequence[float], *, resamples: int = 2000, seed: int = 0) -> Difference:
    """Whether the second system's scores on the same questions are better by more than chance. Efron and Tibshirani 1993; for
    rankings Sakai 2006. The same seed gives the same bounds. Raises ValueError where the lengths differ or are zero."""
    differences = [b - a for a, b in zip(first, second, strict=True)]
    if not differences:
        raise ValueError("paired_bootstrap needs the scores of at least one question, and got none.")
    chance = random.Random(seed)
    count = len(differences)
    means = sorted(sum(chance.choices(differences, k=count)) / count for _ in range(resamples))
    edge = int(0.025 * resamples)
    return Difference(
        mean=sum(differences) / count,
        low=means[edge],
        high=means[-1 - edge],
        p_value=sum(mean <= 0 for mean in means) / resamples,
    )


def mean(scores: Sequence[float]) -> float | None:
    """The arithmetic mean; None of no scores, so that an unmeasured thing is never shown as zero."""
    return sum(scores) / len(scores) if scores else None


def _relevant(gold: Mapping[str, float]) -> set[str]:
    relevant = {passage for passage, grade in gold.items() if grade > 0}
    if not relevant:
        raise ValueError("A ranking can only be judged by a question with gold passages, and this one has none.")
    return relevant


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def _f1(words: Sequence[str], gold_words: Sequence[str]) -> float:
    if not words or not gold_words:
        return float(words == gold_words)
    shared = sum((Counter(words) & Counter(gold_words)).values())
    return 2 * shared / (len(words) + len(gold_words))


def _normalised(answer: str) -> str:
    """SQuAD's: lower case, without punctuation and English articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION)).split())
