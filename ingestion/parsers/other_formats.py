"""Reads the formats for which Footnote has no reader of its own, by the `unstructured` library and the programs that it leans on.

These need more than other files may have: a sandbox that lets them run programs (`ingestion.reading` gives them one).
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from assistant.errors import CorruptFile, EncryptedFile, UnsupportedFormat
from assistant.types import ParsedDocument
from ingestion.parsers.compound_file import open_compound_file
from ingestion.parsers.decoding import decode
from ingestion.parsers.other_elements import add_elements, titles_first
from ingestion.parsers.other_types import OLD_SLIDES, OLD_WORD, ORG, OUTLOOK, RST
from ingestion.parsers.outlook import parse_outlook
from ingestion.parsers.outside_programs import html_by_pandoc, rewritten_by_libreoffice
from ingestion.parsers.text_builder import TextBuilder

_LAST_LOADED = "unstructured.partition.pptx"
_NO_LANGUAGE = [""]  # the library would guess one for every piece of text
_WORD_97, _WORD_95 = 193, 104
_ENCRYPTED_WORD, _ENCRYPTED_SLIDES = 0x0100, b"\xdf\xc4\xd1\xf3"


def parse(data: bytes, name: str) -> ParsedDocument:
    """As `ingestion.parsers.parse`, for the formats in OTHER_FORMATS. Besides, UnsupportedFormat where the extra or a program is
    missing, with what to install."""
    from ingestion.parsers import media_type, with_its_name_checked

    found = media_type(data, name)
    if find_spec("unstructured") is None:
        raise UnsupportedFormat(f"'{name}' takes an extra to be read. Install it: `pip install 'footnote[unstructured]'`.")
    load_libraries()
    return with_its_name_checked(_READERS[found](data, name), name, found)


def load_libraries() -> None:
    """Load what reading takes, which lasts seconds the first time; nothing where the extra is not installed."""
    if _LAST_LOADED in sys.modules:
        return
    with suppress(ImportError):
        from unstructured.nlp import tokenize
        from unstructured.partition.html import partition_html

        # unstructured 0.27 would download a model, to tell headings from sentences by their grammar. What is a heading follows from
        # styles here, so sentences and words are all that it needs to find.
        tokenize._load_spacy_model = _model_without_grammar
        # Much is loaded only at the first text.
        partition_html(text="<h1>First</h1><p>A sentence. And another.</p>", languages=_NO_LANGUAGE)
        for module in ("unstructured.partition.docx", "unstructured.partition.msg", "pypandoc", _LAST_LOADED):
            import_module(module)


def _model_without_grammar() -> Any:
    import spacy

    model = spacy.blank("xx")
    model.add_pipe("sentencizer")
    return model


def _parse_old_word(data: bytes, name: str) -> ParsedDocument:
    from unstructured.partition.docx import partition_docx

    header = open_compound_file(data, name).streams.get("WordDocument", b"")[:12]
    if len(header) < 12:
        raise CorruptFile(
            f"'{name}' is damaged: the text of the Word document is not in it. Copy it again from where it came from."
        )
    if int.from_bytes(header[10:12], "little") & _ENCRYPTED_WORD:
        raise EncryptedFile(f"'{name}' is protected by a password. Save it without one.")
    version = int.from_bytes(header[2:4], "little")
    read_as = "MS Word 97" if version >= _WORD_97 else "MS Word 95" if version >= _WORD_95 else "MS WinWord 6.0"
    rewritten = rewritten_by_libreoffice(data, name, read_as=read_as, extension="docx")
    builder = TextBuilder()
    add_elements(builder, partition_docx(file=io.BytesIO(rewritten), languages=_NO_LANGUAGE))
    return builder.finish(name, OLD_WORD)


def _parse_old_slides(data: bytes, name: str) -> ParsedDocument:
    from unstructured.partition.pptx import partition_pptx

    streams = open_compound_file(data, name).streams
    if not streams.get("PowerPoint Document"):
        raise CorruptFile(f"'{name}' is damaged: the slides are not in it. Copy it again from where it came from.")
    if streams.get("Current User", b"")[12:16] == _ENCRYPTED_SLIDES:
        raise EncryptedFile(f"'{name}' is protected by a password. Save it without one.")
    rewritten = rewritten_by_libreoffice(data, name, read_as="MS PowerPoint 97", extension="pptx")
    builder = TextBuilder()
    elements = partition_pptx(file=io.BytesIO(rewritten), languages=_NO_LANGUAGE, include_slide_notes=True)
    add_elements(builder, titles_first(elements), slides=True)
    return builder.finish(name, OLD_SLIDES)


def _parse_org(data: bytes, name: str) -> ParsedDocument:
    return _parse_markup(data, name, ORG, "org")


def _parse_rst(data: bytes, name: str) -> ParsedDocument:
    return _parse_markup(data, name, RST, "rst")


def _parse_markup(data: bytes, name: str, media_type: str, read_as: str) -> ParsedDocument:
    from unstructured.partition.html import partition_html

    text, notices = decode(data, name)
    # The library's own way through pandoc leaves out the document's title.
    html = html_by_pandoc(text, name, read_as=read_as)
    builder = TextBuilder()
    add_elements(builder, partition_html(text=html, languages=_NO_LANGUAGE))
    return builder.finish(name, media_type, notices=notices)


_READERS: Mapping[str, Callable[[bytes, str], ParsedDocument]] = {
    OLD_WORD: _parse_old_word,
    OLD_SLIDES: _parse_old_slides,
    OUTLOOK: parse_outlook,
    ORG: _parse_org,
    RST: _parse_rst,
}
