"""Whether quotes stand where citations say: in the text that `footnote show` prints and, for PDFs, under the boxes on the page.

`python -m benchmarks.citations FOLDER... [--answers 500] [--quotes 200]` asks the questions of evaluation sets (see the README,
`footnote eval`), then prints the share of quotes that hold, and the ones that do not.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from assistant.answering import Assistant
from assistant.library import OWNER
from assistant.sentences import sentence_spans
from assistant.settings import read_settings
from assistant.types import Citation
from doors.evaluation_set import OpenSet, open_set
from ingestion.page_pictures import boxes, text_under


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--answers", type=int, default=500, help="over all the sets together")
    parser.add_argument("--quotes", type=int, default=200, help="sentences of each set's PDFs to look for under their boxes")
    chosen = parser.parse_args()
    for folder in chosen.folders:
        with open_set(folder, read_settings()) as opened:
            share = chosen.answers // len(chosen.folders)
            asked = opened.questions[:: max(1, len(opened.questions) // share)][:share]
            _report(f"{folder.name}: quotes of {len(asked)} answers", _shown(opened, [q.text for q in asked]))
            if (folder / "pdfs").is_dir():
                _report(f"{folder.name}: sentences under their boxes", _under_boxes(opened.assistant, chosen.quotes))


def _report(what: str, checks: Iterator[tuple[bool, str]]) -> None:
    outcomes = list(checks)
    for good, shown in outcomes:
        if not good:
            print(f"  not there: {shown}")
    held = sum(good for good, _ in outcomes)
    print(f"{what}: {held} of {len(outcomes)} = {held / max(1, len(outcomes)):.4f}")


def _shown(opened: OpenSet, questions: Sequence[str]) -> Iterator[tuple[bool, str]]:
    """Each citation of each answer, looked up in what the command `footnote show` prints of the page that it names."""
    page = cache(lambda document, number: _show(opened.data_dir, document, number))
    for question in questions:
        for citation in opened.assistant.ask(question).citations:
            yield _stands(citation, page(citation.document_id, citation.page)), citation.quote


def _stands(citation: Citation, page: dict[str, object]) -> bool:
    text, offset = page["text"], page["start"]
    assert isinstance(text, str)
    assert isinstance(offset, int)
    # A quote that goes on over the page's end is compared as far as the page goes.
    found = text[citation.start - offset : citation.end - offset]
    return bool(found) and citation.quote.startswith(found)


def _show(folder: Path, document: str, number: int) -> dict[str, object]:
    """In a process of its own, as anyone would check from outside. The library can be read while this process owns the index."""
    program = [sys.executable, "-m", "doors.cli", "show", document, "--page", str(number), "--json"]
    ran = subprocess.run(["env", f"FOOTNOTE_DATA_DIR={folder}", *program], capture_output=True, text=True, check=True)
    shown: dict[str, object] = json.loads(ran.stdout)
    return shown


def _under_boxes(assistant: Assistant, count: int) -> Iterator[tuple[bool, str]]:
    """Random sentences and table rows, drawn evenly from all documents, against the text that PDFium finds under their boxes."""
    chance = random.Random(11)
    documents = assistant.library.documents(reader=OWNER)
    for document in documents:
        stored = assistant.library.stored(document.id, reader=OWNER)
        original = assistant.originals.get(stored.digest)
        spans = [s for s in sentence_spans(stored.text, document.language) if s[1] - s[0] > 20]
        for start, end in chance.sample(spans, min(len(spans), -(-count // len(documents)))):
            found = text_under(original, boxes(original, stored.runs, start, end))
            yield _bare(found) == _bare(stored.text[start:end]), f"{stored.text[start:end]!r}, found {found!r}"


def _bare(text: str) -> str:
    """Without white space, and without the hyphen that PDFium reports as a control character."""
    return "".join(text.replace("\x02", "-").replace("\ufffe", "-").split())


if __name__ == "__main__":
    main()
