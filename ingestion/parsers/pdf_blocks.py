"""Knows how the lines of a PDF gather into headings, paragraphs, list items, captions and tables: by type and white space."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from assistant.types import BlockKind
from ingestion.parsers.pdf_lines import Line
from ingestion.parsers.pdf_tables import find_tables

_LARGER = 1.15
_LONGEST_HEADING = 160
_MOST_HEADING_LINES = 4
_BOLD_NAME = re.compile("bold|black|heavy|demi|-bd", re.IGNORECASE)
_ITALIC_NAME = re.compile("italic|oblique", re.IGNORECASE)
_BULLET = re.compile(r"(?:[•●○▪■◦‣∙·⁃➢►\uf0b7\uf0a7\uf02d]|[-–—*o](?=\s))\s*\S")
_ENUMERATED = re.compile(r"(?:\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})\)|\d{1,2}\.)\s+\S")
_CAPTION = re.compile(r"(?:fig(?:ure|\.|ura)?|table|tabel[ae]|tableau|quadro|chart|exhibit)\s+\d+(?:[.:–—-]|$)", re.IGNORECASE)
_SENTENCE_END = (".", "!", "?", ":", ";", ".”", ".)", '."', "…")


@dataclass(frozen=True, slots=True)
class Draft:
    """A block before it is written: its lines, and for a table how many of them are its header. `level` is a heading's depth."""

    kind: BlockKind
    lines: Sequence[Line]
    level: int = 0
    header_lines: int = 0


@dataclass(frozen=True, slots=True)
class Body:
    """What most of the document's characters look like. `leading` is the distance between lines as a multiple of the size."""

    size: float
    weight: int
    font: str
    leading: float


def draft_blocks(pages: Sequence[Sequence[Line]]) -> list[Draft]:
    """The blocks of the document in PDFium's order; no block runs over a page end."""
    body = _body(pages)
    drafts = [draft for lines in pages for draft in _page_drafts(lines, body)]
    ranks = sorted({_rank(draft.lines[0], body) for draft in drafts if draft.kind == "heading"})
    levels = {rank: level for level, rank in enumerate(ranks, start=1)}
    return [replace(draft, level=levels[_rank(draft.lines[0], body)]) if draft.kind == "heading" else draft for draft in drafts]


def _body(pages: Sequence[Sequence[Line]]) -> Body:
    sizes: Counter[float] = Counter()
    weights: Counter[int] = Counter()
    fonts: Counter[str] = Counter()
    leadings: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[round(line.size * 2) / 2] += len(line.text)
            weights[line.weight] += len(line.text)
            if line.font:
                fonts[line.font] += len(line.text)
        for above, line in pairwise(lines):
            if len(line.text) > 40 and len(above.text) > 40 and line.size == above.size > 0:
                leadings[round((above.baseline - line.baseline) / line.size, 1)] += 1
    usual = [leading for leading, _ in leadings.most_common(3) if 0.9 <= leading <= 2.5]
    most = [counter.most_common(1)[0][0] if counter else 0 for counter in (sizes, weights)]
    return Body(float(most[0]), int(most[1]), fonts.most_common(1)[0][0] if fonts else "", usual[0] if usual else 1.2)


def _page_drafts(lines: Sequence[Line], body: Body) -> Iterator[Draft]:
    at = 0
    for table in find_tables(lines, body.size):
        yield from _text_drafts(lines[at : table.start], body)
        yield Draft("table", lines[table.start : table.end], header_lines=table.first_row - table.start)
        at = table.end
    yield from _text_drafts(lines[at:], body)


def _text_drafts(lines: Sequence[Line], body: Body) -> Iterator[Draft]:
    gathered: list[Line] = []
    heading = False
    for at, line in enumerate(lines):
        above = lines[at - 1] if at else None
        below = lines[at + 1] if at + 1 < len(lines) else None
        is_heading = _is_heading(line, above, below, body, after_heading=heading)
        if gathered and (is_heading != heading or _parts(gathered, line, body, is_heading)):
            yield _draft(gathered, heading)
            gathered = []
        gathered.append(line)
        heading = is_heading
    if gathered:
        yield _draft(gathered, heading)


def _draft(lines: list[Line], heading: bool) -> Draft:
    first = lines[0].text
    length = sum(len(line.text) for line in lines)
    if heading and len(lines) <= _MOST_HEADING_LINES and not (length > 100 and lines[-1].text.endswith(".")):
        return Draft("heading", tuple(lines))
    if _BULLET.match(first) or _ENUMERATED.match(first):
        return Draft("list_item", tuple(lines))
    if _CAPTION.match(first) and length <= 300:
        return Draft("caption", tuple(lines))
    return Draft("paragraph", tuple(lines))


def _parts(gathered: Sequence[Line], line: Line, body: Body, heading: bool) -> bool:
    """Whether a new block begins with `line`."""
    above = gathered[-1]
    drop = above.baseline - line.baseline
    size = max(line.size, above.size, 1.0)
    if line.angle != above.angle:
        return True
    if abs(drop) < 0.4 * size:
        return line.left < above.left - size
    if heading:
        return _rank(line, body) != _rank(above, body) or not 0 < drop < 1.7 * size
    if len(line.text) <= 3 and len(above.text) <= 3 and not _BULLET.match(line.text):
        return False
    if drop < 0 or drop > 1.3 * max(body.leading, 1.0) * size or line.left > above.right:
        return not (above.hyphenated and abs(drop) < 3 * size) and not _runs_on(above, line, drop)
    if above.hyphenated:
        return False
    if min(line.size, above.size) < 0.85 * size and len(line.text) > 3 and len(above.text) > 3:
        return True
    if _BULLET.match(line.text) or (_ENUMERATED.match(line.text) and above.text.endswith(_SENTENCE_END)):
        return True
    return _is_last_of_paragraph(gathered, line, size)


def _runs_on(above: Line, line: Line, drop: float) -> bool:
    """Whether a sentence goes on in text that is set wider than the body: a full line without an end, then one of its kind."""
    if not 0 < drop <= 2.6 * line.size or above.size != line.size or len(above.text) <= 50 or above.text.endswith(_SENTENCE_END):
        return False
    full = above.right - above.left > 0.8 * (line.right - line.left)
    return full and line.left <= above.left + 0.5 * line.size and not line.row


def _is_last_of_paragraph(gathered: Sequence[Line], line: Line, size: float) -> bool:
    """Whether the gathered lines end a sentence, and the next is indented or the last was cut well short."""
    above = gathered[-1]
    if not above.text.endswith(_SENTENCE_END):
        return False
    left, right = min(each.left for each in gathered), max(each.right for each in gathered)
    item = _BULLET.match(gathered[0].text) or _ENUMERATED.match(gathered[0].text)
    indented = 0.8 * size < line.left - left < 6 * size and not item
    short = len(gathered) > 1 and above.right < left + 0.7 * (right - left)
    return indented or (short and not line.text[0].islower())


def _is_heading(line: Line, above: Line | None, below: Line | None, body: Body, *, after_heading: bool) -> bool:
    text = line.text
    if len(text) > _LONGEST_HEADING or sum(map(str.isalpha, text)) < 3 or line.row or _BULLET.match(text):
        return False
    if line.size >= _LARGER * body.size:
        return (after_heading or not text[0].islower()) and not (text.endswith(".") and len(text) > 80)
    if line.size < 0.9 * body.size or len(text) > 120 or text.endswith((".", ",", ";")) or text[0].islower():
        return False
    if not (_is_bold(line, body) or (_is_italic(line, body) and len(text) <= 80 and not text.endswith(":"))):
        return False
    if below is not None and line.hyphenated:
        return False
    # An emphasised line in the middle of a sentence is no heading.
    running_on = (
        above is not None
        and not after_heading
        and 0 < above.baseline - line.baseline < 1.3 * body.leading * line.size
        and not above.text.endswith(_SENTENCE_END)
        and above.right - above.left > 0.8 * (line.right - line.left)
        and len(above.text) > 60
    )
    return not running_on


def _is_bold(line: Line, body: Body) -> bool:
    if not line.font or line.font == body.font:
        return False
    named = bool(_BOLD_NAME.search(line.font)) and not _BOLD_NAME.search(body.font)
    return named or line.weight >= 1.4 * body.weight > 0


def _is_italic(line: Line, body: Body) -> bool:
    return bool(line.font) and bool(_ITALIC_NAME.search(line.font)) and not _ITALIC_NAME.search(body.font)


def _rank(line: Line, body: Body) -> tuple[float, int]:
    """Order of headings: the larger type first; within a size bold capitals, bold, the rest."""
    bold = _is_bold(line, body)
    size = max(round(line.size), round(body.size)) if line.size >= _LARGER * body.size else body.size
    return (-float(size), 0 if bold and line.text.isupper() else 1 if bold else 2)
