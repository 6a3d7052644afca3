"""How well the check of citations tells true marks from false ones, measured on what a scripted model writes over retrieved passages.

`python -m benchmarks.checked_citations FOLDER... [--questions 300]` asks the questions of evaluation sets (see the README,
`footnote eval`). For each the scripted model of assistant.testing writes an answer over the passages found, citing well, badly and
falsely; `cite` checks it. Printed: true marks kept, false marks dropped, unsupported sentences flagged, and supported ones flagged
wrongly, for both halves of the questions, for paraphrase and for numbers, and for each kind of sentence.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.access import OWNER
from assistant.citing import Cited, cite
from assistant.languages import detect_language
from assistant.marks import read_marks
from assistant.settings import read_settings
from assistant.testing import CITER_KINDS, CITER_NUMBERS, Scene, ScriptedAnswer, Statement, write_answer
from assistant.types import Chunk, Citation, Hit
from benchmarks.halves import half
from doors.evaluation_set import COLLECTION, OpenSet, Question, open_set

_PASSAGES = 6
_LONGEST_ANSWER = 12


@dataclass(frozen=True, slots=True)
class Outcome:
    """A statement after the check: how many of its true and of its false marks stayed, and whether it was flagged."""

    statement: Statement
    half: str
    true_kept: int
    false_kept: int
    flagged: bool
    text: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--questions", type=int, default=300, help="of each set")
    parser.add_argument("--half", choices=["A", "B"], help="only that half of the questions")
    parser.add_argument("--words-only", action="store_true", help="without the embedder's say")
    parser.add_argument("--show", metavar="KIND", help="print the errors of this kind")
    chosen = parser.parse_args()
    for folder in chosen.folders:
        with open_set(folder, read_settings()) as opened:
            asked = [q for q in opened.questions if q.answerable and q.gold]
            asked = [q for q in asked if half(q.id) == (chosen.half or half(q.id))]
            asked = asked[:: max(1, len(asked) // chosen.questions)][: chosen.questions]
            outcomes, seconds = _outcomes(opened, asked, by_meaning=not chosen.words_only)
        print(f"{folder.name}: {len(asked)} questions, {len(outcomes)} sentences, {1000 * seconds / len(asked):.1f} ms an answer")
        print(table(outcomes))
        for outcome in outcomes:
            if outcome.statement.kind == chosen.show and _wrong(outcome):
                print(f"- {outcome.statement.text} {list(outcome.statement.marks)}\n    {outcome.text}")


def outcomes_of(answer: ScriptedAnswer, cited: Cited, passages: Sequence[Chunk], *, side: str = "") -> list[Outcome]:
    """Each statement of a scripted answer with what the check made of it."""
    marked = read_marks(cited.text)
    outcomes, read = [], 0
    for statement in answer.statements:
        start = marked.text.index(statement.text[:-1], read)
        read = start + len(statement.text)
        numbers = [n for group in marked.groups if start < group.place <= read for n in group.numbers]
        kept = {
            mark
            for mark in statement.marks
            if mark <= len(passages) and any(_lies_in(cited.citations[n - 1], passages[mark - 1]) for n in numbers)
        }
        flagged = any(sentence in statement.text for sentence in cited.unsupported)
        source = "\n    ".join(passages[mark - 1].text for mark in statement.marks if mark <= len(passages))
        outcomes.append(Outcome(statement, side, len(kept & statement.true), len(kept - statement.true), flagged, source))
    return outcomes


def table(outcomes: Sequence[Outcome]) -> str:
    """The shares as lines of text; a dash where there was nothing to judge."""
    rows: list[tuple[str, Sequence[Outcome]]] = [("all", outcomes)]
    rows += [(f"half {side}", [o for o in outcomes if o.half == side]) for side in "AB"]
    plain = [o for o in outcomes if o.statement.kind not in CITER_NUMBERS]
    rows.append(("paraphrase", plain))
    rows.append(("numbers", [o for o in outcomes if o.statement.kind in CITER_NUMBERS]))
    rows += [(f"  {kind}", [o for o in outcomes if o.statement.kind == kind]) for kind in CITER_KINDS]
    head = f"{'':42}{'true marks':>14}{'false marks':>14}{'unsupported':>14}{'supported':>14}\n"
    head += f"{'':42}{'kept':>14}{'dropped':>14}{'flagged':>14}{'flagged':>14}\n"
    return head + "\n".join(f"{name:42}" + "".join(_shown(*count) for count in shares(part)) for name, part in rows if part)


def shares(outcomes: Sequence[Outcome]) -> Iterator[tuple[int, int]]:
    """True marks kept, false marks dropped, unsupported sentences flagged, supported sentences flagged: each as (so many, of)."""
    true = sum(len(o.statement.true) for o in outcomes)
    false = sum(len(o.statement.marks) - len(o.statement.true) for o in outcomes)
    yield sum(o.true_kept for o in outcomes), true
    yield false - sum(o.false_kept for o in outcomes), false
    for supported in (False, True):
        of = [o for o in outcomes if bool(o.statement.true) == supported]
        yield sum(o.flagged for o in of), len(of)


def _shown(count: int, of: int) -> str:
    return f"{f'{count / of:.3f} ({of})' if of else '–':>14}"


def _wrong(outcome: Outcome) -> bool:
    missing = outcome.true_kept < len(outcome.statement.true)
    return missing or outcome.false_kept > 0 or outcome.flagged == bool(outcome.statement.true)


def _lies_in(citation: Citation, chunk: Chunk) -> bool:
    return citation.document_id == chunk.document_id and chunk.start <= citation.start and citation.end <= chunk.end


def _outcomes(opened: OpenSet, questions: Sequence[Question], *, by_meaning: bool) -> tuple[list[Outcome], float]:
    assistant = opened.assistant
    embedder = assistant.embedder if by_meaning else None
    (collection,) = assistant.library.readable(OWNER, [COLLECTION])
    chunks = [chunk for chunk, _ in assistant.library.chunks.every(collection)]
    outcomes, seconds = [], 0.0
    for number, question in enumerate(questions):
        scene = _scene(
            question, [h.chunk for h in assistant.retrieve(question.text, k=_PASSAGES)], chunks, opened.questions, number
        )
        answer = write_answer(scene, number)
        hits = [Hit(chunk, 1.0) for chunk in scene.passages]
        versions = {hit.chunk.document_id: hit.chunk.version for hit in hits}
        started = time.perf_counter()
        cited = cite(answer.text, hits, versions, language=scene.language, page_of=lambda document, offset: 1, embedder=embedder)
        seconds += time.perf_counter() - started
        outcomes += outcomes_of(answer, cited, scene.passages, side=half(question.id))
    return outcomes, seconds


def _scene(
    question: Question, found: Sequence[Chunk], chunks: Sequence[Chunk], questions: Sequence[Question], number: int
) -> Scene:
    """The passages found, with one that answers and a neighbour of it among them."""
    gold = [chunk for chunk in chunks if chunk.source in question.gold]
    answering = next((c for c in gold if any(a in c.text for a in question.answers)), gold[0])
    passages = list(found) if any(c.id == answering.id for c in found) else [answering, *found[: _PASSAGES - 1]]
    near = [c for c in chunks if c.title == answering.title and c.id not in {p.id for p in passages}]
    if near and sum(c.title == answering.title for c in passages) < 2:
        place = next(p for p in reversed(range(len(passages))) if passages[p].id != answering.id)
        passages[place] = near[0]
    answer = next((a for a in question.answers if a in answering.text and len(a.split()) <= _LONGEST_ANSWER), "")
    other = (a for q in questions for a in q.answers[:1] if q.gold == question.gold and a in answering.text)
    wrong = next((a for a in other if answer and a.lower() not in answer.lower() and answer.lower() not in a.lower()), "")
    titles = {chunk.title for chunk in passages}
    strangers = [c for c in chunks[number % 7 :: max(1, len(chunks) // 20)] if c.title not in titles][:8]
    return Scene(
        passages, detect_language(question.text, fallback=answering.language), strangers,
        question.text, answer, wrong, [c.id for c in passages].index(answering.id) + 1,
    )  # fmt: skip


if __name__ == "__main__":
    main()
