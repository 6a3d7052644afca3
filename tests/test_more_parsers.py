"""What the parsers make of the formats beyond the first ones, block for block; what they refuse, and how little it costs them."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path

import pytest

from assistant.errors import CorruptFile, EmptyFile, EncryptedFile, FileTooLarge, ParseError, UnsupportedFormat
from assistant.types import ParsedDocument
from ingestion.parsers import SUPPORTED, media_type, parse
from ingestion.parsers.email_message import attachments

FILES = Path(__file__).parent / "files"

# (kind, page, level, heading path, text) and, for a table, its header.
Golden = list[tuple[str, int, int, str, str] | tuple[str, int, int, str, str, str]]

HARBOUR: Golden = [
    ("heading", 1, 1, "Harbour report", "Harbour report"),
    ("paragraph", 1, 0, "Harbour report", "Spring 2026"),
    ("paragraph", 1, 0, "Harbour report", "Greet the harbour master first."),
    ("heading", 2, 2, "Harbour report > Ships in port", "Ships in port"),
    ("list_item", 2, 0, "Harbour report > Ships in port", "Brigs"),
    ("list_item", 2, 0, "Harbour report > Ships in port", "two from Fern Quay"),
    ("list_item", 2, 0, "Harbour report > Ships in port", "Schooners"),
    ("table", 2, 0, "Harbour report > Ships in port", "Ship\tTons\tCrew\nHeron\t120\t9\nPlover\t95", "Ship\tTons\tCrew"),
    ("paragraph", 2, 0, "Harbour report > Ships in port", "The Plover sails at dawn."),
    ("paragraph", 2, 0, "Harbour report > Ships in port", "Ask about her crew."),
    ("heading", 3, 2, "Harbour report > Landings", "Landings"),
    ("paragraph", 3, 0, "Harbour report > Landings", "In a group"),
    ("paragraph", 3, 0, "Harbour report > Landings", "In a group within"),
    (
        "table",
        3,
        0,
        "Harbour report > Landings",
        "Tons landed\tHerring\tCod\nApril\t12.5\t7\nMay\t30\t8\nJune\t\t9",
        "Tons landed\tHerring\tCod",
    ),
    ("paragraph", 4, 0, "Harbour report > Landings", "A hidden slide"),
]

STORES: Golden = [
    ("heading", 1, 1, "Stores", "Stores"),
    ("paragraph", 1, 0, "Stores", "Stores of the Heron"),
    (
        "table",
        1,
        0,
        "Stores",
        "Goods\tDeck\tBarrels\tSince\nRum\tUpper\t12\t2026-03-01\nWater\tUpper\t32.5\t2026-03-02\nSalt, fine\tLower\t2",
        "Goods\tDeck\tBarrels\tSince",
    ),
    ("table", 1, 0, "Stores", "Year\t2024\t2025\nVoyages\t3\t4", "Year\t2024\t2025"),
    ("heading", 2, 1, "Crew", "Crew"),
    ("paragraph", 2, 0, "Crew", "Crew list"),
    ("table", 2, 0, "Crew", "Name\tAboard\nAda\tTRUE\nBo Smith\tFALSE", "Name\tAboard"),
    ("heading", 4, 1, "Old prices", "Old prices"),
    ("table", 4, 0, "Old prices", "Rope\t0.125"),
]

PRICES: Golden = [
    ("heading", 1, 1, "Prices", "Prices"),
    ("table", 1, 0, "Prices", "Bread\tGrams\tPrice\nRye\t1200\t4.8\nPlait\t500\t3.9", "Bread\tGrams\tPrice"),
    ("table", 1, 0, "Prices", "Baked on\t2026-03-01"),
    ("heading", 2, 1, "Été", "Été"),
    ("paragraph", 2, 0, "Été", "Crème brûlée"),
]

ACCOUNTS: Golden = [
    (
        "paragraph",
        1,
        0,
        "",
        "Subject: Café accounts, spring\n"
        "From: Zoë Müller <zoe@example.org>\nTo: Ada <ada@example.org>, bo@example.org\n"
        "Date: Mon, 02 Mar 2026 09:30:00 +0100",
    ),
    ("paragraph", 1, 0, "", "Dear Ada,"),
    ("paragraph", 1, 0, "", "the accounts are attached. Rent is €900."),
    ("paragraph", 1, 0, "", "Zoë"),
]

VOYAGE: Golden = [
    ("paragraph", 1, 0, "", "title: The voyage of the Heron"),
    (
        "paragraph",
        1,
        0,
        "",
        "captain.name: Zoë\ncaptain.aged: 41\ncaptain.ports: Fern Quay, Mill Lane\ntons: 120.50\nsunk: false",
    ),
    ("caption", 1, 0, "", "cargo"),
    ("table", 1, 0, "", "goods\tbarrels\tnote\nRum\t12\nWater\t32\tfresh", "goods\tbarrels\tnote"),
    ("paragraph", 1, 0, "", "log[0].day: 1"),
    ("paragraph", 1, 0, "", "log[0].events[0].hour: 6\nlog[0].events[0].text: Set sail."),
    ("paragraph", 1, 0, "", "log[1].day: 2\nlog[1].events:"),
]

BREAD: Golden = [
    ("table", 1, 0, "", "bread\tgrams\nRye\t1200\nPlait\t500", "bread\tgrams"),
]

LAMPS: Golden = [
    ("paragraph", 1, 0, "", "A lamp"),
    ("heading", 2, 1, "Storm", "Storm"),
    ("paragraph", 2, 0, "Storm", "The light burned till five."),
    ("heading", 3, 1, "Oil", "Oil"),
    ("paragraph", 3, 0, "Oil", "The keeper counted forty barrels."),
    ("list_item", 3, 0, "Oil", "rape"),
    ("list_item", 3, 0, "Oil", "whale"),
    ("table", 3, 0, "Oil", "Oil\tHours\nrape\t14", "Oil\tHours"),
]

YEAR: Golden = [
    ("heading", 1, 1, "A keeper's year", "A keeper's year"),
    ("heading", 1, 1, "Winter", "Winter"),
    ("paragraph", 1, 0, "Winter", "Ice on the  lens, and\nwind."),
    ("paragraph", 1, 0, "Winter", "Two fingers thick."),
    ("list_item", 1, 0, "Winter", "Oil"),
    ("list_item", 1, 0, "Winter", "rape oil"),
    ("list_item", 1, 0, "Winter", "Rope"),
    ("paragraph", 1, 0, "Winter", "The end of page one and page two."),
    ("heading", 2, 2, "Winter > Stores", "Stores"),
    ("caption", 2, 0, "Winter > Stores", "Table 1. Stores"),
    ("table", 2, 0, "Winter > Stores", "Deck\tGoods\tBarrels\nUpper\trum\t12\nUpper\twater\t32", "Deck\tGoods\tBarrels"),
    ("paragraph", 2, 0, "Winter > Stores", "Beside a box."),
    ("paragraph", 2, 0, "Winter > Stores", "In the box"),
    ("paragraph", 3, 0, "Winter > Stores", "Page three, by hand."),
]

DEED: Golden = [
    ("heading", 1, 1, "The deed", "The deed"),
    ("paragraph", 1, 0, "The deed", "The café costs 900 € a year—paid in March.\nOn the quay."),
    ("paragraph", 1, 0, "The deed", "1 As agreed."),
    ("list_item", 1, 0, "The deed", "Rope"),
    ("list_item", 1, 0, "The deed", "Lamp oil"),
    ("paragraph", 1, 0, "The deed", "Привет, said the clerk."),
    ("heading", 2, 2, "The deed > Barrels", "Barrels"),
    ("table", 2, 0, "The deed > Barrels", "Goods\tBarrels\nRum\t12\nWater\t32", "Goods\tBarrels"),
    ("paragraph", 2, 0, "The deed > Barrels", "Signed {x} and sealed."),
]

LAMP: Golden = [
    ("code", 1, 0, "", "// A lamp that burns oil."),
    ("code", 1, 0, "", "const ounce = 4;"),
    ("code", 1, 0, "", "class Lamp {\n  hours(oil) {\n    const text = `café`;\n\n    return oil * ounce;\n  }\n\n}"),
    ("code", 1, 0, "", "module.exports = { Lamp };"),
]

REPORT: Golden = [
    ("heading", 1, 1, "Harbour Works in 2025", "Harbour Works in 2025"),
    ("heading", 1, 2, "Harbour Works in 2025 > 1. The new quay", "1. The new quay"),
    (
        "paragraph",
        1,
        0,
        "Harbour Works in 2025 > 1. The new quay",
        "The eastern quay was opened in March after a delay of seven weeks. An inter-\nnational jury had chosen the design, which "
        "keeps the old cranes in place and adds a walkway for visitors. Building cost 4.2 million euros, less than was planned.",
    ),
    (
        "paragraph",
        1,
        0,
        "Harbour Works in 2025 > 1. The new quay",
        "Ships of up to 90 metres can now berth on both sides. The harbour master expects forty more calls a year, most of them by "
        "coastal freighters.",
    ),
    ("heading", 1, 2, "Harbour Works in 2025 > 2. Traffic and income", "2. Traffic and income"),
    (
        "table",
        1,
        0,
        "Harbour Works in 2025 > 2. Traffic and income",
        "(thousand euros)\t2024\t2025\nBerth fees\t1,210\t1,385\nCrane hire\t402\t447\nStorage\t95\t(12)\n"
        "Total\t$ 1,707\t$ 1,820",
        "(thousand euros)\t2024\t2025",
    ),
    ("paragraph", 1, 0, "Harbour Works in 2025 > 2. Traffic and income", "Three things drove the growth:"),
    ("list_item", 1, 0, "Harbour Works in 2025 > 2. Traffic and income", "· longer opening hours of the lock,"),
    ("list_item", 1, 0, "Harbour Works in 2025 > 2. Traffic and income", "· two new crane drivers, and"),
    ("list_item", 1, 0, "Harbour Works in 2025 > 2. Traffic and income", "· a mild winter."),
    ("heading", 2, 2, "Harbour Works in 2025 > 3. Staff", "3. Staff"),
    (
        "paragraph",
        2,
        0,
        "Harbour Works in 2025 > 3. Staff",
        "At the end of the year 61 people worked for the harbour, three more than a year be-\nfore. The pilot boats were manned "
        "around the clock.",
    ),
    ("paragraph", 2, 0, "Harbour Works in 2025 > 3. Staff", "Signed by the harbour master in Lisbon"),
]


GOLDEN = {
    "report.pdf": ("Harbour Works Annual Report", REPORT),
    "harbour.pptx": ("Harbour report", HARBOUR),
    "stores.xlsx": ("stores", STORES),
    "prices.xls": ("prices", PRICES),
    "accounts.eml": ("Café accounts, spring", ACCOUNTS),
    "voyage.json": ("The voyage of the Heron", VOYAGE),
    "bread.jsonl": ("bread", BREAD),
    "lamps.epub": ("The lamp keeper", LAMPS),
    "year.odt": ("A keeper's year", YEAR),
    "deed.rtf": ("The deed of the quay", DEED),
    "lamp.js": ("lamp.js", LAMP),
}


@pytest.mark.parametrize("file", GOLDEN)
def test_a_file_of_each_format_gives_exactly_these_blocks(file: str) -> None:
    title, blocks = GOLDEN[file]
    document = _read(file)
    found: list[tuple[str | int, ...]] = []
    for block in document.blocks:
        text = document.text[block.start : block.end]
        above = " > ".join(block.heading_path)
        found.append((block.kind, block.page, block.level, above, text, *([block.header] if block.header else [])))
    assert found == blocks
    assert document.title == title
    assert document.media_type == SUPPORTED[Path(file).suffix]


@pytest.mark.parametrize("file", GOLDEN)
def test_damaged_files_are_refused_with_a_reason_or_read_as_clean_spans(file: str) -> None:
    whole = (FILES / file).read_bytes()
    for seed in range(30):
        try:
            document = parse(_damaged(whole, random.Random(seed)), file)
        except ParseError:
            continue
        _check_spans(document)


def test_empty_slides_and_sheets_count_as_pages_and_hidden_ones_are_said() -> None:
    slides, sheets = _read("harbour.pptx"), _read("stores.xlsx")
    assert [page.end > page.start for page in slides.pages] == [True, True, True, True, False]
    assert [page.end > page.start for page in sheets.pages] == [True, True, False, True]
    assert slides.notices == ("Hidden in the show, but read: slide 4.",)
    assert sheets.notices == ("Hidden, but read: sheet Old prices.",)


def test_a_bullet_set_in_the_layout_the_shape_or_the_paragraph_decides_what_is_a_list() -> None:
    none, dot = "<a:buNone/>", '<a:buChar char="-"/>'
    body = '<p:nvSpPr><p:nvPr><p:ph type="body" idx="1"/></p:nvPr></p:nvSpPr>'
    shape = f"<p:sp>{body}<p:txBody><a:lstStyle/>{_slide_text('plain')}{_slide_text('dotted', dot)}</p:txBody></p:sp>"
    layout = f"<p:sp>{body}<p:txBody><a:lstStyle><a:lvl1pPr>{none}</a:lvl1pPr></a:lstStyle></p:txBody></p:sp>"
    assert [block.kind for block in parse(_slides(shape), "a.pptx").blocks] == ["list_item", "list_item"]
    assert [block.kind for block in parse(_slides(shape, layout), "a.pptx").blocks] == ["paragraph", "list_item"]


def test_a_slide_is_read_from_its_title_wherever_that_stands() -> None:
    title = '<p:nvSpPr><p:nvPr><p:ph type="title"/></p:nvPr></p:nvSpPr>'
    text = f"<p:sp><p:txBody>{_slide_text('text')}</p:txBody></p:sp>"
    document = parse(_slides(f"{text}<p:sp>{title}<p:txBody>{_slide_text('Title')}</p:txBody></p:sp>"), "a.pptx")
    assert [(block.kind, block.heading_path) for block in document.blocks] == [("heading", ("Title",)), ("paragraph", ("Title",))]


def test_attachments_come_with_safe_names_and_their_bytes() -> None:
    assert [name for name, _ in attachments((FILES / "accounts.eml").read_bytes())] == [
        "accounts.csv", "accounts (2).csv", "Re_ lamp _ oil.eml",
    ]  # fmt: skip
    message = EmailMessage()
    message["Subject"] = "Six"
    names = ["../../etc/passwd", "C:\\temp\\bill.txt", "a\u202egnp.exe", "x" * 500 + ".pdf", "..", "CON:\x07.txt"]
    for name in names:
        message.add_attachment(name.encode("utf-8", "replace"), maintype="application", subtype="pdf", filename=name)
    found = attachments(message.as_bytes())
    assert [name for name, _ in found] == [
        "passwd", "bill.txt", "a_gnp.exe", "x" * 116 + ".pdf", "attachment-5.pdf", "CON_.txt",
    ]  # fmt: skip
    assert found[0][1] == b"../../etc/passwd"


def test_a_forwarded_mail_is_a_document_of_its_own() -> None:
    name, content = attachments((FILES / "accounts.eml").read_bytes())[2]
    assert parse(content, name).text == "Subject: Re: lamp / oil\nFrom: bo@example.org\n\nNo oil left."


def test_a_mail_without_plain_text_is_read_from_its_html() -> None:
    message = EmailMessage()
    message["Subject"] = "Tides"
    message.set_content(" \n")
    message.add_alternative("<h1>High water</h1><p>At <b>seven</b>.", subtype="html")
    document = parse(message.as_bytes(), "a.eml")
    assert document.text == "Subject: Tides\n\nHigh water\n\nAt seven."
    assert document.title == "Tides"


def test_numbers_in_json_stay_as_they_are_written() -> None:
    number = "9" * 5_000
    assert parse(f'{{"price": 4.80, "long": {number}, "tiny": 1e-400}}'.encode(), "a.json").text == (
        f"price: 4.80\nlong: {number}\ntiny: 1e-400"
    )


def test_what_is_no_json_is_kept_as_plain_text_and_said() -> None:
    broken = parse(b'{"a": 1,\n "b": ', "a.json")
    assert broken.text == '{"a": 1,\n "b":'
    assert "line 2" in broken.notices[0]
    lines = parse(b'{"a": 1}\n{bad\n{"a": {"b": 2}}\n', "a.jsonl")
    assert lines.text == "a: 1\n\n{bad\n\na.b: 2"
    assert "line 2" in lines.notices[0]


def test_json_paths_do_not_grow_without_end() -> None:
    nested: object = [1]
    for _ in range(200):
        nested = {"k" * 50: nested, "also": 1}
    assert len(parse(json.dumps(nested).encode(), "a.json").text) < 200 * 250


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (b"[" * 100_000, "a.json", "[[["),
        (b"{\\rtf1 " + b"{" * 100_000 + b"deep" + b"}" * 100_000 + b"}", "a.rtf", "deep"),
        (b'{"a":' * 900 + b'"deep"' + b"}" * 900, "a.json", "deep"),
    ],
)
def test_deep_nesting_keeps_the_text(data: bytes, name: str, says: str) -> None:
    assert says in parse(data, name).text


def test_deep_nesting_in_a_zip_or_a_mail_keeps_the_text_or_is_refused() -> None:
    assert parse(_book("<div>" * 10_000 + "deep"), "a.epub").text == "deep"
    with pytest.raises(CorruptFile, match="damaged"):
        parse(_open_text("<text:section>" * 300 + "</text:section>" * 300), "a.odt")
    with pytest.raises(CorruptFile, match="damaged"):
        parse(_slides("<p:grpSp>" * 300 + "</p:grpSp>" * 300), "a.pptx")
    parts = "".join(f"Content-Type: multipart/mixed; boundary=b{number}\n\n--b{number}\n" for number in range(3_000))
    with pytest.raises(CorruptFile, match="whole"):
        parse(parts.encode() + b"\ndeep", "a.eml")


@pytest.mark.parametrize("name", ["a.pptx", "a.xlsx", "a.epub", "a.odt"])
def test_zip_bombs_are_refused_before_they_are_unpacked(name: str) -> None:
    parts: dict[str, str | bytes] = {
        "a.pptx": {"ppt/presentation.xml": "<x/>"},
        "a.xlsx": {"xl/workbook.xml": "<x/>", "xl/_rels/workbook.xml.rels": "<x/>"},
        "a.epub": {"META-INF/container.xml": "<x/>"},
        "a.odt": {"mimetype": SUPPORTED[".odt"], "content.xml": "<x/>"},
    }[name]  # type: ignore[assignment]
    with pytest.raises(FileTooLarge, match="zip bomb"):
        parse(_zip({**parts, "a.bin": bytes(51_000_000)}), name)
    with pytest.raises(FileTooLarge, match="entries"):
        parse(_zip({**parts, **{f"a{number}": "" for number in range(10_000)}}), name)


def test_a_sheet_that_would_fill_the_memory_is_refused() -> None:
    for cells in (
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        "<row r='9999999'>" + "<c><v>1</v></c>" * 10 + "</row>",
        "<row r='1048576'><c r='AA1'/>" + "<c><v>1</v></c>" * 30 + "</row>",
    ):
        with pytest.raises(FileTooLarge, match="20000000 cells"):
            parse(_workbook(cells), "a.xlsx")
    formatted = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576" s="1"/></row>'
    assert parse(_workbook(formatted), "a.xlsx").text == "Sheet\n\n1"
    with pytest.raises(FileTooLarge, match="bytes of text"):
        parse(_workbook("<row>" + '<c t="s"><v>0</v></c>' * 600 + "</row>", strings=["x" * 1_000_000]), "a.xlsx")


def test_an_old_workbook_that_would_fill_the_memory_is_refused() -> None:
    whole = (FILES / "prices.xls").read_bytes()
    circle = bytearray(whole)
    directory, table = struct.unpack_from("<I", whole, 48)[0], struct.unpack_from("<I", whole, 76)[0]
    struct.pack_into("<I", circle, 512 + 512 * table + 4 * directory, directory)
    with pytest.raises(CorruptFile, match="circle"):
        parse(bytes(circle), "a.xls")
    wide = bytearray(whole)
    struct.pack_into("<IIHH", wide, wide.index(b"\x00\x02\x0e\x00") + 4, 0, 0xFFFFFFF, 0, 0xFFFF)
    with pytest.raises(FileTooLarge, match="20000000 cells"):
        parse(bytes(wide), "a.xls")
    strings = bytearray(whole)
    struct.pack_into("<I", strings, strings.index(b"\xfc\x00\x48\x00") + 8, 0x7FFFFFFF)
    with pytest.raises(CorruptFile, match="strings"):
        parse(bytes(strings), "a.xls")


def test_entities_read_no_other_file_and_do_not_grow() -> None:
    secret = (FILES / "notes.txt").as_uri()
    doctype = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{secret}">]>'
    for data, name in (
        (_open_text("<text:p>before &e; after</text:p>", doctype), "a.odt"),
        (_slides(f"<p:sp><p:txBody>{_slide_text('before &e; after')}</p:txBody></p:sp>", doctype=doctype), "a.pptx"),
        (_book(f"{doctype}<p>before &e; after"), "a.epub"),
    ):
        document = parse(data, name)
        assert "before" in document.text
        assert "Flour" not in document.text
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha" * 50}">' for n in range(9))
    with pytest.raises(CorruptFile, match="amplification"):
        parse(_open_text("<text:p>&l8;</text:p>", f"<!DOCTYPE x [{laughs}]>"), "a.odt")


def test_locked_files_are_refused_as_locked() -> None:
    key = '<e xmlns="http://www.w3.org/2001/04/xmlenc#"><EncryptedData><CipherData><CipherReference URI="OPS/{}"/></CipherData>'
    locked = key + "</EncryptedData></e>"
    with pytest.raises(EncryptedFile, match="copy-protected"):
        parse(_book("text", {"META-INF/encryption.xml": locked.format("one.xhtml")}), "a.epub")
    assert parse(_book("text", {"META-INF/encryption.xml": locked.format("font.otf")}), "a.epub").text == "text"
    manifest = '<manifest:x xmlns:manifest="m"><manifest:encryption-data/></manifest:x>'
    with pytest.raises(EncryptedFile, match="password"):
        parse(_open_text("", parts={"META-INF/manifest.xml": manifest}), "a.odt")
    for name in ("a.pptx", "a.xlsx", "a.xls"):
        with pytest.raises(EncryptedFile, match="password"):
            parse(_OLE + "EncryptedPackage".encode("utf-16-le"), name)


def test_an_element_closed_in_its_own_tag_does_not_swallow_the_chapter() -> None:
    assert parse(_book("<title/><p>one<a id='x'/></p><p/><p>two</p>"), "a.epub").text == "one\n\ntwo"


def test_a_lost_chapter_leaves_an_empty_page_and_a_notice() -> None:
    document = parse(_book("text", spine=("lost", "one")), "a.epub")
    assert [page.end > page.start for page in document.pages] == [False, True]
    assert "lost.xhtml" in document.notices[0]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (rb"{\rtf1 \u-10179?\u-8704? \u55357\'3f\u56832\'3f}", "😀 😀"),
        (rb"{\rtf1{\fonttbl{\f0\fcharset128 x;}}\f0 \'93\'fa\'96\'7b}", "日本"),
        (rb"{\rtf1 a\bin5 {xyz}b}", "ab"),
        (rb"{\rtf1\uc2 \u233ab c}", "é c"),
        (rb"{\rtf1 {\*\unknown x}{\header y}{\v hidden}{\deleted gone}z}", "z"),
        (rb"{\rtf1 a{\shp{\*\shpinst{\sp{\sn a}{\sv b}}{\shptxt box\par}}{\shprslt old}}\par}", "a\n\nbox"),
        (rb"{\rtf1\ansicpg1251 \'cf\'f0\'e8}", "При"),
    ],
)
def test_rtf_shows_what_a_reader_would_see(written: bytes, text: str) -> None:
    assert parse(written, "a.rtf").text == text


def test_pages_of_rtf_follow_breaks_sections_and_paragraphs_that_begin_one() -> None:
    document = parse(rb"{\rtf1 a\par\page b\sect\sectd\sbknone c\par d\sect\sectd e\par\pard\pagebb f\par}", "a.rtf")
    assert [document.text[page.start : page.end] for page in document.pages] == ["a", "b\n\nc\n\nd", "e", "f"]


@pytest.mark.parametrize(
    ("data", "name", "found", "notice"),
    [
        (b"{\\rtf1 text}", "a.docx", ".rtf", "Named .docx, but .rtf inside"),
        (b"{\\rtf1 text}", "letter.doc", ".rtf", "Named .doc, but .rtf inside"),
        (b"<!DOCTYPE html><p>text", "a.txt", ".html", "Named .txt, but .html inside"),
        (b"<html><table><tr><td>a<td>1</table>", "a.xls", ".html", "Named .xls, but .html inside"),
        (b"a\tb\n1\t2\n", "a.xls", ".csv", "Named .xls, but .csv inside"),
        (b"<!DOCTYPE html><?php echo 1;", "a.php", ".php", ""),
        (b"<html> is a tag", "a.md", ".md", ""),
    ],
)
def test_content_wins_over_the_extension_and_says_so(data: bytes, name: str, found: str, notice: str) -> None:
    assert media_type(data, name) == SUPPORTED[found]
    notices = parse(data, name).notices
    assert notice in notices[0] if notice else not notices


def test_each_format_is_known_under_any_name() -> None:
    for file in ("harbour.pptx", "stores.xlsx", "prices.xls", "lamps.epub", "year.odt", "deed.rtf"):
        document = parse((FILES / file).read_bytes(), "a.txt")
        assert document.media_type == SUPPORTED[Path(file).suffix]
        assert document.notices[-1] == f"Named .txt, but {Path(file).suffix} inside, and read as that."
        assert document.blocks == _read(file).blocks


@pytest.mark.parametrize(
    ("data", "name", "error", "says"),
    [
        (b"not a zip", "a.pptx", CorruptFile, "not a PowerPoint file"),
        (b"not a zip", "a.xlsx", CorruptFile, "not an Excel file"),
        (b"\x09\x08\x00, \x01\x02", "a.xls", CorruptFile, "not an Excel file"),
        (b"not a zip", "a.epub", CorruptFile, "not an EPUB"),
        (b"plain text", "a.rtf", CorruptFile, "not an RTF"),
        (b"PK\x03\x04 cut off", "a.odt", CorruptFile, "damaged"),
        (b"{}", "a.json", EmptyFile, "no text"),
        (b"{\\rtf1 {\\pict 00}}", "a.rtf", EmptyFile, "no text"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "WordDocument".encode("utf-16-le"),
            "a.doc",
            UnsupportedFormat,
            "outside programs",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "Workbook\0".encode("utf-16-le"), "a.xls", CorruptFile, "damaged"),
        (bytes(range(256)) * 40, "a.py", CorruptFile, "not text"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(data: bytes, name: str, error: type[ParseError], says: str) -> None:
    with pytest.raises(error, match=says):
        parse(data, name)


def test_source_code_keeps_every_character_of_its_lines() -> None:
    code = (FILES / "lamp.js").read_text(encoding="utf-8")
    document = _read("lamp.js")
    assert [line for line in document.text.split("\n") if line] == [line for line in code.split("\n") if line]
    latin = parse("# coding: latin-1\nname = 'café'\n".encode("latin-1"), "a.py")
    assert latin.text.endswith("'café'")


_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OASIS = "urn:oasis:names:tc:opendocument:xmlns"


def _read(file: str) -> ParsedDocument:
    return parse((FILES / file).read_bytes(), file)


def _check_spans(document: ParsedDocument) -> None:
    end = 0
    for block in document.blocks:
        text = document.text[block.start : block.end]
        assert text
        assert text == text.strip()
        assert block.start >= end
        assert block.header in text
        page = document.pages[block.page - 1]
        assert page.start <= block.start < page.end
        end = block.end
    assert end == len(document.text) == document.pages[-1].end


def _damaged(whole: bytes, chance: random.Random) -> bytes:
    """A copy with bits flipped, cut out, doubled or cut off: in a zip's entries rather than around them."""
    if whole.startswith(b"PK") and chance.random() < 0.8:
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        for name in chance.sample(sorted(parts), 2):
            parts[name] = _damaged(parts[name], chance) if parts[name] else b""
        return _zip(parts)
    damaged = bytearray(whole)
    for _ in range(chance.choice((1, 3, 10))):
        place = chance.randrange(len(damaged) + 1)
        damaged[place : place + chance.choice((0, 1, 30))] = chance.choice((b"", b"<", b"\0", b"99999999", damaged[: place % 50]))
    return bytes(damaged[: chance.choice((len(damaged), len(damaged), chance.randrange(len(damaged) + 1)))]) or b"x"


def _slide_text(text: str, properties: str = "") -> str:
    return f"<a:p><a:pPr>{properties}</a:pPr><a:r><a:t>{text}</a:t></a:r></a:p>"


def _slides(shapes: str, layout: str = "", doctype: str = "") -> bytes:
    spaces = (
        'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
        f'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r="{_OFFICE}"'
    )
    tree = "<p:cSld><p:spTree>{}</p:spTree></p:cSld>"
    return _zip(
        {
            "ppt/presentation.xml": f'<p:presentation {spaces}><p:sldIdLst><p:sldId r:id="r1"/></p:sldIdLst></p:presentation>',
            "ppt/_rels/presentation.xml.rels": _relations({"slide": "slides/slide1.xml"}),
            "ppt/slides/slide1.xml": f"{doctype}<p:sld {spaces}>{tree.format(shapes)}</p:sld>",
            "ppt/slides/_rels/slide1.xml.rels": _relations({"slideLayout": "../layout.xml"}),
            "ppt/layout.xml": f"<p:sldLayout {spaces}>{tree.format(layout)}</p:sldLayout>",
        }
    )


def _workbook(rows: str, strings: list[str] | None = None) -> bytes:
    shared = "".join(f"<si><t>{text}</t></si>" for text in strings or [])
    return _zip(
        {
            "_rels/.rels": _relations({"officeDocument": "xl/workbook.xml"}),
            "xl/workbook.xml": (
                f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>'
                '<sheet name="Sheet" sheetId="1" r:id="r1"/></sheets></workbook>'
            ),
            "xl/_rels/workbook.xml.rels": _relations(
                {"worksheet": "worksheets/sheet1.xml", "sharedStrings": "sharedStrings.xml"}
            ),
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_SHEET}"><sheetData>{rows}</sheetData></worksheet>',
            "xl/sharedStrings.xml": f'<sst xmlns="{_SHEET}">{shared}</sst>',
        }
    )


def _relations(targets: Mapping[str, str]) -> str:
    links = "".join(
        f'<Relationship Id="r{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets.items(), 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}">{links}</Relationships>'


def _book(body: str, parts: Mapping[str, str] | None = None, spine: tuple[str, ...] = ("one",)) -> bytes:
    items = "".join(f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"/>' for name in spine)
    order = "".join(f'<itemref idref="{name}"/>' for name in spine)
    container = '<rootfiles><rootfile full-path="OPS/package.opf"/></rootfiles>'
    return _zip(
        {
            "mimetype": SUPPORTED[".epub"],
            "META-INF/container.xml": f'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">{container}</container>',
            "OPS/package.opf": (
                f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest><spine>{order}</spine></package>'
            ),
            "OPS/one.xhtml": body,
            **(parts or {}),
        }
    )


def _open_text(body: str, doctype: str = "", parts: Mapping[str, str] | None = None) -> bytes:
    spaces = f'xmlns:office="{_OASIS}:office:1.0" xmlns:text="{_OASIS}:text:1.0"'
    content = f"<office:body><office:text>{body}</office:text></office:body>"
    document = f"{doctype}<office:document-content {spaces}>{content}</office:document-content>"
    return _zip({"mimetype": SUPPORTED[".odt"], "content.xml": document, **(parts or {})})


def _zip(parts: Mapping[str, str | bytes] | Mapping[str, str] | Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()
