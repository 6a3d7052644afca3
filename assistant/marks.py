"""Footnote marks in a written answer: where [1], [2, 3], 【4】 and [^5] stand, and the text without them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_NUMBERS = r"(?:(?:passages?|sources?|documents?|doc)\s*)?\^?\d{1,3}(?:\s*[,;–-]\s*\^?\d{1,3})*"
# A Markdown link, image or link definition is left alone: [1](…), ![1], [1]: …
_MARK = rf"(?<!!)(?:\[{_NUMBERS}\](?!\(|:\s)|\[\[{_NUMBERS}\]\]|【{_NUMBERS}(?:†[^】\n]*)?】)"
_GROUP = re.compile(rf"(?P<gap>[ \t]*)(?P<marks>{_MARK}(?:[ \t]*[,;&]?[ \t]*{_MARK})*)", re.IGNORECASE)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_RANGE = re.compile(r"(\d{1,3})(?:\s*[–-]\s*\^?(\d{1,3}))?")
_LINE_START = re.compile(r"(?:^|\n)[ \t]*(?:(?:[-*•>]|\d{1,3}[.)])[ \t]+)*\Z")
_LONGEST_RANGE = 20


@dataclass(frozen=True, slots=True)
class MarkGroup:
    """Marks that stand side by side. `place` is their offset in the text without marks, `gap` the blank before them; `leads`
    when they open a line, and so belong to the words that follow."""

    place: int
    numbers: tuple[int, ...]
    gap: str
    leads: bool


@dataclass(frozen=True, slots=True)
class Marked:
    """A text without its marks, and the marks in order of place."""

    text: str
    groups: Sequence[MarkGroup]


def read_marks(text: str) -> Marked:
    """Take the marks out of an answer. Marks in code stay text. Nothing else is changed but the blanks around the marks."""
    code = [found.span() for found in _CODE.finditer(text)]
    plain, read, groups = "", 0, []
    for found in _GROUP.finditer(text):
        if any(start <= found.start("marks") < end for start, end in code):
            continue
        plain += text[read : found.start()]
        leads = bool(_LINE_START.search(plain + found["gap"])) and bool(text[found.end() :].split("\n", 1)[0].strip())
        gap = "" if leads else found["gap"]
        plain += found["gap"] if leads else ""
        groups.append(MarkGroup(len(plain), tuple(dict.fromkeys(_numbers(found["marks"]))), gap, leads))
        read = found.end()
        if leads:
            read += len(text[read:]) - len(text[read:].lstrip(" \t"))
        elif text[read : read + 1].isalnum() and plain and not plain[-1].isspace():
            plain += " "
    return Marked(plain + text[read:], groups)


def write_marks(marked: Marked, numbers: Mapping[int, Sequence[int]]) -> str:
    """The text with the marks that stay: `numbers` has, by a group's position in the list, what it now says."""
    text, read = "", 0
    for position, group in enumerate(marked.groups):
        text += marked.text[read : group.place]
        read = group.place
        if kept := "".join(f"[{number}]" for number in numbers.get(position, ())):
            text += f"{kept} " if group.leads else group.gap + kept
    return text + marked.text[read:]


def _numbers(marks: str) -> Iterator[int]:
    for found in _RANGE.finditer(re.sub(r"†[^】]*", "", marks)):
        first, last = int(found[1]), int(found[2] or found[1])
        yield from range(first, last + 1) if first <= last < first + _LONGEST_RANGE else (first, last)
