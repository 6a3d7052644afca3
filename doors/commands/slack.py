"""Slack: the bot alone, what is set for its channels, and the manifest of its app."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assistant.errors import InvalidRequest
from doors.commands.command import as_json_option, command, open_assistant, text
from doors.terminal import name, print_json, say

if TYPE_CHECKING:
    from assistant.library import Library
    from doors.slack.channels import Channel, Channels

_ID = re.compile(r"[CDGUW][A-Z0-9]{2,20}")


@click.group("slack", invoke_without_command=True)
@click.pass_context
def slack_command(context: click.Context) -> None:
    """Answer in Slack by Socket Mode, beside a running server or without one; and what is set for channels."""
    if context.invoked_subcommand is None:
        context.invoke(_run)


@command("run")
def _run() -> None:
    """Answer in Slack until interrupted. The same as `footnote slack`."""
    import threading

    from assistant.errors import SettingsError
    from assistant.settings import read_settings
    from doors.answer_links import AnswerLinks
    from doors.operations import OwnOperations
    from doors.served import operations_for
    from doors.slack.running import slack_running

    settings = read_settings()
    if not settings.slack_app_token.get_secret_value():
        raise SettingsError(
            "FOOTNOTE_SLACK_APP_TOKEN is missing: the token xapp-… under Basic Information of your Slack app. Without one, events "
            "come over HTTP: footnote serve"
        )
    with open_assistant() as assistant:
        operations = operations_for(assistant, settings)
        if isinstance(operations, OwnOperations):
            _ = assistant.index  # refused here where another process owns the data folder
            assistant.warm_up()
        links = AnswerLinks(assistant.library.database, settings.public_url)
        most = assistant.limits.max_file_bytes
        with slack_running(settings, operations, assistant.library, links, max_file_bytes=most):
            threading.Event().wait()


@command("manifest")
@click.option(
    "--url", type=text, default="", help="Where Slack reaches this server, for events over HTTP instead of Socket Mode."
)
def _manifest(url: str) -> None:
    """Print the manifest to make the Slack app from, as JSON."""
    made = json.loads((Path(__file__).parent.parent / "slack" / "manifest.json").read_text(encoding="utf-8"))
    if url:
        if not url.startswith("https://"):
            raise InvalidRequest(f"Slack sends events to https:// alone, and '{url[:80]}' does not begin so.")
        address = f"{url.rstrip('/')}/slack/events"
        made["settings"]["socket_mode_enabled"] = False
        for part in (made["settings"]["event_subscriptions"], made["settings"]["interactivity"]):
            part["request_url"] = address
        made["features"]["slash_commands"][0]["url"] = address
    click.echo(json.dumps(made, indent=2, ensure_ascii=False))


@command("channels")
@as_json_option
def _channels(as_json: bool) -> None:
    """List what is set for channels."""
    with _opened() as (_, channels):
        found = channels.all()
    if as_json:
        print_json({"channels": [_in_json(channel) for channel in found]})
        return
    for channel in found:
        say(f"{channel.id}: {_in_words(channel)}")
    if not found:
        say("Nothing is set for any channel: the bot answers everybody there. Set something: footnote slack set CHANNEL --help")


@command("set")
@click.argument("channel", metavar="CHANNEL", type=text)
@click.option("-c", "--collection", "collections", type=text, multiple=True, help="Search this collection (repeat it).")
@click.option("--all-collections", is_flag=True, help="Search all that may be read there.")
@click.option("--mentions-only/--follow", default=None, help="Answer mentions only, or follow-ups in its threads too.")
@click.option("--allow", "allowed", type=text, multiple=True, metavar="USER", help="Answer this user alone (repeat it).")
@click.option("--allow-everybody", is_flag=True, help="Answer everybody.")
@click.option("--off/--on", "off", default=None, help="Answer nobody there, or answer again.")
@click.option("--person", type=text, default=None, metavar="ID", help="The user or channel that takes questions; '' is nobody.")
@as_json_option
def _set(
    channel: str, collections: tuple[str, ...], all_collections: bool, mentions_only: bool | None, allowed: tuple[str, ...],
    allow_everybody: bool, off: bool | None, person: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Set something for a channel, named by its id (C…, at the foot of "View channel details"); what is not named stays. `default` as
    the channel sets the person for all."""
    from assistant.access import OWNER
    from doors.slack.channels import DEFAULT

    for given in ([] if channel == DEFAULT else [channel]) + list(allowed) + ([person] if person else []):
        if not _ID.fullmatch(given):
            raise InvalidRequest(f"'{given}' is no id of Slack's. A channel's begins with C, a user's with U; Slack shows them.")
    if channel == DEFAULT and (
        collections or all_collections or mentions_only is not None or allowed or allow_everybody or off is not None
    ):
        raise InvalidRequest("For `default` only --person can be set. Name a channel for the rest.")
    with _opened() as (library, channels):
        library.readable(OWNER, collections)
        found = channels.find(channel)
        made = replace(
            found,
            collections=() if all_collections else collections or found.collections,
            mentions_only=found.mentions_only if mentions_only is None else mentions_only,
            allowed=() if allow_everybody else allowed or found.allowed,
            off=found.off if off is None else off,
            person=found.person if person is None else person,
        )
        channels.set(made)
        hidden = _not_to_be_read(library, made)
    if as_json:
        print_json({**_in_json(made), "not_shared": hidden})
        return
    say(f"{made.id}: {_in_words(made)}")
    for each in hidden:
        say(
            f"{name(each)} is shared neither with all nor with this channel, so nobody can ask it there: footnote share {name(each)} "
            f"--all, or, where the channel is private, --with {_reader(made)}",
            to_stderr=True,
        )


for _command in (_run, _manifest, _channels, _set):
    slack_command.add_command(_command)


@contextmanager
def _opened() -> Iterator[tuple[Library, Channels]]:
    """The library and the channels; neither index nor models, so that a running server is not in the way."""
    from doors.slack.channels import Channels

    with open_assistant() as assistant:
        yield assistant.library, Channels(assistant.library.database)


def _reader(channel: Channel) -> str:
    from doors.slack.channels import reader_of_channel

    return reader_of_channel(channel.id)


def _not_to_be_read(library: Library, channel: Channel) -> list[str]:
    """Those of a channel's collections that nobody can ask there."""
    readable = {c.name for c in library.readable(_reader(channel))}
    return [collection for collection in channel.collections if collection not in readable]


def _in_json(channel: Channel) -> dict[str, object]:
    row = asdict(channel)
    return {"channel": row.pop("id"), **row, "collections": list(channel.collections), "allowed": list(channel.allowed)}


def _in_words(channel: Channel) -> str:
    words = [
        f"searches {', '.join(map(name, channel.collections))}" if channel.collections else "searches all that may be read there",
        "answers mentions only" if channel.mentions_only else "follows its threads",
        f"answers {', '.join(channel.allowed)} only" if channel.allowed else "answers everybody",
    ]
    if channel.person:
        words.append(f"questions for a person go to {channel.person}")
    return "switched off" if channel.off else "; ".join(words)
