"""Writes with one generator and, where that fails before its first word, with another in its place, saying so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from assistant.errors import AnswerCutOff, ContextOverflow, EndpointDown, ModelError
from assistant.generators.breaker import Breaker
from assistant.protocols import Generated, Generator
from assistant.types import Hit, Turn


class FallingBack:
    """A Generator over two: a language model, and one without, which quotes. The model is left alone for a while after it was down a
    few times in a row. What it has begun to write is kept, never replaced: if it then fails, so does this."""

    def __init__(self, model: Generator, quotes: Generator, breaker: Breaker) -> None:
        self._model, self._quotes, self._breaker = model, quotes, breaker
        self.name, self.reads_sections = model.name, model.reads_sections

    def condense(self, question: str, history: Sequence[Turn]) -> str:
        """The question as the model words it; as it is where the model fails."""
        if self._breaker.admit():
            return question
        try:
            condensed = self._model.condense(question, history)
        except ModelError as error:
            # Too slow for a third of the time is not down: the answer, which has all of it, will tell.
            if not isinstance(error, AnswerCutOff):
                self._tell(error)
            return question
        if condensed != question:  # else it may not have been asked at all
            self._breaker.served()
        return condensed

    def generate(self, question: str, passages: Sequence[Hit], history: Sequence[Turn]) -> Iterator[Generated]:
        """Pieces of the model's answer; where it gives none, a notice why, then quotes. Raises ModelError after the first word."""
        why = self._not_admitted()
        if not why:
            begun = False
            try:
                with closing(self._model.generate(question, passages, history)) as pieces:  # type: ignore[type-var]
                    for piece in pieces:
                        if piece.text.strip() and not begun:
                            begun = True
                            self._breaker.served()
                        yield piece
                self._breaker.served()
                return
            except ModelError as error:
                if begun:
                    raise
                self._tell(error)
                why = str(error)
        yield Generated("", notice=f"The language model could not be used, so this answer is made of quotes. {why}", quoted=True)
        yield from self._quotes.generate(question, [_as_found(hit) for hit in passages], history)

    def _not_admitted(self) -> str:
        seconds = self._breaker.admit()
        if not seconds:
            return ""
        return (
            f"'{self.name}' was down {self._breaker.failures} times in a row and is not asked for {seconds:.0f} seconds. "
            "Ask again then, or look into its server's log."
        )

    def _tell(self, error: ModelError) -> None:
        # One that refuses, or answers nonsense, is there: asking it again costs nothing and shows at once that it was mended.
        if isinstance(error, (EndpointDown, AnswerCutOff)):
            self._breaker.failed()
        elif not isinstance(error, ContextOverflow):  # which may be found out before it is asked
            self._breaker.served()


def _as_found(hit: Hit) -> Hit:
    """A passage without the section around it: of what is wider, more sentences only look like an answer."""
    return replace(hit, chunk=hit.narrow, narrow=None) if hit.narrow else hit
