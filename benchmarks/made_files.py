"""Files for measurements, made of invented words: a PDF, a Word report, a page in the manner of an American company's yearly filing.
The same seed makes the same file."""

from __future__ import annotations

import io
import random
import textwrap
import zipfile
import zlib
from collections.abc import Iterator, Sequence

_SYLLABLES = (
    "ta",
    "re",
    "mi",
    "con",
    "ver",
    "sal",
    "per",
    "tion",
    "ment",
    "al",
    "ex",
    "in",
    "ter",
    "pro",
    "duct",
    "com",
    "ing",
    "or",
)
_COMMON = (
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "for",
    "that",
    "is",
    "on",
    "with",
    "as",
    "by",
    "from",
    "at",
    "our",
    "are",
    "was",
    "its",
)
_VOCABULARY = 20_000
_PDF_LINES = 46
_DOCX_PARAGRAPHS_A_PAGE = 5
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_FONT = "color:#000000;font-family:'Times New Roman',sans-serif;font-size:10pt;font-weight:400;line-height:120%"
_CELL = "padding:2px 1pt;vertical-align:bottom;background-color:#cceeff"


class Writer:
    """Invented sentences, headings and figures. Function words are about as frequent as in English, the rest follow Zipf's law."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        syllables = random.Random(1)
        self._words = ["".join(syllables.choices(_SYLLABLES, k=syllables.randint(1, 4))) for _ in range(_VOCABULARY)]

    def words(self, count: int) -> list[str]:
        common = self.chance.choices(_COMMON, k=count)
        return [
            word if self.chance.random() < 0.45 else self._words[int(_VOCABULARY ** self.chance.random()) - 1] for word in common
        ]

    def paragraph(self, sentences: int) -> str:
        return " ".join(" ".join(self.words(self.chance.randint(8, 30))).capitalize() + "." for _ in range(sentences))

    def title(self) -> str:
        return " ".join(self.words(self.chance.randint(2, 5))).title()

    def figure(self) -> str:
        return f"{self.chance.randint(1, 99_999):,}"

    def rows(self, count: int, columns: int) -> list[list[str]]:
        """A table of figures by years, with a label a row."""
        years = [str(2024 - column) for column in range(columns)]
        return [["In millions", *years], *([self.title(), *(self.figure() for _ in years)] for _ in range(count))]


def make_pdf(pages: int, seed: int = 1) -> bytes:
    """Text pages of 46 lines: a running header, headings, paragraphs, a table of figures on every third, a page number."""
    writer = Writer(seed)
    font = b"<</Type/Font/Subtype/Type1/BaseFont/%s/Encoding/WinAnsiEncoding>>"
    kids = b" ".join(b"%d 0 R" % (5 + 2 * n) for n in range(pages))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, kids)]
    objects += [font % b"Helvetica", font % b"Helvetica-Bold"]
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R/F2 4 0 R>>>>/Contents %d 0 R>>"
    for number in range(1, pages + 1):
        drawn = zlib.compress("\n".join(_pdf_page(writer, number)).encode())
        objects.append(page % (len(objects) + 2))
        objects.append(b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(drawn), drawn))
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(out))
    return bytes(out) + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + end


def _pdf_page(writer: Writer, number: int) -> Iterator[str]:
    def show(text: str, x: float, y: float, font: str = "F1", size: int = 10) -> str:
        escaped = text.replace("(", r"\(").replace(")", r"\)")
        return f"BT /{font} {size} Tf {x:.1f} {y:.1f} Td ({escaped}) Tj ET"

    yield show("Annual report of an invented company", 72, 760, size=8)
    yield show(str(number), 300, 30, size=8)
    yield show(writer.title(), 72, 730, "F2", 14)
    lines = _PDF_LINES
    if number % 3 == 0:
        for row in writer.rows(12, 3):
            lines -= 1
            yield show(row[0][:48], 72, 40 + 14.5 * lines)
            for column, cell in enumerate(row[1:]):
                yield show(cell, 360 + 70 * column, 40 + 14.5 * lines)
    while lines > 4:
        lines -= 1  # the space between paragraphs
        for line in textwrap.wrap(writer.paragraph(4), 95)[: lines - 1]:
            lines -= 1
            yield show(line, 72, 40 + 14.5 * lines)


def make_docx(pages: int, seed: int = 1) -> bytes:
    """A report as Word saves it: text in several runs a paragraph with their properties, headings of three levels, lists, a table on
    every fourth page, and a mark where each page began when it was last laid out."""
    writer = Writer(seed)
    body = "".join(part for number in range(pages) for part in _docx_page(writer, number))
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{n}"><w:name w:val="heading {n}"/><w:pPr><w:outlineLvl w:val="{n - 1}"/>'
        "</w:pPr></w:style>"
        for n in (1, 2, 3)
    )
    kinds = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{kinds}.document.main+xml"/>'
        f'<Override PartName="/word/styles.xml" ContentType="{kinds}.styles+xml"/></Types>',
        "_rels/.rels": _relation("officeDocument", "word/document.xml"),
        "word/_rels/document.xml.rels": _relation("styles", "styles.xml"),
        "word/styles.xml": f'<w:styles xmlns:w="{_WORD}">{styles}<w:style w:type="paragraph" w:styleId="ListParagraph">'
        '<w:name w:val="List Paragraph"/></w:style></w:styles>',
        "word/document.xml": f'<w:document xmlns:w="{_WORD}"><w:body>{body}<w:sectPr/></w:body></w:document>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in parts.items():
            archive.writestr(path, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{content}')
    return out.getvalue()


def _relation(kind: str, target: str) -> str:
    link = f'<Relationship Id="r1" Type="{_OFFICE}/{kind}" Target="{target}"/>'
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{link}</Relationships>'


def _docx_page(writer: Writer, number: int) -> Iterator[str]:
    level = 1 if number % 12 == 0 else 2 if number % 4 == 0 else 3
    begins = "<w:r><w:lastRenderedPageBreak/></w:r>" if number else ""
    yield _docx_paragraph(writer.title(), f'<w:pStyle w:val="Heading{level}"/>', begins)
    for _ in range(_DOCX_PARAGRAPHS_A_PAGE):
        yield _docx_paragraph(writer.paragraph(4), '<w:spacing w:after="120"/><w:jc w:val="both"/>')
    if number % 3 == 0:
        numbered = '<w:pStyle w:val="ListParagraph"/><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
        for _ in range(5):
            yield _docx_paragraph(writer.paragraph(1), numbered)
    if number % 4 == 0:
        rows = [
            "".join(f'<w:tc><w:tcPr><w:tcW w:w="1800" w:type="dxa"/></w:tcPr>{_docx_paragraph(cell, "")}</w:tc>' for cell in row)
            for row in writer.rows(10, 4)
        ]
        yield f"<w:tbl><w:tblPr/>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


def _docx_paragraph(text: str, properties: str, first: str = "") -> str:
    """In runs of a dozen words, as Word parts them at every edit and spelling mark."""
    words = text.split(" ")
    look = '<w:rPr><w:rFonts w:ascii="Calibri" w:hAnsi="Calibri"/><w:sz w:val="22"/></w:rPr>'
    runs = [
        f'<w:r w:rsidRPr="00A77B3E">{look}<w:t xml:space="preserve">{" " * bool(at)}{" ".join(words[at : at + 12])}</w:t></w:r>'
        for at in range(0, len(words), 12)
    ]
    return f'<w:p w:rsidR="00A77B3E" w:rsidRDefault="00A77B3E"><w:pPr>{properties}</w:pPr>{first}{"".join(runs)}</w:p>'


def make_filing(tables: int = 84, size_bytes: int = 2_400_000, seed: int = 1) -> bytes:
    """HTML of about that size: every paragraph and cell with its style spelt out, a figure's currency in a cell of its own, each
    table of figures inside one that only lays out the page."""
    writer = Writer(seed)
    out = io.StringIO()
    out.write("<!DOCTYPE html><html><head><title>Form 10-K of an invented company</title></head><body>")
    for number in range(1, tables + 1):
        out.write(f'<div style="margin-top:12pt"><h2 style="{_FONT}">Item {number}. {writer.title()}</h2></div>')
        table = _html_table(writer.rows(12, 3))
        while out.tell() + len(table) < size_bytes * number / tables:
            out.write(f'<div style="text-align:justify"><span style="{_FONT}">{writer.paragraph(5)}</span></div>\n')
        out.write(table)
    out.write("</body></html>")
    return out.getvalue().encode()


def _html_table(rows: Sequence[Sequence[str]]) -> str:
    lines = []
    for row in rows:
        cells = [f'<td colspan="3" style="{_CELL};text-align:left"><span style="{_FONT}">{row[0]}</span></td>']
        for figure in row[1:]:
            cells.append(f'<td style="{_CELL}"><span style="{_FONT}">$</span></td>')
            cells.append(
                f'<td style="{_CELL};text-align:right"><span style="{_FONT}">{figure}</span></td><td style="{_CELL}"></td>'
            )
        lines.append(f"<tr>{''.join(cells)}</tr>\n")
    inner = f'<table style="border-collapse:collapse;width:100%">{"".join(lines)}</table>'
    return f'<div><table style="width:100%"><tr><td style="width:100%">{inner}</td></tr></table></div>\n'
