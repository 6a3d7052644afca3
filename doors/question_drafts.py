"""`footnote eval --make`: questions drafted from documents, written as a set that `footnote eval` reads.

Its passages are the chunks of these documents, so that their ranking can be judged. Without a language model a question is a sentence
with its most telling term left out (cloze.py); with one, the model writes it.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import EvaluationError, InvalidRequest, ModelError, ParseError
from assistant.generators.writing import Writer
from assistant.lexical import term_counts
from assistant.settings import Settings
from assistant.wiring import close_writer, make_assistant, make_writer
from doors.cloze import cloze
from doors.evaluation_set import OnProgress
from doors.question_writer import write_question
from ingestion.preparing import draft_of, prepare_file
from ingestion.sources import digest_of, find_sources, read_source

COUNT = 50

# A model is asked of so many passages for each question that is wanted, at most.
_TRIES_A_QUESTION = 3
_FILES = ("questions.jsonl", "corpus.jsonl", "corpus.jsonl.gz", "pdfs")


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as the set holds it. `document` parts the documents from each other; `terms` are the ids of the chunk's terms."""

    id: str
    document: str
    title: str
    text: str
    language: str
    headings: tuple[str, ...]
    terms: frozenset[int]


@dataclass(frozen=True, slots=True)
class Draft:
    """A question whose answer stands, character for character, in the passage."""

    passage: Passage
    question: str
    answer: str


def make(
    folder: str | Path,
    settings: Settings,
    *,
    collection: str = "",
    documents: str | Path | None = None,
    count: int = COUNT,
    on_progress: OnProgress = lambda *_: None,
) -> dict[str, Any]:
    """Write corpus.jsonl and questions.jsonl with up to `count` questions into this folder, which must not hold a set yet.

    The documents are those of the collection (of all where none is named), or with `documents` those of a folder, which is read
    and not kept. The same documents give the same cloze questions. A model that fails after some questions leaves these and the
    reason under "stopped". Raises InvalidRequest, EvaluationError where no question came of it, ModelError, CollectionNotFound,
    PathNotFound.
    """
    root = Path(folder)
    _refuse_to_overwrite(root)
    with TemporaryDirectory() as spare:
        alone = settings.model_copy(update={"data_dir": Path(spare), "library_url": "", "milvus_uri": ""})
        with make_assistant(settings if documents is None else alone) as assistant:
            failed: list[dict[str, str]] = []
            found = _stored(assistant, collection) if documents is None else _read(assistant, documents, failed, on_progress)
            passages = list(found)
            drafts, stopped, by = _drafted(settings, passages, count, on_progress)
    if not drafts:
        raise EvaluationError(
            f"No question came of {len(passages)} passages in {len({p.document for p in passages})} documents. "
            "Questions are drafted from whole sentences of running text: add documents that have some."
        )
    _write(root, passages, drafts)
    return {
        "folder": str(root),
        "questions": len(drafts),
        "passages": len(passages),
        "documents": len({draft.passage.document for draft in drafts}),
        "documents_read": len({passage.document for passage in passages}),
        "by": by,
        "failed_documents": failed,
        "stopped": stopped,
    }


def spread(passages: Sequence[Passage], *, seed: int = 0) -> Iterator[Passage]:
    """All passages, one of each document in turn, those of a document in an order by chance (the same for the same seed)."""
    chance = random.Random(seed)
    of: dict[str, list[Passage]] = defaultdict(list)
    for passage in passages:
        of[passage.document].append(passage)
    waiting = list(of.values())
    chance.shuffle(waiting)
    for left in waiting:
        chance.shuffle(left)
    while waiting:
        for left in waiting:
            yield left.pop()
        waiting = [left for left in waiting if left]


def _drafted(
    settings: Settings, passages: Sequence[Passage], count: int, on_progress: OnProgress
) -> tuple[list[Draft], str, str]:
    """The drafts, why it stopped early (else empty), and what wrote them."""
    if settings.generator == "quotes":
        return list(_clozes(passages, count, on_progress)), "", "cloze"
    writer = make_writer(settings)
    assert isinstance(writer, Writer)
    try:
        return *_written(writer, passages, count, on_progress), writer.name
    finally:
        close_writer(writer)


def _written(writer: Writer, passages: Sequence[Passage], count: int, on_progress: OnProgress) -> tuple[list[Draft], str]:
    """The drafts, and why it stopped early. Raises ModelError where the model fails before the first."""
    drafts: list[Draft] = []
    copies = Counter(passage.text for passage in passages)
    for tried, passage in enumerate(spread([passage for passage in passages if copies[passage.text] == 1])):
        if len(drafts) == count or tried == _TRIES_A_QUESTION * count:
            break
        try:
            written = write_question(writer, passage.title, passage.text)
        except ModelError as error:
            if not drafts:
                raise
            return drafts, str(error)
        if written:
            drafts.append(Draft(passage, written.question, written.answer))
            on_progress("Drafting", len(drafts), count)
    return drafts, ""


def _clozes(passages: Sequence[Passage], count: int, on_progress: OnProgress) -> Iterator[Draft]:
    frequencies = Counter(term for passage in passages for term in passage.terms)
    made = 0
    for passage in spread(passages):
        if made == count:
            return
        found = cloze(
            passage.text,
            passage.language,
            headings=(passage.title, *passage.headings),
            rarity=_rarity(frequencies, len(passages), passage.language),
            stands_elsewhere=_elsewhere(passages, passage),
        )
        if found:
            made += 1
            on_progress("Drafting", made, count)
            yield Draft(passage, found.question, found.answer)


def _rarity(frequencies: Mapping[int, int], passages: int, language: str) -> Callable[[str], float]:
    """One for words of which each stands in one passage only, zero for words that are in all."""

    def rarity(words: str) -> float:
        least = min((frequencies.get(term, 1) for term in term_counts(words, language)), default=passages)
        return 1 - math.log(max(1, least)) / math.log(max(2, passages))

    return rarity


def _elsewhere(passages: Sequence[Passage], own: Passage) -> Callable[[str, str], bool]:
    def stands(before: str, after: str) -> bool:
        return any(before in other.text and after in other.text for other in passages if other is not own)

    return stands


def _stored(assistant: Assistant, collection: str) -> Iterator[Passage]:
    """The chunks of what is ingested already. The index is not opened, so that a running server is not in the way."""
    for into in assistant.library.readable(OWNER, [collection] if collection else []):
        numbers: Counter[str] = Counter()
        for chunk, counts in assistant.library.chunks.every(into):
            numbers[chunk.document_id] += 1
            yield Passage(
                f"{into.name}/{chunk.source}/{chunk.document_id}#{numbers[chunk.document_id]}",
                chunk.document_id,
                _titled(chunk.title, chunk.heading_path),
                _with_header(chunk.header, chunk.text),
                chunk.language,
                chunk.heading_path,
                frozenset(counts),
            )


def _read(
    assistant: Assistant, documents: str | Path, failed: list[dict[str, str]], on_progress: OnProgress
) -> Iterator[Passage]:
    """The chunks of files that are parsed and cut as an ingest would."""
    sources = find_sources([documents])
    for done, source in enumerate(sources, 1):
        try:
            content = read_source(source, assistant.limits.max_file_bytes)
            prepared = prepare_file(source.place, source.name, content)
            draft = draft_of(prepared, assistant, digest=digest_of(content))
        except (OSError, ParseError) as error:
            failed.append({"source": source.name, "reason": str(error)})
            continue
        finally:
            on_progress("Reading", done, len(sources))
        for number, (span, counts) in enumerate(zip(draft.spans, draft.counts, strict=True), 1):
            yield Passage(
                f"{source.name}#{number}",
                source.name,
                _titled(draft.parsed.title, span.heading_path),
                _with_header(span.header, draft.parsed.text[span.start : span.end]),
                draft.language,
                span.heading_path,
                frozenset(counts),
            )


def _titled(title: str, heading_path: Sequence[str]) -> str:
    return " > ".join(dict.fromkeys(" ".join(part.split()) for part in (title, *heading_path) if part))


def _with_header(header: str, text: str) -> str:
    return f"{header}\n{text}" if header and not text.startswith(header) else text


def _refuse_to_overwrite(root: Path) -> None:
    there = next((name for name in _FILES if (root / name).exists()), None)
    if there:
        raise InvalidRequest(f"{root / there} is there already, and is never overwritten. Name another folder, or move it away.")
    if root.exists() and not root.is_dir():
        raise InvalidRequest(f"{root} is a file. Name a folder for the questions.")


def _write(root: Path, passages: Iterable[Passage], drafts: Iterable[Draft]) -> None:
    corpus = ({"id": p.id, "title": p.title, "text": p.text} for p in passages)
    questions = (
        {
            "id": f"q{number}", "question": draft.question, "gold": {draft.passage.id: 1}, "answers": [draft.answer],
            "answerable": True, "language": draft.passage.language, "history": [], "passage": draft.passage.id,
        }
        for number, draft in enumerate(drafts, 1)
    )  # fmt: skip
    try:
        root.mkdir(parents=True, exist_ok=True)
        for name, rows in (("corpus.jsonl", corpus), ("questions.jsonl", questions)):
            with (root / name).open("x", encoding="utf-8", errors="replace") as file:
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    except OSError as error:
        raise EvaluationError(f"The questions cannot be written into {root}: {error.strerror}. Name another folder.") from error
