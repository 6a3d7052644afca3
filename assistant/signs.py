"""The signs that tell whether the passages that were found hold an answer."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from assistant.cosine_scale import CosineScale
from assistant.denials import asks_of_denial, denies
from assistant.languages import language_of_query, stop_words
from assistant.lexical import terms
from assistant.numerals import figures, numbers, roman_numbers
from assistant.opposites import says_the_opposite
from assistant.sentences import sentence_spans
from assistant.types import Chunk, Hit, Retrieval

_WORD = re.compile(r"[^\W\d_](?:[\w’'-]*\w)?")
_SENTENCE_START = re.compile(r"(?:^|[.?!:¿¡]\s*|[\"'“«(])\W*$")
_CAPITAL_NOUNS = ("de",)
# Hits further down change no sign that the rules were fitted on.
_LOOKED_AT = 6
# With more, the nearest comes no nearer by chance: from 360 to 26,000, questions from elsewhere score the same.
_MANY_PASSAGES = 400


@dataclass(frozen=True, slots=True)
class Signs:
    """What can be seen of a question and its hits, each 0 to 1 but for `dense` and `log_passages`.

    `dense` and `maxsim` are the best of the hits (`maxsim` 0 where nothing reranked by it): a cosine on the embedder's own scale,
    where 0 is usual for what is unrelated and 1 for what answers. `coverage` is the share of the question's terms that one hit holds,
    `sentence` the share that one sentence holds with its title and headings; `log_passages` is the natural logarithm of how many
    passages there were, at most 400. `contrary` is 1 where the sentence nearest to the question lacks its negation or its numbers, or
    says the opposite of one of its words; `other_name` where a name that it asks about is not in that sentence's passage.
    """

    dense: float
    maxsim: float
    coverage: float
    sentence: float
    log_passages: float
    contrary: float
    other_name: float


def read_signs(found: Retrieval, hits: Sequence[Hit], scale: CosineScale) -> Signs:
    """The signs of a search and some of its hits, of which there is at least one. A follow-up is judged by its own words; one that
    has none ("And why?") by those that it leans on."""
    language = language_of_query(found.query, languages_of(hits))
    asked = found.carried if found.carried and not terms(found.query, language) else found.query
    wanted = frozenset(terms(asked, language))
    looked_at = hits[:_LOOKED_AT]
    held = [frozenset(terms(_own_text(hit.chunk), language)) for hit in looked_at]
    places = itertools.chain.from_iterable(_places(hit.chunk, wanted, language) for hit in looked_at) if wanted else ()
    nearest = max(places, key=lambda place: place.share + place.share_around / 2, default=None)
    contrary = other_name = False
    if nearest is not None and _is_question(asked, language):
        contrary = _contrary(asked, nearest, language)
        other_name = not _names(asked, language) <= frozenset(terms(_own_text(nearest.chunk), language))

    def best(leg: str) -> float | None:
        return max((hit.scores[leg] for hit in looked_at if leg in hit.scores), default=None)

    cosine = best("dense")
    return Signs(
        dense=0.0 if cosine is None else scale.place(cosine),
        maxsim=best("maxsim") or 0.0,
        coverage=max(len(wanted & those) for those in held) / len(wanted) if wanted else 0.0,
        sentence=nearest.share if nearest is not None else 0.0,
        log_passages=math.log(min(max(1, found.searched), _MANY_PASSAGES)),
        contrary=float(contrary),
        other_name=float(other_name),
    )


def languages_of(hits: Sequence[Hit]) -> list[str]:
    """The languages of these hits' passages, in the order of the hits."""
    return list(dict.fromkeys(hit.chunk.language for hit in hits))


def _own_text(chunk: Chunk) -> str:
    """What is searched of a chunk, without the line that a language model has written: that is no part of the document."""
    return replace(chunk, context_line=None).search_text


@dataclass(frozen=True, slots=True)
class _Place:
    """A sentence, with the ones beside it `around`, and the shares of the question's terms that they hold with what stands above."""

    chunk: Chunk
    sentence: str
    around: str
    share: float
    share_around: float


def _places(chunk: Chunk, wanted: frozenset[str], language: str) -> Iterator[_Place]:
    above = frozenset(terms("\n".join([chunk.title, *chunk.heading_path, chunk.header]), language))
    spans = sentence_spans(chunk.text, chunk.language)
    held = [above.union(terms(chunk.text[start:end], language)) & wanted for start, end in spans]
    for index, (start, end) in enumerate(spans):
        beside = slice(max(0, index - 1), index + 2)
        around = chunk.text[spans[beside][0][0] : spans[beside][-1][1]]
        share = len(held[index]) / len(wanted)
        yield _Place(chunk, chunk.text[start:end], around, share, len(frozenset().union(*held[beside])) / len(wanted))


def _contrary(asked: str, place: _Place, language: str) -> bool:
    """Whether the sentence lacks the question's negation, or says the opposite of one of its words; or a number that is asked about
    is neither in it, nor beside it, nor above."""
    if asks_of_denial(asked, language) and not denies(place.sentence, language):
        return True
    chunk = place.chunk
    there = "\n".join([chunk.title, *chunk.heading_path, chunk.header, place.around])
    stated = frozenset[str]().union(*numbers(there, chunk.language), *roman_numbers(there))
    if any(readings.isdisjoint(stated) for readings in figures(asked)):
        return True
    return says_the_opposite(asked, place.sentence, place.around, language)


def _is_question(asked: str, language: str) -> bool:
    """Whether it is asked, as by "?" or a function word at its start. A statement is put to be checked: what denies it answers it."""
    first = _WORD.search(asked)
    begins = first is not None and first.group().lower() in stop_words(language)
    return "?" in asked or (begins and not asked.rstrip().endswith("."))


def _names(asked: str, language: str) -> frozenset[str]:
    """Terms of the capitalised words within a question's sentences. None where most words are capitalised, or all nouns."""
    words = list(_WORD.finditer(asked))
    capitalised = [word for word in words if word.group()[0].isupper()]
    if language in _CAPITAL_NOUNS or (len(words) > 3 and 2 * len(capitalised) > len(words)):
        return frozenset()
    inside = [word.group() for word in capitalised if not _SENTENCE_START.search(asked[: word.start()])]
    return frozenset(term for word in inside for term in terms(word, language))
