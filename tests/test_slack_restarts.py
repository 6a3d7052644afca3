"""Bots of the Slack door that come and go: several over one library, one that died, one that is stopped while Slack asks to wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from assistant.answering import Assistant
from assistant.database import Database
from assistant.types import Turn
from doors.answer_links import AnswerLinks
from doors.operations import OwnOperations
from doors.slack.bot import Bot
from doors.slack.calls import Slack
from doors.slack.claims import LEASE, Claims
from doors.slack.conversations import Threads
from doors.slack.running import slack_running
from doors.slack.tables import claims
from tests.slack_client import shown
from tests.slack_workspace import BOT_TOKEN, Workspace
from tests.test_slack import LEAVE, MENTION, Start, hears, library, slack_settings, start, stopping, workspace

__all__ = ["library", "start", "stopping", "workspace"]

TOLD = "I was stopped before I could answer"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RETRY_AFTER_SECONDS = 300  # who waits so long says something after it, however slow the machine is before


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Gated(OwnOperations):
    """Begins an answer, and goes on when the gate is opened."""

    def __init__(self, assistant: Assistant) -> None:
        super().__init__(assistant)
        self.begun, self.gate = threading.Event(), threading.Event()

    def stream(self, question: str, **more: Any) -> Any:
        self.begun.set()
        assert self.gate.wait(20)
        yield from super().stream(question, **more)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(library: Assistant) -> Database:
    """Of a library without claims."""
    found = library.library.database
    Claims(found)  # makes the table
    with found.writing() as connection:
        connection.execute(claims.delete())
    return found


@pytest.fixture
def bot(workspace: Workspace, library: Assistant, database: Database, clock: Clock) -> Bot:
    """One that nobody keeps up but the test."""
    slack = Slack(BOT_TOKEN, workspace.api_url, threading.Event())
    return Bot(slack, OwnOperations(library), library.library, AnswerLinks(database), max_file_bytes=1000, clock=clock)


def thread_of(workspace: Workspace) -> tuple[str, str]:
    channel = workspace.add_channel()
    stamp = f"{len(workspace.messages)}.5"
    workspace.messages.append({"channel": channel, "ts": stamp, "by": "UBOB"})
    return channel, stamp


def settled(database: Database) -> Callable[[], bool]:
    def all_are() -> bool:
        with database.reading() as connection:
            return all(connection.execute(select(claims.c.settled)).scalars())

    return all_are


def test_a_second_bot_says_nothing_of_what_the_first_is_answering(
    workspace: Workspace, library: Assistant, database: Database, start: Start, bot: Bot, clock: Clock
) -> None:
    operations = Gated(library)
    start(library, "http", operations=operations)
    channel = workspace.add_channel()
    stamp = workspace.say(channel, "UBOB", f"{MENTION} {LEAVE}")
    assert operations.begun.wait(20)
    clock.now = datetime.now(UTC)
    bot.begin()
    operations.gate.set()
    assert "28 days" in shown(workspace.answer(channel, stamp))
    workspace.wait_for(settled(database), "the claim to be settled")
    bot.close()
    assert len(workspace.thread(channel, stamp)) == 1


def test_a_bot_that_lives_keeps_its_claims_and_one_that_died_loses_them_after_a_minute(database: Database, clock: Clock) -> None:
    lives, dies, second = (Claims(database, clock) for _ in range(3))
    assert lives.claim("lives", channel="C1", thread="1.1")
    assert dies.claim("dies", channel="C2", thread="2.1")
    assert dies.claim("dies files", channel="C2", thread="2.1")
    assert dies.claim("done", channel="C3", thread="3.1")
    dies.settle("done")
    for _ in range(3):
        clock.now += LEASE / 3
        lives.renew()
        assert second.interrupted() == []
    clock.now += timedelta(seconds=1)
    (left,) = second.interrupted()
    assert (left.channel, left.thread, sorted(left.subjects)) == ("C2", "2.1", ["dies", "dies files"])
    assert lives.interrupted() == []  # it is the second's now
    assert not lives.claim("dies", channel="C2", thread="2.1")
    second.settle(*left.subjects)
    clock.now += 2 * LEASE
    assert [each.channel for each in second.interrupted()] == ["C1"]
    second.settle("lives")


def test_a_claim_stays_with_the_bot_that_keeps_up_and_is_left_by_one_that_stops(
    workspace: Workspace, database: Database, bot: Bot, clock: Clock
) -> None:
    dead, second = (Claims(database, clock) for _ in range(2))
    channel, stamp = thread_of(workspace)
    dead.claim("left", channel=channel, thread=stamp)
    dead.give_up_all()
    workspace.limit("chat.postMessage", RETRY_AFTER_SECONDS)
    bot.begin()  # and is at it for as long as Slack asks to wait
    for _ in range(3):
        clock.now += 0.6 * LEASE
        bot.upkeep.keep_up()
    assert second.interrupted() == []
    bot.close()
    assert [left.subjects for left in second.interrupted()] == [["left"]]


def test_a_bot_that_runs_keeps_up(workspace: Workspace, library: Assistant, database: Database) -> None:
    links = AnswerLinks(database)
    running = slack_running(
        slack_settings(workspace, "http"),
        OwnOperations(library),
        library.library,
        links,
        max_file_bytes=1000,
        kept_up_seconds=0.01,
    )
    with running:
        workspace.wait_for(lambda: workspace.called("auth.test"), "the bot")
        for _ in range(2):
            channel, stamp = thread_of(workspace)
            dead = Claims(database)
            dead.claim(stamp, channel=channel, thread=stamp)
            dead.give_up_all()
            assert TOLD in shown(workspace.answer(channel, stamp))


def test_a_restarted_bot_tells_of_its_death_when_the_lease_has_run_out(
    workspace: Workspace, database: Database, bot: Bot, clock: Clock
) -> None:
    channel, stamp = thread_of(workspace)
    Claims(database, clock).claim("left", channel=channel, thread=stamp)  # and then the process died
    clock.now += timedelta(seconds=5)
    bot.begin()
    clock.now += LEASE
    bot.upkeep.keep_up()
    bot.upkeep.keep_up()
    assert TOLD in shown(workspace.answer(channel, stamp))
    workspace.wait_for(settled(database), "the claim to be settled")
    bot.close()
    assert len(workspace.thread(channel, stamp)) == 1


def test_what_slack_does_not_take_is_told_later_and_what_it_refuses_is_given_up(
    workspace: Workspace, database: Database, bot: Bot, clock: Clock
) -> None:
    dead = Claims(database, clock)
    channel, stamp = thread_of(workspace)
    dead.claim("left", channel=channel, thread=stamp)
    dead.give_up_all()
    workspace.limit("chat.postMessage", 0, times=5)  # after which it is left for later
    bot.begin()

    def told() -> bool:
        bot.upkeep.keep_up()
        return bool(workspace.thread(channel, stamp))

    workspace.wait_for(told, "a note")
    workspace.wait_for(settled(database), "the claim to be settled")
    assert len(workspace.called("chat.postMessage")) == 6
    dead.claim("gone", channel="C0GONE", thread="1.1")
    dead.give_up_all()
    bot.upkeep.keep_up()
    workspace.wait_for(settled(database), "what is refused to be settled too")
    bot.close()
    assert ["channel_not_found" in fault for fault in workspace.faults] == [True]
    workspace.faults.clear()


@pytest.mark.parametrize("transport", ["http", "socket"])
def test_a_bot_that_slack_asks_to_wait_stops_at_once_and_the_next_one_tells(
    workspace: Workspace, library: Assistant, start: Start, transport: str
) -> None:
    stop = start(library, transport)
    workspace.limit("chat.postMessage", RETRY_AFTER_SECONDS)
    channel = workspace.add_channel()
    stamp = workspace.say(channel, "UBOB", f"{MENTION} {LEAVE}")
    workspace.wait_for(lambda: workspace.called("chat.postMessage"), "a refused message")
    stop()
    assert workspace.thread(channel, stamp) == []
    workspace.forgive()
    start(library, "http")
    assert TOLD in shown(workspace.answer(channel, stamp))


def test_a_socket_that_slack_asks_to_wait_for_and_a_response_stop_at_once_too(
    workspace: Workspace, library: Assistant, start: Start
) -> None:
    stop = start(library)
    workspace.limit("respond", RETRY_AFTER_SECONDS)
    workspace.limit("apps.connections.open", RETRY_AFTER_SECONDS)
    workspace.ask(workspace.add_channel(), "UBOB", LEAVE)
    workspace.wait_for(lambda: workspace.called("respond"), "a refused response")
    workspace.refresh()
    workspace.wait_for(lambda: len(workspace.called("apps.connections.open")) > 1, "a refused connection")
    stop()
    assert [len(workspace.called(method)) for method in ("respond", "apps.connections.open")] == [1, 2]


def test_a_response_that_slack_asks_to_wait_for_is_given(workspace: Workspace, library: Assistant, start: Start) -> None:
    start(library, "http")
    workspace.limit("respond", 1)
    workspace.ask(workspace.add_channel(), "UBOB", LEAVE)
    hears(workspace, "28 days")


def test_a_bot_that_stays_up_forgets_old_claims_and_threads(database: Database, bot: Bot, clock: Clock) -> None:
    held, threads = Claims(database, clock), Threads(database, clock)

    def known() -> tuple[bool, bool]:
        with database.reading() as connection:
            there = connection.execute(select(claims.c.subject).where(claims.c.subject == "old")).first() is not None
        return there, threads.known("C1", "1.1")

    bot.upkeep.keep_up()
    clock.now += timedelta(minutes=59)
    held.claim("old")
    threads.add("C1", "1.1", [Turn("user", LEAVE)])
    for ago, kept in (
        (timedelta(days=2), (True, True)),
        (timedelta(days=88), (False, True)),
        (timedelta(hours=1), (False, False)),
    ):
        clock.now += ago
        bot.upkeep.keep_up()
        assert known() == kept
    bot.close()
