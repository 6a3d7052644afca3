"""Answers without a language model: the sentences of the passages that answer best, word for word, each with its mark."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assistant.generators.condensing import carried_over, carried_weight
from assistant.languages import detect_language, language_of_query
from assistant.lexical import idf, terms
from assistant.protocols import Embedder, Generated
from assistant.sentences import sentence_spans
from assistant.types import Hit, Turn, search_text

# Of a sentence's score, half is its cosine to the question and half the question's terms that it holds, by idf; its passage's
# place adds a little. Measured on SQuAD 2; shares from .1 to 1 for the passage and .3 to .7 for the cosine differ by a hundredth.
_COSINE_SHARE = 0.5
_PASSAGE_SHARE = 0.25
# A second sentence is quoted where it scores nearly as well as the first; one right beside the first may score a little less.
_SECOND_MARGIN = 0.15
_BESIDE = 0.1
_MOST_CHARACTERS = 400
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class _Sentence:
    """`text` is what is quoted from passage `number`; `read` is what it is judged by, with the line above that it hangs on."""

    number: int
    text: str
    read: str


class Quotes:
    """The default generator. It writes nothing of its own, so that whatever it says stands in the documents."""

    name = "quotes"
    # The wider a passage, the more sentences that only look like an answer.
    reads_sections = False

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def condense(self, question: str, history: Sequence[Turn]) -> str:
        """The question as it is: what it leans on is searched for beside it."""
        return question

    def generate(self, question: str, passages: Sequence[Hit], history: Sequence[Turn]) -> Iterator[Generated]:
        """One piece a quote, each on a line of its own. Words of the questions in the history count too, for less."""
        best = self._best(question, passages, carried_over(history))
        quotes = [f"{_window(sentence.text, question)} [{sentence.number}]" for sentence in best]
        yield from (Generated(quote if place == 0 else f"\n{quote}") for place, quote in enumerate(quotes))
        yield Generated("", "stop")

    def _best(self, question: str, passages: Sequence[Hit], carried: str) -> list[_Sentence]:
        """The best sentence and, where it is nearly as good and says something else, the second best."""
        sentences = [
            sentence
            for number, hit in enumerate(passages, start=1)
            for sentence in _sentences(number, hit)
            if not _repeats(sentence.text, question)
        ]
        if not sentences:
            return []
        scores = self._scores(question, sentences, passages, carried)
        best = max(range(len(sentences)), key=lambda place: scores[place])
        first = sentences[best]
        for place in (best - 1, best + 1):
            if 0 <= place < len(sentences) and sentences[place].number == first.number:
                scores[place] += _BESIDE
        others = [place for place, sentence in enumerate(sentences) if sentence.text.casefold() != first.text.casefold()]
        second = max(others, key=lambda place: scores[place], default=best)
        if second == best or scores[second] < scores[best] - _SECOND_MARGIN:
            return [first]
        return [first, sentences[second]]

    def _scores(self, question: str, sentences: Sequence[_Sentence], passages: Sequence[Hit], carried: str) -> list[float]:
        language = language_of_query(question, _languages(passages))
        share = carried_weight(question, language) if carried else 0.0
        vectors = self._embedder.encode_queries([question, carried] if carried else [question])
        vector = vectors[0] + share * vectors[-1]
        cosines = self._embedder.encode_documents([sentence.read for sentence in sentences]) @ (
            vector / max(1e-12, float(np.linalg.norm(vector)))
        )
        held = [frozenset(terms(sentence.read, language)) for sentence in sentences]
        earlier = {term: share * weight for term, weight in _weights(terms(carried, language), held).items()}
        weights = {**earlier, **_weights(terms(question, language), held)}
        total = sum(weights.values()) or 1.0
        overlaps = [sum(weight for term, weight in weights.items() if term in those) / total for those in held]
        greatest = max(hit.score for hit in passages)
        shares = [hit.score / greatest if greatest > 0 else 0.0 for hit in passages]
        return [
            _COSINE_SHARE * float(cosine) + (1 - _COSINE_SHARE) * overlap + _PASSAGE_SHARE * shares[sentence.number - 1]
            for sentence, cosine, overlap in zip(sentences, cosines, overlaps, strict=True)
        ]


def _repeats(sentence: str, question: str) -> bool:
    """Whether a sentence holds the question itself, as pages of questions and answers do: it is no answer to it."""
    asked = " ".join(_WORD.findall(question.casefold())).rstrip("?!. ")
    return len(asked.split()) > 2 and asked in " ".join(_WORD.findall(sentence.casefold()))


def _weights(question_terms: Sequence[str], held: Sequence[frozenset[str]]) -> Mapping[str, float]:
    """The idf of each term of the question among the sentences that are to choose from."""
    frequencies = Counter(term for those in held for term in those)
    return {term: idf(frequencies[term], len(held)) for term in question_terms}


def _sentences(number: int, hit: Hit) -> Iterator[_Sentence]:
    """The sentences of a passage that may be quoted: no heading, no question, no line that only leads to the next, no table
    header. Each is read with the one of these that stands above it."""
    chunk = hit.chunk
    headings = {chunk.title, *chunk.heading_path}
    texts = [chunk.text[start:end] for start, end in sentence_spans(chunk.text, chunk.language)]
    above, header = "", chunk.header
    for text, following in zip(texts, [*texts[1:], ""], strict=True):
        if "\t" in text:
            if not header and "\t" in following:
                header = text
            else:
                yield _Sentence(number, text, search_text("", (), header, text))
            continue
        header = chunk.header
        if text in headings or text.endswith(("?", ":")):
            above = text
        else:
            yield _Sentence(number, text, search_text("", (), above, text))
            above = ""


def _window(sentence: str, question: str) -> str:
    """The sentence; of an overlong one the piece, cut between words, that holds most of the question's terms."""
    if len(sentence) <= _MOST_CHARACTERS:
        return sentence
    language = detect_language(sentence)
    wanted = set(terms(question, language))
    words = [(found.start(), found.end()) for found in _WORD.finditer(sentence)]
    matches = [(start + end) // 2 for start, end in words if wanted.intersection(terms(sentence[start:end], language))]
    centre = max(matches, key=lambda place: sum(abs(other - place) < _MOST_CHARACTERS // 2 for other in matches), default=0)
    left = max(0, min(centre - _MOST_CHARACTERS // 2, len(sentence) - _MOST_CHARACTERS))
    inside = [(start, end) for start, end in words if left <= start and end <= left + _MOST_CHARACTERS]
    if not inside:
        return sentence[left : left + _MOST_CHARACTERS].strip()
    return sentence[inside[0][0] : inside[-1][1]]


def _languages(passages: Sequence[Hit]) -> list[str]:
    return [language for language, _ in Counter(hit.chunk.language for hit in passages).most_common()]
