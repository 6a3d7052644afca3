"""The output gate: how text that is not ours (answers, quotes, titles, file names) becomes HTML that can only be read.

Everything is escaped. An answer may hold paragraphs, lists, tables, emphasis and code, which we parse ourselves, and links to
our own footnotes. Every other address, every image and all HTML stay text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from prompts.invisible import visible

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_MARK = re.compile(r"[ \t]*\[(\d{1,3})\]")
_UNFINISHED = re.compile(r"(?:[ \t]*\[\d{0,3}|[*_`\\]+)\Z")

_BLOCK_TAGS = {
    "paragraph": "p", "bullet_list": "ul", "ordered_list": "ol", "list_item": "li", "blockquote": "blockquote", "table": "table",
    "thead": "thead", "tbody": "tbody", "tr": "tr", "th": "th", "td": "td",
}  # fmt: skip
_INLINE_TAGS = {"strong": "strong", "em": "em"}


def plain_html(text: str) -> str:
    """The cleaned text with nothing active in it, fit for an element's content and for a quoted attribute."""
    return escape(visible(text), quote=True)


def answer_html(text: str, *, answer: int, cited: Collection[int], unfinished: bool = False) -> str:
    """An answer's Markdown as HTML. A mark [n] with n in `cited` becomes a link to `#cite-<answer>.<n>`. Of an unfinished answer
    a construct that has only begun is held back, and marks, which nobody has checked yet, are not links."""
    text = visible(text)
    if unfinished:
        text = _UNFINISHED.sub("", text)
    return "".join(_blocks(parsed(text), _Marks(answer, cited, unfinished)))


def parsed(text: str) -> Sequence[Token]:
    """The tokens of an answer's Markdown: no link, image or HTML among them, which all stay text."""
    return _parser().parse(text)


class _Marks:
    """What becomes of [n] in an answer's text."""

    def __init__(self, answer: int, cited: Collection[int], unfinished: bool) -> None:
        self._answer = answer
        self._cited = cited
        self._unfinished = unfinished

    def html(self, text: str) -> str:
        out, read = "", 0
        for found in _MARK.finditer(text):
            number = int(found[1])
            if self._unfinished:
                mark = f'<span class="cite">{number}</span>'
            elif number in self._cited:
                mark = f'<a class="cite" href="#cite-{self._answer}.{number}" aria-label="Footnote {number}">{number}</a>'
            else:
                continue
            out += _with_tabs(text[read : found.start()]) + mark
            read = found.end()
        return out + _with_tabs(text[read:])


def _with_tabs(text: str) -> str:
    # Cells of a quoted table row are parted by tabs, which a browser would draw as mere blanks.
    return plain_html(text).replace("\t", '<span class="tab">\t</span>')


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False, "maxNesting": 12})
    return parser.enable("table").disable(["link", "image", "autolink", "html_inline", "html_block", "reference", "lheading"])


def _blocks(tokens: Sequence[Token], marks: _Marks) -> Iterator[str]:
    """HTML of block tokens. A kind that is not on the list gives its text and no tag."""
    for token in tokens:
        kind, _, edge = token.type.rpartition("_")
        if token.type == "inline":
            yield from _inlines(token.children or (), marks)
        elif token.type in ("fence", "code_block"):
            yield f"<pre><code>{plain_html(token.content)}</code></pre>"
        elif token.type == "hr":
            yield "<hr>"
        elif kind == "heading":
            yield '<p class="heading">' if edge == "open" else "</p>"
        elif kind in _BLOCK_TAGS and edge in ("open", "close"):
            if not token.hidden:
                yield f"<{_first_number(token)}>" if edge == "open" else f"</{_BLOCK_TAGS[kind]}>"
        else:
            yield plain_html(token.content)


def _first_number(token: Token) -> str:
    tag = _BLOCK_TAGS[token.type.rpartition("_")[0]]
    start = token.attrGet("start")
    return f'{tag} start="{int(start)}"' if tag == "ol" and start is not None else tag


def _inlines(tokens: Sequence[Token], marks: _Marks) -> Iterator[str]:
    for token in tokens:
        kind, _, edge = token.type.rpartition("_")
        if token.type == "text":
            yield marks.html(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            yield "<br>"
        elif token.type == "code_inline":
            yield f"<code>{plain_html(token.content)}</code>"
        elif kind in _INLINE_TAGS and edge in ("open", "close"):
            yield f"<{'/' if edge == 'close' else ''}{_INLINE_TAGS[kind]}>"
        else:
            yield plain_html(token.content)
