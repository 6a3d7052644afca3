"""The command `footnote`: arguments in, text or one JSON object out. Assistant and pipeline do the work."""

from __future__ import annotations

import io
import sys

import click

from doors.chatter import without_needless_lines
from doors.commands.accounts import keys_command, share_command, users_command
from doors.commands.chatting import chat_command
from doors.commands.command import INTERRUPTED
from doors.commands.completing import completion_command
from doors.commands.documents import documents_command, forget_command, ingest_command, show_command
from doors.commands.mcp import mcp_command
from doors.commands.measuring import calibrate_command, eval_command
from doors.commands.questions import ask_command, search_command
from doors.commands.serving import serve_command
from doors.commands.slack import slack_command
from doors.commands.upkeep import backup_command, doctor_command, purge_command, reindex_command, restore_command
from doors.completion import prepare
from doors.terminal import print_error, print_json


class _Group(click.Group):
    """Commands in the order in which they were added, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="footnote")
def main() -> None:
    """Ask your own documents. Every statement of an answer carries a footnote that leads to the exact quote on its page."""


# In the order in which a newcomer meets them.
for _command in (
    ingest_command, ask_command, chat_command, search_command, documents_command, show_command, forget_command,
    reindex_command, doctor_command, purge_command, backup_command, restore_command,
    eval_command, calibrate_command, serve_command, slack_command, mcp_command, users_command, keys_command, share_command,
    completion_command,
):  # fmt: skip
    main.add_command(_command)


def run() -> None:
    """The command's entry point."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    prepare()
    with without_needless_lines():
        try:
            sys.exit(main(prog_name="footnote", standalone_mode=False))
        except click.ClickException as error:
            if "--json" in sys.argv:
                print_json({"error": error.format_message(), "kind": type(error).__name__})
            error.show()
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            print_error("Stopped.", "KeyboardInterrupt", as_json="--json" in sys.argv)
            sys.exit(INTERRUPTED)


if __name__ == "__main__":
    run()
