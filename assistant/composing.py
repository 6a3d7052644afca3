"""Composing: hits to an answer. Decide whether they hold one, gather the passages, generate, cite what was generated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from assistant.citing import Cited, cite
from assistant.deciding import Rule, confidence, enough
from assistant.languages import detect_language
from assistant.library import Library
from assistant.passages import also_standing, passages_from, widened
from assistant.protocols import Embedder, Generator
from assistant.stage_clock import StageClock
from assistant.types import Answer, Done, Event, Hit, Passages, Retrieval, Text, Turn
from assistant.written import Written

# Hits shown beside an answer that was not found.
_NEAREST = 3
# The generator that quotes and writes nothing of its own.
_NO_MODEL = "quotes"
_NOT_FOUND = {
    "de": "Das steht nicht in den Dokumenten.",
    "en": "The documents do not say.",
    "es": "Los documentos no lo dicen.",
    "fr": "Les documents ne le disent pas.",
    "it": "I documenti non lo dicono.",
    "nl": "Dat staat niet in de documenten.",
    "pt": "Os documentos não o dizem.",
}

_NOTHING_THERE = "There are no documents to search here yet. Add some first: `footnote ingest PATH`, or upload them on the page."


@dataclass(frozen=True, slots=True)
class Composer:
    """What composes an answer, of at most `most_passages` passages. The rule decides where there is one, else the built-in rules."""

    library: Library
    embedder: Embedder
    generator: Generator
    rule: Rule | None
    most_passages: int

    def compose(self, found: Retrieval, *, question: str, history: Sequence[Turn] = ()) -> Iterator[Event]:
        """Passages, Text pieces, then Done."""
        best = found.hits[: self.most_passages]
        clock = StageClock(dict(found.milliseconds))
        with clock.measure("decide"):
            language = detect_language(question, fallback=best[0].chunk.language if best else "en")
            not_found = self._not_found(found, question, language)
        not_found = replace(not_found, milliseconds=dict(clock.milliseconds))
        if not enough(not_found.confidence):
            yield Passages(best)
            yield Done(not_found)
            return
        with clock.measure("passages"):
            passages = self._passages(found.hits)
        yield Passages(passages)
        written = Written()
        with clock.measure("generate"), closing(self.generator.generate(found.query, passages, history)) as pieces:  # type: ignore[type-var]
            for piece in written.follow(pieces):
                yield Text(piece)
        with clock.measure("cite"):
            cited = self._cite(written, passages, language)
        notices = (*found.notices, *written.notices)
        if written.complete and not (cited.found and cited.citations):
            yield Done(replace(not_found, notices=notices, milliseconds=clock.milliseconds))
            return
        yield Done(
            replace(
                not_found,
                text=cited.text,
                found=True,
                complete=written.complete,
                citations=cited.citations,
                hits=passages,
                unsupported=cited.unsupported,
                notices=(*notices, *also_standing(cited.citations, passages)),
                milliseconds=clock.milliseconds,
                stated=0 if written.quoted or self.generator.name == _NO_MODEL else cited.stated,
            )
        )

    def _not_found(self, found: Retrieval, question: str, language: str) -> Answer:
        """The answer where the passages hold none, with how sure it is that they hold one."""
        best = found.hits[: self.most_passages]
        sure = confidence(found, best, embedder=self.embedder, own=self.rule)
        return Answer(
            question, shown(found.query, found.carried), _NOT_FOUND.get(language, _NOT_FOUND["en"]), found=False, complete=True,
            confidence=sure, hits=best[:_NEAREST], notices=found.notices, searched=found.searched,
        )  # fmt: skip

    def _passages(self, hits: Sequence[Hit]) -> list[Hit]:
        """The passages that the generator is to read."""
        passages = passages_from(hits, self.library, count=self.most_passages)
        return widened(passages, self.library) if self.generator.reads_sections else passages

    def _cite(self, written: Written, hits: Sequence[Hit], language: str) -> Cited:
        chunks = [hit.chunk for hit in hits]

        def page_of(document_id: str, offset: int) -> int:
            return next(c.page_at(offset) for c in chunks if c.document_id == document_id and c.start <= offset < c.end)

        versions = {c.document_id: c.version for c in chunks}
        return cite(
            written.text, hits, versions, language=language, page_of=page_of, cut_off=not written.complete, embedder=self.embedder
        )


def nothing_there(question: str) -> Done:
    """The end of a stream where there is no document yet."""
    return unsearched(question, question, _NOTHING_THERE, {})


def unsearched(question: str, query: str, text: str, milliseconds: Mapping[str, float]) -> Done:
    """The end of a stream where there was nothing to search, with a text that says why."""
    return Done(Answer(question, query, text, found=False, complete=True, confidence=0.0, milliseconds=milliseconds))


def shown(query: str, carried: str) -> str:
    """What was searched for, as people are told it."""
    return f"{query} (after: {carried})" if carried else query
