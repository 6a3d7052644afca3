"""Turns the marks of a written answer into quotes, each held against the passage that it names. A mark that its passage does not
bear out is taken out; the sentence is reported. What the passages say is believed; what the model says of them is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from assistant.lexical import terms
from assistant.marks import Marked, read_marks, write_marks
from assistant.protocols import Embedder
from assistant.sentences import sentence_spans
from assistant.support import Claim, Ground, Support, best_support, joint_score, read_claim, read_ground
from assistant.types import Citation, Hit

PageOf = Callable[[str, int], int]
"""(document id, offset in its canonical text) -> page, from one."""

# On 700 questions of SQuAD 2, a claim made of question and answer passes this against its own passage in .957, and fails
# against a neighbour from the same article in .965 (French, PIAF: .837 and .967; Portuguese, FaQuAD: .983 and .893).
LEAST_SUPPORT = 0.5
NOT_IN_PASSAGES = 0
"""The number of the mark that ends a sentence which says that the passages do not answer."""

_FRAGMENT_TERMS = 3
# A claim that shares this much with its quote, and contradicts it in nothing, may be borne out by meaning: where the embedder finds
# the two this near. Cosines of other embedders lie elsewhere, so that they have no say. Of references to ClapNQ and MTRAG's cloud
# questions that words alone lost, it brings back 11 of 22; of false claims in the same range 0 of 7.
_LEAST_SHARED = 0.3
_LEAST_COSINE = {"minilm": 0.7}
# What a passage must add to a claim that several passages bear out together.
_LEAST_SHARE = 0.15
_ENDED = re.compile(r"[.!?…。！？][\"'”’»)\]*_]*\s*\Z")
_HEADING = re.compile(r"\s*#{1,6}\s|\s*\*\*[^*\n]+\*\*\s*:?\s*\Z")


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer after the check.

    `text` has the marks that are borne out, numbered from one in order of appearance; `citations` are their quotes, in that
    order. `unsupported` are the sentences, without marks, that no quote bears out. `found` is False when the answer says that the
    passages do not answer, and nothing in it is borne out. `stated` counts the sentences that were held against the passages.
    """

    text: str
    citations: tuple[Citation, ...]
    unsupported: tuple[str, ...]
    found: bool
    stated: int = 0


def cite(
    text: str,
    passages: Sequence[Hit],
    versions: Mapping[str, str],
    *,
    language: str,
    page_of: PageOf,
    cut_off: bool = False,
    embedder: Embedder | None = None,
) -> Cited:
    """Check each mark [n] of an answer against the n-th passage, n from one.

    `versions` has the version quoted by document id; `language` is that of the answer. The `embedder` is asked about claims in other
    words than their passage, in the languages that it covers. A quote is one or two sentences of the
    chunk, verbatim, its offsets those of the document; the same quote has one number wherever it is cited. Raises KeyError
    when a cited document has no version. What an answer that was `cut_off` has only begun to say is no statement yet.
    """
    marked, check = read_marks(text), _Check(passages, language, embedder)
    sentences = _stating(marked, language)
    begun = sentences[-1:] if cut_off and not _ENDED.search(marked.text) else []
    kept = {
        part.position: check.supported(part, sentence.text)
        for sentence in sentences
        for part in sentence.parts
        if part.position is not None
    }
    unsupported = [
        sentence.text
        for sentence in sentences
        if sentence not in begun
        and not all(kept.get(part.position) if part.position is not None else check.quoted(part, kept) for part in sentence.parts)
    ]
    citations, numbers = _numbered(kept, passages, versions, page_of)
    says_not_found = any(NOT_IN_PASSAGES in group.numbers for group in marked.groups)
    found = bool(citations) or not says_not_found
    return Cited(write_marks(marked, numbers), citations, tuple(unsupported), found, len(sentences) - len(begun))


def statements(text: str, language: str) -> list[str]:
    """The sentences of an answer that state something to be checked, without marks: what `unsupported` is a part of."""
    return [sentence.text for sentence in _stating(read_marks(text), language)]


@dataclass(frozen=True, slots=True)
class _Part:
    """Words of a sentence up to their marks. `position` is the group's place in the list; None for words without marks."""

    text: str
    numbers: tuple[int, ...]
    position: int | None


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    parts: Sequence[_Part]


class _Check:
    """Holds the passages as far as they were read."""

    def __init__(self, passages: Sequence[Hit], language: str, embedder: Embedder | None) -> None:
        self._passages, self._language, self._embedder = passages, language, embedder
        self._grounds: dict[int, Ground] = {}

    def supported(self, part: _Part, sentence: str) -> list[tuple[int, Support]]:
        """The marks that are borne out, each with its quote: one by one, or else together."""
        within = sentence if len(terms(part.text, self._language)) < _FRAGMENT_TERMS else ""
        valid = [number for number in part.numbers if 1 <= number <= len(self._passages)]
        found = [(number, support) for number in valid if (support := self._best(part.text, within, number))]
        alone = [(number, support) for number, support in found if support.score >= LEAST_SUPPORT]
        return alone or (self._together(part.text, within, found) if len(found) > 1 else [])

    def quoted(self, part: _Part, kept: Mapping[int, Sequence[tuple[int, Support]]]) -> bool:
        """Whether words without a mark say what a quote of the same answer says."""
        for number, quote in {pair[0]: pair for pairs in kept.values() for pair in pairs}.values():
            found = self._best(part.text, "", number)
            if found and found.score >= LEAST_SUPPORT and quote.start <= found.start and found.end <= quote.end:
                return True
        return False

    def _best(self, text: str, within: str, number: int) -> Support | None:
        ground = self._ground(number)
        found = best_support(self._claim(text, within, ground), ground)
        if found and not within and found.score == found.overlap and _LEAST_SHARED <= found.score < LEAST_SUPPORT:
            quote = ground.chunk.text[found.start : found.end]
            return replace(found, score=LEAST_SUPPORT) if self._means(text, quote, ground) else found
        return found

    def _means(self, claim: str, quote: str, ground: Ground) -> bool:
        """Whether the embedder finds the two near each other, in a language that it knows well."""
        embedder = self._embedder
        if embedder is None or embedder.name not in _LEAST_COSINE or ground.foreign or self._language not in embedder.languages:
            return False
        one, other = embedder.encode_documents([claim, quote])
        return bool(one @ other >= _LEAST_COSINE[embedder.name])

    def _together(self, text: str, within: str, found: Sequence[tuple[int, Support]]) -> list[tuple[int, Support]]:
        """Passages that bear the claim out only together, without those that add nothing."""
        claim, kept = self._claim(text, within, self._ground(found[0][0])), list(found)

        def score(pairs: Sequence[tuple[int, Support]]) -> float:
            return joint_score(claim, [support for _, support in pairs], [self._ground(number) for number, _ in pairs])

        if score(kept) < LEAST_SUPPORT:
            return []
        for pair in sorted(found, key=lambda pair: pair[1].overlap):
            rest = [other for other in kept if other is not pair]
            if rest and score(rest) > score(kept) - _LEAST_SHARE:
                kept = rest
        together = score(kept)
        return [(number, replace(support, score=together)) for number, support in kept] if len(kept) > 1 else []

    def _claim(self, text: str, within: str, ground: Ground) -> Claim:
        return read_claim(text, self._language, foreign=ground.foreign, within=within)

    def _ground(self, number: int) -> Ground:
        if number not in self._grounds:
            self._grounds[number] = read_ground(self._passages[number - 1].chunk, self._language)
        return self._grounds[number]


def _stating(marked: Marked, language: str) -> list[_Sentence]:
    return [sentence for sentence in _sentences(marked, language) if _states(sentence, language)]


def _sentences(marked: Marked, language: str) -> list[_Sentence]:
    """The sentences with their marks: a mark belongs to the words before it, one that opens a line to those after it."""
    spans = sentence_spans(marked.text, language)
    groups: dict[int, list[int]] = {}
    for position, group in enumerate(marked.groups):
        after = [index for index, (_, end) in enumerate(spans) if end > group.place]
        before = [index for index, (start, _) in enumerate(spans) if start < group.place]
        if owner := (after[:1] if group.leads else before[-1:]):
            groups.setdefault(owner[0], []).append(position)
    return [
        _Sentence(marked.text[start:end], _parts(marked, start, end, groups.get(index, [])))
        for index, (start, end) in enumerate(spans)
    ]


def _parts(marked: Marked, start: int, end: int, positions: Sequence[int]) -> list[_Part]:
    parts, read = [], start
    for position in positions:
        group = marked.groups[position]
        place = end if group.leads else min(group.place, end)
        parts.append(_Part(marked.text[read:place], group.numbers, position))
        read = start if group.leads else place
    rest = marked.text[read:end]
    if not positions or (len(rest.split()) >= _FRAGMENT_TERMS and not marked.groups[positions[-1]].leads):
        return [*parts, _Part(rest, (), None)]
    return parts


def _states(sentence: _Sentence, language: str) -> bool:
    """Whether there is something to check: not a heading, nor words that lead to a list, nor one that says "not found"."""
    numbers = [number for part in sentence.parts for number in part.numbers]
    if NOT_IN_PASSAGES in numbers or not re.search(r"[^\W\d_]", sentence.text) or not terms(sentence.text, language):
        return False
    return bool(numbers) or not (_HEADING.match(sentence.text) or sentence.text.endswith(":"))


def _numbered(
    kept: Mapping[int, Sequence[tuple[int, Support]]], passages: Sequence[Hit], versions: Mapping[str, str], page_of: PageOf
) -> tuple[tuple[Citation, ...], dict[int, list[int]]]:
    """A citation for each distinct quote in order of appearance, and the numbers that each group of marks now says."""
    citations: dict[tuple[str, int, int], Citation] = {}
    numbers: dict[int, list[int]] = {}
    for position in sorted(kept):
        for passage, support in kept[position]:
            chunk = passages[passage - 1].chunk
            start, end = chunk.start + support.start, chunk.start + support.end
            place = (chunk.document_id, start, end)
            if place not in citations:
                citations[place] = Citation(
                    number=len(citations) + 1,
                    document_id=chunk.document_id,
                    title=chunk.title,
                    source=chunk.source,
                    version=versions[chunk.document_id],
                    page=page_of(chunk.document_id, start),
                    start=start,
                    end=end,
                    quote=chunk.text[support.start : support.end],
                    score=0.0,
                )
            citations[place] = replace(citations[place], score=max(citations[place].score, support.score))
            if citations[place].number not in numbers.setdefault(position, []):
                numbers[position].append(citations[place].number)
    return tuple(citations.values()), numbers
