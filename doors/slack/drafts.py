"""Drafts: an answer shown while it is written, and replaced by the checked one. It is streamed where Slack allows that, else one
message is updated again and again; either way a frame that comes too soon is left out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slack_sdk import WebClient

from doors.slack.calls import FAILED, Slack, attempted
from doors.slack.limits import TooSoon
from doors.slack.messages import DRAFT_NOTE, Message, draft_blocks, draft_message
from doors.slack.rich_text import Element

FRAME_SECONDS = 1.0
_MOST_STREAMED_BLOCKS = 40
# Slack gives a stream up after a few minutes; its message can be updated all the same.
_PIECE_END = re.compile(r"\n|(?<=[.!?…]) ")


@dataclass(frozen=True, slots=True)
class To:
    """Where an answer goes, and for whom it is streamed."""

    channel: str
    thread: str
    user: str
    team: str


class Draft:
    """One answer on its way. Nothing is shown of one that is done before the first frame is due."""

    def __init__(
        self, slack: Slack, to: To, frame_seconds: float = FRAME_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._slack, self._to, self._frame_seconds, self._clock = slack, to, frame_seconds, clock
        self._written = ""
        self._due = clock() + frame_seconds
        self._stamp = ""
        self._may_stream, self._streaming = True, False
        self._streamed, self._streamed_blocks = 0, 0

    def write(self, piece: str) -> None:
        """Show more of the answer, if it is time. What Slack refuses is tried otherwise with the next frame, or left out."""
        self._written += piece
        if self._clock() < self._due or not self._written.strip():
            return
        self._due = self._clock() + self._frame_seconds
        try:
            if self._streaming or (self._may_stream and not self._stamp):
                self._stream()
            elif self._stamp:
                self._slack.update(draft_message(self._written), self._to.channel, self._stamp, client=self._slack.quick)
            else:
                shown = draft_message(self._written)
                self._stamp = self._slack.post(shown, self._to.channel, self._to.thread, client=self._slack.quick)
        except FAILED as error:
            if self._streaming and not isinstance(error, TooSoon):
                self._end_stream(self._slack.quick)
            self._may_stream = self._streaming

    def finish(self, messages: Sequence[Message]) -> None:
        """Put these messages in the draft's place, which waits as long as Slack asks. Where the draft cannot be replaced they are said
        anew, and the draft is taken back."""
        if self._streaming:
            self._end_stream(self._slack.patient)
        to, first = self._to, messages[0]
        if self._stamp and attempted(self._slack.update, first, to.channel, self._stamp):
            self._slack.post_all(messages[1:], to.channel, to.thread)
            return
        self._slack.post_all(messages, to.channel, to.thread)
        if self._stamp:
            attempted(self._slack.patient.chat_delete, channel=to.channel, ts=self._stamp)

    def _stream(self) -> None:
        ends = [found.end() for found in _PIECE_END.finditer(self._written, self._streamed)]
        fresh = draft_blocks(self._written[self._streamed : ends[-1]]) if ends else []
        if not fresh or self._streamed_blocks + len(fresh) > _MOST_STREAMED_BLOCKS:
            return
        to = self._to
        if self._streaming:
            self._slack.quick.chat_appendStream(channel=to.channel, ts=self._stamp, chunks=_chunks(fresh))
        else:
            begun = self._slack.quick.chat_startStream(
                channel=to.channel, thread_ts=to.thread, recipient_user_id=to.user, recipient_team_id=to.team,
                chunks=_chunks([DRAFT_NOTE, *fresh]),
            )  # fmt: skip
            self._stamp, self._streaming = str(begun["ts"]), True
        self._streamed, self._streamed_blocks = ends[-1], self._streamed_blocks + len(fresh)

    def _end_stream(self, client: WebClient) -> None:
        self._streaming = False
        attempted(client.chat_stopStream, channel=self._to.channel, ts=self._stamp)


def _chunks(blocks: Sequence[Element]) -> list[Element]:
    """Streamed as blocks: in streamed Markdown Slack would look for links."""
    return [{"type": "blocks", "blocks": list(blocks)}]
