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
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path

from assistant.access import OWNER
from assistant.sentences import sentence_spans
from assistant.settings import read_settings
from assistant.types import Citation
from doors.evaluation_set import OpenSet, open_set
from ingestion.page_pictures import boxes, text_under

_ASKED_WORDS = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--answers", type=int, default=500, help="over all the sets together")
    parser.add_argument("--quotes", type=int, default=200, help="quotes from each set's PDFs to look for under their boxes")
    chosen = parser.parse_args()
    for folder in chosen.folders:
        with open_set(folder, read_settings()) as opened:
            share = chosen.answers // len(chosen.folders)
            asked = opened.questions[:: max(1, len(opened.questions) // share)][:share]
            _report(f"{folder.name}: quotes of {len(asked)} answers", _shown(opened, [q.text for q in asked]))
            if (folder / "pdfs").is_dir():
                _report(f"{folder.name}: quotes under their boxes", _under_boxes(opened, chosen.quotes))


def _report(what: str, checks: Iterator[tuple[bool, str]]) -> None:
    outcomes = list(checks)
    for good, shown in outcomes:
        if not good:
            print(f"  not there: {shown}")
    held = sum(good for good, _ in outcomes)
    print(f"{what}: {held} of {len(outcomes)} = {held / max(1, len(outcomes)):.4f}")


def _shown(opened: OpenSet, questions: Sequence[str]) -> Iterator[tuple[bool, str]]:
    """Each citation of each answer, looked up in what the command `footnote show` prints of the page that it names; of the whole
    document where the quote goes on over the page's end."""
    shown = cache(lambda document, page: _show(opened.data_dir, document, page))
    for question in questions:
        for citation in opened.assistant.ask(question).citations:
            page = shown(citation.document_id, citation.page)
            over = citation.end > page.end
            yield _stands(citation, shown(citation.document_id, None) if over else page), citation.quote


@dataclass(frozen=True, slots=True)
class _Shown:
    text: str
    start: int
    end: int


def _stands(citation: Citation, shown: _Shown) -> bool:
    return (
        shown.start <= citation.start and shown.text[citation.start - shown.start : citation.end - shown.start] == citation.quote
    )


def _show(folder: Path, document: str, page: int | None) -> _Shown:
    """In a process of its own, as anyone would check from outside. The library can be read while this process owns the index."""
    program = [sys.executable, "-m", "doors.cli", "show", document, *(["--page", str(page)] if page else []), "--json"]
    ran = subprocess.run(["env", f"FOOTNOTE_DATA_DIR={folder}", *program], capture_output=True, text=True, check=True)
    shown = json.loads(ran.stdout)
    return _Shown(shown["text"], shown["start"], shown["end"])


def _under_boxes(opened: OpenSet, count: int) -> Iterator[tuple[bool, str]]:
    """Distinct quotes of answers, against the text that PDFium finds under their boxes."""
    library, found = opened.assistant.library, set[tuple[str, int, int]]()
    stored = cache(lambda document: library.stored(document, reader=OWNER))
    for question in _questions(opened):
        for c in opened.assistant.ask(question).citations:
            place = (c.document_id, c.start, c.end)
            if place in found or len(found) == count:
                continue
            found.add(place)
            document = stored(c.document_id)
            original = opened.assistant.originals.get(document.digest)
            under = text_under(original, boxes(original, document.runs, c.start, c.end))
            yield _bare(under) == _bare(c.quote), f"{c.quote!r}, found {under!r}"
        if len(found) == count:
            return


def _questions(opened: OpenSet) -> Iterator[str]:
    """The set's own, then the beginnings of sentences drawn at random, from one document after the other."""
    yield from (question.text for question in opened.questions)
    chance = random.Random(11)
    drawn = []
    for document in opened.assistant.library.documents(reader=OWNER):
        text = opened.assistant.library.stored(document.id, reader=OWNER).text
        sentences = [text[start:end].split() for start, end in sentence_spans(text, document.language)]
        asked = [" ".join(words[:_ASKED_WORDS]) for words in sentences if len(words) >= _ASKED_WORDS]
        drawn.append(chance.sample(asked, len(asked)))
    yield from (question for turn in zip_longest(*drawn) for question in turn if question)


def _bare(text: str) -> str:
    """Without white space: where a line ends is the page's affair."""
    return "".join(text.split())


if __name__ == "__main__":
    main()
