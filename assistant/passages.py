"""Passages: what an answer rests on, made of the hits of a search. Neighbours among them become one, repeats are left out, and for a
generator that reads sections each is widened to its own. Searching and deciding look at the hits themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain

from assistant.library import Library
from assistant.near_duplicates import Wording, repeats, wording
from assistant.records import Surroundings
from assistant.types import Chunk, Citation, Hit

HITS_FOR_A_PASSAGE = 3
"""How many hits to search for, for each that an answer may rest on: the next ones take the places of repeats."""

# Up to three times FOOTNOTE_CHUNK_TOKENS, a page or so: what a reader, or a model, still takes in as one passage.
_MOST_CHUNKS = 3


def passages_from(hits: Sequence[Hit], library: Library, *, count: int) -> list[Hit]:
    """The passages that the best `count` hits make, best first, those not counted that only repeat.

    Neighbours in one section become one passage of up to three chunks, with the place, score and id of the better hit. One that only
    repeats a better one is left out, `same_as` of that has it, and the next hits take its place.
    """
    looked_at = hits[: count * HITS_FOR_A_PASSAGE]
    around = library.chunks.surroundings([hit.chunk.id for hit in looked_at])
    read, found = cache(wording), list[_Passage]()
    for taken in range(min(count, len(looked_at)), len(looked_at) + 1):
        found = _distinct(_merged(looked_at[:taken], around), read)
        if sum(len(passage.places) for passage in found) >= count:
            break
    return [passage.as_hit() for passage in found]


def widened(passages: Sequence[Hit], library: Library) -> list[Hit]:
    """Each passage with what stands around it in its section, up to three chunks long; `narrow` is the chunk as it was found. None
    takes in what belongs to another."""
    around = library.chunks.surroundings([hit.chunk.id for hit in passages], reach=_MOST_CHUNKS - 1)
    found = [_placed(hit, around) for hit in passages]
    taken = set(chain.from_iterable(passage.places for passage in found))
    wide = []
    for passage in found:
        grown = passage.grown(taken)
        taken.update(grown.places)
        wide.append(replace(grown.as_hit(), narrow=passage.hit.chunk) if grown != passage else passage.hit)
    return wide


def also_standing(citations: Sequence[Citation], passages: Sequence[Hit]) -> list[str]:
    """A sentence for each quote that also stands, word for word, in what was left out of other documents: where."""
    said = []
    for citation in citations:
        others = [chunk for hit in passages for chunk in hit.same_as if chunk.document_id != citation.document_id]
        if sources := dict.fromkeys(chunk.source for chunk in others if citation.quote in chunk.text):
            said.append(f"The quote of footnote {citation.number} also stands in {', '.join(sources)}.")
    return said


@dataclass(frozen=True, slots=True)
class _Passage:
    """The chunks of a version at the places `first` to `last`, and the best hit among them. `around` is None where its document has
    been changed or removed meanwhile: then it stays as it was found."""

    hit: Hit
    around: Surroundings | None
    first: int = 0
    last: int = 0

    @property
    def chunk(self) -> Chunk:
        return self.around.spanned(self.hit.chunk, self.first, self.last) if self.around else self.hit.chunk

    @property
    def places(self) -> list[tuple[int, int]]:
        version = self.around.version_id if self.around else -self.hit.chunk.id
        return [(version, place) for place in range(self.first, self.last + 1)]

    def as_hit(self) -> Hit:
        return replace(self.hit, chunk=self.chunk)

    def spanning(self, first: int, last: int) -> _Passage | None:
        """The passage over these places; None where that is too long, or more than one section."""
        if self.around is None or last - first >= _MOST_CHUNKS:
            return None
        chunks = [self.around.chunks.get(place) for place in range(first, last + 1)]
        return replace(self, first=first, last=last) if _in_one_section(chunks) else None

    def joined(self, other: _Passage) -> _Passage | None:
        """Both as one, where they are neighbours; this is the better."""
        apart = max(self.first, other.first) - min(self.last, other.last)
        if self.around is not other.around or apart != 1:
            return None
        return self.spanning(min(self.first, other.first), max(self.last, other.last))

    def grown(self, taken: set[tuple[int, int]]) -> _Passage:
        """With the chunks behind and before it in turn, as long as there is room and none has them."""
        grown, own = self, set(self.places)
        for before, behind in [(0, 1), (1, 0)] * _MOST_CHUNKS:
            wider = grown.spanning(grown.first - before, grown.last + behind)
            if wider is not None and taken.isdisjoint(set(wider.places) - own):
                grown = wider
                own.update(grown.places)
        return grown


def _placed(hit: Hit, around: Mapping[int, Surroundings]) -> _Passage:
    """A hit among the chunks around it. The hit may be of several chunks itself."""
    own = around.get(hit.chunk.id)
    if own is None:
        return _Passage(hit, None)
    places = [place for place, chunk in own.chunks.items() if hit.chunk.start <= chunk.start and chunk.end <= hit.chunk.end]
    return _Passage(hit, own, min(places), max(places))


def _merged(hits: Sequence[Hit], around: Mapping[int, Surroundings]) -> list[_Passage]:
    made: list[_Passage] = []
    for hit in hits:
        made = _with(made, _placed(hit, around))
    return made


def _with(made: Sequence[_Passage], new: _Passage) -> list[_Passage]:
    """The passages with one more; it may be what joins two of them."""
    for place, better in enumerate(made):
        if joined := better.joined(new):
            rest = list(made[place + 1 :])
            for other in made[place + 1 :]:
                if both := joined.joined(other):
                    joined = both
                    rest.remove(other)
            return [*made[:place], joined, *rest]
    return [*made, new]


def _in_one_section(chunks: Sequence[Chunk | None]) -> bool:
    """Whether headings and table header of the first are right for all of them."""
    there = [chunk for chunk in chunks if chunk is not None]
    first, text = there[0], ""
    for chunk in there:
        if chunk.heading_path != first.heading_path or not (chunk.header in ("", first.header) or chunk.header in text):
            return False
        text += chunk.text
    return len(there) == len(chunks)


def _distinct(passages: Sequence[_Passage], read: Callable[[Chunk], Wording]) -> list[_Passage]:
    """Without those that only repeat a better one."""
    kept: list[_Passage] = []
    for passage in passages:
        own = read(passage.chunk)
        place = next((place for place, better in enumerate(kept) if repeats(own, read(better.chunk))), None)
        if place is None:
            kept.append(passage)
        else:
            hit = kept[place].hit
            kept[place] = replace(kept[place], hit=replace(hit, same_as=(*hit.same_as, passage.chunk)))
    return kept
