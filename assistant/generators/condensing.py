"""How a follow-up becomes a query: by the generator, or by rule: which words of the conversation it carries over, and how much they
weigh."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.languages import detect_language
from assistant.lexical import terms
from assistant.protocols import Generator
from assistant.types import Turn

# Measured on mtRAG's IBM Cloud part (163 follow-ups over 4,415 passages; joined legs, nDCG@10 .420 as they are, .433 as people
# rewrote them, .459 so). Two turns or four change it by a hundredth; a weight of one, which asks all as one question, brings it below
# the follow-up alone.
_MOST_TURNS = 3
_SHARE = 0.5


def standing_alone(generator: Generator, question: str, history: Sequence[Turn]) -> tuple[str, str]:
    """The query to search for, and the earlier questions to search with where the generator did not write it anew."""
    query = generator.condense(question, history) if history else question
    return query, carried_over(history) if query == question else ""


def carried_over(history: Sequence[Turn]) -> str:
    """The last three questions of a conversation on one line, oldest first; empty where there was none."""
    asked = [" ".join(turn.text.split()) for turn in history if turn.role == "user" and turn.text.strip()]
    return " ".join(asked[-_MOST_TURNS:])


def carried_weight(question: str, language: str = "") -> float:
    """What words carried over weigh beside a word of the question itself, above 0 and at most a half: a half over the number of the
    question's own terms. "And those?" leans on what was asked before, a whole question hardly does, so that a change of subject
    needs no detecting. The language is detected where it is not given."""
    own = set(terms(question, language or detect_language(question, fallback="en")))
    return _SHARE / max(1, len(own))
