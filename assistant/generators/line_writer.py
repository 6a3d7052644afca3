"""Writes context lines: one short line that situates a chunk in its document, to be searched with it. What the model answers is
distrusted: it becomes one plain line, or none."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

import prompts
from assistant.errors import ContextOverflow
from assistant.generators.context import CountTokens
from assistant.generators.writing import Writer
from assistant.types import Chunk

MOST_CHARACTERS = 240

# To be raised when `usable_line` comes to other lines than before.
_CHECK_VERSION = "1"
# Tokens of a whole may be a few more than those of its parts.
_SPARE_TOKENS = 8
# No text has more characters a token: what is beyond need not be counted.
_CHARACTERS_A_TOKEN = 8
# Of the room beside the passage: for the headings, and of what they leave, for the document's beginning and for what follows the
# passage. The rest is for what stands right before it.
_HEADINGS_SHARE, _BEGINNING_SHARE, _FOLLOWING_SHARE = 0.15, 0.4, 0.25
_HERE = "[Here stands the passage.]"

_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S*|\bwww\.\S+", re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_MARKUP = re.compile(r"<[^<>]*>|[<>*`#|~{}\\]+|(?<!\w)_+|_+(?!\w)|\[\d*\]")
_LABEL = re.compile(r"^(?:(?:context|the|situating|one)\s+)*(?:context|line)\s*[:：]\s*", re.IGNORECASE)
_AROUND = "\"'“”„‘’«»‹›- "
_REFUSAL = re.compile(
    r"none\W*$|n/a\b|(?:i['’]?m|i am|we are) (?:sorry|unable|not able|an ai)\b|sorry\b"
    r"|i (?:can(?:no|['’]?)t|can not|won['’]?t|will not)\b|as an? (?:ai|(?:large )?language model)\b"
    r"|(?:es )?tut mir leid|ich kann (?:\w+ )?nicht\b|(?:je suis )?désolée?\b|je ne peux pas"
    r"|lo siento\b|no puedo\b|desculpe\b|(?:eu )?não posso\b|mi dispiace\b|non posso\b|het spijt me\b|ik kan (?:\w+ )?niet\b",
    re.IGNORECASE,
)


class LineWriter:
    """Over one model; safe to call from several threads. `version` names all that a line depends on beside its document: the
    prompt, the check and the model."""

    def __init__(self, model: Writer) -> None:
        self._model = model
        self.version = f"{prompts.load('context_line').version}.{_CHECK_VERSION}.{model.name}"

    def write(self, chunk: Chunk, text: str, headings: Sequence[str]) -> str:
        """The line for a chunk of the document with this text and these headings; empty where the model has none that can be used.
        Raises ModelError."""

        def fill(room_tokens: int, count_tokens: CountTokens) -> prompts.Filled:
            return line_prompt(chunk, text, headings, room_tokens=room_tokens, count_tokens=count_tokens)

        written = self._model.complete(fill)
        return usable_line(written.text) if written.finish_reason == "stop" else ""


def line_prompt(
    chunk: Chunk, text: str, headings: Sequence[str], *, room_tokens: int, count_tokens: CountTokens
) -> prompts.Filled:
    """The prompt within `room_tokens`: the chunk whole, and the document around it, whole where it fits; else its headings, its
    beginning and what stands right before and after the chunk. Raises ContextOverflow where the chunk does not fit."""
    template, mark = prompts.load("context_line"), prompts.new_mark()
    where = " > ".join([chunk.title, *chunk.heading_path])
    above = f"{chunk.header}\n" if chunk.header else ""
    slots = {
        "mark": mark,
        "passage": prompts.fence(above + chunk.text, f"passage, from {where}", mark),
        "document": prompts.fence("", f"document: {chunk.title}", mark),
    }
    bare = template.fill(slots)
    room = room_tokens - count_tokens(bare.system) - count_tokens(bare.user) - _SPARE_TOKENS
    if room < 0:
        raise ContextOverflow(
            f"A chunk and the instructions take {room_tokens - room} tokens of the {room_tokens} that the model's context leaves. "
            "Raise FOOTNOTE_CONTEXT_TOKENS if the model can read more, or lower FOOTNOTE_CHUNK_TOKENS."
        )
    around = _around(chunk, text, headings, room, count_tokens)
    return template.fill({**slots, "document": prompts.fence(around, f"document: {chunk.title}", mark)})


def usable_line(written: str) -> str:
    """What a model wrote, as one line of plain text: without invisible characters, markup and addresses. Empty for a refusal, for
    what has no word, and for more than MOST_CHARACTERS."""
    line = prompts.one_line(html.unescape(written), limit=10 * MOST_CHARACTERS)
    line = _MARKUP.sub(" ", _ADDRESS.sub(" ", _LINK.sub(r"\1", line)))
    line = prompts.one_line(line, limit=10 * MOST_CHARACTERS)  # entities and markup may have hidden what is cleaned
    line = _LABEL.sub("", line.strip(_AROUND)).strip(_AROUND)
    usable = re.search(r"[^\W\d_]", line) and len(line) <= MOST_CHARACTERS and not _REFUSAL.match(line)
    return line if usable else ""


def _around(chunk: Chunk, text: str, headings: Sequence[str], room: int, count_tokens: CountTokens) -> str:
    before, after = text[: chunk.start].strip(), text[chunk.end :].strip()
    whole = f"{before}\n{_HERE}\n{after}"
    if len(whole) <= _CHARACTERS_A_TOKEN * room and count_tokens(whole) <= room:
        return whole
    outline = _fitting("\n".join(headings), int(room * _HEADINGS_SHARE), count_tokens)
    room -= count_tokens(f"{outline}\n\n…\n\n{_HERE}\n…")
    beginning = _fitting(before, int(room * _BEGINNING_SHARE), count_tokens)
    room -= count_tokens(beginning)
    following = _fitting(after, int(room * _FOLLOWING_SHARE / (1 - _BEGINNING_SHARE)), count_tokens)
    leading = _fitting(before[len(beginning) :], room - count_tokens(following), count_tokens, at_end=True)
    following = _fitting(after, room - count_tokens(leading), count_tokens)
    gap = "\n…\n" if len(beginning) + len(leading) < len(before) else ""
    return f"{outline}\n\n{beginning}{gap}{leading}\n{_HERE}\n{following}\n…"


def _fitting(text: str, room: int, count_tokens: CountTokens, *, at_end: bool = False) -> str:
    """The beginning of the text (or its end) that fits; nearly the longest."""
    if room < 1:
        return ""
    length = min(len(text), _CHARACTERS_A_TOKEN * room)
    while (tokens := count_tokens(_cut(text, length, at_end))) > room and length:
        length = min(length - 1, length * room // tokens)
    return _cut(text, length, at_end)


def _cut(text: str, length: int, at_end: bool) -> str:
    return text[len(text) - length :] if at_end else text[:length]
