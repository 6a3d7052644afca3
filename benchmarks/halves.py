"""Every stage of retrieval on both halves of an evaluation set, and what it gains on BM25 alone with its 95 % interval.

The weights of fusion were chosen looking at both. `python -m benchmarks.halves FOLDER... [--limit N]`; the embedder and
the reranker are those of the settings (FOOTNOTE_EMBEDDER, FOOTNOTE_RERANKER).
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from assistant import measures
from assistant.access import OWNER
from assistant.generators.condensing import standing_alone
from assistant.settings import read_settings
from doors.evaluation_set import COLLECTION, OpenSet, Passage, Question, open_set

STAGES = ("bm25", "dense", "fused", "reranked")
Measure = Callable[[Sequence[Passage], Mapping[Passage, float]], float]
MEASURES: Mapping[str, Measure] = {
    "recall@1": lambda ranking, gold: measures.recall_at(1, ranking, gold),
    "recall@5": lambda ranking, gold: measures.recall_at(5, ranking, gold),
    "ndcg@10": lambda ranking, gold: measures.ndcg_at(10, ranking, gold),
}


def half(question_id: str) -> str:
    """A or B, by the digest of the question's id."""
    return "AB"[hashlib.sha256(f"half {question_id}".encode()).digest()[-1] % 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--limit", type=int, help="only the first N questions of each set")
    chosen = parser.parse_args()
    for folder in chosen.folders:
        with open_set(folder, read_settings()) as opened:
            judged = [q for q in opened.questions if q.answerable and q.gold][: chosen.limit]
            print(f"{folder.name}: {len(judged)} questions, {opened.assistant.embedder.name}")
            _show(judged, _rankings(opened, judged))


def _rankings(opened: OpenSet, questions: Sequence[Question]) -> dict[str, list[list[Passage]]]:
    """For each stage the passages in order, question by question."""
    assistant = opened.assistant
    (collection,) = assistant.library.readable(OWNER, [COLLECTION])
    sources = {chunk.id: chunk.source for chunk, _ in assistant.library.chunks.every(collection)}
    rankings: dict[str, list[list[Passage]]] = {}
    for question in questions:
        query, carried = standing_alone(assistant.generator, question.text, question.history)
        stages = assistant.retriever.search(query, [collection], k=10, carried=carried).stages
        for stage in STAGES:
            if stage in stages:
                rankings.setdefault(stage, []).append(list(dict.fromkeys(sources[i] for i in stages[stage])))
    return rankings


def _show(questions: Sequence[Question], rankings: Mapping[str, Sequence[Sequence[Passage]]]) -> None:
    halves = [half(question.id) for question in questions]
    print(f"{'':10}{'':10}{'all':>8}{'half A':>8}{'half B':>8}   against BM25, with the bounds of 95 %")
    for name, measure in MEASURES.items():
        scores = {
            stage: [measure(ranking, question.gold) for ranking, question in zip(ranked, questions, strict=True)]
            for stage, ranked in rankings.items()
        }
        for stage, each in scores.items():
            parts = [each, *([s for s, h in zip(each, halves, strict=True) if h == side] for side in "AB")]
            shown = "".join(f"{measures.mean(part) or 0:8.4f}" for part in parts)
            gain = measures.paired_bootstrap(scores["bm25"], each)
            print(f"{name:10}{stage:10}{shown}   {gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})")


if __name__ == "__main__":
    main()
