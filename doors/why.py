"""Why these passages: the rank and score of each in every stage, and how long the stages took, in words for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assistant.types import Answer, Citation, Hit
from doors.terminal import name, shortened

_STAGES = {"bm25": "Words", "dense": "Meaning", "fused": "Joined", "reranked": "Reranked"}
_TIMES = {
    "load": "open index and models", "condense": "word the question", "filter": "filter", "language": "tell the language",
    "embed": "embed the question",
    "bm25": "words", "dense": "meaning", "fuse": "join", "rerank": "rerank", "decide": "decide", "passages": "gather passages",
    "generate": "write", "cite": "check the quotes", "total": "in all",
}  # fmt: skip
_TITLE_WIDTH, _WIDTH = 28, 10
LEGEND = "Rank and score in each stage; – where its search did not find the passage."


def stages(hits: Sequence[Hit]) -> list[tuple[str, str]]:
    """The stages that these hits went through, in their order, each with what people call it. Last comes what the reranker itself
    scored, under the reranker's name."""
    through = [(stage, called) for stage, called in _STAGES.items() if any(stage in hit.scores for hit in hits)]
    own = sorted({stage for hit in hits for stage in hit.scores} - set(_STAGES))
    return [*through, *((stage, stage) for stage in own)]


def place(hit: Hit, stage: str) -> tuple[str, str]:
    """Rank and score of a hit in a stage; both empty where that did not find it, and no rank in a reranker's own scores."""
    rank, score = hit.ranks.get(stage), hit.scores.get(stage)
    return "" if rank is None else str(rank), "" if score is None else f"{score:.3f}"


def footnotes(hit: Hit, citations: Sequence[Citation]) -> list[int]:
    """The footnotes whose quotes stand in this passage."""
    chunk = hit.chunk
    return [c.number for c in citations if c.document_id == chunk.document_id and chunk.start <= c.start < chunk.end]


def times(milliseconds: Mapping[str, float]) -> str:
    """How long each stage took: "embed the question 12 ms, words 3 ms"."""
    return ", ".join(f"{called} {milliseconds[stage]:,.0f} ms" for stage, called in _TIMES.items() if stage in milliseconds)


def confidence(answer: Answer) -> str:
    """What decided whether there is an answer."""
    return f"Confidence that these passages hold an answer: {answer.confidence:.2f} of 1."


def table(hits: Sequence[Hit], milliseconds: Mapping[str, float], *, searched: int, citations: Sequence[Citation] = ()) -> str:
    """All of it for a terminal, a passage a line, within 80 columns."""
    if not hits:
        return f"Time: {times(milliseconds)}."
    through = stages(hits)
    above = f"Best {len(hits)} of {searched:,} passages"
    lines = [f"{above:{_TITLE_WIDTH + 4}}" + "".join(f"{shortened(called, _WIDTH - 2):>{_WIDTH}}" for _, called in through)]
    for number, hit in enumerate(hits, 1):
        where = f", page {hit.chunk.page}" + "".join(f" [{n}]" for n in footnotes(hit, citations))
        title = name(shortened(hit.chunk.title, max(8, _TITLE_WIDTH - len(where)))) + where
        each = [place(hit, stage) for stage, _ in through]
        lines.append(
            f"{number:>3} {title:{_TITLE_WIDTH}}" + "".join(f"{rank:>3}{score or '–':>{_WIDTH - 3}}" for rank, score in each)
        )
    return "\n".join([*lines, LEGEND, f"Time: {times(milliseconds)}."])
