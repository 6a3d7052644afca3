"""Knows how to open a PDF and its pages with PDFium, and which of our errors a refusal is. It reads nothing from the pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from assistant.errors import CorruptFile, EmptyFile, EncryptedFile

# PDFium keeps state that all documents share: two threads inside it at once end in a crash.
_PDFIUM = threading.Lock()


@contextmanager
def open_pdf(data: bytes, name: str) -> Iterator[Any]:
    """The document as a `pypdfium2.PdfDocument`; PDFium is held for this thread alone until the block ends, so do not nest.

    Raises EmptyFile (no bytes), EncryptedFile (a password is asked for) or CorruptFile. `name` is for the messages.
    """
    if not data:
        raise EmptyFile(f"{name!r} is empty (0 bytes). Save or download it again.")
    with _PDFIUM:
        try:
            document = pdfium.PdfDocument(data)
        except pdfium.PdfiumError as error:
            if error.err_code in (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY):
                raise EncryptedFile(f"{name!r} is locked with a password. Save a copy without one and add that.") from error
            raise CorruptFile(
                f"{name!r} ({len(data):,} bytes) cannot be read as a PDF: it is damaged, cut off, or of another format. "
                "Open it in a PDF reader, save it again and add that copy."
            ) from error
        try:
            if len(document) == 0:
                raise CorruptFile(f"{name!r} ({len(data):,} bytes) is a PDF without a single page. Export it again.")
            yield document
        finally:
            document.close()


@contextmanager
def open_page(document: Any, number: int) -> Iterator[tuple[Any, Any]]:
    """The raw page and text page handles of page `number` (from one); both are None where the page is damaged."""
    page = pdfium_c.FPDF_LoadPage(document.raw, number - 1)
    text_page = pdfium_c.FPDFText_LoadPage(page) if page else None
    try:
        yield (page, text_page) if text_page else (None, None)
    finally:
        if text_page:
            pdfium_c.FPDFText_ClosePage(text_page)
        if page:
            pdfium_c.FPDF_ClosePage(page)
