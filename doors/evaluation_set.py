"""An evaluation set: a folder of documents and questions, and an assistant that has read it.

The assistant works in a data folder of its own below the settings' one, where embeddings are kept by content, so that a second run
is quick.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from assistant.answering import Assistant
from assistant.embedders.cached import CachedEmbedder
from assistant.errors import EmptyFile, FootnoteError
from assistant.settings import Settings
from assistant.types import Block, Page, ParsedDocument, Turn
from assistant.wiring import make_assistant
from ingestion.pipeline import ingest, ingest_documents
from ingestion.preparing import Prepared

COLLECTION = "eval"
Passage = str
OnProgress = Callable[[str, int, int], None]
"""(what is being done, done, of how many)"""


class EvaluationError(FootnoteError):
    """The folder does not hold an evaluation set."""


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
    questions = _questions(root)
    key = hashlib.sha256(f"{root.resolve()} {settings.embedder} {settings.chunk_tokens}".encode()).hexdigest()[:8]
    folder = settings.data_dir / "eval" / f"{root.resolve().name}-{key}"
    with make_assistant(settings.model_copy(update={"data_dir": folder, "library_url": "", "milvus_uri": ""})) as assistant:
        assistant.embedder = CachedEmbedder(assistant.embedder, settings.data_dir / "eval" / "embeddings.sqlite3")
        yield OpenSet(assistant, questions, _ingest(assistant, root, on_progress), folder)


def _questions(root: Path) -> list[Question]:
    path = root / "questions.jsonl"
    if not path.is_file():
        raise EvaluationError(
            f"{root} holds no questions.jsonl. An evaluation set is that file beside corpus.jsonl[.gz] or pdfs/."
        )
    return [_question(json.loads(line), f"{path}:{n}") for n, line in enumerate(path.open(encoding="utf-8"), 1) if line.strip()]


def _question(row: Mapping[str, Any], where: str) -> Question:
    try:
        pages = {f"{file}#{page}": 1.0 for file, page in row.get("gold_pages", [])}
        history = [Turn(turn["role"], turn["text"]) for turn in row.get("history", [])]
        gold = {key: float(grade) for key, grade in row.get("gold", {}).items()} | pages
        return Question(row["id"], row["question"], gold, row.get("answers", []), row.get("answerable", True), history)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EvaluationError(
            f"{where} is not a question of an evaluation set: {error!r}. See the README, footnote eval."
        ) from error


def _ingest(assistant: Assistant, root: Path, on_progress: OnProgress) -> list[dict[str, str]]:
    if (root / "pdfs").is_dir():
        report = ingest(
            assistant,
            [root / "pdfs"],
            collection=COLLECTION,
            on_progress=lambda p: on_progress("Reading", p.files, p.files_total),
        )
    else:
        rows = list(_corpus(root))
        report = ingest_documents(
            assistant, (_prepared(row) for row in rows), collection=COLLECTION, total=len(rows),
            on_progress=lambda p: on_progress("Reading", p.files, p.files_total),
        )  # fmt: skip
    return [{"source": o.source, "reason": o.reason} for o in report.outcomes if o.status == "failed"]


def _corpus(root: Path) -> Iterator[Mapping[str, str]]:
    packed, plain = root / "corpus.jsonl.gz", root / "corpus.jsonl"
    if not packed.is_file() and not plain.is_file():
        raise EvaluationError(f"{root} holds neither corpus.jsonl[.gz] nor pdfs/: there are no documents to ask.")
    with gzip.open(packed, "rt", encoding="utf-8") if packed.is_file() else plain.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)


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
