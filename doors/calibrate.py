"""`footnote calibrate`: the rule that decides whether to answer, fitted to the questions of an evaluation set.

A fit starts from the built-in rule and leaves it only as far as the questions say so; each half of the questions, by the hash of
their ids, is judged by a rule fitted to the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant import measures
from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.cosine_scale import cosine_scale
from assistant.deciding import Rule, built_in_rule, enough, scored_with, write_rule
from assistant.errors import EvaluationError
from assistant.generators.condensing import standing_alone
from assistant.records import Collection
from assistant.settings import Settings
from assistant.signs import Signs, read_signs
from assistant.types import Hit
from assistant.wiring import RULE_FILE
from doors.evaluation_set import COLLECTION, OnProgress, Passage, Question, has_pages, open_set, passages_of

LEAST = 20
"""Questions of either kind, below which nothing is fitted."""

# Of the questions that have an answer, so many may be refused.
_FALSE_REFUSALS = 0.05
# How strongly a weight holds to the built-in one: as much as so many questions could say against it.
_PRIOR_QUESTIONS = 20.0
_STEPS = 50
# Enough hits that some are left when those with the answer are taken out.
_K = 50

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Case:
    """What was seen of a question, and whether the passages hold its answer. `rule` is the built-in one for it."""

    question_id: str
    signs: Signs
    answered: bool
    rule: Rule


def calibrate(folder: str | Path, settings: Settings, *, on_progress: OnProgress = lambda *_: None) -> dict[str, Any]:
    """Fit the rule to this set and keep it in the data folder where it decides better than the built-in one. `before` and `after`
    are measured on questions that the fit did not see. Raises EvaluationError where the set is none, or too small."""
    root = Path(folder)
    with open_set(root, settings, on_progress=on_progress) as opened:
        assistant = opened.assistant
        collection = assistant.library.readable(OWNER, [COLLECTION])[0]
        passages = passages_of(assistant, collection, by_page=has_pages(root))
        cases: list[_Case] = []
        for done, question in enumerate(opened.questions, 1):
            cases += _cases(assistant, collection, question, passages)
            on_progress("Asking", done, len(opened.questions))
    cases = _with_enough_of_both(cases, root)
    before = _measured([(case, case.rule) for case in cases])
    halves = [[case for case in cases if _half(case.question_id) == half] for half in (0, 1)]
    rules = [_fitted(half) for half in halves]
    after = _measured([(case, rule) for half, rule in zip(halves, reversed(rules), strict=True) for case in half])
    better = after["balanced_accuracy"] > before["balanced_accuracy"]
    path = settings.data_dir / RULE_FILE
    if better:
        write_rule(_fitted(cases), path)
    return {
        "set": root.resolve().name,
        "answerable": sum(case.answered for case in cases),
        "unanswerable": sum(not case.answered for case in cases),
        "before": before,
        "after": after,
        "kept": str(path) if better else "",
    }


def lines(found: Mapping[str, Any]) -> str:
    """The outcome for people."""
    rows = [
        f"{found['set']}: {found['answerable']} questions with an answer, {found['unanswerable']} without",
        *(f"{name:8} " + ", ".join(f"{key} {value:.3f}" for key, value in found[name].items()) for name in ("before", "after")),
    ]
    if found["kept"]:
        return "\n".join([*rows, f"Kept in {found['kept']}; a server that is running takes it up at its next start."])
    return "\n".join([*rows, "The rule that was there decides as well, so nothing was changed."])


def _cases(
    assistant: Assistant, collection: Collection, question: Question, passages: Mapping[int, Sequence[Passage]]
) -> list[_Case]:
    """A question as it is; and one that has an answer also with the passages left out that hold it."""
    query, carried = standing_alone(assistant.generator, question.text, question.history)
    found = assistant.retriever.search(query, [collection], k=_K, carried=carried)
    without = [hit for hit in found.hits if question.gold.keys().isdisjoint(passages[hit.chunk.id])]
    embedder = assistant.embedder

    def case(hits: Sequence[Hit], answered: bool, mark: str) -> list[_Case]:
        if not hits:
            return []
        rule = replace(built_in_rule(query, hits, embedder), fitted_with=scored_with(embedder, hits))
        signs = read_signs(found, hits[: assistant.limits.answer_passages], cosine_scale(embedder))
        return [_Case(question.id + mark, signs, answered, rule)]

    if not question.answerable:
        return case(found.hits, False, "")
    return case(found.hits, True, "") + (case(without, False, _LEFT_OUT) if question.gold else [])


_LEFT_OUT = "\0left out"


def _with_enough_of_both(cases: Sequence[_Case], root: Path) -> list[_Case]:
    """Without the made-up cases where the set has questions enough that its documents do not answer. Raises EvaluationError."""
    told = [case for case in cases if not case.answered and not case.question_id.endswith(_LEFT_OUT)]
    kept = [case for case in cases if case.answered or len(told) < LEAST or case in told]
    answered = sum(case.answered for case in kept)
    if answered < LEAST or len(kept) - answered < LEAST:
        raise EvaluationError(
            f"{root} has {answered} questions that its documents answer and {len(told)} that they do not; calibrating takes {LEAST} "
            "of either. A question that names the passage with its answer (gold or gold_pages) counts for both. Write some more."
        )
    return kept


def _measured(judged: Sequence[tuple[_Case, Rule]]) -> dict[str, float]:
    told = measures.refusal([case.answered for case, _ in judged], [enough(rule.confidence(case.signs)) for case, rule in judged])
    return {
        "balanced_accuracy": round(told.balanced_accuracy or 0.0, 4),
        "false_refusals": round(told.false_refusals or 0.0, 4),
        "false_answers": round(told.false_answers or 0.0, 4),
    }


def _half(question_id: str) -> int:
    return hashlib.sha256(question_id.removesuffix(_LEFT_OUT).encode("utf-8", "replace")).digest()[0] % 2


def _fitted(cases: Sequence[_Case]) -> Rule:
    """Logistic regression, both kinds of questions weighing the same, with a Gaussian prior at the weights of the rule that most of
    these questions had; then the constant that refuses one answerable question in twenty."""
    start = max((case.rule for case in cases), key=[case.rule for case in cases].count)
    names = list(start.weights)
    seen = np.array([[asdict(case.signs)[name] for name in names] for case in cases], dtype=np.float64)
    answered = np.array([case.answered for case in cases], dtype=np.float64)
    weights = _regressed(seen, answered, np.array([start.constant, *start.weights.values()], dtype=np.float64))
    odds = seen @ weights[1:]
    constant = -float(np.quantile(odds[answered == 1], _FALSE_REFUSALS))
    return Rule(constant, dict(zip(names, map(float, weights[1:]), strict=True)), start.fitted_with)


def _regressed(seen: Matrix, answered: Matrix, start: Matrix) -> Matrix:
    """Constant and weights by Newton's steps."""
    rows = np.hstack([np.ones((len(seen), 1)), seen])
    share = np.where(answered == 1, 0.5 / answered.sum(), 0.5 / (len(answered) - answered.sum())) * len(answered)
    spread = np.concatenate([[0.0], np.maximum(seen.std(axis=0), 0.05)])
    prior = np.diag(_PRIOR_QUESTIONS * spread**2 / 4) + 1e-6 * np.eye(len(start))
    weights = start.copy()
    for _ in range(_STEPS):
        sure = 1 / (1 + np.exp(-np.clip(rows @ weights, -50, 50)))
        slope = rows.T @ (share * (sure - answered)) + prior @ (weights - start)
        curve = (rows * (share * sure * (1 - sure))[:, None]).T @ rows + prior
        step = np.linalg.solve(curve, slope)
        weights = weights - step * min(1.0, 5.0 / max(1e-9, float(np.abs(step).max())))
        if float(np.abs(step).max()) < 1e-6:
            break
    return weights
