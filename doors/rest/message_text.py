"""The text of a chat message: an answer's text as clients show it, with its marks told apart and, on request, a list of its sources.

Such clients render Markdown, and some HTML, by rules that we do not know. What would load or link something there is kept apart by
a blank: "! [", "] (", "] :", "< ". The words stay, and the quotes of `citations` stay character for character.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from assistant.types import Answer, Citation
from prompts.invisible import visible

_ACTIVE = re.compile(r"!(?=\[)|\](?=[(:])|<(?=[A-Za-z/!?])")
# What a fence says of its language makes some clients draw or run what it holds.
_FENCE = re.compile(r"(?m)(`{3,}|~{3,})[^\S\n]*[^`\s][^`\n]*$")
_CODE_OR_MARK = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`|\[(\d{1,3})\]", re.DOTALL)
_HEAD = "\n\nSources:\n"
_QUOTE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class MessageText:
    """`annotations` are OpenAI's `url_citation`s, one for each mark of the answer; offsets count code points of `text`."""

    text: str
    annotations: list[dict[str, Any]]


def message_text(answer: Answer, address: Callable[[int], str], *, sources: bool) -> MessageText:
    """What a chat client is to show. `address` gives that of a footnote by its number."""
    text = inert(answer.text)
    cited = {citation.number: citation for citation in answer.citations}
    annotations = [
        {
            "type": "url_citation",
            "url_citation": {
                "url": address(number), "title": inert(cited[number].title), "start_index": found.start(), "end_index": found.end(),
            },
        }
        for found in _CODE_OR_MARK.finditer(text)
        if found[1] and (number := int(found[1])) in cited
    ]  # fmt: skip
    if sources and answer.citations:
        text += _HEAD + "\n".join(_source(citation, address(citation.number)) for citation in answer.citations)
    return MessageText(text, annotations)


def without_sources(text: str) -> str:
    """The text of an earlier answer that comes back in a conversation."""
    return text.partition(f"{_HEAD}[")[0]


def inert(text: str) -> str:
    """The text with nothing in it that a client would load, link or run."""
    return _ACTIVE.sub(lambda found: f"{found[0]} ", _FENCE.sub(r"\1", visible(text)))


def _source(citation: Citation, address: str) -> str:
    quote = " ".join(inert(citation.quote).split())
    shown = quote if len(quote) <= _QUOTE_CHARACTERS else f"{quote[: _QUOTE_CHARACTERS - 1].rstrip()}…"
    return f"[{citation.number}] {' '.join(inert(citation.title).split())}, page {citation.page}: “{shown}” {address}"
