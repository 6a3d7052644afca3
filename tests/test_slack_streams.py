"""Answers of a language model in Slack: shown while they are written, and checked in the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from assistant.answering import Assistant
from assistant.testing import Pause, ScriptedEndpoint, failure, streamed
from doors.answer_links import AnswerLinks
from doors.operations import OwnOperations
from doors.slack.running import slack_running
from tests.slack_client import active, shown
from tests.slack_workspace import Message, Workspace
from tests.test_slack import LEAVE, MENTION, make_library, slack_settings

FACT = "Full-time staff have 28 days of leave a year"
# Written in pieces with time between them: a fact with its mark, a mark that nothing bears out, hostile Markdown.
SLOW: list[str | Pause] = [
    f"{FACT} [1].\n\n", Pause(0.3), "Part-time staff have 14 days of leave [1]. ", Pause(0.3), "See [the list](http://evil.example) ",
    "<!channel> [9].\n\n", Pause(0.3), f"{FACT} [1].",
]  # fmt: skip


@pytest.fixture(scope="module")
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(lambda sent: streamed(SLOW)) as scripted:
        yield scripted


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, endpoint: ScriptedEndpoint) -> Iterator[Assistant]:
    folder = tmp_path_factory.mktemp("streams")
    model: dict[str, Any] = {
        "generator": "openai",
        "openai_base_url": endpoint.base_url,
        "openai_model": "scripted",
        "fallback": "none",
    }
    model |= {"max_answer_tokens": 8000, "context_tokens": 32_000}
    with make_library(folder, **model) as assistant:
        assistant.warm_up()
        yield assistant


@pytest.fixture(scope="module")
def shared(written: Assistant) -> Iterator[Workspace]:
    with Workspace() as workspace:
        workspace.add_user("UBOB", "bob@example.org")
        running = slack_running(
            slack_settings(workspace, "socket"), OwnOperations(written), written.library, AnswerLinks(written.library.database),
            max_file_bytes=1000, frame_seconds=0.25,
        )  # fmt: skip
        with running:
            workspace.wait_for(lambda: workspace.sockets, "a socket")
            yield workspace


@pytest.fixture
def slack(shared: Workspace, endpoint: ScriptedEndpoint) -> Iterator[Workspace]:
    shared.calls.clear()
    shared.faults.clear()
    yield shared
    endpoint.script = lambda sent: streamed(SLOW)
    assert shared.faults == []


def asked(slack: Workspace) -> tuple[str, str]:
    channel = slack.add_channel()
    return channel, slack.say(channel, "UBOB", f"{MENTION} {LEAVE}")


def text_of(message: Message) -> str:
    return shown({**message, "blocks": message["blocks"]})


def streamed_blocks(slack: Workspace) -> list[dict[str, Any]]:
    calls = [*slack.called("chat.startStream"), *slack.called("chat.appendStream")]
    return [block for call in calls for chunk in call["chunks"] for block in chunk["blocks"]]


def test_an_answer_is_streamed_and_ends_as_the_checked_one(slack: Workspace) -> None:
    channel, stamp = asked(slack)
    draft = slack.wait_for(lambda: slack.thread(channel, stamp), "a draft")[0]
    assert "Still being written. The footnotes are checked at the end." in text_of(draft)
    answer = slack.answer(channel, stamp)
    methods = [name for name, _ in slack.calls if name.startswith("chat.")]
    assert methods[0] == "chat.startStream"
    assert methods[-2:] == ["chat.stopStream", "chat.update"]
    assert "chat.appendStream" in methods
    assert "chat.postMessage" not in methods
    # No mark is shown before it is checked, and no frame holds anything but text.
    pieces = streamed_blocks(slack)
    assert FACT in shown({"blocks": pieces})
    assert "[1]" not in shown({"blocks": pieces})
    assert active({"blocks": pieces, "unfurl_links": False, "unfurl_media": False}) == []
    assert f"{FACT} [1]." in text_of(answer)
    assert "[9]" not in text_of(answer)
    assert "Still being written" not in text_of(answer)
    assert len(slack.thread(channel, stamp)) == 1


def test_where_a_stream_is_refused_one_message_is_updated(slack: Workspace) -> None:
    slack.refuse("chat.startStream", "not_allowed_token_type")
    channel, stamp = asked(slack)
    answer = slack.answer(channel, stamp)
    assert len(slack.called("chat.startStream")) == 1
    assert len(slack.called("chat.postMessage")) == 1
    assert 2 <= len(slack.called("chat.update")) <= 6
    assert "[1]" not in shown(slack.called("chat.postMessage")[0])
    assert f"{FACT} [1]." in text_of(answer)
    assert answer["edits"] == len(slack.called("chat.update"))


def test_a_stream_that_slack_ends_goes_on_as_updates(slack: Workspace) -> None:
    slack.refuse("chat.appendStream", "message_not_in_streaming_state")
    channel, stamp = asked(slack)
    answer = slack.answer(channel, stamp)
    assert len(slack.called("chat.appendStream")) == 1
    assert f"{FACT} [1]." in text_of(answer)
    assert len(slack.thread(channel, stamp)) == 1


def test_frames_that_come_too_often_are_left_out_and_the_end_waits(slack: Workspace) -> None:
    slack.refuse("chat.startStream", "not_allowed_token_type")
    slack.limit("chat.update", 1, times=1)
    channel, stamp = asked(slack)
    assert f"{FACT} [1]." in text_of(slack.answer(channel, stamp))
    assert len(slack.called("chat.update")) <= 3


def test_a_draft_that_cannot_be_replaced_is_taken_back_for_a_new_message(slack: Workspace) -> None:
    slack.refuse("chat.update", "edit_window_closed")
    channel, stamp = asked(slack)
    slack.wait_for(lambda: slack.called("chat.delete"), "the draft to be deleted")
    answer = slack.answer(channel, stamp)
    assert f"{FACT} [1]." in text_of(answer)
    assert len(slack.thread(channel, stamp)) == 1


def test_an_answer_that_was_cut_off_says_so(slack: Workspace, endpoint: ScriptedEndpoint) -> None:
    endpoint.script = lambda sent: streamed(
        [f"{FACT} [1]. ", Pause(0.3), "Part-time staff ", Pause(0.3), "have"], finish_reason=None
    )
    channel, stamp = asked(slack)
    answer = slack.answer(channel, stamp)
    assert "This answer was cut off before its end." in text_of(answer)
    assert "Still being written" not in text_of(answer)


def test_a_model_that_is_down_is_told_in_the_thread(slack: Workspace, endpoint: ScriptedEndpoint) -> None:
    endpoint.script = lambda sent: failure(500, "out of order")
    channel, stamp = asked(slack)
    answer = slack.answer(channel, stamp)
    assert "Still being written" not in text_of(answer)
    assert "failed (500: out of order)" in text_of(answer)


def test_a_long_answer_comes_in_several_messages_with_all_of_its_sources(slack: Workspace, endpoint: ScriptedEndpoint) -> None:
    sentences = [
        f"{FACT} [1].",
        *(f"Sentence number {n} of many, which nothing bears out at all, goes here." for n in range(400)),
    ]
    endpoint.script = lambda sent: streamed(["\n\n".join(sentences)])
    channel, stamp = asked(slack)
    slack.answer(channel, stamp)
    slack.wait_for(lambda: any("Ask a person" in text_of(m) for m in slack.thread(channel, stamp)), "the last message")
    said = slack.thread(channel, stamp)
    assert len(said) > 2
    whole = "\n".join(map(text_of, said))
    for sentence in sentences[1:]:
        assert sentence in whole
    assert "[1] Leave, page 1" in whole
    assert whole.count("Ask a person") == 1


def test_answers_of_a_thread_are_told_to_the_model_and_forgotten_by_a_purge(
    slack: Workspace, written: Assistant, endpoint: ScriptedEndpoint
) -> None:
    from doors.slack.conversations import Threads

    endpoint.script = lambda sent: streamed([f"{FACT} [1]."])
    channel, stamp = asked(slack)
    slack.answer(channel, stamp)
    before = len(endpoint.sent)
    slack.say(channel, "UBOB", "And those who work half the time?", thread=stamp)
    slack.answer(channel, stamp, number=2)
    assert any(LEAVE in sent.prompt and FACT in sent.prompt for sent in endpoint.sent[before:])
    threads = Threads(written.library.database)
    assert [turn.role for turn in threads.turns(channel, stamp)] == ["user", "assistant"] * 2
    threads.forget_answers()
    assert {turn.role for turn in threads.turns(channel, stamp)} == {"user"}
    assert threads.known(channel, stamp)


def test_stopping_says_so_in_the_thread(written: Assistant, endpoint: ScriptedEndpoint) -> None:
    more: list[str | Pause] = [Pause(0.2), "More. "] * 100
    endpoint.script = lambda sent: streamed([f"{FACT} [1]. ", *more])
    with Workspace() as workspace:
        workspace.add_user("UBOB")
        running = slack_running(
            slack_settings(workspace, "socket"), OwnOperations(written), written.library, AnswerLinks(written.library.database),
            max_file_bytes=1000, frame_seconds=0.25,
        )  # fmt: skip
        with running:
            workspace.wait_for(lambda: workspace.sockets, "a socket")
            channel, stamp = asked(workspace)
            workspace.wait_for(lambda: workspace.thread(channel, stamp), "a draft")
        (answer,) = workspace.thread(channel, stamp)
        assert "I was stopped before I could answer" in text_of(answer)
        assert workspace.faults == []
    endpoint.script = lambda sent: streamed(SLOW)
