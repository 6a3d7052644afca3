"""Incoming messages, as the bot understands them: who said what where, and whether it may be meant for the bot at all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

from prompts.invisible import visible

# A message by a person: plain, with files, or shown in the channel as well. All others are edits, deletions and notices.
_BY_PEOPLE = (None, "file_share", "thread_broadcast")
_SLACKBOT = "USLACKBOT"
_MARKED_UP = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A person's message. `thread` is the stamp of the first message of its thread, its own where it begins one. `files` are ids."""

    channel: str
    user: str
    team: str
    text: str
    stamp: str
    thread: str
    mentioned: bool
    for_others: bool = False
    files: Sequence[str] = ()

    @property
    def in_thread(self) -> bool:
        return self.thread != self.stamp


def incoming(event: Mapping[str, Any], *, bot: str, team: str = "") -> Incoming | None:
    """What a `message` or `app_mention` event says; None where it is no person's message: by a bot, an edit, a deletion, a notice.
    `bot` is our own user's id, whose mention is left out of the text."""
    user = event.get("user") or ""
    by_bot = event.get("bot_id") or event.get("bot_profile") or user in ("", bot, _SLACKBOT)
    if by_bot or event.get("subtype") not in _BY_PEOPLE or event.get("hidden") or not event.get("ts"):
        return None
    written = event.get("text") or ""
    mentions = re.findall(r"<@(\w+)", written)
    return Incoming(
        channel=event["channel"],
        user=user,
        team=event.get("user_team") or event.get("team") or team,
        text=as_written(written, bot=bot),
        stamp=event["ts"],
        thread=event.get("thread_ts") or event["ts"],
        mentioned=event.get("type") == "app_mention" or bot in mentions,
        for_others=bool(mentions) and bot not in mentions,
        files=tuple(file["id"] for file in event.get("files") or () if file.get("id")),
    )


def as_written(text: str, *, bot: str = "") -> str:
    """Slack's markup as its writer saw it, without mentions of people."""

    def shown(found: re.Match[str]) -> str:
        sign, target, label = found.groups()
        if sign == "@":
            return " "
        return f"{sign if sign == '#' else ''}{label or target}"

    return visible(unescape(_MARKED_UP.sub(shown, text))).strip()
