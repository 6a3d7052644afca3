"""What a Slack client would make of a message: links, mentions, broadcasts, emoji, pictures; by the rules for each kind of text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

# In mrkdwn and in the text of a message Slack looks for markup and, unless told otherwise, for what looks like an address.
_MARKUP = re.compile(r"<(?:([@#!])|([a-z][a-z0-9+.-]*:))", re.I)
_ADDRESS = re.compile(
    r"\b[a-z][a-z0-9+.-]*://|\bmailto:|\bwww\.\w|\b[\w.+-]+@[\w-]+\.\w|\b[a-z0-9-]+\.(?:com|org|net|io|example|de|dev|app|ai)\b",
    re.I,
)
_MARKDOWN = re.compile(r"!?\[[^\]]*\]\s*[(\[]|<[a-z][^>]*>", re.I)
_EMOJI = re.compile(r":[a-z0-9_+-]+:", re.I)
_SIGNS = {"@": "mention", "#": "mention", "!": "broadcast"}
# Elements of rich text that do something; a link is told from ours by its address.
_ACTIVE = {"user": "mention", "usergroup": "mention", "channel": "mention", "broadcast": "broadcast", "emoji": "emoji"}
_FETCHED = ("image", "video", "file", "call")


def active(message: Mapping[str, Any]) -> list[str]:
    """All in a message that is more than text: "link <address>", "mention", "broadcast", "emoji", "fetched <what>", "unfurls"."""
    found = [*_in_mrkdwn(message.get("text") or ""), *_in_markdown(message.get("markdown_text") or "")]
    for part in (*(message.get("blocks") or ()), *(message.get("attachments") or ())):
        found += _in_part(part)
    if message.get("link_names") is True or message.get("parse") == "full":
        found.append("mention")
    if message.get("unfurl_links") is not False or message.get("unfurl_media") is not False:
        found.append("unfurls")
    return found


def shown(message: Mapping[str, Any]) -> str:
    """What a reader of the message reads."""
    return "\n".join(_words(block) for block in message.get("blocks") or ()) or str(message.get("text") or "")


def _words(part: Any) -> str:
    if isinstance(part, list):
        return "".join(map(_words, part))
    if not isinstance(part, dict):
        return ""
    inner = part.get("text")
    own = _words(inner) if isinstance(inner, dict) else inner or ""
    end = "\n" if part.get("type", "").startswith("rich_text_") else ""
    return own + "".join(_words(part[key]) for key in ("elements", "positive_button", "negative_button") if key in part) + end


def _in_part(part: Mapping[str, Any]) -> Iterator[str]:
    kind = part.get("type")
    if kind == "text":
        # Nothing in it is active; what looks like markup is told all the same.
        yield from (_SIGNS.get(found[1], "link") for found in _MARKUP.finditer(part["text"]))
    elif kind == "link":
        yield f"link {part['url']}"
    elif kind in _ACTIVE:
        yield _ACTIVE[kind]
    elif kind == "mrkdwn":
        yield from _in_mrkdwn(part["text"])
    elif kind == "markdown":
        yield from _in_markdown(part["text"])
    elif kind == "plain_text":
        yield from ("emoji" for _ in _EMOJI.finditer(part["text"]) if part.get("emoji", True))
    elif kind in _FETCHED:
        yield f"fetched {kind}"
    if "url" in part and kind != "link":
        yield f"link {part['url']}"
    for value in part.values():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from _in_part(inner)


def _in_mrkdwn(text: str) -> Iterator[str]:
    yield from (_SIGNS.get(found[1], "link markup") for found in _MARKUP.finditer(text))
    yield from (f"link {found[0]}" for found in _ADDRESS.finditer(text))
    yield from ("emoji" for _ in _EMOJI.finditer(text))


def _in_markdown(text: str) -> Iterator[str]:
    yield from _in_mrkdwn(text)
    yield from (f"link {found[0]}" for found in _MARKDOWN.finditer(text))
