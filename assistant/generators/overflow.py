"""What servers and libraries say when a prompt is longer than the model's context, and which sizes they name."""

from __future__ import annotations

import re

_OVERFLOW = re.compile(
    r"context[ _-]?(?:length|size|window)|maximum context|prompt is too long|input is too long|too many (?:input )?tokens"
    r"|reduce the length|exceeds? the (?:model'?s )?(?:maximum|available)|exceed_context",
    re.IGNORECASE,
)
_CONTEXT = re.compile(r"context (?:length|size|window)[^0-9]{0,40}(\d{3,7})", re.IGNORECASE)
# OpenAI and vLLM: "(8200 in the messages"; llama.cpp: "request (16031 tokens)"; "your messages resulted in 8200 tokens".
_PROMPT = re.compile(
    r"\((\d{2,7}) in the messages|request \((\d{2,7}) tokens\)|messages resulted in (\d{2,7}) tokens"
    r"|prompt (?:has|contains) (\d{2,7})",
    re.IGNORECASE,
)


def says_overflow(text: str) -> bool:
    return bool(_OVERFLOW.search(text))


def stated_context_tokens(text: str) -> int | None:
    """The context length that the message names, where it names one."""
    found = _CONTEXT.search(text)
    return int(found[1]) if found else None


def stated_prompt_tokens(text: str) -> int | None:
    """The length of our prompt as the other side counted it, where the message names it."""
    found = _PROMPT.search(text)
    return int(next(filter(None, found.groups()))) if found else None
