"""Whether to answer, with evaluation sets asked of each other: how many of its own questions each set refuses, of those that its
documents do not answer, and of the other sets' questions, which they do not touch.

`python -m benchmarks.strangers FOLDER FOLDER... [--limit N]`; the embedder and the reranker are those of the settings.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

from assistant import measures
from assistant.access import OWNER
from assistant.deciding import confidence, enough
from assistant.generators.condensing import standing_alone
from assistant.records import Collection
from assistant.settings import read_settings
from doors.evaluation_set import COLLECTION, OpenSet, Question, open_set, read_questions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--limit", type=int, default=200, help="so many questions of each other set, by the digest of their ids")
    chosen = parser.parse_args()
    asked = {folder.resolve(): read_questions(folder) for folder in chosen.folders}
    shares: list[float] = []
    for folder in asked:
        with open_set(folder, read_settings()) as opened:
            (collection,) = opened.assistant.library.readable(OWNER, [COLLECTION])
            for other, questions in asked.items():
                answerable = [question for question in questions if question.answerable]
                if other == folder:
                    _show(f"{folder.name}, its own", _refused(opened, collection, answerable))
                    near = _refused(opened, collection, [question for question in questions if not question.answerable])
                    _show(f"{folder.name}, near misses", near)
                else:
                    some = sorted(answerable, key=lambda question: hashlib.sha256(question.id.encode()).digest())[: chosen.limit]
                    share = _show(f"{folder.name} asked {other.name}'s", _refused(opened, collection, some))
                    shares += [] if share is None else [share]
    _show("other sets, mean of the pairs", shares)


def _refused(opened: OpenSet, collection: Collection, questions: Sequence[Question]) -> list[float]:
    """1 for each question that is refused before anything is written, else 0."""
    assistant, refused = opened.assistant, []
    for question in questions:
        query, carried = standing_alone(assistant.generator, question.text, question.history)
        found = assistant.retriever.search(query, [collection], k=assistant.limits.answer_passages, carried=carried)
        sure = confidence(found, found.hits, embedder=assistant.embedder, own=assistant.rule)
        refused.append(float(not enough(sure)))
    return refused


def _show(what: str, refused: Sequence[float]) -> float | None:
    """A line with the mean, and the mean; neither where there is nothing to average."""
    mean = measures.mean(refused)
    if mean is not None:
        print(f"{what:36}{len(refused):8}{mean:8.4f}", flush=True)
    return mean


if __name__ == "__main__":
    main()
