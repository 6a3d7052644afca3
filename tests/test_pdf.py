"""What parsing a PDF promises: spans, places, pages, headings, tables, and pictures with the quote marked."""

from __future__ import annotations

import ctypes
import io
import threading
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
import pytest
from PIL import Image

from assistant.errors import CorruptFile, DocumentNotFound, EmptyFile, EncryptedFile
from assistant.types import ParsedDocument
from ingestion.page_pictures import Box, boxes, draw_page, text_under
from ingestion.parsers.pdf import parse_pdf

FILES = Path(__file__).parent / "files"
READABLE = ["report.pdf", "two_columns.pdf", "rotated.pdf", "sideways.pdf", "old_italic.pdf"]


def _original(name: str) -> bytes:
    return (FILES / name).read_bytes()


def _parsed(name: str) -> ParsedDocument:
    return parse_pdf(_original(name), name)


def _block(document: ParsedDocument, beginning: str) -> str:
    return next(text for text in _texts(document) if text.startswith(beginning))


def _texts(document: ParsedDocument) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks]


def _squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("name", READABLE)
def test_blocks_are_spans_in_order_without_white_space_at_their_ends(name: str) -> None:
    document = _parsed(name)
    end = 0
    for block, text in zip(document.blocks, _texts(document), strict=True):
        assert text == text.strip() != ""
        assert text.startswith(block.header)
        assert document.text[end : block.start] == ("\n\n" if end else "")
        end = block.end
    assert end == len(document.text)


@pytest.mark.parametrize("name", READABLE)
def test_pages_touch_and_hold_their_blocks(name: str) -> None:
    document = _parsed(name)
    assert [page.number for page in document.pages] == list(range(1, len(document.pages) + 1))
    assert document.pages[0].start == 0
    assert document.pages[-1].end == len(document.text)
    for page, following in zip(document.pages, document.pages[1:], strict=False):
        assert page.end == following.start
    for block in document.blocks:
        page = document.pages[block.page - 1]
        assert page.start <= block.start < block.end <= page.end


@pytest.mark.parametrize("name", READABLE)
def test_every_character_that_is_not_a_separator_is_found_on_its_page_by_its_run(name: str) -> None:
    document = _parsed(name)
    covered = [False] * len(document.text)
    with pdfium.PdfDocument(_original(name)) as original:
        pages = [page.get_textpage() for page in original]
        for run in document.runs:
            index = run.char_index
            for at in range(run.start, run.start + run.length):
                shown = pdfium_c.FPDFText_GetUnicode(pages[run.page - 1], index)
                if 0xD800 <= shown < 0xDC00:
                    low = pdfium_c.FPDFText_GetUnicode(pages[run.page - 1], index + 1)
                    shown = 0x10000 + ((shown - 0xD800) << 10) + (low - 0xDC00)
                expected = {"-": {"-", "\x02", "\ufffe"}}.get(document.text[at], {document.text[at]})
                assert chr(shown) in expected
                covered[at] = True
                index += 1
    bare = {character for character, is_covered in zip(document.text, covered, strict=True) if not is_covered}
    assert bare <= {" ", "\n", "\t"}


def test_a_hyphen_at_a_line_end_is_kept_with_its_line_end() -> None:
    document = _parsed("report.pdf")
    assert "An inter-\nnational jury had chosen the design, which keeps the old cranes in place and adds" in document.text


def test_a_running_header_and_footer_are_left_out_and_the_body_is_whole() -> None:
    document = _parsed("report.pdf")
    assert "Annual Report" not in document.text
    assert "Page" not in document.text
    assert document.text.startswith("Harbour Works in 2025")
    assert document.text.endswith("The pilot boats were manned around the clock.\n\nSigned by the harbour master in Lisbon")


def test_headings_are_found_by_size_and_lead_to_their_paragraphs() -> None:
    document = _parsed("report.pdf")
    headings = [(block.level, document.text[block.start : block.end]) for block in document.blocks if block.kind == "heading"]
    assert headings == [(1, "Harbour Works in 2025"), (2, "1. The new quay"), (2, "2. Traffic and income"), (2, "3. Staff")]
    staff = next(block for block in document.blocks if document.text.startswith("At the end of the year", block.start))
    assert staff.kind == "paragraph"
    assert staff.page == 2
    assert staff.heading_path == ("Harbour Works in 2025", "3. Staff")


def test_a_gap_between_lines_parts_paragraphs() -> None:
    document = _parsed("report.pdf")
    assert _block(document, "The eastern quay").endswith("less than was planned.")
    assert _block(document, "Ships of up to") == (
        "Ships of up to 90 metres can now berth on both sides. The harbour master expects forty more calls a year, "
        "most of them by coastal freighters."
    )


def test_bullets_are_list_items() -> None:
    document = _parsed("report.pdf")
    items = [document.text[block.start : block.end] for block in document.blocks if block.kind == "list_item"]
    assert items == ["· longer opening hours of the lock,", "· two new crane drivers, and", "· a mild winter."]


def test_a_table_has_a_row_a_line_cells_parted_and_its_header_apart() -> None:
    document = _parsed("report.pdf")
    (table,) = [block for block in document.blocks if block.kind == "table"]
    assert document.text[table.start : table.end].split("\n") == [
        "(thousand euros)\t2024\t2025",
        "Berth fees\t1,210\t1,385",
        "Crane hire\t402\t447",
        "Storage\t95\t(12)",
        "Total\t$ 1,707\t$ 1,820",
    ]
    assert table.header == "(thousand euros)\t2024\t2025"


def test_columns_are_read_one_after_the_other() -> None:
    document = _parsed("two_columns.pdf")
    assert _texts(document) == [
        "Tides",
        "The tide turns twice a day in the outer basin. Pilots read the gauge at the old lighthouse.",
        "In the inner basin the lock holds the water at four metres, whatever the sea is doing.",
        "Printed in Lisbon, where the tide is high.",
    ]


@pytest.mark.parametrize("name", ["rotated.pdf", "sideways.pdf"])
def test_a_turned_page_is_read_from_its_first_line(name: str) -> None:
    text = _parsed(name).text
    assert text.index("Rotated page") < text.index("The lighthouse keeper") < text.index("Every entry")


def test_characters_beyond_the_basic_plane_count_as_one() -> None:
    document = _parsed("old_italic.pdf")
    assert "Gothic \U00010300\U00010301\U00010302 letters stand before the final word." in document.text


def test_the_title_is_the_property_or_the_largest_heading_or_the_file_name() -> None:
    assert _parsed("report.pdf").title == "Harbour Works Annual Report"
    assert _parsed("two_columns.pdf").title == "Tides"
    assert parse_pdf(_original("old_italic.pdf"), "folder/old_italic.pdf").title == "old_italic"


@pytest.mark.parametrize(
    ("name", "error", "reason"),
    [
        ("encrypted.pdf", EncryptedFile, "password"),
        ("truncated.pdf", CorruptFile, "cut off"),
    ],
)
def test_a_file_that_cannot_be_read_says_which_and_why(name: str, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason) as caught:
        _parsed(name)
    assert name in str(caught.value)


def test_nothing_at_all_is_an_empty_file() -> None:
    with pytest.raises(EmptyFile, match="0 bytes"):
        parse_pdf(b"", "nothing.pdf")


@pytest.mark.parametrize(
    ("name", "quote"),
    [
        ("report.pdf", "An inter-\nnational jury had chosen the design"),
        ("report.pdf", "Ships of up to 90 metres can now berth on both sides."),
        ("report.pdf", "three more than a year be-\nfore."),
        ("two_columns.pdf", "Pilots read the gauge at the old lighthouse."),
        ("rotated.pdf", "Every entry closes with the height of the tide."),
        ("sideways.pdf", "wrote the log in green ink."),
        ("old_italic.pdf", "letters stand before the final word."),
    ],
)
def test_the_text_under_the_boxes_of_a_quote_is_the_quote(name: str, quote: str) -> None:
    document, original = _parsed(name), _original(name)
    start = document.text.index(quote)
    highlights = boxes(original, document.runs, start, start + len(quote))
    assert _squeezed(text_under(original, highlights)) == _squeezed(quote)


def test_the_boxes_of_a_table_row_hold_its_cells_without_the_bars() -> None:
    document, original = _parsed("report.pdf"), _original("report.pdf")
    row = "Crane hire\t402\t447"
    start = document.text.index(row)
    highlights = boxes(original, document.runs, start, start + len(row))
    assert len(highlights) == 3
    assert _squeezed(text_under(original, highlights)) == "Cranehire402447"


def test_a_wide_gap_in_a_line_is_not_boxed() -> None:
    document, original = _parsed("report.pdf"), _original("report.pdf")
    start = document.text.index("Signed by")
    signed, place = boxes(original, document.runs, start, len(document.text))
    assert signed.right < 0.4 < 0.7 < place.left


def test_a_quote_over_two_pages_has_boxes_on_both() -> None:
    document, original = _parsed("report.pdf"), _original("report.pdf")
    start, end = document.text.index("a mild winter."), document.text.index("3. Staff") + len("3. Staff")
    assert [box.page for box in boxes(original, document.runs, start, end)] == [1, 2]


def test_boxes_count_from_the_top_left_of_the_page_as_it_is_drawn() -> None:
    # The page is 510 by 700 points after cropping and turned by 90 degrees: drawn 700 wide and 510 high. The line's first
    # character stands 150 points up the page, 50 of them inside the crop, and 220 from its left edge, 170 inside.
    document, original = _parsed("rotated.pdf"), _original("rotated.pdf")
    start = document.text.index("The lighthouse")
    (box,) = boxes(original, document.runs, start, start + len("The"))
    assert box.left == pytest.approx(50 / 700, abs=0.002)
    assert box.bottom == pytest.approx(170 / 510, abs=0.002)
    assert 0 <= box.top < box.bottom <= 1


def test_a_picture_is_yellow_where_the_quote_stands_and_nowhere_else() -> None:
    for name in ("report.pdf", "rotated.pdf"):
        document, original = _parsed(name), _original(name)
        block = document.blocks[1]
        highlights = boxes(original, document.runs, block.start, block.end)
        picture = Image.open(io.BytesIO(draw_page(original, 1, highlights, width_pixels=600)))
        assert (picture.format, picture.width) == ("PNG", 600)
        bands = picture.convert("RGB").tobytes()
        yellow = [at // 3 for at in range(0, len(bands), 3) if bands[at] > 240 and bands[at + 2] < 160]
        assert yellow
        for box in highlights:
            x, y = round((box.left + 0.001) * picture.width), round(box.bottom * picture.height)
            assert any(abs(at % picture.width - x) <= 3 and abs(at // picture.width - y) <= 3 for at in yellow)
        left, right = min(box.left for box in highlights) - 0.01, max(box.right for box in highlights) + 0.01
        top, bottom = min(box.top for box in highlights) - 0.01, max(box.bottom for box in highlights) + 0.01
        assert all(left <= at % picture.width / picture.width <= right for at in yellow)
        assert all(top <= at // picture.width / picture.height <= bottom for at in yellow)


def test_a_picture_leaves_out_highlights_of_other_pages_and_stays_within_bounds() -> None:
    original = _original("report.pdf")
    plain = draw_page(original, 1, [], width_pixels=300)
    assert draw_page(original, 1, [Box(2, 0.1, 0.1, 0.9, 0.2)], width_pixels=300) == plain
    huge = Image.open(io.BytesIO(draw_page(original, 1, [], width_pixels=100_000)))
    assert huge.width * huge.height <= 12_000_000


def test_a_page_that_is_not_there_is_named_with_those_that_are() -> None:
    for page in (0, 3):
        with pytest.raises(DocumentNotFound, match=f"no page {page}.*1 to 2"):
            draw_page(_original("report.pdf"), page, [])


def test_threads_may_parse_at_once() -> None:
    expected, found = _parsed("report.pdf"), []
    threads = [threading.Thread(target=lambda: found.append(_parsed("report.pdf"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_a_damaged_cross_reference_is_told_in_a_notice() -> None:
    original = _original("two_columns.pdf")
    place = original.rindex(b"startxref")
    broken = original[:place] + b"startxref\n7\n%%EOF\n"
    document = parse_pdf(broken, "broken.pdf")
    assert "The tide turns twice" in document.text
    assert any("damaged" in notice for notice in document.notices)


def test_a_box_is_true_to_the_character_box_of_pdfium() -> None:
    document, original = _parsed("two_columns.pdf"), _original("two_columns.pdf")
    (box,) = boxes(original, document.runs, 0, 1)
    with pdfium.PdfDocument(original) as pages:
        edges = [ctypes.c_double() for _ in range(4)]
        pdfium_c.FPDFText_GetCharBox(pages[0].get_textpage(), 0, *edges)
        width, height = pages[0].get_size()
    left, right, bottom, top = (edge.value for edge in edges)
    assert (box.left, box.right) == pytest.approx((left / width, right / width), abs=1e-5)
    assert (box.top, box.bottom) == pytest.approx((1 - top / height, 1 - bottom / height), abs=1e-5)
