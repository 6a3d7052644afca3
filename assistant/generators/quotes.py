"""Answers without a language model: the sentences of the passages that answer best, word for word, each with its mark."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from assistant.generators.condensing import condense
from assistant.languages import language_of_query
from assistant.lexical import idf, terms
from assistant.protocols import Embedder, Generated
from assistant.sentences import sentence_spans
from assistant.types import Hit, Turn, search_text

# A sentence's score: half its cosine to the question, half the question's terms that it holds by idf, and a little for its passage.
_COSINE_SHARE = 0.5
_PASSAGE_SHARE = 0.25
# A second sentence is quoted where it scores nearly as well as the first.
_SECOND_MARGIN = 0.15
_MOST_CHARACTERS = 400
_WORD = re.compile(r"\S+")
_MARK = re.compile(r"\[\d{1,3}\]")


@dataclass(frozen=True, slots=True)
class _Sentence:
    """`text` is what is quoted from passage `number`; `read` is what it is judged by, with the line above that it hangs on."""

    number: int
    text: str
    read: str


class Quotes:
    """The default generator. It writes nothing of its own, so that whatever it says stands in the documents."""

    name = "quotes"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def condense(self, question: str, history: Sequence[Turn]) -> str:
        """By rule: where the question leans on earlier turns, the terms of the last question that did not are added to it."""
        return condense(question, history)

    def generate(self, question: str, passages: Sequence[Hit], history: Sequence[Turn]) -> Iterator[Generated]:
        """One piece a quote. A history is not needed: the question is taken as one that stands alone."""
        for place, sentence in enumerate(self._best(question, passages)):
            yield Generated(f"{'' if place == 0 else chr(10)}{sentence.text} [{sentence.number}]")
        yield Generated("", "stop")

    def _best(self, question: str, passages: Sequence[Hit]) -> list[_Sentence]:
        """The best sentence and, where it is nearly as good and says something else, the second best."""
        sentences = [sentence for number, hit in enumerate(passages, start=1) for sentence in _sentences(number, hit)]
        if not sentences:
            return []
        scores = self._scores(question, sentences, passages)
        order = sorted(range(len(sentences)), key=lambda place: -scores[place])
        first = sentences[order[0]]
        for place in order[1:]:
            if scores[place] < scores[order[0]] - _SECOND_MARGIN:
                break
            if sentences[place].text.casefold() != first.text.casefold():
                return [first, sentences[place]]
        return [first]

    def _scores(self, question: str, sentences: Sequence[_Sentence], passages: Sequence[Hit]) -> list[float]:
        language = language_of_query(question, _languages(passages))
        (vector,) = self._embedder.encode_queries([question])
        cosines = self._embedder.encode_documents([sentence.read for sentence in sentences]) @ vector
        held = [frozenset(terms(sentence.read, language)) for sentence in sentences]
        weights = _weights(terms(question, language), held)
        total = sum(weights.values()) or 1.0
        overlaps = [sum(weight for term, weight in weights.items() if term in those) / total for those in held]
        greatest = max(hit.score for hit in passages)
        shares = [hit.score / greatest if greatest > 0 else 0.0 for hit in passages]
        return [
            _COSINE_SHARE * float(cosine) + (1 - _COSINE_SHARE) * overlap + _PASSAGE_SHARE * shares[sentence.number - 1]
            for sentence, cosine, overlap in zip(sentences, cosines, overlaps, strict=True)
        ]


def _weights(question_terms: Sequence[str], held: Sequence[frozenset[str]]) -> Mapping[str, float]:
    """The idf of each term of the question among the sentences that are to choose from."""
    frequencies = Counter(term for those in held for term in those)
    return {term: idf(frequencies[term], len(held)) for term in question_terms}


def _sentences(number: int, hit: Hit) -> Iterator[_Sentence]:
    """The sentences of a passage that may be quoted: not a heading, nor a question, nor a line that only leads to the next."""
    chunk = hit.chunk
    headings = {chunk.title, *chunk.heading_path}
    above = ""
    for start, end in sentence_spans(chunk.text, chunk.language):
        text = chunk.text[start:end]
        if text in headings or text.endswith(("?", ":")):
            above = text
            continue
        row = " | " in text
        yield _Sentence(number, text, search_text("", (), chunk.header if row else above, text))
        above = ""


def _languages(passages: Sequence[Hit]) -> list[str]:
    return [language for language, _ in Counter(hit.chunk.language for hit in passages).most_common()]
