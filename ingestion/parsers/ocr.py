"""Knows how Tesseract reads a page that is a picture. It needs the extra `ocr`; whether that is there is not its concern."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import tesserocr
from PIL import Image

from assistant.errors import ParseError
from assistant.types import WHOLE_PAGE, Block, Page, ParsedDocument, TextRun
from ingestion.page_pictures import page_image
from ingestion.parsers.image import open_picture
from ingestion.parsers.picture_types import picture_type
from ingestion.parsers.text_builder import fold

HARD_TO_READ = "Hard to read, so that more of it may be wrong"

_DPI = 300
_MOST_PIXELS = 12_000_000
# Letters of a screenshot or a small scan are too low for Tesseract: at 72 dpi it finds 12 % of the words, drawn twice as large 98 %.
_SMALL_SIDE = 1700
# Confidence runs from 0 to 100. Clean print comes to 95, print that stands on its head or a photograph to 40.
_DOUBTFUL, _HARD, _GARBAGE = 60, 70, 50
_WORTHLESS_WORD, _WORTHLESS_SIGN = 20, 60
_UPRIGHT = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}

_Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    confidence: float
    box: _Box
    begins_line: bool
    begins_paragraph: bool


def picture_of_page(data: bytes, name: str, page: int) -> Image.Image:
    """A page (from one) of a PDF or a picture, in grey: at about 300 dots per inch, or as large as it is, at most 12 megapixels.
    Raises ParseError and DocumentNotFound."""
    if not picture_type(data):
        return page_image(data, page, lambda across, _: across * _DPI / 72, most_pixels=_MOST_PIXELS).convert("L")
    picture = open_picture(data, name, page).convert("L")
    scale = 2.0 if max(picture.size) < _SMALL_SIDE else min(1.0, (_MOST_PIXELS / (picture.width * picture.height)) ** 0.5)
    if scale == 1:
        return picture
    return picture.resize([max(1, int(side * scale)) for side in picture.size], Image.Resampling.BICUBIC)


def recognise(picture: Image.Image, *, languages: str, tessdata: str) -> ParsedDocument:
    """What is written in the picture, as a document of one page: a block for each of Tesseract's paragraphs, a run with a box for
    each word. Its text is empty where nothing legible was recognised; a notice says where the page is hard to read.

    `languages` is as Tesseract wants it (`eng+fra`), `tessdata` the folder that holds their data. Pages that lie on their side or
    stand on their head are read if the folder holds the data for that (osd). Raises ParseError where Tesseract refuses its data.
    """
    words = _words(picture, languages, tessdata)
    turned = _turn(picture, tessdata) if _confidence(words) < _DOUBTFUL else 0
    if turned:
        again = _words(picture.transpose(_UPRIGHT[turned]), languages, tessdata)
        if _confidence(again) > _confidence(words):
            words = [_turned_back(word, turned) for word in again]
    confidence = _confidence(words)
    if confidence < _GARBAGE:
        words = []
    return _document(words, [HARD_TO_READ] if _GARBAGE <= confidence < _HARD else [])


def _words(picture: Image.Image, languages: str, tessdata: str) -> list[_Word]:
    """The words in reading order, without those that are most likely specks and rules."""
    low, high = picture.getextrema()
    if low == high:
        return []
    engine = _engine(languages, tessdata)
    _show(engine, picture)
    engine.Recognize(0)
    try:
        return list(_kept(engine.GetIterator(), picture.size))
    finally:
        engine.Clear()


@lru_cache(maxsize=1)
def _engine(languages: str, tessdata: str) -> Any:
    return _opened(languages, tessdata, psm=tesserocr.PSM.AUTO, oem=tesserocr.OEM.LSTM_ONLY)


def _opened(languages: str, tessdata: str, **more: Any) -> Any:
    absent = [name for name in languages.split("+") if not os.path.isfile(os.path.join(tessdata, f"{name}.traineddata"))]
    if absent:
        raise ParseError(f"Tesseract's data for {' and '.join(absent)} are not in {tessdata} any more. Install them again.")
    # Left alone, Tesseract 5.5 opens /dev/null to write what it finds odd, and crashes where that is forbidden. The path must end
    # in a separator: the file's name is put behind it as it is.
    return tesserocr.PyTessBaseAPI(path=os.path.join(tessdata, ""), lang=languages, variables={"debug_file": ""}, **more)


def _show(engine: Any, picture: Image.Image) -> None:
    # As bare pixels: Leptonica's decoders are older than Pillow's and need not see a stranger's file.
    engine.SetImageBytes(picture.tobytes(), picture.width, picture.height, 1, picture.width)
    engine.SetSourceResolution(_DPI)


def _kept(found: Any, size: tuple[int, int]) -> Iterator[_Word]:
    begins_line = begins_paragraph = False
    if found is None or found.Empty(tesserocr.RIL.WORD):
        return
    for at in tesserocr.iterate_level(found, tesserocr.RIL.WORD):
        begins_line = begins_line or at.IsAtBeginningOf(tesserocr.RIL.TEXTLINE)
        begins_paragraph = begins_paragraph or at.IsAtBeginningOf(tesserocr.RIL.PARA)
        box = at.BoundingBox(tesserocr.RIL.WORD)
        if box is None:
            continue
        text, confidence = fold(at.GetUTF8Text(tesserocr.RIL.WORD)), at.Confidence(tesserocr.RIL.WORD)
        least = _WORTHLESS_WORD if any(map(str.isalnum, text)) else _WORTHLESS_SIGN
        if text and confidence >= least:
            yield _Word(text, confidence, _share(box, size), begins_line, begins_paragraph)
            begins_line = begins_paragraph = False


def _share(box: _Box, size: tuple[int, int]) -> _Box:
    left, top, right, bottom = (
        min(max(round(edge * WHOLE_PAGE / side), 0), WHOLE_PAGE) for edge, side in zip(box, (*size, *size), strict=True)
    )
    return left, top, max(left, right), max(top, bottom)


def _confidence(words: list[_Word]) -> float:
    """The mean over all letters; zero where there are none."""
    letters = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / letters if letters else 0.0


def _turn(picture: Image.Image, tessdata: str) -> int:
    """How many degrees the picture is to be turned, against the clock, for its text to stand upright; zero where that is not known."""
    if not os.path.exists(os.path.join(tessdata, "osd.traineddata")):
        return 0
    with _opened("osd", tessdata, psm=tesserocr.PSM.OSD_ONLY) as engine:
        _show(engine, picture)
        found = engine.DetectOrientationScript()
    return int(found["orient_deg"]) if found else 0


def _turned_back(word: _Word, degrees: int) -> _Word:
    """The word's box on the page as it lies."""
    left, top, right, bottom = word.box
    match degrees:
        case 90:
            box = (WHOLE_PAGE - bottom, left, WHOLE_PAGE - top, right)
        case 180:
            box = (WHOLE_PAGE - right, WHOLE_PAGE - bottom, WHOLE_PAGE - left, WHOLE_PAGE - top)
        case _:
            box = (top, WHOLE_PAGE - right, bottom, WHOLE_PAGE - left)
    return _Word(word.text, word.confidence, box, word.begins_line, word.begins_paragraph)


def _document(words: list[_Word], notices: list[str]) -> ParsedDocument:
    parts: list[str] = []
    length = start = 0
    blocks: list[Block] = []
    runs: list[TextRun] = []
    for before, word in pairwise([None, *words]):
        assert word is not None
        gap = _gap(before, word)
        if gap == "\n\n":
            blocks.append(Block("paragraph", start, length, 1))
            start = length + len(gap)
        parts += (gap, word.text)
        runs.append(TextRun(length + len(gap), len(word.text), 1, box=word.box))
        length += len(gap) + len(word.text)
    if words:
        blocks.append(Block("paragraph", start, length, 1))
    return ParsedDocument("", "".join(parts), tuple(blocks), (Page(1, 0, length),), "", tuple(runs), tuple(notices))


def _gap(before: _Word | None, word: _Word) -> str:
    """What stands between two words. A line end stays where it parts a word, as in text that was never a picture."""
    if before is None:
        return ""
    if word.begins_paragraph:
        return "\n\n"
    parts_word = word.begins_line and len(before.text) > 1 and before.text[-1] in "-\u2010" and word.text[0].islower()
    return "\n" if parts_word else " "
