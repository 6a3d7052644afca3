"""Turns the elements that the `unstructured` library finds into blocks. It imports nothing of that library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from assistant.types import BlockKind
from ingestion.parsers.html import add_html
from ingestion.parsers.text_builder import PAGE_BREAK, TextBuilder

_KINDS: dict[str, BlockKind] = {"ListItem": "list_item", "CodeSnippet": "code", "FigureCaption": "caption"}
# What stands on every page is no part of the text.
_LEFT_OUT = frozenset(("PageBreak", "Header", "Footer", "PageNumber"))
_BACK_TO_TEXT = "\u21a9\ufe0e"


def add_elements(builder: TextBuilder, elements: Iterable[Any], *, slides: bool = False) -> None:
    """Append a block for each element. A "Title" counts as a heading where its depth says so: the library gives that name to short
    paragraphs too. On slides, depth zero is the slide's own title."""
    for element in elements:
        about = element.metadata
        if about.page_number and about.page_number > builder.page:
            builder.break_page(about.page_number - builder.page)
        category = element.category
        if category in _LEFT_OUT:
            continue
        text = element.text.removesuffix(_BACK_TO_TEXT).replace(PAGE_BREAK, " ")
        depth = about.category_depth
        if category == "Title" and depth is not None and not (slides and depth):
            builder.heading(text, depth + 1)
        elif category == "Table" and about.text_as_html:
            add_html(builder, about.text_as_html)
        else:
            builder.add(_KINDS.get(category, "paragraph"), text)


def titles_first(elements: Iterable[Any]) -> Iterator[Any]:
    """The elements of slides, each slide's notes, which the library puts above its title, at its end."""
    for _, slide in groupby(elements, key=lambda element: element.metadata.page_number):
        found = list(slide)
        title = next((place for place, element in enumerate(found) if _is_title(element)), 0)
        yield from found[title:]
        yield from found[:title]


def _is_title(element: Any) -> bool:
    return bool(element.category == "Title" and element.metadata.category_depth == 0)
