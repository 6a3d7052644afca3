"""Damaged files through the whole pipeline, a folder at a time; as a program, for tests that watch it from outside."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_assistant
from ingestion import Outcome, Progress, ingest
from ingestion.doctor import examine

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a folder's files; the longest that nothing was heard, with the file last heard of then."""

    outcomes: Sequence[Outcome]
    silent_seconds: float
    silent_after: str


def seeds() -> list[tuple[str, bytes]]:
    """Our own files, and awkward ones of other projects where they lie beside this one."""
    folders = [ROOT / "tests" / "files", ROOT / "ingestion" / "sample", ROOT.parent / "shared" / "hostile" / "malformed_files"]
    paths = [p for folder in folders if folder.is_dir() for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix != ".py"]
    return [(path.name, path.read_bytes()) for path in paths if path.stat().st_size < 2_000_000]


def ingest_damaged(assistant: Assistant, folder: Path, collection: str) -> Ingested:
    """Ingest a folder into a collection of its own, and hold what came of it to what an ingest promises."""
    silent = (0.0, "")
    last = (time.monotonic(), "the start")

    def hear(progress: Progress) -> None:
        nonlocal silent, last
        now = time.monotonic()
        silent = max(silent, (now - last[0], last[1]))
        last = now, progress.last

    report = ingest(assistant, [folder], collection=collection, on_progress=hear)
    hear(Progress(last="the end"))
    for document in assistant.library.documents(reader=OWNER, names=[collection]):
        assert_whole(assistant, document.id)
    assert_verbatim(assistant, collection)
    (examined,) = (found for found in examine(assistant) if found.collection == collection)
    assert (examined.missing, examined.stale) == (0, 0)
    return Ingested(report.outcomes, *silent)


def assert_whole(assistant: Assistant, document_id: str) -> None:
    """A document's pages follow on each other to the end of its text, and its runs lie within."""
    stored = assistant.library.stored(document_id, reader=OWNER)
    assert stored.text
    assert [page.number for page in stored.pages] == list(range(1, len(stored.pages) + 1))
    assert all(page.start <= page.end for page in stored.pages)
    assert stored.pages[-1].end == len(stored.text)
    assert all(0 <= run.start < run.start + run.length <= len(stored.text) for run in stored.runs)
    assert all(1 <= run.page <= len(stored.pages) for run in stored.runs)


def assert_verbatim(assistant: Assistant, collection: str) -> int:
    """Every chunk is its document's text at its offsets, and begins on its page; no two of a document overlap, and no word of a
    document is in none. How many there are."""
    (into,) = assistant.library.readable(OWNER, [collection])
    by_document: dict[str, list[tuple[int, int]]] = {}
    for chunk, _ in assistant.library.chunks.every(into):
        stored = assistant.library.stored(chunk.document_id, reader=OWNER)
        assert stored.text[chunk.start : chunk.end] == chunk.text != ""
        page = stored.pages[chunk.page - 1]
        assert page.start <= chunk.start < page.end
        by_document.setdefault(chunk.document_id, []).append((chunk.start, chunk.end))
    for document_id, spans in by_document.items():
        text, at = assistant.library.stored(document_id, reader=OWNER).text, 0
        for start, end in [*sorted(spans), (len(text), len(text))]:
            assert at <= start, "chunks overlap"
            assert not any(map(str.isalnum, text[at:start])), f"no chunk holds {text[at:start][:80]!r}"
            at = end
    return sum(map(len, by_document.values()))


def main() -> None:
    """Ingest argument 2, a folder, into the data folder of argument 1; the outcomes as JSON."""
    data, folder = map(Path, sys.argv[1:])
    with make_assistant(Settings(data_dir=data)) as assistant:
        assistant.embedder = HashingEmbedder()
        ingested = ingest_damaged(assistant, folder, "damaged")
    print(json.dumps([asdict(outcome) for outcome in ingested.outcomes]))


if __name__ == "__main__":
    main()
