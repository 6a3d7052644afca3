"""Where the sentences of a text begin and end, as spans of it. It knows nothing of what they say."""

from __future__ import annotations

import re

from assistant.languages import UNDETERMINED

# A table row, a list item and a paragraph each stand on a line of their own. A line that ends in a hyphen goes on in the next.
_LINE = re.compile(r"(?:[^\n]|(?<=\w[-\u00ad\u2010])\n(?=\w))+")
_LIST_NUMBER = re.compile(r"\(?(?:\d{1,3}|\w)[.)]")
_LETTER_OR_DIGIT = re.compile(r"\w")


def sentence_spans(text: str, language: str) -> list[tuple[int, int]]:
    """Spans of the sentences, in order, in code points, without white space at their ends; lines without a letter or digit are
    left out. A line end parts sentences, but for one right after a word's hyphen. A table's row (cells parted by tabs) is one
    sentence, and a list item's number belongs to the first of its sentences."""
    return [
        (line.start() + start, line.start() + end)
        for line in _LINE.finditer(text)
        if _LETTER_OR_DIGIT.search(line.group())
        for start, end in _spans_of_line(line.group(), language)
    ]


def _spans_of_line(line: str, language: str) -> list[tuple[int, int]]:
    spans = [] if "\t" in line else _spans_by_language(line, language)
    if not spans:
        return [_trimmed(line, 0, len(line))]
    if len(spans) > 1 and _LIST_NUMBER.fullmatch(line[slice(*spans[0])]):
        return [(spans[0][0], spans[1][1]), *spans[2:]]
    return spans


def _spans_by_language(line: str, language: str) -> list[tuple[int, int]]:
    from sentencex import get_sentence_boundaries

    # A hyphen's line end would part sentences; a letter in its place leaves every offset as it was.
    joined = line.replace("\n", "x")
    boundaries = get_sentence_boundaries("en" if language in ("", UNDETERMINED) else language, joined)
    spans = [_trimmed(line, boundary["start_index"], boundary["end_index"]) for boundary in boundaries]
    return [(start, end) for start, end in spans if start < end]


def _trimmed(line: str, start: int, end: int) -> tuple[int, int]:
    piece = line[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
