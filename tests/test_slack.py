"""The Slack door against a workspace on loopback, over HTTP and over a real socket."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from assistant.access import EVERYONE
from assistant.answering import Assistant
from assistant.errors import InvalidRequest
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.types import Text
from assistant.wiring import make_assistant
from doors.accounts import Accounts, Cost
from doors.answer_links import AnswerLinks
from doors.operations import Operations, OwnOperations
from doors.slack.channels import Channel, Channels
from doors.slack.claims import Claims
from doors.slack.messages import PERSON, RATE
from doors.slack.over_http import EVENTS, slack_router
from doors.slack.running import slack_running
from doors.slack.work import Work
from ingestion import ingest
from tests.slack_client import active, shown
from tests.slack_workspace import APP_TOKEN, BOT, BOT_TOKEN, SECRET, Message, Workspace

# What Slack waits for an acknowledgement before it sends an event again.
SLACK_WAITS_SECONDS = 3.0
BURST = 100
LEAVE = "How many days of leave do full-time staff have?"
VAULT = "Which number opens the vault?"
SHED = "In which shed is the bicycle of Ann kept?"
MENTION = f"<@{BOT}>"
Start = Callable[..., Callable[[], None]]
PUBLIC_URL = "https://footnote.example.org"


def make_library(folder: Path, **settings: Any) -> Assistant:
    """Documents of three kinds: shared with all, Ann's, and the local owner's."""
    assistant = make_assistant(Settings(data_dir=folder / "data", **settings))
    assistant.embedder = HashingEmbedder()
    documents = {
        "handbook": (
            "owner",
            "# Leave\n\nFull-time staff have 28 days of leave a year.\n\nPart-time staff have 14 days of leave.\n",
        ),
        "notes": ("ann", "# The shed\n\nThe bicycle of Ann is kept in shed four.\n"),
        "vault": ("owner", "# The vault\n\nThe vault opens with the number 7319.\n"),
    }
    for name, (owner, words) in documents.items():
        (folder / f"{name}.md").write_text(words)
        ingest(assistant, [folder / f"{name}.md"], collection=name, reader=owner)
    assistant.library.share("handbook", [EVERYONE])
    accounts = Accounts(assistant.library.database, Cost(n=2**10, r=8, p=1))
    accounts.add_user("ann", "a password for ann", addresses=["ann@example.org"])
    return assistant


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    with make_library(tmp_path_factory.mktemp("slack")) as assistant:
        assistant.warm_up()
        yield assistant


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """With the people ann, who has an account, and bob, who has none. Nothing in it may have broken a rule of Slack's."""
    with Workspace() as made:
        made.add_user("UANN", "Ann@example.org")
        made.add_user("UBOB", "bob@example.org")
        yield made
    assert made.faults == []


def slack_settings(workspace: Workspace, transport: str, **more: Any) -> Settings:
    way = {"slack_app_token": APP_TOKEN} if transport == "socket" else {"slack_signing_secret": SECRET}
    return Settings(slack_bot_token=BOT_TOKEN, slack_api_url=workspace.api_url, **way, **more)


@pytest.fixture(scope="module")
def stopping() -> Iterator[list[threading.Thread]]:
    """Bots that are being stopped. A socket takes its time, for which the next test does not wait."""
    threads: list[threading.Thread] = []
    yield threads
    for thread in threads:
        thread.join()


@pytest.fixture
def start(workspace: Workspace, stopping: list[threading.Thread]) -> Iterator[Start]:
    """Start the bot over a library, by socket or over HTTP, with what stops it. What was started is stopped in the end."""
    with ExitStack() as left:

        def started(
            assistant: Assistant, transport: str = "socket", public_url: str = "", operations: Operations | None = None
        ) -> Callable[[], None]:
            one = ExitStack()
            running = slack_running(
                slack_settings(workspace, transport), operations or OwnOperations(assistant), assistant.library,
                AnswerLinks(assistant.library.database, public_url), max_file_bytes=assistant.limits.max_file_bytes,
            )  # fmt: skip
            bot = one.enter_context(running)
            if transport == "socket":
                workspace.wait_for(lambda: workspace.sockets, "a socket")
            else:
                app = FastAPI()
                app.include_router(slack_router)
                app.state.slack = bot
                workspace.target = one.enter_context(served(app))

            def stop() -> None:
                stopping.append(threading.Thread(target=one.close))
                stopping[-1].start()

            left.callback(stop)
            return one.close

        yield started


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}{EVENTS}"
    server.should_exit = True
    thread.join()


@pytest.fixture(params=["http", "socket"])
def slack(request: pytest.FixtureRequest, workspace: Workspace, library: Assistant, start: Start) -> Workspace:
    """The workspace with the bot in it, once over HTTP and once over a socket."""
    start(library, request.param)
    return workspace


def read(message: Message) -> str:
    return shown(message)


def test_a_mention_is_answered_in_its_thread_with_the_quote_and_its_page(slack: Workspace) -> None:
    channel = slack.add_channel()
    stamp = slack.say(channel, "UBOB", f"{MENTION} {LEAVE}", both=True)
    answer = slack.answer(channel, stamp)
    assert "28 days of leave a year. [1]" in read(answer)
    assert "[1] Leave, page 1" in read(answer)
    assert "“Full-time staff have 28 days of leave a year.”" in read(answer)
    assert active({**answer, "unfurl_links": False, "unfurl_media": False}) == []
    # Seen at once, and the sign is taken off again.
    assert [call["timestamp"] for call in slack.called("reactions.add")] == [stamp]
    assert slack.reactions == []
    time.sleep(0.3)
    assert len(slack.thread(channel, stamp)) == 1  # the message and the mention are one


def test_a_thread_is_one_conversation_and_follow_ups_need_no_mention(slack: Workspace) -> None:
    channel = slack.add_channel()
    stamp = slack.say(channel, "UBOB", f"{MENTION} {LEAVE}", both=True)
    slack.answer(channel, stamp)
    slack.say(channel, "UANN", "And part-time?", thread=stamp)
    assert "Part-time staff have 14 days of leave." in read(slack.answer(channel, stamp, number=2))
    slack.say(channel, "UANN", "<@UBOB> did you know that?", thread=stamp)  # not for us
    elsewhere = slack.say(channel, "UANN", "How many days are left?")  # no mention, no thread of ours
    slack.say(channel, "UANN", "Three.", thread=elsewhere)
    time.sleep(0.3)
    assert len(slack.thread(channel, stamp)) == 2
    assert slack.thread(channel, elsewhere) == []


def test_a_thread_that_the_bot_is_called_into_is_read_first(slack: Workspace) -> None:
    channel = slack.add_channel()
    stamp = slack.say(channel, "UBOB", "How many days of leave do part-time staff have, does anybody know?")
    slack.say(channel, "UANN", f"{MENTION} can you say?", thread=stamp)
    assert "14 days" in read(slack.answer(channel, stamp))


def test_direct_messages_are_answered_from_what_their_writer_may_read(slack: Workspace) -> None:
    for user, question, told in (("UANN", SHED, True), ("UBOB", SHED, False), ("UANN", VAULT, False)):
        channel = slack.add_channel("direct")
        stamp = slack.say(channel, user, question, channel_type="im")
        answer = read(slack.answer(channel, stamp))
        assert ("is kept in shed four. [1]" in answer) == told, (user, question, answer)
        assert "7319" not in answer
        assert user == "UANN" or "shed four" not in answer
    assert slack.statuses  # a direct message has a status instead of eyes
    assert not slack.called("reactions.add")


def test_channels_read_what_all_may_read_and_private_ones_what_is_shared_with_them(slack: Workspace, library: Assistant) -> None:
    channels = {kind: slack.add_channel(kind) for kind in ("public", "private", "group")}
    library.library.share("vault", [f"slack:{channels['private'].lower()}", f"slack:{channels['public'].lower()}"])
    for kind, channel in channels.items():
        for user in ("UANN", "UBOB"):
            stamp = slack.say(channel, user, f"{MENTION} {VAULT}")
            assert ("7319" in read(slack.answer(channel, stamp))) == (kind == "private"), kind
            stamp = slack.say(channel, user, f"{MENTION} {SHED}")  # not even Ann's own, which others would see
            assert "shed four" not in read(slack.answer(channel, stamp))
    library.library.share("vault", [])


def test_strangers_and_guests_have_no_account_whatever_their_address(
    workspace: Workspace, library: Assistant, start: Start
) -> None:
    start(library)
    signs: list[dict[str, Any]] = [
            {"team_id": "T9OTHER"}, {"is_stranger": True}, {"is_restricted": True}, {"is_ultra_restricted": True},
            {"is_email_confirmed": False}, {"deleted": True}, {"is_bot": True},
    ]  # fmt: skip
    for number, sign in enumerate(signs):
        eve = workspace.add_user(f"UEVE{number}", "ann@example.org", **sign)
        channel = workspace.add_channel("direct")
        assert "shed four" not in read(workspace.answer(channel, workspace.say(channel, eve, SHED))), sign
        (answer,) = responses(workspace, workspace.ask(workspace.add_channel(), eve, SHED))
        assert "shed four" not in read(answer), sign


def hears(slack: Workspace, words: str) -> None:
    """Wait until somebody is told these words alone."""
    slack.wait_for(lambda: any(words in read(told) for told in [*slack.whispers, *slack.responses]), words)


def responses(slack: Workspace, address: str) -> list[Message]:
    """Wait for what was answered at an address."""

    def answered() -> list[Message]:
        return [r for r in slack.responses if r.get("address") == address]

    slack.wait_for(answered, "a response")
    return answered()


def test_the_command_is_answered_to_its_writer_alone_from_what_they_may_read(slack: Workspace) -> None:
    channel = slack.add_channel()
    (answer,) = responses(slack, slack.ask(channel, "UANN", SHED))
    assert "shed four" in read(answer)
    assert answer["response_type"] == "ephemeral"
    (answer,) = responses(slack, slack.ask(channel, "UBOB", SHED))
    assert "shed four" not in read(answer)
    assert not [m for m in slack.messages if m["by"] == BOT]
    assert not slack.called("chat.postMessage")


def test_the_pane_greets_and_suggests_once_an_opening(slack: Workspace) -> None:
    channel = slack.add_channel("direct")
    root = slack.say(channel, BOT, "New chat")  # what Slack puts at the head of a pane's thread
    thread = {"user_id": "UANN", "channel_id": channel, "thread_ts": root, "context": {}}
    opened = {"type": "assistant_thread_started", "assistant_thread": thread, "event_ts": "1.1"}
    for retry in (0, 1):
        slack.send(opened, event_id=f"Ev{root}", retry=retry)
    assert "Ask me about the documents" in read(slack.answer(channel, root))
    slack.wait_for(lambda: slack.prompts, "prompts")
    slack.send({**opened, "type": "assistant_thread_context_changed"})
    slack.wait_for(lambda: len(slack.prompts) == 2, "more prompts")
    slack.send({"type": "app_home_opened", "user": "UANN", "channel": channel, "tab": "messages"})
    slack.wait_for(lambda: len(slack.prompts) == 3, "prompts without a thread")
    assert len(slack.thread(channel, root)) == 1
    slack.say(channel, "UANN", SHED, thread=root)
    assert "shed four" in read(slack.answer(channel, root, number=2))
    assert slack.statuses[-1]["thread_ts"] == root


def test_nothing_is_answered_twice_nor_to_bots_edits_deletions_and_itself(slack: Workspace) -> None:
    channel = slack.add_channel()
    stamp = slack.say(channel, "UBOB", f"{MENTION} {LEAVE}", both=True)
    slack.answer(channel, stamp)
    event = {"type": "message", "channel": channel, "user": "UBOB", "text": f"{MENTION} {LEAVE}", "ts": stamp}
    for retry in range(1, 4):
        slack.send(event, event_id="EvAgain", retry=retry)
    for of in (
        {"bot_id": "B2"}, {"user": BOT}, {"subtype": "bot_message"}, {"subtype": "message_changed"}, {"hidden": True},
        {"subtype": "message_deleted"}, {"user": "USLACKBOT"}, {"subtype": "channel_join"}, {"user": ""},
    ):  # fmt: skip
        slack.send({**event, "ts": slack.say(channel, "UBOB", "not for you"), **of})
    last = slack.say(channel, "UBOB", f"{MENTION} {LEAVE}", thread=stamp)
    slack.wait_for(lambda: len(slack.thread(channel, stamp)) >= 2, "the last answer")
    time.sleep(0.3)
    assert len(slack.thread(channel, stamp)) == 2
    assert len(slack.called("chat.postMessage")) == 2, last


def test_what_was_answered_before_a_restart_is_not_answered_again_and_what_was_left_is_told(
    workspace: Workspace, library: Assistant, start: Start
) -> None:
    stop = start(library)
    channel = workspace.add_channel()
    stamp = workspace.say(channel, "UBOB", f"{MENTION} {LEAVE}")
    workspace.answer(channel, stamp)
    stop()
    left = f"{float(stamp) + 0.5:.6f}"
    workspace.messages.append({"channel": channel, "ts": left, "by": "UBOB"})
    # And then the process died, two minutes ago.
    dead = Claims(library.library.database, clock=lambda: datetime.now(UTC) - timedelta(minutes=2))
    dead.claim(f"{channel} {left}", channel=channel, thread=left)
    workspace.wait_for(lambda: not workspace.sockets, "the old socket to close")
    start(library)
    assert "I was stopped before I could answer" in read(workspace.answer(channel, left))
    event = {"type": "message", "channel": channel, "user": "UBOB", "text": f"{MENTION} {LEAVE}", "ts": stamp}
    workspace.send(event, retry=1)
    workspace.say(channel, "UBOB", "And part-time?", thread=stamp)  # the conversation goes on where it was
    assert "14 days" in read(workspace.answer(channel, stamp, number=2))
    assert len(workspace.thread(channel, stamp)) == 2


def test_files_become_documents_for_those_who_read_along(slack: Workspace, library: Assistant) -> None:
    kinds = {"public": slack.add_channel(), "private": slack.add_channel("private"), "direct": slack.add_channel("direct")}
    for kind, channel in kinds.items():
        content = f"# The {kind} lamp\n\nThe {kind} lamp is cleaned by keeper {channel}.\n".encode()
        file = slack.add_file(f"{kind}-{channel}.md", content)
        asked = f"{MENTION} Who cleans the {kind} lamp?"
        stamp = slack.say(channel, "UANN", asked, both=True, subtype="file_share", files=[{"id": file}])
        assert f"Added: {kind}-{channel}.md" in read(slack.answer(channel, stamp))
        assert channel in read(slack.answer(channel, stamp, number=2))
    held = {c.name: (c.owner, list(c.readers)) for c in library.library.readable("owner")}
    public, private = (f"slack:{kinds[kind].lower()}" for kind in ("public", "private"))
    assert held[f"{public}/documents"] == (public, [EVERYONE])
    assert held[f"{private}/private"] == (private, [])
    assert held["ann/documents"][0] == "ann"

    def told(where: str, of: str) -> bool:
        stamp = slack.say(kinds[where], "UANN", f"{MENTION} Who cleans the {of} lamp?")
        return kinds[of] in read(slack.answer(kinds[where], stamp))

    assert [of for of in kinds if told("public", of)] == ["public"]
    assert [of for of in kinds if told("private", of)] == ["public", "private"]
    assert [of for of in kinds if told("direct", of)] == ["public", "direct"]
    library.library.share(f"{public}/documents", [], owner=public)  # taken back by whoever runs Footnote
    stamp = slack.say(kinds["public"], "UANN", MENTION, files=[{"id": slack.add_file("b.md", b"# B\n\nMore.\n")}])
    assert "shared with nobody" in read(slack.answer(kinds["public"], stamp))
    assert f"{public}/documents" not in {c.name for c in library.library.readable(EVERYONE)}


def test_a_file_that_cannot_be_taken_in_is_told_with_its_reason(slack: Workspace, library: Assistant) -> None:
    channel, direct = slack.add_channel(), slack.add_channel("direct")
    large = slack.add_file("large.pdf", b"%PDF", size=library.limits.max_file_bytes + 1)
    for user, where, file, reason in (
        ("UANN", channel, slack.add_file("tools\\a\u202e.exe", b"MZ\x00"), "Failed: a.exe"),
        ("UANN", channel, large, "Failed: large.pdf. It is larger than the limit"),
        ("UANN", channel, "F404", "Has the app the scope files:read?"),
        ("UBOB", direct, slack.add_file("b.md", b"# B\n\nWords.\n"), "You have no account here"),
        (slack.add_user("UEVE", is_stranger=True), channel, slack.add_file("c.md", b"# C"), "Only members of this workspace"),
    ):
        stamp = slack.say(where, user, MENTION, files=[{"id": file}])
        assert reason in read(slack.answer(where, stamp))
    slack.faults = [fault for fault in slack.faults if "file_not_found" not in fault]


def test_the_token_goes_to_slack_alone(workspace: Workspace, library: Assistant, start: Start) -> None:
    start(library)
    channel, port = workspace.add_channel(), workspace.address.rpartition(":")[2]
    for address in (
        f"http://localhost:{port}/files/F1", "http://127.0.0.1.evil.example/F1", f"https://127.0.0.1:{port}/files/F1", "",
        "http://127.0.0.1:1/F1", f"http://127.0.0.1:{port}@localhost:{port}/files/F1", "file:///etc/passwd", "\\\\evil\\F1",
    ):  # fmt: skip
        file = workspace.add_file("forged.md", b"# Forged\n\nWords.\n", url_private_download=address)
        stamp = workspace.say(channel, "UANN", MENTION, files=[{"id": file}])
        assert "It does not lie at Slack" in read(workspace.answer(channel, stamp)), address
    assert workspace.tokens_shown == []


def test_the_login_page_that_slack_shows_instead_of_a_file_is_no_document(slack: Workspace) -> None:
    channel = slack.add_channel()
    file = slack.add_file("gone.md", b"# Gone")
    del slack.contents[file]
    stamp = slack.say(channel, "UANN", MENTION, files=[{"id": file}])
    assert "Failed: gone.md. Slack does not hand it over" in read(slack.answer(channel, stamp))


def test_ratings_are_kept_one_for_each_who_rates(slack: Workspace, library: Assistant) -> None:
    channel = slack.add_channel()
    answer = slack.answer(channel, slack.say(channel, "UBOB", f"{MENTION} {LEAVE}"))
    feedback = next(b["elements"][0] for b in answer["blocks"] if b["type"] == "context_actions")
    links = AnswerLinks(library.library.database)
    helpful, not_helpful = links.rated()
    for user, button in (("UBOB", "positive_button"), ("UANN", "positive_button"), ("UBOB", "negative_button")):
        slack.responses.clear()
        slack.press(answer, user, RATE, feedback[button]["value"])
        hears(slack, "that is noted")
    assert links.rated() == (helpful + 1, not_helpful + 1)
    slack.press(answer, "UBOB", RATE, "forged yes")
    hears(slack, "There is no answer")


def test_a_question_is_handed_to_a_person_once_or_it_is_said_that_there_is_none(slack: Workspace, library: Assistant) -> None:
    channel = slack.add_channel()
    question = "Who won the cup in 1998? <!channel> https://evil.example"
    stamp = slack.say(channel, "UBOB", f"{MENTION} {question}")
    answer = slack.answer(channel, stamp)
    button = next(b["elements"][0] for b in answer["blocks"] if b["type"] == "actions")
    slack.press(answer, "UBOB", PERSON, button["value"])
    hears(slack, "Nobody is set")
    desk = slack.add_channel("private")
    Channels(library.library.database).set(Channel(channel, person=desk))
    for said in ("A person has been asked, and", "A person has been asked already"):
        slack.press(answer, "UBOB", PERSON, button["value"])
        hears(slack, said)
    (handed,) = [m for m in slack.messages if m["channel"] == desk]
    assert "Who won the cup in 1998?" in read(handed)
    assert active(handed) == ["mention", f"link https://home.slack.example/archives/{channel}/p{stamp.replace('.', '')}"]


def test_what_is_set_for_a_channel_holds_from_the_next_message(slack: Workspace, library: Assistant) -> None:
    channel, channels = slack.add_channel("private"), Channels(library.library.database)
    reader = f"slack:{channel.lower()}"
    library.library.share("vault", [reader])

    def asked(question: str, user: str = "UBOB") -> str:
        return read(slack.answer(channel, slack.say(channel, user, f"{MENTION} {question}")))

    assert "7319" in asked(VAULT)
    channels.set(Channel(channel, collections=("handbook",)))
    assert "7319" not in asked(VAULT)
    assert "28 days" in asked(LEAVE)
    stamp = slack.say(channel, "UANN", MENTION, files=[{"id": slack.add_file("own.md", b"# Own\n\nThe gate is green.\n")}])
    slack.answer(channel, stamp)
    assert "green" in asked("Which colour has the gate?")  # what is shared in a channel is always searched there
    channels.set(Channel(channel, collections=("gone",)))
    assert "There is no collection 'gone'" in asked(LEAVE)
    channels.set(Channel(channel, mentions_only=True))
    stamp = slack.say(channel, "UBOB", f"{MENTION} {LEAVE}")
    slack.answer(channel, stamp)
    slack.say(channel, "UBOB", "And part-time?", thread=stamp)
    for setting, reason in (
        (Channel(channel, allowed=("UANN",)), "answers certain people only"), (Channel(channel, off=True), "switched off"),
    ):  # fmt: skip
        channels.set(setting)
        refused = slack.say(channel, "UBOB", f"{MENTION} {LEAVE}", both=True)
        hears(slack, reason)
        assert slack.thread(channel, refused) == []
        slack.ask(channel, "UBOB", LEAVE)
    channels.set(Channel(channel, allowed=("UANN",)))
    assert "28 days" in asked(LEAVE, "UANN")
    assert len(slack.thread(channel, stamp)) == 1
    assert len(slack.whispers) == 2
    assert not [r for r in slack.responses if r.get("address")]
    library.library.share("vault", [])


def test_an_error_of_the_pipeline_is_said_in_its_words(workspace: Workspace, library: Assistant, start: Start) -> None:
    class Refusing(OwnOperations):
        def upload(self, files: Any, **_: Any) -> Any:
            raise InvalidRequest("The library is full. Forget something first.")

    start(library, operations=Refusing(library))
    channel = workspace.add_channel()
    stamp = workspace.say(channel, "UANN", MENTION, files=[{"id": workspace.add_file("a.md", b"# A")}])
    assert "The library is full. Forget something first." in read(workspace.answer(channel, stamp))


def test_an_error_in_the_middle_takes_the_place_of_the_draft(workspace: Workspace, library: Assistant, start: Start) -> None:
    class Breaking(OwnOperations):
        def stream(self, question: str, **_: Any) -> Any:
            yield Text("It is begun. ")
            time.sleep(1.1)
            yield Text("And it goes on. ")
            raise RuntimeError("broken")

    start(library, operations=Breaking(library))
    channel = workspace.add_channel()
    stamp = workspace.say(channel, "UBOB", f"{MENTION} {LEAVE}")
    assert "Something went wrong here" in read(workspace.answer(channel, stamp))
    assert len(workspace.called("chat.startStream")) == 1
    assert len(workspace.thread(channel, stamp)) == 1


def test_an_error_is_said_in_the_thread(workspace: Workspace, library: Assistant, start: Start) -> None:
    class Failing(OwnOperations):
        def stream(self, question: str, **_: Any) -> Any:
            raise RuntimeError(f"a secret of the inside: {question}")

    start(library, operations=Failing(library))
    channel = workspace.add_channel()
    stamp = workspace.say(channel, "UBOB", f"{MENTION} {LEAVE}")
    assert "Something went wrong here" in read(workspace.answer(channel, stamp))
    assert "Something went wrong here" in read(responses(workspace, workspace.ask(channel, "UBOB", LEAVE))[0])
    assert "secret" not in str(workspace.messages) + str(workspace.responses)
    with library.library.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE slack_channels RENAME TO slack_channels_gone")
    stamp = workspace.say(channel, "UBOB", f"{MENTION} {LEAVE}")
    told = read(workspace.answer(channel, stamp))
    with library.library.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE slack_channels_gone RENAME TO slack_channels")
    assert "Something went wrong here" in told
    stamp = workspace.say(channel, "UBOB", MENTION)  # nothing asked
    assert "Ask me about the documents" in read(workspace.answer(channel, stamp))


def test_where_slack_does_not_say_who_reads_along_only_what_is_shared_with_all_is_read(
    workspace: Workspace, library: Assistant, start: Start
) -> None:
    start(library)
    channel = workspace.add_channel("private")
    library.library.share("vault", [f"slack:{channel.lower()}"])
    workspace.refuse("conversations.info", "missing_scope", times=9)
    assert "7319" not in read(workspace.answer(channel, workspace.say(channel, "UANN", f"{MENTION} {VAULT}")))
    file = workspace.add_file("a.md", b"# A\n\nWords.\n")
    stamp = workspace.say(channel, "UANN", MENTION, files=[{"id": file}])
    assert "Slack does not say who reads along" in read(workspace.answer(channel, stamp))
    library.library.share("vault", [])


def test_the_documents_that_may_be_asked_about_are_listed(workspace: Workspace, library: Assistant, start: Start) -> None:
    start(library)
    direct, channel = workspace.add_channel("direct"), workspace.add_channel()
    mine = read(workspace.answer(direct, workspace.say(direct, "UANN", "Documents")))
    all_read = read(workspace.answer(channel, workspace.say(channel, "UANN", f"{MENTION} documents?")))
    assert "The shed" in mine
    assert "Leave" in mine
    assert "Leave" in all_read
    assert "The shed" not in all_read
    assert "The vault" not in mine + all_read


def test_an_empty_library_says_how_a_collection_is_shared(
    workspace: Workspace, assistant: Assistant, start: Start, write: Callable[[str, str], Path]
) -> None:
    ingest(assistant, [write("a.md", "# A\n\nThe owner's own words.\n")])
    start(assistant)
    channel = workspace.add_channel("direct")
    stamp = workspace.say(channel, "UANN", "What are the owner's own words?")
    assert "`footnote share NAME --all`" in read(workspace.answer(channel, stamp))


def test_links_lead_to_the_footnote_where_the_server_is_public(workspace: Workspace, library: Assistant, start: Start) -> None:
    start(library, public_url=PUBLIC_URL)
    channel = workspace.add_channel()
    answer = workspace.answer(channel, workspace.say(channel, "UBOB", f"{MENTION} {LEAVE}"))
    found = active(answer)
    assert found[: len(found) // 2] == found[len(found) // 2 :]  # the marks, and the pages beside the sources
    assert all(link.startswith(f"link {PUBLIC_URL}/cite/") for link in found)
    answer_id, number = found[0].rpartition("/cite/")[2].split("/")
    assert number == "1"
    place = AnswerLinks(library.library.database).place(answer_id, int(number))
    text = library.library.stored(place.document_id, reader=EVERYONE).text
    assert text[place.start : place.end] == "Full-time staff have 28 days of leave a year."


def test_reconnects_lose_nothing_and_answer_nothing_twice(workspace: Workspace, library: Assistant, start: Start) -> None:
    start(library)
    channel = workspace.add_channel()
    stamps = [workspace.say(channel, "UBOB", f"{MENTION} {LEAVE}")]
    first = workspace.sockets[-1]
    workspace.refresh()
    workspace.wait_for(lambda: workspace.sockets and workspace.sockets[-1] is not first, "a new socket")
    stamps.append(workspace.say(channel, "UBOB", f"{MENTION} {LEAVE}"))
    second = workspace.sockets[-1]
    second.close()  # as when the network breaks
    workspace.wait_for(lambda: workspace.sockets and workspace.sockets[-1] is not second, "a third socket")
    event = {"type": "message", "channel": channel, "user": "UBOB", "text": f"{MENTION} {LEAVE}", "ts": stamps[0]}
    workspace.send(event, retry=1)  # Slack thinks that its acknowledgement was lost
    stamps.append(workspace.say(channel, "UBOB", f"{MENTION} {LEAVE}"))
    assert workspace.sockets[-1].ping().wait(5)
    for stamp in stamps:
        assert "28 days" in read(workspace.answer(channel, stamp))
    time.sleep(0.3)
    assert [len(workspace.thread(channel, stamp)) for stamp in stamps] == [1, 1, 1]


def test_too_many_calls_wait_as_long_as_slack_asks(workspace: Workspace, library: Assistant, start: Start) -> None:
    slack = workspace
    start(library)
    channel = slack.add_channel()
    slack.limit("chat.postMessage", 1, times=2)
    slack.limit("reactions.add", 1)
    slack.limit("conversations.info", 1)
    stamp = slack.say(channel, "UBOB", f"{MENTION} {LEAVE}")
    assert "28 days" in read(slack.answer(channel, stamp))
    assert len(slack.called("chat.postMessage")) == 3
    assert len(slack.called("reactions.add")) == 1  # a sign that comes too late is none
    assert slack.called("reactions.remove") == []


def test_jobs_of_one_conversation_are_done_in_order_and_those_of_others_beside_them() -> None:
    work, gate, done = Work(threading.Event(), threads=2, most_waiting=4), threading.Event(), list[str]()

    def job(name: str) -> Callable[[], None]:
        def do() -> None:
            if name == "a1":
                gate.wait(10)
            done.append(name)

        return do

    assert all(work.add(name[0], job(name)) for name in ("a1", "a2", "b1"))
    while done != ["b1"]:
        time.sleep(0.01)
    assert work.add("c", job("c1"))
    while done != ["b1", "c1"]:
        time.sleep(0.01)
    assert work.add("a", job("a3"))
    assert work.add("a", job("a4"))
    assert not work.add("a", job("a5"))  # no more may wait
    gate.set()
    while len(done) < 5:
        time.sleep(0.01)
    assert done == ["b1", "c1", "a1", "a2", "a3", "a4"][: len(done)]
    work.close()
    assert not work.add("d", job("d1"))


def test_a_refused_token_is_said_and_tried_again(
    workspace: Workspace, library: Assistant, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.refuse("auth.test", "invalid_auth")
    workspace.refuse("apps.connections.open", "internal_error")
    start(library)  # waits for its socket
    said = capsys.readouterr().err
    assert "Slack refused the token (invalid_auth). Compare FOOTNOTE_SLACK_*" in said
    assert "Footnote answers in Slack, by its socket." in said


@pytest.mark.parametrize("transport", ["http", "socket"])
def test_a_burst_is_acknowledged_at_once_and_each_event_answered_once(
    workspace: Workspace, library: Assistant, start: Start, transport: str, capsys: pytest.CaptureFixture[str]
) -> None:
    start(library, transport)
    channels = [workspace.add_channel() for _ in range(BURST)]
    events = [
        {
            "type": "app_mention",
            "channel": channel,
            "user": "UBOB",
            "text": f"{MENTION} {LEAVE}",
            "ts": f"{time.time():.0f}.{n:06d}",
        }
        for n, channel in enumerate(channels)
    ]
    workspace.messages += [{**event, "by": "UBOB"} for event in events]
    begun = time.perf_counter()
    with ThreadPoolExecutor(BURST) as crowd:
        seconds = sorted(crowd.map(workspace.send, events))
    for event in events:
        assert "28 days" in read(workspace.answer(str(event["channel"]), str(event["ts"])))
    whole = time.perf_counter() - begun
    time.sleep(0.3)
    assert [len(workspace.thread(str(e["channel"]), str(e["ts"]))) for e in events] == [1] * BURST
    assert seconds[-1] < SLACK_WAITS_SECONDS
    with capsys.disabled():
        p95 = seconds[int(0.95 * BURST)]
        print(
            f"\n{transport}: acknowledged p50 {statistics.median(seconds):.3f} s, p95 {p95:.3f} s; all answered in {whole:.1f} s"
        )
