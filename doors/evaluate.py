"""`footnote eval`: the questions of an evaluation set to measures of retrieval, refusal, answers, citations and time."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant import measures
from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.citing import statements
from assistant.generators.condensing import standing_alone
from assistant.languages import detect_language
from assistant.records import Collection
from assistant.settings import Settings
from assistant.types import Answer, Document, Done, Retrieval
from doors.evaluation_set import COLLECTION, OnProgress, Passage, Question, has_pages, open_set, passages_of, read_questions

# Enough hits that ten distinct passages are among them, however many chunks a passage was cut into.
_K = 50
_STAGES = ("bm25", "dense", "fused", "reranked")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one run came to: `measured` holds the measures as one object; `scores` those of the single questions
    by measure, in the set's order and 0 to 1, for holding two runs on the same set against each other. "decided" is one where a
    question was rightly answered or rightly refused."""

    measured: dict[str, Any]
    scores: Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class _Outcome:
    question: Question
    retrieval: Retrieval
    answer: Answer | None


def evaluate(
    folder: str | Path,
    settings: Settings,
    *,
    limit: int | None = None,
    answers: bool = True,
    foreign: str | Path | None = None,
    on_progress: OnProgress = lambda *_: None,
) -> Evaluation:
    """Ask the questions of the set in this folder. Raises EvaluationError where the folder has no such set in it.

    With the folder of a `foreign` set its answerable questions are asked as well, and the share of them that is refused is added to
    "refusal" as "foreign_refused": what these documents do not touch.
    """
    root = Path(folder)
    strangers = [q for q in read_questions(Path(foreign)) if q.answerable][:limit] if foreign else []
    with open_set(root, settings, on_progress=on_progress) as opened:
        assistant, questions = opened.assistant, opened.questions[:limit]
        collection = assistant.library.readable(OWNER, [COLLECTION])[0]
        passages = passages_of(assistant, collection, by_page=has_pages(root))
        outcomes = []
        for done, question in enumerate(questions, 1):
            outcomes.append(_asked(assistant, collection, question, answers=answers))
            on_progress("Asking", done, len(questions))
        refused = []
        for done, question in enumerate(strangers, 1):
            asked = _asked(assistant, collection, question, answers=True).answer
            refused.append(float(asked is not None and not asked.found))
            on_progress("Asking what is not there", done, len(strangers))
        measured = _measures(assistant, outcomes, passages, by_page=has_pages(root))
        if strangers:
            measured["refusal"]["foreign_refused"] = _rounded(measures.mean(refused))
        about = {
            "set": root.resolve().name,
            "questions": len(questions),
            "chunks": collection.chunks,
            "failed_documents": opened.failed,
            "settings": {"embedder": settings.embedder, "reranker": settings.reranker, "generator": settings.generator},
        }
        return Evaluation(about | measured, _scores(outcomes, passages))


def table(measured: Mapping[str, Any]) -> str:
    """The measures as lines for people."""
    keys = ("recall@1", "recall@5", "recall@10", "ndcg@10", "mrr@10")
    lines = [f"{measured['set']}: {measured['questions']} questions, {measured['chunks']} chunks", ""]
    lines.append("".join([f"{'':12}", *(f"{key:>11}" for key in keys)]))
    for name, row in [*measured["stages"].items(), ("delivered", measured["retrieval"])]:
        lines.append("".join([f"{name:12}", *(f"{_shown(row[key]):>11}" for key in keys)]))
    for part in ("refusal", "answers", "citations", "milliseconds"):
        values = ", ".join(f"{key} {_shown(value)}" for key, value in measured[part].items())
        lines.append(f"{part:12} {values}")
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _asked(assistant: Assistant, collection: Collection, question: Question, *, answers: bool) -> _Outcome:
    query, carried = standing_alone(assistant.generator, question.text, question.history)
    found = assistant.retriever.search(query, [collection], k=_K, carried=carried)
    if not answers:
        return _Outcome(question, found, None)
    *_, last = assistant.answer_from(found, question=question.text, history=question.history)
    assert isinstance(last, Done)
    return _Outcome(question, found, last.answer)


def _measures(
    assistant: Assistant, outcomes: Sequence[_Outcome], passages: Mapping[int, Sequence[Passage]], *, by_page: bool
) -> dict[str, Any]:
    judged = _judged(outcomes)
    gold = [o.question.gold for o in judged]
    delivered = [_delivered(o, passages) for o in judged]
    spent = [sum(o.retrieval.milliseconds.values()) for o in outcomes]
    answered = [(o, o.answer) for o in outcomes if o.answer is not None]
    return {
        "retrieval": _ranking(delivered, gold),
        "stages": {
            stage: _ranking([_distinct(o.retrieval.stages[stage], passages) for o in judged], gold)
            for stage in _STAGES
            if all(stage in o.retrieval.stages for o in judged)
        },
        "refusal": _refusal(answered),
        "answers": _answers(answered),
        "citations": _citations(assistant, answered, by_page=by_page),
        "milliseconds": {
            "p50": _percentile(spent, 50), "p95": _percentile(spent, 95),
            "answer_p50": _percentile([sum(a.milliseconds.values()) for _, a in answered], 50),
        },
    }  # fmt: skip


def _scores(outcomes: Sequence[_Outcome], passages: Mapping[int, Sequence[Passage]]) -> dict[str, list[float]]:
    pairs = [(_delivered(o, passages), o.question.gold) for o in _judged(outcomes)]
    scores = {
        "recall@1": [measures.recall_at(1, ranking, gold) for ranking, gold in pairs],
        "recall@5": [measures.recall_at(5, ranking, gold) for ranking, gold in pairs],
        "ndcg@10": [measures.ndcg_at(10, ranking, gold) for ranking, gold in pairs],
        "decided": [float(o.answer.found == o.question.answerable) for o in outcomes if o.answer is not None],
    }
    return {name: values for name, values in scores.items() if values}


def _judged(outcomes: Sequence[_Outcome]) -> list[_Outcome]:
    """Those whose ranking can be judged."""
    return [o for o in outcomes if o.question.answerable and o.question.gold]


def _delivered(outcome: _Outcome, passages: Mapping[int, Sequence[Passage]]) -> list[Passage]:
    return _distinct([hit.chunk.id for hit in outcome.retrieval.hits], passages)


def _distinct(chunk_ids: Sequence[int], passages: Mapping[int, Sequence[Passage]]) -> list[Passage]:
    """The passages that these chunks stand on, each where it comes first."""
    return list(dict.fromkeys(passage for i in chunk_ids for passage in passages[i]))


def _ranking(rankings: Sequence[Sequence[Passage]], gold: Sequence[Mapping[Passage, float]]) -> dict[str, float | None]:
    pairs = list(zip(rankings, gold, strict=True))
    return {
        **{f"recall@{k}": _rounded(measures.mean([measures.recall_at(k, r, g) for r, g in pairs])) for k in (1, 5, 10)},
        "ndcg@10": _rounded(measures.mean([measures.ndcg_at(10, r, g) for r, g in pairs])),
        "mrr@10": _rounded(measures.mean([measures.mrr_at(10, r, g) for r, g in pairs])),
    }


def _refusal(answered: Sequence[tuple[_Outcome, Answer]]) -> dict[str, float | None]:
    told = measures.refusal([o.question.answerable for o, _ in answered], [a.found for _, a in answered])
    return {
        "balanced_accuracy": _rounded(told.balanced_accuracy),
        "false_refusals": _rounded(told.false_refusals),
        "false_answers": _rounded(told.false_answers),
    }


def _answers(answered: Sequence[tuple[_Outcome, Answer]]) -> dict[str, float | None]:
    """Over the answerable questions that have gold answers; one that was refused holds none. `supported`: share of the statements of
    all answers that a quote bears out."""
    scored = [
        (a.text if a.found else "", o.question.answers) for o, a in answered if o.question.answerable and o.question.answers
    ]
    return {
        "contains": _rounded(measures.mean([float(measures.contains(text, gold)) for text, gold in scored])),
        "f1": _rounded(measures.mean([measures.token_f1(text, gold) for text, gold in scored])),
        "supported": _rounded(measures.mean([supported for _, a in answered if a.found for supported in _supported(a)])),
    }


def _supported(answer: Answer) -> list[float]:
    stated = statements(answer.text, detect_language(answer.question, fallback="en"))
    return [float(sentence not in answer.unsupported) for sentence in stated]


def _citations(
    assistant: Assistant, answered: Sequence[tuple[_Outcome, Answer]], *, by_page: bool
) -> dict[str, float | int | None]:
    """`verbatim`: share of quotes that stand at their offsets. `on_gold`: share of the answerable questions with gold whose first
    citation lies in a gold passage; a refusal is a miss."""
    texts = {d.id: assistant.library.stored(d.id, reader=OWNER).text for d in _cited_documents(assistant, answered)}
    quotes = [texts[c.document_id][c.start : c.end] == c.quote for _, a in answered for c in a.citations]
    judged = [(o, a) for o, a in answered if o.question.answerable and o.question.gold]
    first = [
        bool(a.citations)
        and (f"{a.citations[0].source}#{a.citations[0].page}" if by_page else a.citations[0].source) in o.question.gold
        for o, a in judged
    ]
    return {
        "verbatim": _rounded(measures.mean([float(q) for q in quotes])),
        "on_gold": _rounded(measures.mean([float(f) for f in first])),
        "count": len(quotes),
    }


def _cited_documents(assistant: Assistant, answered: Sequence[tuple[_Outcome, Answer]]) -> Iterator[Document]:
    cited = {c.document_id for _, a in answered for c in a.citations}
    return (d for d in assistant.library.documents(reader=OWNER, names=[COLLECTION]) if d.id in cited)


def _percentile(values: Sequence[float], percent: int) -> float | None:
    if len(values) < 2:
        return round(values[0], 1) if values else None
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
