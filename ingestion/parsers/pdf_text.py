"""Knows how the blocks of a PDF become one canonical text, with every character's place on its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from assistant.types import Block, Page, TextRun
from ingestion.parsers.pdf_blocks import Draft
from ingestion.parsers.pdf_lines import Line
from ingestion.parsers.pdf_tables import cells

_BLOCK_GAP = "\n\n"
_CELL_GAP = "\t"


@dataclass(slots=True)
class WrittenText:
    """The canonical text as it grows: `parts` joined are the text of `length` characters."""

    parts: list[str] = field(default_factory=list)
    length: int = 0
    blocks: list[Block] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    runs: list[TextRun] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)


def write_text(drafts: Sequence[Draft], page_count: int) -> WrittenText:
    """Blocks parted by an empty line, and pages that touch: each ends where the next one's first block begins."""
    written = WrittenText()
    path: list[tuple[int, str]] = []
    starts: dict[int, int] = {}
    for draft in drafts:
        if written.length:
            written.add(_BLOCK_GAP)
        start, page = written.length, draft.lines[0].page
        starts.setdefault(page, start)
        header_length = _write_lines(written, draft)
        text = "".join(written.parts[-1:])
        if draft.kind == "heading":
            path = [step for step in path if step[0] < draft.level] + [(draft.level, " ".join(text.split()))]
        above = tuple(step[1] for step in path)
        written.blocks.append(Block(draft.kind, start, written.length, page, above, draft.level, text[:header_length]))
    end = written.length
    for number in range(page_count, 0, -1):
        start = starts.get(number, end)
        written.pages.append(Page(number, start, end))
        end = start
    written.pages.reverse()
    return written


def _write_lines(written: WrittenText, draft: Draft) -> int:
    """Write a block as one part; the length of its header rows."""
    start, header_length = written.length, 0
    out: list[str] = []
    length = 0
    table = draft.kind == "table"
    for at, line in enumerate(draft.lines):
        if at:
            gap = "\n" if table or draft.lines[at - 1].hyphenated else " "
            out.append(gap)
            length += 1
        spans = list(cells(line)) if table and line.gaps else [(0, len(line.text))]
        for cell, (cell_start, cell_end) in enumerate(spans):
            if cell:
                out.append(_CELL_GAP)
                length += len(_CELL_GAP)
            _add_runs(written.runs, line, cell_start, cell_end, start + length)
            out.append(line.text[cell_start:cell_end])
            length += cell_end - cell_start
        if at + 1 == draft.header_lines:
            header_length = length
    written.add("".join(out))
    return header_length


def _add_runs(runs: list[TextRun], line: Line, start: int, end: int, position: int) -> None:
    for offset, length, char_index in line.pieces:
        first, last = max(offset, start), min(offset + length, end)
        if first < last:
            runs.append(TextRun(position + first - start, last - first, line.page, char_index + first - offset))
