"""Knows the sample collection: staff handbooks of an invented bakery cooperative, one a language, and questions to try."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

SAMPLE_FOLDER = Path(__file__).parent

_DOCUMENTS = ("fernhill-handbook.pdf", "livret-lyon.docx", "manual-porto.md")


@dataclass(frozen=True, slots=True)
class SampleQuestion:
    """A question to try. `document` is the file name of the handbook that answers it in words that hold `contains`; None where
    none does, and `contains` is then empty. `language` is an ISO 639-1 code."""

    question: str
    language: str
    document: str | None
    contains: str


def sample_documents() -> list[Path]:
    """The English, the French and the Portuguese handbook, in this order."""
    return [SAMPLE_FOLDER / name for name in _DOCUMENTS]


def sample_questions() -> list[SampleQuestion]:
    """Four questions for each handbook, then two that none of them answers."""
    return [SampleQuestion(**entry) for entry in json.loads((SAMPLE_FOLDER / "questions.json").read_text("utf-8"))]
