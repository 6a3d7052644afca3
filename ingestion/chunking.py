"""Chunking: blocks to chunks by arithmetic on spans, so that `text[start:end] == chunk.text` holds by construction.

Whole blocks are packed up to a budget of tokens and never across sections. Only a block over the budget is split: a table between
its rows, any other block between its sentences, a sentence over the budget by langchain's splitter.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from assistant.sentences import sentence_spans
from assistant.types import Block, ChunkSpan, ParsedDocument, search_text
from ingestion.token_counts import CountTokens, counted_by_words

CHUNKER_VERSION = "2"
# However long its headings are, a chunk keeps room for this much text.
_LEAST_TOKENS = 48


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block, or a part of one that was over the budget. `room` is what title, headings and header leave of the budget."""

    block: Block
    start: int
    end: int
    tokens: int
    room: int


def chunk_spans(parsed: ParsedDocument, *, language: str, max_tokens: int, count_tokens: CountTokens) -> list[ChunkSpan]:
    """The chunks of a document in reading order. Each with its title, headings and table header counts at most `max_tokens`
    tokens, as long as these leave room; spans do not overlap, and cover every block."""
    pieces = _pieces(parsed, language, max_tokens, counted_by_words(count_tokens))
    starts = [page.start for page in parsed.pages]
    return [_span(group, parsed, starts) for group in _packed(pieces)]


def _pieces(parsed: ParsedDocument, language: str, max_tokens: int, count_tokens: CountTokens) -> list[_Piece]:
    texts = [parsed.text[b.start : b.end] for b in parsed.blocks]
    above = list({(b.heading_path, b.header) for b in parsed.blocks})
    taken = dict(zip(above, count_tokens([search_text(parsed.title, *each, "") for each in above]), strict=True))
    pieces: list[_Piece] = []
    for block, tokens in zip(parsed.blocks, count_tokens(texts), strict=True):
        room = max(max_tokens - taken[block.heading_path, block.header], _LEAST_TOKENS)
        if tokens <= room:
            pieces.append(_Piece(block, block.start, block.end, tokens, room))
        else:
            pieces.extend(_split(parsed.text, block, language, room, count_tokens))
    return pieces


def _split(text: str, block: Block, language: str, room: int, count_tokens: CountTokens) -> list[_Piece]:
    """A block over the budget, as the fewest pieces between rows or sentences that keep to it."""
    own = text[block.start : block.end]
    parts = _lines(own) if block.kind in ("table", "code") else sentence_spans(own, language)
    counted = list(zip(parts, count_tokens([own[s:e] for s, e in parts]), strict=True))
    small = [_Piece(block, block.start + s, block.start + e, n, room) for (s, e), n in counted]
    fitting = [part for piece in small for part in ([piece] if piece.tokens <= room else _cut(text, piece, count_tokens))]
    merged: list[_Piece] = []
    for piece in fitting:
        if merged and merged[-1].tokens + piece.tokens <= room:
            merged[-1] = _Piece(block, merged[-1].start, piece.end, merged[-1].tokens + piece.tokens, room)
        else:
            merged.append(piece)
    return merged


def _lines(text: str) -> list[tuple[int, int]]:
    spans, start = [], 0
    for line in text.split("\n"):
        if line.strip():
            spans.append((start, start + len(line)))
        start += len(line) + 1
    return spans


def _cut(text: str, piece: _Piece, count_tokens: CountTokens) -> Iterator[_Piece]:
    """A row or sentence over the budget, cut where langchain's splitter finds the widest break. With overlap 0 and white space
    kept its pieces rejoin exactly (langchain-text-splitters 1.1; with an overlap they do not)."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(
        chunk_size=piece.room,
        chunk_overlap=0,
        # At least one: what has no length (characters that the tokenizer drops) the splitter repeats in the next piece.
        length_function=lambda part: max(1, count_tokens([part])[0]) if part else 0,
        keep_separator="end",
        strip_whitespace=False,
    )
    at = piece.start
    for part in splitter.split_text(text[piece.start : piece.end]):
        kept = part.strip()
        if kept:
            start = at + part.index(kept)
            yield replace(piece, start=start, end=start + len(kept), tokens=count_tokens([kept])[0])
        at += len(part)


def _packed(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    group: list[_Piece] = []
    for piece in pieces:
        full = sum(p.tokens for p in group) + piece.tokens > min(p.room for p in [*group, piece])
        if group and (full or not _same_section(group, piece)):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def _same_section(group: Sequence[_Piece], piece: _Piece) -> bool:
    """Whether the piece may join: it stands under the same headings, or the group is nothing but headings above it."""
    path, above = piece.block.heading_path, group[-1].block.heading_path
    if piece.block.kind == "heading" or path != above:
        return all(p.block.kind == "heading" for p in group) and path[: len(above)] == above
    # A chunk has one header, which must be right for all of it.
    return piece.block.header == group[-1].block.header or not (piece.block.header or group[-1].block.header)


def _span(group: Sequence[_Piece], parsed: ParsedDocument, page_starts: Sequence[int]) -> ChunkSpan:
    first, last = group[0], group[-1]
    continued = last.block.header if first.start > first.block.start else ""  # a table's first piece holds its header itself
    # As page_at, which looks through all the pages behind: with thousands of them that is longer than everything else here.
    place = bisect_right(page_starts, first.start)
    page = parsed.pages[place - 1].number if place else first.block.page
    return ChunkSpan(first.start, last.end, page, last.block.heading_path, continued)
