"""A question to a passage, written by the language model of the settings, and what makes one usable."""

from __future__ import annotations

import re
from dataclasses import dataclass

import prompts
from assistant.generators.writing import Writer

_QUESTION = re.compile(r"^\W*question\W*[:：]\W*?\s*(\S.*)$", re.IGNORECASE | re.MULTILINE)
_ANSWER = re.compile(r"^\W*answer\W*[:：]\W*?\s*(\S.*)$", re.IGNORECASE | re.MULTILINE)
_AROUND = '*"“”«» \r'
_LENGTH = range(8, 301)


@dataclass(frozen=True, slots=True)
class Written:
    """`answer` stands in the passage, but for white space."""

    question: str
    answer: str


def write_question(writer: Writer, title: str, text: str) -> Written | None:
    """One question and its answer, by one call; None where the model finds nothing to ask, or its answer does not stand in the
    passage. Raises ModelError."""
    template, mark = prompts.load("question"), prompts.new_mark()
    prompt = template.fill({"mark": mark, "passage": prompts.fence(text, f"passage from {title}", mark)})
    written = writer.complete(lambda *_: prompt)
    return _usable(written.text, text) if written.finish_reason == "stop" else None


def _usable(written: str, text: str) -> Written | None:
    question, answer = _QUESTION.search(written), _ANSWER.search(written)
    if not question or not answer:
        return None
    asked = prompts.one_line(question[1], limit=2 * _LENGTH.stop).strip(_AROUND)
    given = _standing(answer[1].strip(_AROUND + ".。"), text)
    return Written(asked, given) if given and len(asked) in _LENGTH else None


def _standing(answer: str, text: str) -> str:
    """The answer as the passage writes it, on one line; empty where it does not stand there as whole words."""
    words = answer.split()
    if not words:
        return ""
    begins, ends = (r"(?<![0-9A-Za-z])" if words[0][0].isalnum() else "", r"(?![0-9A-Za-z])" if words[-1][-1].isalnum() else "")
    found = re.search(begins + r"\s+".join(map(re.escape, words)) + ends, text, re.IGNORECASE)
    return " ".join(found.group().split()) if found else ""
