"""Small files that would fill the memory or take for ever, by name: in zip, in XML, in PDF, by nesting and by numbers that lie."""

from __future__ import annotations

import base64
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_P = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
_S = (
    'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
_O = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
)
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_LAUGHS = '<!DOCTYPE d [<!ENTITY l0 "ha">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)) + "]>"
# One long entity, often: no limit on nesting or amplification by levels sees it.
_QUADRATIC = f'<!DOCTYPE d [<!ENTITY l9 "{"ha" * 20_000}">]>'
_GROUPS = "<p:grpSp>" * 200_000 + "</p:grpSp>" * 200_000

BOMBS: dict[str, Callable[[], bytes]] = {
    "zeros.docx": lambda: word("\0" * 60_000_000),
    "zip_in_zip.docx": lambda: zipped({"word/document.xml": f"<w:d {_W}/>", "word/embeddings/a.zip": zip_in_zip()}),
    "entries.docx": lambda: zipped({"word/document.xml": f"<w:d {_W}/>", **{f"{n:x}": "" for n in range(10_001)}}),
    "overlapping.epub": lambda: overlapping(),
    "chapters.epub": lambda: book(["<p>word</p>" * 4_000_000] * 2),
    "paragraphs.docx": lambda: word("<w:p/>" * 8_000_000),
    "words.docx": lambda: word("<w:p><w:r><w:t>word</w:t></w:r></w:p>" * 1_300_000),
    "span.docx": lambda: word(
        "<w:tbl>"
        + '<w:tr><w:tc><w:tcPr><w:gridSpan w:val="2000000000"/></w:tcPr><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc></w:tr>' * 9
        + "</w:tbl>"
    ),
    "laughs.docx": lambda: word("<w:p><w:r><w:t>&l9;</w:t></w:r></w:p>", _LAUGHS),
    "quadratic.docx": lambda: word("<w:p><w:r><w:t>&l9;</w:t></w:r></w:p>" * 50_000, _QUADRATIC),
    "laughs.pptx": lambda: slides("<p:sp><p:txBody><a:p><a:r><a:t>&l9;</a:t></a:r></a:p></p:txBody></p:sp>", _LAUGHS),
    "nested.pptx": lambda: slides(_GROUPS),
    "shapes.pptx": lambda: slides("<p:sp><p:txBody><a:p><a:r><a:t>a</a:t></a:r></a:p></p:txBody></p:sp>" * 600_000),
    "laughs.xlsx": lambda: sheet('<row><c t="inlineStr"><is><t>&l9;</t></is></c></row>', _LAUGHS),
    "corner.xlsx": lambda: sheet('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
    "cells.xlsx": lambda: sheet("<row>" + "<c><v>1</v></c>" * 3_000_000 + "</row>"),
    "merged.xlsx": lambda: sheet(
        '<row r="1"><c r="A1"><v>1</v></c></row>', after='<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    ),
    "laughs.odt": lambda: open_text("<text:p>&l9;</text:p>", _LAUGHS),
    "nested.odt": lambda: open_text("<text:section>" * 400_000 + "</text:section>" * 400_000),
    "spaces.odt": lambda: open_text('<text:p>a<text:s text:c="2000000000"/>b</text:p>' * 10),
    "repeated.odt": lambda: open_text(
        '<table:table><table:table-row table:number-rows-repeated="1048576">'
        '<table:table-cell table:number-columns-repeated="16384"><text:p>a</text:p></table:table-cell></table:table-row></table:table>'
    ),
    "laughs.epub": lambda: book([f"{_LAUGHS}<p>&l9;</p>"]),
    "nested.epub": lambda: book(["<div>" * 3_000_000]),
    "nested.html": lambda: b"<div>" * 25_000 + b"text",
    "nested_small.html": lambda: b"<b>" * 60_000 + b"text",
    "svg.html": lambda: b"<html><body>" + b"<svg><g>" * 12_000 + b"<foreignObject><p>text" * 1_000,
    "uses.html": lambda: svg_uses(),
    "tables.html": lambda: b"<html><table><tr><td>" * 6_000 + b"text",
    "spans.html": lambda: b"<html><table>" + b"<tr>" + b"<td rowspan=65534 colspan=1000>a" * 200 + b"<tr><td>b" * 2_000,
    "attributes.html": lambda: b"<html><p " + b"".join(b"a%d=b " % n for n in range(12_000)) + b">text",
    "nested.md": lambda: b">" * 100_000 + b" text",
    "brackets.md": lambda: b"[" * 30_000 + b"a" + b"](b" * 30_000,
    "emphasis.md": lambda: b"*a **a " * 20_000,
    "ticks.md": lambda: b"".join(b"`" * n + b" " for n in range(1, 500)),
    "groups.rtf": lambda: b"{\\rtf1 " + b"{" * 100_000 + b"text",
    "binary.rtf": lambda: b"{\\rtf1 \\bin2000000000 a" + b"\\bin2000000000 a" * 5_000 + b"}",
    "nested.json": lambda: b'{"a":[' * 20_000,
    "wide.json": lambda: b"[" + b",".join(b'{"a%d":1}' % n for n in range(8_000)) + b"]",
    "digits.json": lambda: b'{"a":' + b"9" * 100_000 + b"}",
    "mails.eml": lambda: mails(),
    "headers.eml": lambda: b"Subject: a\r\n" + b"To: a@b.c,\r\n" + b" a@b.c,\r\n" * 10_000 + b"\r\ntext",
    "columns.csv": lambda: b"a," * 30_000 + b"\n" + b"1," * 30_000 + b"\n",
    "rows.csv": lambda: b"a\n" * 60_000,
    "glyphs.pdf": lambda: pdf(zlib.compress(b"BT /F 1 Tf " + (b"(" + b"a" * 80_000 + b") Tj 0 -1 Td ") * 100 + b"ET", 9)),
    "flate.pdf": lambda: pdf(spaces_twice(), "/FlateDecode/FlateDecode"),
    "encoded.pdf": lambda: pdf(base64.a85encode(spaces_twice()) + b"~>", "/ASCII85Decode/FlateDecode/FlateDecode"),
    "object_stream.pdf": lambda: object_stream(),
    "page_tree.pdf": lambda: page_tree(),
    "forms.pdf": lambda: forms(),
}
"""Documents: each is to be refused, or read in a moment."""

PICTURE_BOMBS: dict[str, Callable[[], bytes]] = {
    "picture.pdf": lambda: picture(60_000, 60_000),
    "many_pictures.pdf": lambda: picture(8_000, 8_000, 400),
    "media_box.pdf": lambda: pdf(zlib.compress(b"BT /F 9 Tf (text) Tj ET"), box="0 0 100000000 100000000"),
    "paths.pdf": lambda: pdf(zlib.compress(b"0 0 m " + b"612 792 l 0 792 l 612 0 l 0 0 l " * 300_000 + b"f*", 9)),
    "pattern.pdf": lambda: pattern(),
    "drawn_forms.pdf": lambda: forms(),
}
"""PDFs that are small until a page of them is drawn."""


def zipped(parts: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def word(body: str, declarations: str = "") -> bytes:
    return zipped(
        {"word/document.xml": f'<?xml version="1.0"?>{declarations}<w:document {_W}><w:body>{body}</w:body></w:document>'}
    )


def slides(shapes: str, declarations: str = "") -> bytes:
    return zipped(
        {
            "ppt/presentation.xml": f'<p:presentation {_P}><p:sldIdLst><p:sldId id="256" r:id="r1"/></p:sldIdLst></p:presentation>',
            "ppt/_rels/presentation.xml.rels": _linked(f"{_KINDS}/slide", "slides/slide1.xml"),
            "ppt/slides/slide1.xml": f"{declarations}<p:sld {_P}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>",
        }
    )


def sheet(rows: str, declarations: str = "", after: str = "") -> bytes:
    return zipped(
        {
            "_rels/.rels": _linked(f"{_KINDS}/officeDocument", "xl/workbook.xml"),
            "xl/workbook.xml": f'<workbook {_S}><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": _linked(f"{_KINDS}/worksheet", "worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": f"{declarations}<worksheet {_S}><sheetData>{rows}</sheetData>{after}</worksheet>",
        }
    )


def open_text(body: str, declarations: str = "") -> bytes:
    within = f"<office:body><office:text>{body}</office:text></office:body>"
    content = f"{declarations}<office:document-content {_O}>{within}</office:document-content>"
    return zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


def book(chapters: list[str]) -> bytes:
    names = [f"c{number}.xhtml" for number in range(len(chapters))]
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in names)
    spine = "".join(f'<itemref idref="{name}"/>' for name in names)
    package = f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest><spine>{spine}</spine></package>'
    root = '<rootfiles><rootfile full-path="a.opf"/></rootfiles>'
    container = f'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">{root}</container>'
    return zipped({"META-INF/container.xml": container, "a.opf": package, **dict(zip(names, chapters, strict=True))})


def _linked(kind: str, target: str) -> str:
    return f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r1" Type="{kind}" Target="{target}"/></Relationships>'


def zip_in_zip() -> bytes:
    content = zipped({"a": bytes(10_000_000)})
    for _ in range(5):
        content = zipped({f"a{n}.zip": content for n in range(10)})
    return content


def overlapping() -> bytes:
    """Ten entries of 45 MB whose bytes are the same ones of the file."""
    chapter = "<html><p>word</p>" + "<p>word</p>" * 4_000_000
    one = book([chapter])
    with zipfile.ZipFile(io.BytesIO(one)) as archive:
        package = archive.read("a.opf").decode()
    items = "".join(f'<item id="d{n}" href="d{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(9))
    package = package.replace("</manifest>", f"{items}</manifest>").replace(
        "</spine>", "".join(f'<itemref idref="d{n}"/>' for n in range(9)) + "</spine>"
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with zipfile.ZipFile(io.BytesIO(one)) as before:
            archive.writestr("META-INF/container.xml", before.read("META-INF/container.xml"))
        archive.writestr("a.opf", package)
        archive.writestr("c0.xhtml", chapter)
        there = archive.getinfo("c0.xhtml")
        for n in range(9):
            again = zipfile.ZipInfo(f"d{n}.xhtml")
            for field in ("header_offset", "compress_size", "file_size", "CRC", "compress_type"):
                setattr(again, field, getattr(there, field))
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
    return file.getvalue()


def svg_uses() -> bytes:
    """Ten levels of ten copies each, as a browser would draw them."""
    levels = b"".join(b'<g id="g%d">' % n + b'<use href="#g%d"/>' % (n - 1) * 10 + b"</g>" for n in range(1, 10))
    return b'<html><p>text<svg><defs><g id="g0"><text>a</text></g>' + levels + b'</defs><use href="#g9"/></svg>'


def mails() -> bytes:
    """Mails within mails."""
    content = b"Subject: a\r\n\r\ntext"
    for _ in range(400):
        content = b"Subject: a\r\nContent-Type: message/rfc822\r\n\r\n" + content
    return content


def pdf(
    stream: bytes,
    filters: str = "/FlateDecode",
    *,
    box: str = "0 0 612 792",
    resources: bytes = b"",
    more: tuple[bytes, ...] = (),
) -> bytes:
    """One page with this content; `more` are objects from number 6 on."""
    return objects(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>%s>>>>" % (box.encode(), resources),
        streamed(stream, f"/Filter[{filters}]"),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        *more,
    )


def streamed(content: bytes, about: str) -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(content), about.encode(), content)


def objects(*contents: bytes) -> bytes:
    body, places = b"%PDF-1.7\n", []
    for number, content in enumerate(contents, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(contents) + 1
    return body + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        size, table, size, len(body),
    )  # fmt: skip


def object_stream() -> bytes:
    """A cross-reference stream that names an object stream of a gigabyte, with a million objects in it."""
    body = b"%PDF-1.7\n"
    at = len(body)
    twice = spaces_twice()
    body += (
        b"1 0 obj\n" + streamed(twice, "/Type/ObjStm/N 1000000/First 900000000/Filter[/FlateDecode/FlateDecode]") + b"\nendobj\n"
    )
    start = len(body)
    rows = struct.pack(">BIH", 1, at, 0) + b"".join(struct.pack(">BIH", 2, 1, n) for n in range(30_000))
    table = zlib.compress(struct.pack(">BIH", 0, 0, 65535) + rows, 9)
    about = "/Type/XRef/Size 30002/W[1 4 2]/Root 2 0 R/Filter/FlateDecode"
    return body + b"30001 0 obj\n" + streamed(table, about) + b"\nendobj\nstartxref\n%d\n%%%%EOF" % start


def page_tree() -> bytes:
    """Nine levels of ten times the same branch: a thousand million pages."""
    branches = [b"<</Type/Pages/Count %d/Kids[%s]>>" % (10 ** (9 - n), b"%d 0 R " % (n + 3) * 10) for n in range(9)]
    return objects(b"<</Type/Catalog/Pages 2 0 R>>", *branches, b"<</Type/Page/MediaBox[0 0 612 792]>>")


def forms() -> bytes:
    """Nine levels of forms, each with ten times the next, and a word in the last."""
    made = []
    for n in range(9):
        inner = b"/X Do " * 10 if n < 8 else b"BT /F 9 Tf (word) Tj ET"
        resources = f"<</XObject<</X {n + 7} 0 R>>>>" if n < 8 else "<</Font<</F 5 0 R>>>>"
        made.append(streamed(inner, f"/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources{resources}"))
    return pdf(zlib.compress(b"/X Do"), resources=b"/XObject<</X 6 0 R>>", more=tuple(made))


def picture(width: int, height: int, times: int = 1) -> bytes:
    """A page with a picture of so many pixels, drawn so many times."""
    row = zlib.compressobj(9)
    pixels = b"".join(row.compress(bytes(width)) for _ in range(height if width * height < 100_000_000 else 300)) + row.flush()
    image = streamed(
        pixels,
        f"/Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/FlateDecode",
    )
    drawn = b"q 612 0 0 792 0 0 cm /X Do Q " * times + b"BT /F 9 Tf (text) Tj ET"
    return pdf(zlib.compress(drawn, 9), resources=b"/XObject<</X 6 0 R>>", more=(image,))


def pattern() -> bytes:
    """A page filled with tiles of a hundredth of a point, a hundred times."""
    tile = streamed(
        b"0 0 1 rg 0 0 .005 .005 re f",
        "/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 .01 .01]/XStep .01/YStep .01/Resources<<>>",
    )
    drawn = b"/Pattern cs /T scn " + b"0 0 612 792 re f " * 100
    return pdf(zlib.compress(drawn, 9), resources=b"/Pattern<</T 6 0 R>>", more=(tile,))


def spaces_twice() -> bytes:
    """A gigabyte of spaces, deflated twice."""
    return zlib.compress(_spaces(), 9)


@cache
def _spaces() -> bytes:
    spaces = zlib.compressobj(9)
    return b"".join(spaces.compress(b" " * 1_000_000) for _ in range(1_000)) + spaces.flush()
