"""Uploading: files that a person hands over, in the browser, in Slack or to the API, become documents. Each file is deleted once it
was read."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path, PurePath

from assistant.access import OWNER, own_name
from assistant.answering import Assistant
from assistant.limits import Limits
from ingestion import Outcome, Progress, Report
from ingestion.pipeline import ingest_documents
from ingestion.preparing import Prepared, prepare_file
from prompts.invisible import visible

UPLOADS = "documents"
_NAME_BYTES, _ENDING_BYTES = 200, 40


def upload(
    assistant: Assistant,
    files: Mapping[str, Path],
    *,
    collection: str = "",
    reader: str = OWNER,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Report:
    """Take files in, each under its name, into a collection of the reader's: `documents` where none is named. A name that was uploaded
    before is the same document, changed. Raises as `ingest` does."""
    documents = (_uploaded(path, name, assistant.limits) for name, path in files.items())
    return ingest_documents(
        assistant, documents, collection=collection or own_name(UPLOADS, reader), reader=reader, total=len(files),
        on_progress=on_progress,
    )  # fmt: skip


def told_apart(paths: Sequence[str]) -> dict[str, Path]:
    """The files of one upload by the name of each. Of different files with one name, the later ones are numbered as a file manager
    does: "report (2).pdf"."""
    files: dict[str, Path] = {}
    for path in map(Path, dict.fromkeys(paths)):
        files[free_name(path.name, files)] = path
    return files


def free_name(name: str, taken: Container[str]) -> str:
    """The name, or the first numbered one that is not taken."""
    path = PurePath(name)
    numbered = (f"{path.stem} ({number}){path.suffix}" for number in itertools.count(2))
    return next(each for each in itertools.chain([name], numbered) if each not in taken)


def file_name(given: str, otherwise: str) -> str:
    """The last part of a name that somebody gave a file, as people see it and short enough for a disk; `otherwise` where none is
    left."""
    name = PurePath(" ".join(visible(given).replace("\\", "/").split()))
    if name.name in ("", "..", "."):
        return otherwise
    ending = name.suffix.encode()[:_ENDING_BYTES]
    return (name.stem.encode()[: _NAME_BYTES - len(ending)] + ending).decode(errors="ignore")


def _uploaded(path: Path, name: str, limits: Limits) -> Prepared | Outcome:
    try:
        size, most_bytes = path.stat().st_size, limits.max_file_bytes
        if size > most_bytes:
            return Outcome(name, "failed", f"It has {size / 1e6:.0f} MB; the limit is {most_bytes / 1e6:.0f} MB.")
        content = path.read_bytes()
        path.unlink()
    except OSError as error:
        return Outcome(name, "failed", f"It cannot be read: {error.strerror}. Upload it again.")
    # The same name uploaded again is the same document, changed.
    return prepare_file(f"upload:{name}", name, content, ocr_languages=limits.ocr_languages)
