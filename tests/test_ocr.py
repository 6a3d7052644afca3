"""Text recognition: scans and pictures are read page by page, quoted and shown like print, and a page that cannot be read is said."""

from __future__ import annotations

import io
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import CorruptFile, EmptyFile, FileTooLarge, ParseError, SettingsError, UnsupportedFormat
from assistant.packing import pack_runs, unpack_runs
from assistant.settings import Settings
from assistant.types import Page, ParsedDocument, TextRun
from ingestion import ingest
from ingestion.page_pictures import boxes, draw_page
from ingestion.parsers import parse
from ingestion.reading import read
from ingestion.recognition import TESSDATA_FOLDERS, missing, ocr_version, with_recognised
from ingestion.sandbox import Limits, Sandbox, SandboxUnavailable
from ingestion.sandbox_wire import Nonsense, decode_document, encode_document
from tests.conftest import FILES

LETTER = (
    "Harbour Office, 4 March 1931\n\n"
    "Dear Mr Halvorsen, the lamp on the northern mole went out twice in February, and the keeper asks for a new burner before the "
    "spring tides. The foundry in Bergen quotes ninety-four crowns for it, delivered.\n\n"
    "We have also counted the mooring rings along the fish quay. Of the sixty-two that the plan of 1908 shows, eleven are loose and "
    "three are gone. Boats above twelve tons should keep to the eastern berths until they are mended.\n\n"
    "Please send the invoice to the treasurer, and the old burner to the museum."
)
LAMP = "the lamp on the northern mole"
YELLOW = (255, 236, 130)
TESSDATA = next((folder for folder in TESSDATA_FOLDERS if Path(folder, "eng.traineddata").exists()), "")


@pytest.fixture(scope="module")
def tesseract() -> str:
    """The folder of its data."""
    try:
        version("tesserocr")
        lacking = "" if TESSDATA else "Tesseract's data for English are missing: apt-get install tesseract-ocr"
    except PackageNotFoundError:
        lacking = "tesserocr is missing: pip install 'footnote[ocr]'"
    if lacking:
        (pytest.fail if "CI" in os.environ else pytest.skip)(f"{lacking}. `make test` installs it where it may.")
    return TESSDATA


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=1) as made:
        yield made


def content_of(name: str) -> bytes:
    return (FILES / name).read_bytes()


def saved(image: Image.Image, form: str, **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **how)
    return out.getvalue()


def letter_as(form: str, **how: object) -> bytes:
    with Image.open(FILES / "letter.png") as image:
        return saved(image.convert("L"), form, **how)


def sound(document: ParsedDocument) -> bool:
    """Whether blocks are trimmed spans in order, pages touch, and every run is a word in a block of its page."""
    before = 0
    for block in document.blocks:
        text = document.text[block.start : block.end]
        if not text or text != text.strip() or block.start < before:
            return False
        before = block.end
    touching = all(one.end == next_.start for one, next_ in zip(document.pages, document.pages[1:], strict=False))
    spans = {page.number: page for page in document.pages}
    inside = all(spans[run.page].start <= run.start < run.start + run.length <= spans[run.page].end for run in document.runs)
    return touching and inside and document.pages[-1].end == len(document.text)


def test_a_picture_of_a_letter_is_read_word_for_word_in_paragraphs(tesseract: str) -> None:
    document = read(content_of("letter.png"), "letter.png")
    assert document.text == LETTER
    assert [document.text[b.start : b.end] for b in document.blocks] == LETTER.split("\n\n")
    assert document.notices == ("Read by text recognition (OCR), which may err: page 1.",)
    assert (document.title, document.media_type, document.pictures) == ("letter", "image/png", ())
    assert sound(document)


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.jpg", "JPEG"), ("a.jpeg", "JPEG"), ("a.gif", "GIF"), ("a.bmp", "BMP"), ("a.webp", "WEBP"), ("a.tif", "TIFF")],
)
def test_every_kind_of_picture_is_read(name: str, form: str, tesseract: str) -> None:
    assert "the lamp on the northern mole went out twice" in read(letter_as(form), name).text


def test_each_page_of_a_tiff_is_a_page(tesseract: str) -> None:
    document = read(content_of("letters.tif"), "letters.tiff")
    first, second = (document.text[page.start : page.end] for page in document.pages)
    assert "ninety-four crowns" in first
    assert second.startswith("The ferry carried four hundred and eighteen passengers")
    assert sound(document)


def test_only_pages_without_text_are_recognised_and_all_stand_in_order(tesseract: str) -> None:
    document = read(content_of("scanned_pages.pdf"), "scanned_pages.pdf")
    pages = [document.text[page.start : page.end] for page in document.pages]
    assert "Building cost 4.2 million euros" in pages[0]
    assert pages[1].startswith("The ferry carried four hundred and eighteen passengers")
    assert pages[3] == ""
    assert "61 people worked for the harbour" in pages[4]
    assert {run.page for run in document.runs if run.box} == {2, 3}
    assert document.notices == (
        "Read by text recognition (OCR), which may err: page 2, 3.",
        "Nothing legible was recognised: page 4.",
    )
    assert sound(document)


def test_text_pages_are_what_they_are_without_the_scans_between_them(tesseract: str) -> None:
    content = content_of("scanned_pages.pdf")
    alone, mixed = parse(content, "a.pdf"), read(content, "a.pdf")
    own = [(mixed.text[r.start : r.start + r.length], r.page, r.char_index) for r in mixed.runs if r.box is None]
    assert own == [(alone.text[r.start : r.start + r.length], r.page, r.char_index) for r in alone.runs]
    assert alone.pictures == (2, 3, 4)
    blocks = [(mixed.text[b.start : b.end], b.kind, b.page, b.heading_path) for b in mixed.blocks if b.page not in (2, 3)]
    assert blocks == [(alone.text[b.start : b.end], b.kind, b.page, b.heading_path) for b in alone.blocks]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_page_that_lies_on_its_side_or_stands_on_its_head_is_read(degrees: int, tesseract: str) -> None:
    with Image.open(FILES / "letter.png") as image:
        turned = image.convert("L").rotate(degrees, expand=True)
    document = read(saved(turned, "PNG"), "turned.png")
    assert "the lamp on the northern mole went out twice" in document.text
    assert words_under(saved(turned, "PNG"), document, LAMP, turned=degrees) == LAMP.split()


def test_the_turn_that_a_camera_notes_is_followed(tesseract: str) -> None:
    with Image.open(FILES / "letter.png") as image:
        lying = image.convert("L").transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter, with the clock
    photo = saved(lying, "JPEG", quality=90, exif=exif)
    document = read(photo, "photo.jpg")
    assert LAMP in document.text
    assert words_under(photo, document, LAMP) == LAMP.split()
    shown = Image.open(io.BytesIO(draw_page(photo, 1, [], width_pixels=400)))
    assert shown.width > shown.height


@pytest.mark.parametrize(
    ("name", "quote"),
    [
        ("letter.png", "eleven are loose and three are gone."),
        ("letters.tif", "The key hangs in the kitchen of the pilot station."),
        ("scanned_pages.pdf", "wreck of the brig Amalia"),
        ("scanned_pages.pdf", "Nobody paid for the cows."),
    ],
)
def test_the_picture_of_a_page_is_marked_where_the_words_stand(name: str, quote: str, tesseract: str) -> None:
    content = content_of(name)
    document = read(content, name)
    assert quote in document.text
    turned = 90 if "Amalia" in quote else 0
    assert words_under(content, document, quote, turned=turned) == quote.split()


def test_a_quote_has_one_box_on_each_line_that_it_touches(tesseract: str) -> None:
    content = content_of("letter.png")
    document = read(content, "letter.png")
    start = document.text.index("the lamp")
    marked = boxes(content, document.runs, start, document.text.index("spring tides"))
    assert len(marked) == 2
    assert marked[0].bottom < marked[1].top < marked[1].bottom
    assert marked[0].left > marked[1].left


def words_under(content: bytes, document: ParsedDocument, quote: str, *, turned: int = 0) -> list[str]:
    """What Tesseract reads on the picture of the page once all is wiped out that is not marked. `turned` is how many degrees, with
    the clock, make it upright."""
    start = document.text.index(quote)
    marked = boxes(content, document.runs, start, start + len(quote))
    picture = Image.open(io.BytesIO(draw_page(content, marked[0].page, marked, width_pixels=1100))).convert("RGB")
    pixels = np.asarray(picture)
    assert YELLOW in set(picture.get_flattened_data())
    kept = np.full(pixels.shape, 255, dtype=np.uint8)
    for box in marked:
        rows = slice(int(box.top * picture.height) - 1, int(box.bottom * picture.height) + 2)
        columns = slice(int(box.left * picture.width) - 1, int(box.right * picture.width) + 2)
        kept[rows, columns] = np.where(pixels[rows, columns].max(axis=2, keepdims=True) > 200, 255, pixels[rows, columns])
    upright = Image.fromarray(kept).rotate(-turned, expand=True)
    return read(saved(upright, "PNG"), "kept.png").text.split()


def test_a_small_screenshot_is_read(tesseract: str) -> None:
    with Image.open(FILES / "letter.png") as image:
        small = image.convert("L").resize((image.width * 3 // 10, image.height * 3 // 10), Image.Resampling.LANCZOS)
    found = read(saved(small, "PNG"), "small.png").text.split()
    assert sum(word in found for word in LETTER.split()) > 0.9 * len(LETTER.split())


def test_pale_and_see_through_and_deep_pictures_are_read(tesseract: str) -> None:
    with Image.open(FILES / "letter.png") as image:
        grey = image.convert("L")
    see_through = Image.new("LA", grey.size)
    see_through.putalpha(grey.point(lambda value: 255 - value))
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 60 + 5_000)
    for name, content in (("see.png", saved(see_through, "PNG")), ("deep.png", saved(deep, "PNG"))):
        assert LAMP in read(content, name).text


@pytest.mark.parametrize("name", ["blank.png", "noise.png", "mirrored.png", "scan.pdf"])
def test_a_picture_without_anything_legible_is_no_document(name: str, tesseract: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (600, 800), dtype=np.uint8)
    with Image.open(FILES / "letter.png") as image:
        mirrored = image.convert("L").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    made = {"mirrored.png": mirrored, "blank.png": Image.new("L", (800, 600), 255), "noise.png": Image.fromarray(noise)}
    content = saved(made[name], "PNG") if name in made else content_of(name)
    with pytest.raises(EmptyFile, match="found nothing legible"):
        read(content, name)


def test_a_picture_that_is_cut_off_or_too_large_is_refused_with_its_reason(tesseract: str) -> None:
    with pytest.raises(CorruptFile, match=r"'cut\.png' is cut off or damaged"):
        read(content_of("letter.png")[:4000], "cut.png")
    huge = saved(Image.new("1", (12_000, 12_000)), "TIFF", compression="group4")
    with pytest.raises(FileTooLarge, match="12,000 x 12,000 pixels"):
        read(huge, "huge.tif")


def test_what_is_no_picture_inside_is_not_read_as_one() -> None:
    with pytest.raises(CorruptFile, match="not a picture inside"):
        read(b"a letter, they said", "letter.png")
    assert read(b"BMW and other makers of motors", "makers.txt").text == "BMW and other makers of motors"
    with pytest.raises(UnsupportedFormat):
        read(b"\x7fELF" + bytes(99), "letter.png")


def test_a_page_that_takes_too_long_is_left_out_and_the_rest_stays(tesseract: str) -> None:
    content = content_of("letters.tif")
    limits = Limits(page_cpu_seconds=20)
    with Sandbox(workers=1, limits=limits) as quick, Sandbox(workers=1, limits=replace(limits, page_cpu_seconds=0)) as slow:

        def read_page(page: int, tessdata: str) -> ParsedDocument:
            child = slow if page == 1 else quick
            return child.recognise(crowded() if page == 1 else content, "a.tif", page, languages="eng", tessdata=tessdata)

        document = with_recognised(parse(content, "a.tif"), "a.tif", read_page, languages="eng", seconds=200, workers=1)
    assert document.pages[0].start == document.pages[0].end == 0
    assert document.text.startswith("The ferry carried")
    assert "Could not be recognised and was left out: page 1" in document.notices[1]
    assert "seconds of processor time" in document.notices[1]


def crowded() -> bytes:
    """A page with enough on it to take longer than a second."""
    with Image.open(FILES / "letter.png") as image:
        sheet = Image.new("1", (image.width * 3, image.height * 3), 1)
        for at in range(9):
            sheet.paste(image, (at % 3 * image.width, at // 3 * image.height))
    return saved(sheet, "TIFF", compression="group4")


def test_a_file_that_takes_too_long_keeps_what_was_read_of_it(english: str) -> None:
    def read_page(page: int, _: str) -> ParsedDocument:
        time.sleep(0 if page == 1 else 30)
        return ParsedDocument("", "word", (), (Page(1, 0, 4),), "")

    document = with_recognised(scan_of(3), "a.pdf", read_page, languages="eng", seconds=1, workers=1, folders=[english])
    assert document.text == "word"
    assert "page 2, 3. Split the file" in document.notices[-1]


def scan_of(pages: int) -> ParsedDocument:
    numbers = range(1, pages + 1)
    return ParsedDocument("a", "", (), [Page(n, 0, 0) for n in numbers], "application/pdf", pictures=list(numbers))


@pytest.fixture
def english(tesseract: str, tmp_path: Path) -> str:
    """A folder with Tesseract's data for English and nothing else."""
    shutil.copy(Path(tesseract, "eng.traineddata"), tmp_path)
    return str(tmp_path)


def test_closing_ends_a_long_recognition(tesseract: str) -> None:
    content = content_of("letters.tif")
    raised: list[BaseException] = []

    def work(sandbox: Sandbox) -> None:
        def read_page(page: int, tessdata: str) -> ParsedDocument:
            return sandbox.recognise(content, "a.tif", 1, languages="eng", tessdata=tessdata)

        try:
            with_recognised(scan_of(1000), "a.tif", read_page, languages="eng", seconds=3000, workers=2)
        except SandboxUnavailable as error:
            raised.append(error)

    with Sandbox() as sandbox:
        reading = threading.Thread(target=work, args=(sandbox,), daemon=True)
        reading.start()
        time.sleep(1)
        assert reading.is_alive()
    reading.join(60)
    assert not reading.is_alive()
    assert len(raised) == 1


def never(page: int, tessdata: str) -> ParsedDocument:
    raise AssertionError("nothing is there to read with")


def test_without_the_extra_a_scan_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    scan, mixed = parse(content_of("scan.pdf"), "scan.pdf"), parse(content_of("scanned_pages.pdf"), "mixed.pdf")
    monkeypatch.setattr("sys.path", [])  # where installed packages are looked for
    with pytest.raises(EmptyFile, match=r"'scan\.pdf' is a scan.*pip install 'footnote\[ocr\]'.*apt-get install tesseract-ocr`"):
        with_recognised(scan, "scan.pdf", never, languages="eng", seconds=9, workers=1)
    document = with_recognised(mixed, "mixed.pdf", never, languages="eng", seconds=9, workers=1)
    assert document.text == mixed.text
    assert "page 2, 3, 4" in document.notices[0]
    assert "pip install 'footnote[ocr]'" in document.notices[0]
    assert ocr_version("eng") == ""


def test_a_language_without_its_data_names_the_package_that_has_them(english: str) -> None:
    assert missing("eng", folders=[english]) == ""
    assert "`apt-get install tesseract-ocr-deu tesseract-ocr-chi-sim`" in missing("eng+deu+chi_sim", folders=[english])
    assert "data for eng" in missing("eng", folders=[])
    with pytest.raises(EmptyFile, match="tesseract-ocr-xyz"):
        read(content_of("letter.png"), "letter.png", "eng+xyz")


def test_the_version_changes_with_the_languages_and_their_data(english: str) -> None:
    shutil.copy(Path(english, "eng.traineddata"), Path(english, "fra.traineddata"))
    one, two = ocr_version("eng", folders=[english]), ocr_version("eng+fra", folders=[english])
    Path(english, "eng.traineddata").write_bytes(b"better")
    assert len({"", one, two, ocr_version("eng", folders=[english])}) == 4
    assert ocr_version("deu", folders=[english]) == ""


def test_data_that_went_missing_are_named(english: str, sandbox: Sandbox) -> None:
    Path(english, "eng.traineddata").unlink()
    with pytest.raises(ParseError, match=f"data for eng are not in {english} any more"):
        sandbox.recognise(content_of("letter.png"), "letter.png", 1, languages="eng", tessdata=english)


@pytest.mark.parametrize("languages", ["", "../eng", "eng+", "eng fra", "eng/deu"])
def test_what_cannot_be_a_language_is_refused(languages: str) -> None:
    assert Settings().ocr_languages == "eng"
    assert Settings(ocr_languages="eng+chi_sim").ocr_languages == "eng+chi_sim"
    with pytest.raises(SettingsError, match="FOOTNOTE_OCR_LANGUAGES"):
        Settings(ocr_languages=languages)


def test_a_scan_is_found_and_its_quote_shown_on_its_picture(assistant: Assistant, tesseract: str) -> None:
    from doors.page.source_panel import page_picture, passage_html

    report = ingest(assistant, [FILES / "letter.png"])
    assert [(o.status, o.pages) for o in report.outcomes] == [("added", 1)]
    chunk = assistant.retrieve("Are mooring rings along the fish quay loose?")[0].chunk
    start = chunk.start + chunk.text.index("eleven are loose")
    end = start + len("eleven are loose")
    shown = passage_html(assistant, chunk.document_id, start, end, version=chunk.version, reader=OWNER)
    assert '<figure class="picture">' in shown
    assert 'data-top="0.40' in shown
    png = page_picture(assistant, chunk.document_id, 1, start, end, width_pixels=800, version=chunk.version, reader=OWNER)
    assert YELLOW in set(Image.open(io.BytesIO(png)).convert("RGB").get_flattened_data())


def test_places_of_print_and_of_recognised_words_are_stored_alike() -> None:
    runs = (TextRun(0, 5, 1, 7), TextRun(6, 4, 2, box=(0, 10, 9_000, 10_000)), TextRun(11, 2, 3, 0))
    assert unpack_runs(pack_runs(runs)) == runs


@pytest.mark.parametrize(
    "change",
    [
        {"runs": (TextRun(0, 4, 1, box=(5, 0, 4, 9)),)},
        {"runs": (TextRun(0, 4, 1, box=(0, 0, 10_001, 9)),)},
        {"runs": (TextRun(0, 4, 2, box=(0, 0, 1, 1)),)},
        {"pictures": (2,)},
        {"pictures": (1,)},
    ],
)
def test_a_child_that_makes_up_boxes_or_pages_is_not_believed(change: dict[str, object]) -> None:
    document = ParsedDocument("a", "word", (), (Page(1, 0, 4),), "image/png", runs=(TextRun(0, 4, 1, box=(0, 0, 1, 1)),))
    assert decode_document(memoryview(encode_document(document))) == document
    with pytest.raises(Nonsense):
        decode_document(memoryview(encode_document(replace(document, **change))))  # type: ignore[arg-type]


def test_files_are_read_again_once_their_scans_can_be(assistant: Assistant, tesseract: str) -> None:
    path = FILES / "scanned_pages.pdf"
    assistant.limits = replace(assistant.limits, ocr_languages="xyz")
    (first,) = ingest(assistant, [path]).outcomes
    assert first.status == "added"
    assert "tesseract-ocr-xyz" in first.reason
    (picture,) = ingest(assistant, [FILES / "letter.png"]).outcomes
    assert picture.status == "failed"
    assert [o.status for o in ingest(assistant, [path]).outcomes] == ["unchanged"]
    assistant.limits = replace(assistant.limits, ocr_languages="eng")
    (again,) = ingest(assistant, [path]).outcomes
    assert again.status == "changed"
    assert "Read by text recognition" in again.reason
