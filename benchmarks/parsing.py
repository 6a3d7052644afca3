"""Measures how fast PDFs are parsed against PDFium's bare text extraction, in one run: `python -m benchmarks.parsing FOLDER`."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pypdfium2 as pdfium

from ingestion.parsers.pdf import parse_pdf

_REPEATS = 5


def main(folder: str) -> None:
    """Prints pages per CPU-second of both, median of interleaved repeats, and the ratio of the two."""
    files = {path.name: path.read_bytes() for path in sorted(Path(folder).glob("*.pdf"))}
    if not files:
        sys.exit(f"No PDF in {folder!r}. Name a folder that holds some.")
    bare_seconds, parse_seconds = [], []
    pages = sum(_extract(data) for data in files.values())
    for _ in range(_REPEATS):
        bare_seconds.append(_cpu_seconds(lambda: [_extract(data) for data in files.values()]))
        parse_seconds.append(_cpu_seconds(lambda: [parse_pdf(data, name) for name, data in files.items()]))
    bare, parse = statistics.median(bare_seconds), statistics.median(parse_seconds)
    print(f"{len(files)} files, {pages} pages, median of {_REPEATS} interleaved repeats")
    print(f"bare text extraction: {pages / bare:7.1f} pages per CPU-second")
    print(f"parse_pdf:            {pages / parse:7.1f} pages per CPU-second")
    print(f"ratio:                {bare / parse:7.2f}")


def _extract(data: bytes) -> int:
    """PDFium's text of every page, and nothing else; the number of pages."""
    document = pdfium.PdfDocument(data)
    for page in document:
        page.get_textpage().get_text_range()
    count = len(document)
    document.close()
    return count


def _cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m benchmarks.parsing FOLDER")
    main(sys.argv[1])
