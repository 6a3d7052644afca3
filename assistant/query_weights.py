"""What the words of a query weigh over documents in one or several languages. How a text becomes terms is lexical's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from assistant.lexical import idf, query_words, term_counts
from assistant.protocols import SparseVector

CountChunks = Callable[[Sequence[int]], tuple[Mapping[int, int], int]]
"""In how many chunks each of these terms occurs, and how many chunks there are."""


@dataclass(frozen=True, slots=True)
class QueryWeights:
    """What a query's terms weigh, by term id: `found` those that documents hold (times their count), `each` all, held or not.
    `attainable` bounds the BM25 score from above."""

    found: SparseVector
    each: SparseVector
    attainable: float

    def with_lesser(self, other: QueryWeights, share: float) -> QueryWeights:
        """These, and the other's terms that are not among them at a share of their weight."""
        found = {term: share * weight for term, weight in other.found.items() if term not in self.each}
        return QueryWeights({**found, **self.found}, self.each, self.attainable + share * other.attainable)


def query_weights(query: str, language: str, languages: Sequence[str], count_chunks: CountChunks) -> QueryWeights:
    """The weights of a query in `language` over documents in `languages`: each term's idf.

    A document holds its own language's terms only, so each word is analysed as each language. What another language makes of a word
    weighs no more than what the query's own does, and of its function words nothing: else "how" would be the rarest word of an English
    question as soon as one document is taken for another language, which keeps it (BM25's nDCG@10 on mtRAG's cloud part .239, not
    .168, where 1 chunk in 78 is).
    """
    words = query_words(query, language, languages)
    frequencies, chunks = count_chunks(list({term for word in words for term in (*word.own, *word.others)}))
    each: dict[int, float] = {}
    counts: dict[int, int] = {}
    for word in words:
        own = {term: idf(frequencies.get(term, 0), chunks) for term in word.own}
        most = max(own.values(), default=float("inf"))
        others = {term: min(most, idf(frequencies.get(term, 0), chunks)) for term in word.others}
        for term, weight in {**others, **own}.items():
            each[term] = max(weight, each.get(term, 0.0))
            counts[term] = counts.get(term, 0) + word.count
    found = {term: counts[term] * weight for term, weight in each.items() if frequencies.get(term, 0) > 0}
    # The terms of one language: those of several together no text could hold.
    sums = (sum(n * each.get(term, 0.0) for term, n in term_counts(query, code).items()) for code in languages)
    return QueryWeights(found, each, max(sums, default=0.0))
