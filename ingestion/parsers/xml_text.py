"""Reads XML of whatever vocabulary: the text between its marks, in order."""

from __future__ import annotations

from lxml import etree

from assistant.errors import CorruptFile
from assistant.types import ParsedDocument
from ingestion.parsers.text_builder import PAGE_BREAK, TextBuilder

MEDIA_TYPE = "application/xml"


def parse_xml(data: bytes, name: str) -> ParsedDocument:
    """A paragraph for each element that holds text of its own, marks within the text passed over. Attributes are left out. Raises
    CorruptFile, also above 256 levels, or EmptyFile."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise CorruptFile(f"'{name}' is not whole XML: {error}. Check the file.") from error
    builder = TextBuilder()
    open_elements = [root]
    while open_elements:
        element = open_elements.pop()
        if not isinstance(element.tag, str):
            continue
        if (element.text or "").strip() or any((child.tail or "").strip() for child in element):
            text = "".join(str(piece) for piece in element.itertext())
            builder.add("paragraph", " ".join(text.replace(PAGE_BREAK, " ").split()))
        else:
            open_elements.extend(reversed(element))
    return builder.finish(name, MEDIA_TYPE)
