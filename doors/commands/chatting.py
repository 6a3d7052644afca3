"""The conversation in the terminal."""

from __future__ import annotations

import sys

from assistant.filters import Filters
from doors.commands.command import collection_option, command
from doors.commands.filtering import filter_options


@command("chat")
@collection_option
@filter_options
def chat_command(collection: str, filters: Filters) -> None:
    """Talk with your documents. A question may lean on those before it; /help shows the commands.

    Without a terminal, each line of stdin is a question; the exit status is that of `footnote ask` for the last.
    """
    from assistant.access import OWNER
    from assistant.answering import Assistant
    from assistant.settings import read_settings
    from doors.chat.conversation import Chat
    from doors.served import operations_for

    settings = read_settings()
    with Assistant.open(settings) as assistant:
        assistant.library.readable(OWNER, [collection] if collection else [])
        chat = Chat(
            operations=lambda: operations_for(assistant, settings),
            collections=lambda: [found.name for found in assistant.library.readable(OWNER) if found.offered],
            collection=collection,
            filters=filters,
        )
        if sys.stdin.isatty() and sys.stdout.isatty():
            from doors.chat.rich_screen import RichScreen

            chat.go_on(RichScreen(idle=assistant.lend_index))
        else:
            from doors.chat.plain_screen import PlainScreen

            chat.go_on(PlainScreen())
            sys.exit(chat.status)
