"""A channel that is turned private, and public again: what was shared in it while it was which, and who finds it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from assistant.access import EVERYONE
from assistant.answering import Assistant
from tests.slack_client import shown
from tests.slack_workspace import Workspace
from tests.test_slack import MENTION, Start, library, start, stopping, workspace

__all__ = ["library", "start", "stopping", "workspace"]

LAMPS = {
    "before": "The eastern lamp burns oil.",
    "meanwhile": "The northern lamp burns peat.",
    "after": "The southern lamp burns wax.",
}
QUESTIONS = {
    "before": "What does the eastern lamp burn?",
    "meanwhile": "What does the northern lamp burn?",
    "after": "What does the southern lamp burn?",
}


@pytest.fixture
def slack(workspace: Workspace, library: Assistant, start: Start) -> Workspace:
    start(library, "http")
    return workspace


def share(slack: Workspace, channel: str, when: str) -> str:
    """Share the file of that time in a channel; what the bot says to it."""
    file = slack.add_file(f"{when}.md", f"# The lamp {when}\n\n{LAMPS[when]}\n".encode())
    return shown(slack.answer(channel, slack.say(channel, "UANN", MENTION, files=[{"id": file}])))


def found(slack: Workspace, channel: str, user: str = "UBOB") -> Sequence[str]:
    """Of which times a question in this channel finds the file."""

    def told(when: str) -> bool:
        return LAMPS[when] in shown(slack.answer(channel, slack.say(channel, user, f"{MENTION} {QUESTIONS[when]}")))

    return [when for when in LAMPS if told(when)]


def test_what_is_shared_while_a_channel_is_private_stays_with_its_members_and_what_was_before_with_all(
    slack: Workspace, library: Assistant
) -> None:
    channel, elsewhere = slack.add_channel(), slack.add_channel()
    assert "Everybody can ask about it now" in share(slack, channel, "before")
    assert found(slack, elsewhere) == ["before"]

    slack.turn(channel, "private")
    assert "in this channel only" in share(slack, channel, "meanwhile")
    assert found(slack, channel) == ["before", "meanwhile"]
    assert found(slack, elsewhere) == ["before"]
    assert found(slack, slack.add_channel("private")) == ["before"]
    assert found(slack, slack.add_channel("direct"), "UANN") == ["before"]  # not even who shared it, outside of the channel

    slack.turn(channel, "public")
    assert "Everybody can ask about it now" in share(slack, channel, "after")
    assert found(slack, channel) == ["before", "after"]
    assert found(slack, elsewhere) == ["before", "after"]

    # Whoever runs Footnote takes back what was public: footnote share slack:c1/documents --private
    reader = f"slack:{channel.lower()}"
    held = {c.name: list(c.readers) for c in library.library.readable("owner") if c.owner == reader}
    assert held == {f"{reader}/documents": [EVERYONE], f"{reader}/private": []}
    library.library.share(f"{reader}/documents", [])
    assert found(slack, elsewhere) == []
