"""Reads what an OpenDocument text's paragraph styles mean, through their inheritance: titles, captions, page breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"

_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_FO = "{urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0}"


@dataclass(frozen=True, slots=True)
class Style:
    """`breaks_page` is None where the style is silent."""

    based_on: str = ""
    breaks_page: bool | None = None


@dataclass(frozen=True, slots=True)
class Styles:
    """The paragraph styles by their names, which are English whatever the program's language."""

    by_name: dict[str, Style] = field(default_factory=dict)

    def is_title(self, name: str) -> bool:
        return "Title" in self._chain(name)

    def is_caption(self, name: str) -> bool:
        return "Caption" in self._chain(name)

    def breaks_page(self, name: str) -> bool:
        """Whether a paragraph of that style begins a new page."""
        found = (self.by_name[step].breaks_page for step in self._chain(name) if step in self.by_name)
        return next((breaks for breaks in found if breaks is not None), False)

    def _chain(self, name: str) -> Iterator[str]:
        seen: set[str] = set()
        while name and name not in seen:
            seen.add(name)
            yield name
            name = self.by_name[name].based_on if name in self.by_name else ""


def read_styles(*parts: etree._Element | None) -> Styles:
    """The paragraph styles of these parts, the later ones before the earlier."""
    by_name: dict[str, Style] = {}
    for part in parts:
        for style in part.iter(_STYLE + "style") if part is not None else ():
            if style.get(_STYLE + "family", "") == "paragraph":
                by_name[style.get(_STYLE + "name", "")] = Style(style.get(_STYLE + "parent-style-name", ""), _breaks_page(style))
    return Styles(by_name)


def _breaks_page(style: etree._Element) -> bool | None:
    # A paragraph that changes the kind of page begins one.
    if style.get(_STYLE + "master-page-name"):
        return True
    properties = style.find(_STYLE + "paragraph-properties")
    value = properties.get(_FO + "break-before") if properties is not None else None
    return value == "page" if value else None
