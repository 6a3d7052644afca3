"""Chunks: spans of the text, within the budget, never across sections, covering every block."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from assistant.testing import HashingEmbedder
from assistant.types import Block, ChunkSpan, Page, ParsedDocument, search_text
from ingestion.chunking import chunk_spans
from ingestion.parsers import parse
from tests.conftest import FILES

count_tokens = HashingEmbedder().count_tokens


def spans(parsed: ParsedDocument, max_tokens: int = 60) -> list[ChunkSpan]:
    return chunk_spans(parsed, language="en", max_tokens=max_tokens, count_tokens=count_tokens)


def of_blocks(*blocks: tuple[str, str, tuple[str, ...]]) -> ParsedDocument:
    text, made = "", []
    for kind, content, path in blocks:
        header = content.split("\n")[0] if kind == "table" else ""
        made.append(Block(kind, len(text), len(text) + len(content), 1, path, header=header))  # type: ignore[arg-type]
        text += content + "\n\n"
    return ParsedDocument("T", text, made, [Page(1, 0, len(text))], "text/plain")


def texts(parsed: ParsedDocument, max_tokens: int = 60) -> list[str]:
    return [parsed.text[s.start : s.end] for s in spans(parsed, max_tokens)]


def test_whole_blocks_are_packed_and_sections_are_not_mixed() -> None:
    parsed = of_blocks(
        ("heading", "One", ("One",)), ("paragraph", "A b c.", ("One",)), ("paragraph", "D e f.", ("One",)),
        ("heading", "Two", ("Two",)), ("paragraph", "G h i.", ("Two",)),
    )  # fmt: skip
    assert texts(parsed) == ["One\n\nA b c.\n\nD e f.", "Two\n\nG h i."]
    assert [s.heading_path for s in spans(parsed)] == [("One",), ("Two",)]


def test_a_heading_alone_goes_with_the_section_below_it() -> None:
    parsed = of_blocks(
        ("heading", "Part", ("Part",)), ("heading", "Leave", ("Part", "Leave")), ("paragraph", "Ten days.", ("Part", "Leave")),
        ("heading", "Pay", ("Part", "Pay")), ("paragraph", "Monthly.", ("Part", "Pay")),
    )  # fmt: skip
    assert texts(parsed) == ["Part\n\nLeave\n\nTen days.", "Pay\n\nMonthly."]


def test_an_oversize_paragraph_is_split_between_its_sentences() -> None:
    sentences = [f"Sentence number {i} has exactly eight words here." for i in range(20)]
    parsed = of_blocks(("paragraph", " ".join(sentences), ()))
    pieces = texts(parsed, 50)
    assert len(pieces) > 2
    assert " ".join(pieces) == " ".join(sentences)
    assert all(piece.startswith("Sentence") and piece.endswith("here.") for piece in pieces)
    assert all(count_tokens([piece])[0] <= 50 for piece in pieces)


def test_an_oversize_table_is_split_between_rows_and_its_header_goes_along_outside_the_span() -> None:
    rows = ["Name\tPrice"] + [f"Item {i}\t{i} euro" for i in range(40)]
    parsed = of_blocks(("table", "\n".join(rows), ()))
    found = spans(parsed, 60)
    pieces = [parsed.text[s.start : s.end] for s in found]
    assert "\n".join(pieces) == "\n".join(rows)
    assert [s.header for s in found] == ["", *["Name\tPrice"] * (len(found) - 1)]
    assert search_text("", (), found[1].header, pieces[1]).startswith("Name\tPrice\nItem ")


def test_a_sentence_over_the_budget_is_cut_and_nothing_is_lost() -> None:
    sentence = " ".join(f"word{i}" for i in range(300)) + "."
    parsed = of_blocks(("paragraph", sentence, ()))
    pieces = texts(parsed, 60)
    assert len(pieces) >= 5
    assert " ".join(pieces) == sentence


@pytest.mark.parametrize(
    "name", ["report.pdf", "two_columns.pdf", "guide.md", "page.html", "letter.docx", "prices.csv", "notes.txt"]
)
@pytest.mark.parametrize("max_tokens", [50, 256])
def test_the_chunks_of_real_files_cover_every_block_in_order(name: str, max_tokens: int) -> None:
    parsed = parse((FILES / name).read_bytes(), name)
    found = spans(parsed, max_tokens)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    for s in found:
        piece = parsed.text[s.start : s.end]
        assert piece == piece.strip() != ""
        assert parsed.pages[s.page - 1].start <= s.start <= parsed.pages[s.page - 1].end
    covered = "".join(parsed.text[s.start : s.end] for s in found)
    blocks = "".join(parsed.text[b.start : b.end] for b in parsed.blocks)
    assert "".join(covered.split()) == "".join(blocks.split())


def test_characters_that_the_tokenizer_drops_stand_in_one_chunk_only() -> None:
    def count_tokens(parts: Sequence[str]) -> list[int]:
        return [sum(character != "\ue28e" for character in part) for part in parts]

    text = "".join(f"{chr(0x4E00 + n)}\ue28e" for n in range(300))
    parsed = of_blocks(("paragraph", text, ()))
    found = chunk_spans(parsed, language="zh", max_tokens=40, count_tokens=count_tokens)
    assert found[-1].end == len(text)
    assert [second.start for second in found[1:]] == [first.end for first in found[:-1]]
