"""Knows how a parsed document and boxes go through a pipe as plain numbers and text, and believes nothing of what comes out.

The sender may have been taken over by the file that it read: nothing is unpickled, every length, span and place is checked
before it is used, and memory stays in proportion to the bytes received.
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, get_args

from assistant.packing import run_rows, runs_of
from assistant.types import WHOLE_PAGE, Block, BlockKind, Page, ParsedDocument, TextRun

if TYPE_CHECKING:
    from ingestion.page_pictures import Box

ORDER = struct.Struct("<cI")
"""To the fork server: F with a socket (start a child that serves it; answered with its process id), or E with a process id (end that
child; answered with its exit status). From it at its start: R, or X with the length of a complaint, which follows."""
REQUEST = struct.Struct("<IQ")
"""To a child: the length of a JSON object and of a file, which follow."""
REPLY = struct.Struct("<c?Q")
"""From a child: O for what was asked for or E for an error, whether the child leaves now, and the length of what follows."""

_KINDS: tuple[BlockKind, ...] = get_args(BlockKind)
_SECTIONS = 8
_LENGTH = struct.Struct("<Q")
_BOX = struct.Struct("<Idddd")
_FILE = struct.Struct("<IQ")


class Nonsense(ValueError):
    """What came back is not what was asked for."""


def encode_document(document: ParsedDocument) -> bytes:
    """The document as bytes. A lone surrogate in its text becomes "?"."""
    strings: dict[str, int] = {}
    paths: dict[tuple[str, ...], int] = {}

    def place(string: str) -> int:
        return strings.setdefault(string, len(strings))

    blocks = _numbers(
        (_KINDS.index(b.kind), b.start, b.end, b.page, b.level, paths.setdefault(b.heading_path, len(paths)), place(b.header))
        for b in document.blocks
    )
    named = _numbers([[place(document.title), place(document.media_type), *map(place, document.notices)]])
    path_words = _numbers((len(path), *map(place, path)) for path in paths)
    encoded = [string.encode(errors="replace") for string in strings]
    table = _numbers([map(len, encoded)])
    sections = [
        document.text.encode(errors="replace"),
        _LENGTH.pack(len(table)) + table + b"".join(encoded),
        named,
        path_words,
        _numbers((p.number, p.start, p.end) for p in document.pages),
        blocks,
        _numbers(run_rows(document.runs)),
        _numbers([document.pictures]),
    ]
    return b"".join(part for section in sections for part in (_LENGTH.pack(len(section)), section))


def decode_document(received: memoryview) -> ParsedDocument:
    """The document, its spans within its text and its blocks and pages in order. Raises Nonsense for anything else."""
    try:
        text_bytes, table, named, path_words, pages, blocks, runs, pictures = _sections(received)
        text = str(text_bytes, "utf-8")
        strings = _strings(table)
        title, media_type, *notices = (strings[n] for n in _words(named))
        page_list = _pages(_words(pages), len(text))
        return ParsedDocument(
            title=title,
            text=text,
            blocks=tuple(_blocks(_words(blocks), text, _paths(_words(path_words), strings), strings, len(page_list))),
            pages=page_list,
            media_type=media_type,
            runs=tuple(_runs(_words(runs), len(text), len(page_list))),
            notices=tuple(notices),
            pictures=_pictures(_words(pictures), page_list),
        )
    except (ValueError, IndexError, struct.error) as error:
        raise Nonsense(str(error)) from error


def encode_boxes(boxes: Sequence[Box]) -> bytes:
    return b"".join(_BOX.pack(b.page, b.left, b.top, b.right, b.bottom) for b in boxes)


def decode_boxes(received: memoryview) -> list[Box]:
    """Boxes with their edges in order, from 0 to 1. Raises Nonsense for anything else."""
    from ingestion.page_pictures import Box

    try:
        found = [Box(*numbers) for numbers in _BOX.iter_unpack(received)]
    except struct.error as error:
        raise Nonsense(str(error)) from error
    for box in found:
        edges = (box.left, box.right, box.top, box.bottom)
        _require(all(map(math.isfinite, edges)) and 0 <= box.left <= box.right <= 1 and 0 <= box.top <= box.bottom <= 1, "a box")
        _require(box.page >= 1, "a box's page")
    return found


def encode_files(files: Sequence[tuple[str, bytes]]) -> bytes:
    names = ((name.encode(errors="replace"), content) for name, content in files)
    return b"".join(_FILE.pack(len(name), len(content)) + name + content for name, content in names)


def decode_files(received: memoryview) -> list[tuple[str, bytes]]:
    """Names of one line and without a path, none twice, and bytes. Raises Nonsense for anything else."""
    found: dict[str, bytes] = {}
    at = 0
    try:
        while at < len(received):
            name_length, length = _FILE.unpack_from(received, at)
            at += _FILE.size
            _require(name_length + length <= len(received) - at, "a file")
            name = str(received[at : at + name_length], "utf-8")
            _require(
                name.isprintable() and name not in ("", ".", "..") and "/" not in name and name not in found, "a file's name"
            )
            found[name] = bytes(received[at + name_length : at + name_length + length])
            at += name_length + length
    except (ValueError, struct.error) as error:
        raise Nonsense(str(error)) from error
    return list(found.items())


def _numbers(rows: object) -> bytes:
    return array("I", chain.from_iterable(rows)).tobytes()  # type: ignore[arg-type]


def _sections(received: memoryview) -> Iterator[memoryview]:
    at = 0
    for _ in range(_SECTIONS):
        (length,) = _LENGTH.unpack_from(received, at)
        at += _LENGTH.size
        _require(length <= len(received) - at, "a length")
        yield received[at : at + length]
        at += length
    _require(at == len(received), "the end")


def _words(section: memoryview) -> array[int]:
    words = array("I")
    words.frombytes(section)
    return words


def _strings(section: memoryview) -> list[str]:
    (size,) = _LENGTH.unpack_from(section)
    _require(size <= len(section) - _LENGTH.size, "the strings")
    at = _LENGTH.size + size
    found = []
    for length in _words(section[_LENGTH.size : at]):
        _require(length <= len(section) - at, "a string")
        found.append(str(section[at : at + length], "utf-8"))
        at += length
    return found


def _paths(words: array[int], strings: Sequence[str]) -> list[tuple[str, ...]]:
    found = []
    at = 0
    while at < len(words):
        end = at + 1 + words[at]
        _require(end <= len(words), "a heading path")
        found.append(tuple(strings[n] for n in words[at + 1 : end]))
        at = end
    return found


def _pages(words: array[int], length: int) -> tuple[Page, ...]:
    pages = tuple(Page(*three) for three in _rows(words, 3))
    _require(bool(pages), "the pages")
    before = 0
    for number, page in enumerate(pages, 1):
        _require(page.number == number and before <= page.start <= page.end <= length, "a page")
        before = page.start
    return pages


def _blocks(
    words: array[int], text: str, paths: Sequence[tuple[str, ...]], strings: Sequence[str], pages: int
) -> Iterator[Block]:
    before = 0
    for kind, start, end, page, level, path, header in _rows(words, 7):
        _require(before <= start < end <= len(text) and 1 <= page <= pages, "a block")
        yield Block(_KINDS[kind], start, end, page, paths[path], level, strings[header])
        before = end


def _runs(words: array[int], length: int, pages: int) -> Iterator[TextRun]:
    for run in runs_of(_rows(words, 4)):  # type: ignore[arg-type]
        _require(run.start + run.length <= length and 1 <= run.page <= pages, "a run")
        if run.box is not None:
            left, top, right, bottom = run.box
            _require(left <= right <= WHOLE_PAGE and top <= bottom <= WHOLE_PAGE, "a run's box")
        yield run


def _pictures(numbers: array[int], pages: Sequence[Page]) -> tuple[int, ...]:
    """Pages without text, each once and in order."""
    before = 0
    for number in numbers:
        _require(before < number <= len(pages) and pages[number - 1].start == pages[number - 1].end, "a page of pictures")
        before = number
    return tuple(numbers)


def _rows(words: array[int], width: int) -> Iterator[tuple[int, ...]]:
    _require(len(words) % width == 0, "a row")
    return zip(*[iter(words)] * width, strict=True)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Nonsense(f"{what} is out of place")
