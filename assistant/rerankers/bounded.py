"""A reranker within bounds: loaded once at its first use, asked in small batches, left out where time is over or it fails. What is
scored, and by which model, is not known here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.errors import ModelError, ModelUnavailable
from assistant.protocols import Reranker

# How long a failure is remembered: a hub that cannot be reached takes half a minute to say so, an endpoint recovers sooner.
_UNAVAILABLE_SECONDS = 300.0
_FAILED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Reranking:
    """`scores` of the first texts, as many as there was time for, comparable with each other; `notice` says why others have none, and
    what to do. `weight` is the scores' share in the blend, and `span` what they are divided by in it."""

    scores: Sequence[float] = ()
    weight: float = 0.0
    span: float | None = None
    notice: str = ""


class Bounded:
    """Holds a reranker to `seconds` for one query. The clock is looked at between batches, and a batch is not begun when less is left
    than the last one took: only the first can overrun. What was scored by then is the head of the list, and worth having: it is
    ordered as with a lower depth, and the rest keeps its place.

    Loading, once in a process, does not count; who asks meanwhile waits for it so many seconds. A failure is remembered for 5 minutes
    where the model cannot be had, and for half a minute otherwise. `alone` lets one thread at a time into the model. Safe to call
    from several threads.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], Reranker],
        *,
        seconds: float = 5.0,
        alone: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._load, self._seconds, self._clock = load, seconds, clock
        self._reranker: Reranker | None = None
        self._failure, self._again_at = "", 0.0
        self._loading, self._turn, self._alone = threading.Lock(), threading.Lock(), alone

    def score(self, query: str, texts: Sequence[str], language: str) -> Reranking:
        """Scores of the texts in the order given, for a query in this language. No ModelError comes out: it becomes the notice."""
        try:
            if self._failure and self._clock() < self._again_at:
                return Reranking(notice=self._failure)
            reranker = self._loaded()
            if reranker is None:
                return Reranking(
                    notice=f"The rerank ({self.name}) was left out: its model is still being loaded. Ask again later."
                )
            scores = self._in_time(reranker, query, texts)
        except ModelError as error:
            self._failure = f"The rerank ({self.name}) was left out. {error}"
            self._again_at = self._clock() + (_UNAVAILABLE_SECONDS if isinstance(error, ModelUnavailable) else _FAILED_SECONDS)
            return Reranking(notice=self._failure)
        self._failure = ""
        return Reranking(scores, reranker.weight(language), reranker.span, self._late(len(scores), len(texts)))

    def _loaded(self) -> Reranker | None:
        """The reranker; None while another thread is loading it."""
        if self._reranker is None:
            if not self._loading.acquire(timeout=self._seconds):
                return None
            try:
                if self._reranker is None:
                    self._reranker = self._load()
            finally:
                self._loading.release()
        return self._reranker

    def _in_time(self, reranker: Reranker, query: str, texts: Sequence[str]) -> list[float]:
        deadline = self._clock() + self._seconds
        scores: list[float] = []
        taken = 0.0
        while len(scores) < len(texts):
            begun = self._clock()
            if begun + taken >= deadline:
                break
            if self._alone and not self._turn.acquire(timeout=deadline - begun):
                break
            try:
                scores += reranker.score(query, texts[len(scores) : len(scores) + reranker.batch])
            finally:
                if self._alone:
                    self._turn.release()
            taken = self._clock() - begun
        return scores

    def _late(self, scored: int, texts: int) -> str:
        if scored == texts:
            return ""
        what = f"only the first {scored} of {texts} passages were reranked" if scored else "it was left out"
        return (
            f"The rerank ({self.name}) would take longer than {self._seconds:g} s: {what}. Raise FOOTNOTE_RERANK_SECONDS, lower "
            "FOOTNOTE_RERANK_DEPTH or choose a smaller FOOTNOTE_RERANKER."
        )
