"""Slack's rules for what a message may hold, and ours: nothing unfurled, nothing parsed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """What Slack answers with ok=false, by its code."""


def chunked(a: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [block for chunk in a.get("chunks") or () if chunk["type"] == "blocks" for block in chunk["blocks"]]


def check_message(method: str, a: Mapping[str, Any]) -> None:
    """Slack's rules for what a message may hold, and ours: nothing unfurled, nothing parsed."""
    blocks = [*(a.get("blocks") or ()), *chunked(a)]
    if method in ("chat.postMessage", "chat.update", "chat.postEphemeral", "respond"):
        if not a.get("text") or len(a["text"]) > 4000:
            raise Refused("no_text" if not a.get("text") else "msg_too_long")
        if not blocks or len(blocks) > 50:
            raise Refused("invalid_blocks: none, or more than 50")
    if method in ("chat.postMessage", "respond") and (a.get("unfurl_links"), a.get("unfurl_media")) != (False, False):
        raise Refused("it may unfurl")
    if (
        method.startswith("chat.")
        and "Stream" not in method
        and method != "chat.delete"
        and (a["parse"], a["link_names"]) != ("none", False)
    ):
        raise Refused("it may be parsed")
    if method == "chat.startStream" and not (a.get("thread_ts") and a.get("recipient_user_id") and a.get("recipient_team_id")):
        raise Refused("missing_recipient_user_id")
    if a.get("markdown_text") or any(chunk["type"] == "markdown_text" for chunk in a.get("chunks") or ()):
        raise Refused("Markdown is searched for links")
    if len(json.dumps(blocks, ensure_ascii=False)) > 60_000 or sum(map(_characters, blocks)) > 12_000:
        raise Refused("msg_blocks_too_long")
    for block in blocks:
        _check_block(block)


_INLINE = ("text", "link", "user", "emoji", "broadcast", "channel", "usergroup", "date", "color")


def _check_block(block: Mapping[str, Any]) -> None:
    kind = block["type"]
    if kind == "rich_text":
        if not block["elements"] or _characters(block) > 3000:
            raise Refused("invalid_blocks: an empty rich text, or more than 3000 characters")
        for element in block["elements"]:
            inner = element["elements"]
            if element["type"] == "rich_text_list":
                lists = (
                    element["style"] in ("bullet", "ordered")
                    and 0 <= element.get("indent", 0) <= 8
                    and element.get("offset", 0) >= 0
                )
                if not lists or not inner or any(i["type"] != "rich_text_section" for i in inner):
                    raise Refused("invalid_blocks: a list")
                inner = [i for item in inner for i in item["elements"]]
            elif element["type"] not in ("rich_text_section", "rich_text_quote", "rich_text_preformatted"):
                raise Refused(f"invalid_blocks: {element['type']}")
            if not inner or any(i["type"] not in _INLINE or i.get("text") == "" for i in inner):
                raise Refused("invalid_blocks: an inline element")
    elif kind == "context_actions":
        for element in block["elements"]:
            buttons = [element["positive_button"], element["negative_button"]]
            if element["type"] != "feedback_buttons" or any(
                len(b["value"]) > 2000 or len(b["text"]["text"]) > 75 for b in buttons
            ):
                raise Refused("invalid_blocks: feedback")
    elif kind == "actions":
        if not 0 < len(block["elements"]) <= 25 or any(len(b.get("value", "")) > 2000 for b in block["elements"]):
            raise Refused("invalid_blocks: actions")
    elif kind == "context":
        if not 0 < len(block["elements"]) <= 10 or any(not e["text"] for e in block["elements"]):
            raise Refused("invalid_blocks: context")
    elif kind != "divider":
        raise Refused(f"invalid_blocks: {kind}")


def _characters(part: Any) -> int:
    if isinstance(part, list):
        return sum(map(_characters, part))
    if not isinstance(part, dict):
        return 0
    text = part.get("text")
    return (len(text) if isinstance(text, str) else _characters(text)) + _characters(part.get("elements"))
