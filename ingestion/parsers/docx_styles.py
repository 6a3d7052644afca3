"""Reads what a Word file's paragraph styles mean, through their inheritance and in many languages: headings, lists, captions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_VAL = W + "val"

# Word writes "heading 1" whatever its language; other programs translate. English, German, French, Spanish, Portuguese, Italian,
# Dutch, Swedish, Danish and Norwegian, Finnish, Polish, Czech, Hungarian, Turkish, Russian, Greek, Chinese, Japanese, Korean.
_HEADING = re.compile(
    r"(?:heading|überschrift|titre|título|titulo|encabezado|cabeçalho|titolo|kop|rubrik|overskrift|otsikko|nagłówek|nadpis|címsor|"
    r"başlık|заголовок|επικεφαλίδα|标题|標題|見出し|제목)\s?([1-9])\Z"
)
_TITLE = frozenset("title titel titre título titulo titolo titul tytuł otsikko название 标题 表題 제목".split())  # noqa: SIM905
_CAPTION = frozenset(
    "caption beschriftung légende legenda leyenda epígrafe didascalia bijschrift подпись 题注 図表番号 캡션".split()  # noqa: SIM905
)
_BODY_TEXT = 9


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph style says. `level` is a heading's, from one, and zero for body text; `level` and `listed` are None where
    the style is silent."""

    name: str = ""
    based_on: str = ""
    level: int | None = None
    listed: bool | None = None


@dataclass(frozen=True, slots=True)
class Styles:
    """The styles of a file by their ids; `default` is the one of paragraphs that name none."""

    by_id: dict[str, Style] = field(default_factory=dict)
    default: str = ""

    def heading_level(self, style_id: str) -> int:
        """From one; zero where the style is no heading's. What a style does not say, the one that it is based on says."""
        return next((style.level for style in self._chain(style_id) if style.level is not None), 0)

    def is_listed(self, style_id: str) -> bool:
        return next((style.listed for style in self._chain(style_id) if style.listed is not None), False)

    def is_caption(self, style_id: str) -> bool:
        return any(style.name in _CAPTION for style in self._chain(style_id))

    def _chain(self, style_id: str) -> list[Style]:
        found: list[Style] = []
        seen: set[str] = set()
        style_id = style_id or self.default
        while style_id in self.by_id and style_id not in seen:
            seen.add(style_id)
            found.append(self.by_id[style_id])
            style_id = found[-1].based_on
        return found


def read_styles(root: etree._Element | None) -> Styles:
    """The paragraph styles of a styles part; none where the file has no such part."""
    by_id: dict[str, Style] = {}
    default = ""
    for element in root.iterfind(W + "style") if root is not None else ():
        if element.get(W + "type", "paragraph") != "paragraph":
            continue
        style_id = element.get(W + "styleId", "")
        name = _value(element, "name").strip().lower()
        properties = element.find(W + "pPr")
        by_id[style_id] = Style(name, _value(element, "basedOn"), _level(name, properties), is_numbered(properties))
        if element.get(W + "default") in ("1", "true", "on"):
            default = style_id
    return Styles(by_id, default)


def outline_level(properties: etree._Element | None) -> int | None:
    """The heading level that paragraph properties give, from one; zero for "body text", None where they are silent."""
    value = _value(properties, "outlineLvl") if properties is not None else ""
    if not value.isdigit():
        return None
    return int(value) + 1 if int(value) < _BODY_TEXT else 0


def is_numbered(properties: etree._Element | None) -> bool | None:
    """Whether paragraph properties put it in a list; None where they are silent."""
    numbering = properties.find(W + "numPr") if properties is not None else None
    number = _value(numbering, "numId") if numbering is not None else ""
    return number != "0" if number else None


def _level(name: str, properties: etree._Element | None) -> int | None:
    outline = outline_level(properties)
    if outline is not None:
        return outline
    heading = _HEADING.match(name)
    if heading:
        return int(heading[1])
    return 1 if name in _TITLE else None


def _value(element: etree._Element, child: str) -> str:
    found = element.find(W + child)
    return str(found.get(_VAL, "")) if found is not None else ""
