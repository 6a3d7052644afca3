"""Rich text: how text that is not ours (answers, quotes, titles, file names) becomes blocks that can only be read.

Slack looks for links, mentions and emoji in `mrkdwn` and in Markdown, and not in the text elements of rich text, where each of them is
an element of its own. Text that is not ours becomes text elements and nothing else. See doors/output_gate.py for the same in HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from doors.output_gate import parsed
from prompts.invisible import visible

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

Element = dict[str, Any]
Mark = Callable[[int], Element | None]
"""What a mark [n] becomes; None for one that is not ours, which stays text."""

_MARK = re.compile(r"\[(\d{1,3})\]")
# What would begin a mention, a broadcast or a link if a client took the text for mrkdwn after all.
_MARKUP = re.compile(r"<(?=[@#!]|[A-Za-z][A-Za-z0-9+.-]*:)")
_LISTS = {"bullet_list": "bullet", "ordered_list": "ordered"}
_STYLES = {"strong": "bold", "em": "italic"}
_MOST_INDENT = 8
# What an element counts beside its characters, so that a block of many small ones ends too.
_ELEMENT_LENGTH = 10


def text(words: str, *styles: str) -> Element:
    """A text element: the one way in which text that is not ours goes to Slack."""
    element: Element = {"type": "text", "text": _MARKUP.sub("<\u2060", visible(words))}
    return {**element, "style": dict.fromkeys(styles, True)} if styles else element


def link(address: str, words: str) -> Element:
    """A link to an address of our own."""
    return {"type": "link", "url": address, "text": words}


def section(*inlines: Element) -> Element:
    return {"type": "rich_text_section", "elements": _not_empty(inlines) or [text(" ")]}


def quote(*inlines: Element) -> Element:
    return {"type": "rich_text_quote", "elements": _not_empty(inlines) or [text(" ")]}


def from_markdown(words: str, mark: Mark = lambda _: None) -> list[Element]:
    """An answer's Markdown as sections, lists, quotes and preformatted text."""
    from markdown_it.tree import SyntaxTreeNode

    found = list(_elements(SyntaxTreeNode(parsed(visible(words))).children, mark))
    for above, below in pairwise(found):
        if above["type"] == below["type"] == "rich_text_section":
            above["elements"].append(text("\n"))
    return found


def blocks(elements: Iterable[Element], *, most: int) -> list[Element]:
    """Rich text blocks of at most so many characters each. What is longer goes on in the next."""
    packed: list[list[Element]] = []
    room = 0
    for piece in (piece for element in elements for piece in _pieces(element, most)):
        if length(piece) > room:
            packed.append([])
            room = most
        packed[-1].append(piece)
        room -= length(piece)
    return [{"type": "rich_text", "elements": each} for each in packed]


def length(element: Element) -> int:
    """Characters of an element or block, with something for each element in it."""
    return len(element.get("text") or "") + _ELEMENT_LENGTH + sum(map(length, element.get("elements", ())))


def _elements(nodes: Sequence[SyntaxTreeNode], mark: Mark) -> Iterator[Element]:
    for node in nodes:
        if node.type in _LISTS:
            yield from _list(node, mark, 0)
        elif node.type in ("fence", "code_block"):
            yield from _preformatted(node.content.rstrip("\n"))
        elif node.type == "table":
            yield from _preformatted("\n".join(" | ".join(_cells(row)) for row in node.walk() if row.type == "tr"))
        elif node.type == "hr":
            yield section(text("———"))
        else:
            styles = ("bold",) if node.type == "heading" else ()
            inlines = _not_empty(_flat(node, mark, styles))
            if inlines:
                yield quote(*inlines) if node.type == "blockquote" else section(*inlines)


def _list(node: SyntaxTreeNode, mark: Mark, indent: int) -> Iterator[Element]:
    """A list, and the lists in it after the item that holds them, each a list of its own that is indented."""
    items: list[Element] = []
    passed = int(node.attrs.get("start", 1)) - 1

    def listed() -> Element:
        made: Element = {"type": "rich_text_list", "style": _LISTS[node.type], "indent": indent, "elements": items}
        return {**made, "offset": passed} if passed and node.type == "ordered_list" else made

    for item in node.children:
        own = [child for child in item.children if child.type not in _LISTS]
        items.append(section(*_joined([_flat(child, mark, ()) for child in own] or [[]])))
        for inner in (child for child in item.children if child.type in _LISTS):
            if items:
                yield listed()
                passed, items = passed + len(items), []
            yield from _list(inner, mark, min(indent + 1, _MOST_INDENT))
    if items:
        yield listed()


def _flat(node: SyntaxTreeNode, mark: Mark, styles: tuple[str, ...]) -> list[Element]:
    """The inline elements of a block, those of the blocks in it one below the other."""
    if node.type == "inline":
        return [inline for child in node.children for inline in _inlines(child, mark, styles)]
    if not node.children:
        return [text(node.content.rstrip("\n"), *styles, "code")] if node.content.strip() else []
    below = [_flat(child, mark, styles) for child in node.children]
    if node.type == "list_item":
        below = [[text("• "), *below[0]], *below[1:]]
    return _joined(below)


def _inlines(node: SyntaxTreeNode, mark: Mark, styles: tuple[str, ...]) -> Iterator[Element]:
    if node.type in ("softbreak", "hardbreak"):
        yield text("\n")
    elif node.type == "code_inline":
        yield text(node.content, *styles, "code")
    elif node.type in _STYLES:
        inner = tuple(dict.fromkeys((*styles, _STYLES[node.type])))
        for child in node.children:
            yield from _inlines(child, mark, inner)
    else:
        yield from _marked(node.content, mark, styles)


def _marked(words: str, mark: Mark, styles: tuple[str, ...]) -> Iterator[Element]:
    read = 0
    for found in _MARK.finditer(words):
        if (made := mark(int(found[1]))) is not None:
            yield text(words[read : found.start()], *styles)
            yield made
            read = found.end()
    yield text(words[read:], *styles)


def _cells(row: SyntaxTreeNode) -> Iterator[str]:
    for cell in row.children:
        yield "".join(leaf.content for leaf in cell.walk() if leaf.type in ("text", "code_inline"))


def _preformatted(words: str) -> Iterator[Element]:
    if inlines := _not_empty([text(words)]):
        yield {"type": "rich_text_preformatted", "elements": inlines}


def _joined(lines: Sequence[Sequence[Element]]) -> list[Element]:
    out = list(lines[0]) if lines else []
    for line in lines[1:]:
        out += [text("\n"), *line]
    return out


def _not_empty(inlines: Iterable[Element]) -> list[Element]:
    """Slack refuses an element without text."""
    return [inline for inline in inlines if inline.get("text") != ""]


def _pieces(element: Element, most: int) -> Iterator[Element]:
    """An element in pieces of at most so many characters, in order; an item of a list that is too long becomes several."""
    if length(element) <= most:
        yield element
        return
    is_list = element["type"] == "rich_text_list"
    room = most - 2 * _ELEMENT_LENGTH
    smaller = [p for inner in element["elements"] for p in (_pieces(inner, room) if is_list else _cut(inner, room))]
    passed, held = element.get("offset", 0), list[Element]()
    for inner in smaller:
        if held and length({"elements": [*held, inner]}) > most:
            yield _with(element, held, passed)
            passed, held = passed + len(held), []
        held.append(inner)
    yield _with(element, held, passed)


def _with(element: Element, inner: list[Element], passed: int) -> Element:
    made = {**element, "elements": inner}
    return {**made, "offset": passed} if passed and element.get("style") == "ordered" else made


def _cut(inline: Element, most: int) -> Iterator[Element]:
    """An inline element in pieces of at most so many characters, cut behind white space where there is some."""
    words, room = inline.get("text") or "", most - _ELEMENT_LENGTH
    while len(words) > room:
        at = max(words.rfind(" ", 0, room), words.rfind("\n", 0, room)) + 1 or room
        yield {**inline, "text": words[:at]}
        words = words[at:]
    if words:
        yield {**inline, "text": words}
