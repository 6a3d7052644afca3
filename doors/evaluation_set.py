"""An evaluation set: a folder of documents and questions, and an assistant that has read it.

The assistant works in a data folder of its own below the settings' one, where embeddings are kept by content, so that a second run
is quick.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from assistant.answering import Assistant
from assistant.deciding import read_rule
from assistant.embedders.cached import CachedEmbedder
from assistant.errors import EmptyFile, EvaluationError
from assistant.records import Collection
from assistant.settings import Settings
from assistant.types import Block, Page, ParsedDocument, Turn
from assistant.wiring import RULE_FILE, make_assistant
from ingestion import Progress
from ingestion.pipeline import ingest, ingest_documents
from ingestion.preparing import Prepared

COLLECTION = "eval"
_COPIES = "eval"
Passage = str
OnProgress = Callable[[str, int, int], None]
"""(what is being done, done, of how many)"""


@dataclass(frozen=True, slots=True)
class Question:
    """One line of questions.jsonl. `gold` maps passages to grades; a page of a file is the passage "file#page"."""

    id: str
    text: str
    gold: Mapping[Passage, float]
    answers: Sequence[str]
    answerable: bool
    history: Sequence[Turn]


@dataclass(frozen=True, slots=True)
class OpenSet:
    """An assistant with the set's documents in the collection "eval", the questions, the documents that could not be read with
    their reasons, and the data folder."""

    assistant: Assistant
    questions: Sequence[Question]
    failed: Sequence[Mapping[str, str]]
    data_dir: Path


@contextmanager
def open_set(root: Path, settings: Settings, *, on_progress: OnProgress = lambda *_: None) -> Iterator[OpenSet]:
    """The set in this folder, its documents read. Raises EvaluationError."""
    questions = read_questions(root)
    rows = None if has_pages(root) else [_passage(row, where) for row, where in _rows(_corpus_file(root))]
    # A document that was taken out of the set must not be found any more: another listing is another folder.
    listing = _file_names(root / "pdfs") if rows is None else [row["id"] for row in rows]
    named = "\0".join([str(root.resolve()), settings.embedder, settings.sparse, str(settings.chunk_tokens), *sorted(listing)])
    key = hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = settings.data_dir / _COPIES / f"{root.resolve().name}-{key}"
    # What is measured is the model; quotes in its place would be counted as its answers.
    ours = settings.model_copy(update={"data_dir": folder, "library_url": "", "milvus_uri": "", "fallback": "none"})
    with make_assistant(ours) as assistant:
        kept = CachedEmbedder(assistant.embedder, settings.data_dir / _COPIES / "embeddings.sqlite3")
        with closing(kept):
            assistant.embedder = kept
            assistant.rule = read_rule(settings.data_dir / RULE_FILE)
            yield OpenSet(assistant, questions, _ingest(assistant, root, rows, on_progress), folder)


def read_questions(root: Path) -> list[Question]:
    """The questions of the set in this folder. Raises EvaluationError."""
    return [_question(row, where) for row, where in _rows(root / "questions.jsonl")]


def has_pages(root: Path) -> bool:
    """Whether the set's documents are files, whose passages are pages "file#page"; else each document is one passage."""
    return (root / "pdfs").is_dir()


def passages_of(assistant: Assistant, collection: Collection, *, by_page: bool) -> dict[int, list[Passage]]:
    """The passages that each chunk stands on: its document, or the pages that it touches."""
    chunks = [chunk for chunk, _ in assistant.library.chunks.every(collection)]
    if not by_page:
        return {chunk.id: [chunk.source] for chunk in chunks}
    return {chunk.id: [f"{chunk.source}#{page.number}" for page in chunk.pages] for chunk in chunks}


def forget_evaluations(data_dir: Path) -> None:
    """Take out what evaluations have copied into the data folder; the next one reads its set anew."""
    if (data_dir / _COPIES).is_dir():
        shutil.rmtree(data_dir / _COPIES)


def _file_names(folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]


def _corpus_file(root: Path) -> Path:
    packed = root / "corpus.jsonl.gz"
    return packed if packed.is_file() else root / "corpus.jsonl"


def _rows(path: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The objects of a file of JSON lines, packed or not, each with its place for messages."""
    if not path.is_file():
        raise EvaluationError(
            f"There is no {path}. An evaluation set is questions.jsonl beside corpus.jsonl[.gz] or pdfs/: see the README."
        )
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield json.loads(line), f"{path}:{number}"
    except (ValueError, OSError, EOFError) as error:
        raise EvaluationError(f"{path} cannot be read on from line {max(1, number)}: {error}. Correct the file.") from error


def _question(row: Mapping[str, Any], where: str) -> Question:
    try:
        pages = {f"{file}#{page}": 1.0 for file, page in row.get("gold_pages", [])}
        history = [Turn(turn["role"], turn["text"]) for turn in row.get("history", [])]
        gold = {key: float(grade) for key, grade in row.get("gold", {}).items()} | pages
        return Question(str(row["id"]), row["question"], gold, row.get("answers", []), row.get("answerable", True), history)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EvaluationError(
            f"{where} is not a question of an evaluation set: {error!r}. It needs an id and a question; the README tells of the rest."
        ) from error


def _passage(row: Mapping[str, Any], where: str) -> Mapping[str, str]:
    try:
        return {"id": str(row["id"]), "title": row.get("title") or "", "text": row["text"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(f"{where} is not a passage of an evaluation set: {error!r}. It needs an id and a text.") from error


def _ingest(
    assistant: Assistant, root: Path, rows: Sequence[Mapping[str, str]] | None, on_progress: OnProgress
) -> list[dict[str, str]]:
    def progressed(progress: Progress) -> None:
        on_progress("Reading", progress.files, progress.files_total)

    if rows is None:
        report = ingest(assistant, [root / "pdfs"], collection=COLLECTION, on_progress=progressed)
    else:
        prepared = (_prepared(row) for row in rows)
        report = ingest_documents(assistant, prepared, collection=COLLECTION, total=len(rows), on_progress=progressed)
    return [{"source": o.source, "reason": o.reason} for o in report.outcomes if o.status == "failed"]


def _prepared(row: Mapping[str, str]) -> Prepared:
    content = json.dumps([row["id"], row["title"], row["text"]], ensure_ascii=False).encode()
    return Prepared(row["id"], row["id"], content, partial(_parsed, row["title"], row["text"]))


def _parsed(title: str, text: str) -> ParsedDocument:
    """A passage as a document: its paragraphs are its blocks."""
    blocks, at = [], 0
    for paragraph in text.split("\n\n"):
        kept = paragraph.strip()
        if kept:
            start = at + paragraph.index(kept)
            blocks.append(Block("paragraph", start, start + len(kept), 1))
        at += len(paragraph) + 2
    if not blocks:
        raise EmptyFile("The passage has no text.")
    return ParsedDocument(title, text, blocks, [Page(1, 0, len(text))], "text/plain")
