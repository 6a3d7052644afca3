"""Buttons under an answer: whether it helped, and the way to a person."""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack

from assistant.errors import FootnoteError
from doors.answer_links import AnswerLinks
from doors.slack.calls import FAILED, Slack, attempted
from doors.slack.channels import DEFAULT, Channels, reader_of_channel
from doors.slack.claims import Claims
from doors.slack.messages import handed_over, own_words
from doors.slack.readers import Readers


class Buttons:
    def __init__(self, slack: Slack, links: AnswerLinks, channels: Channels, claims: Claims, readers: Readers) -> None:
        self._slack, self._links, self._channels, self._claims, self._readers = slack, links, channels, claims, readers

    def rate(self, ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
        """Note what somebody thinks of an answer."""
        ack()
        answer_id, _, word = str(action.get("value") or "").partition(" ")
        try:
            self._links.rate(answer_id, reader=reader_of_channel(body["user"]["id"]), helpful=word == "yes")
            said = "Thank you, that is noted."
        except FootnoteError as error:
            said = str(error)
        attempted(self._slack.respond, body["response_url"], own_words(said))

    def ask_a_person(self, ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
        """Hand a question to the person that is set for the channel, once."""
        ack()
        attempted(self._slack.respond, body["response_url"], own_words(self._handed(body, str(action.get("value") or ""))))

    def _handed(self, body: dict[str, Any], question: str) -> str:
        channel, stamp = body["channel"]["id"], str((body.get("container") or {}).get("message_ts") or body["trigger_id"])
        person = self._channels.find(channel).person or self._channels.find(DEFAULT).person
        if not person:
            return (
                "Nobody is set who takes questions here. Whoever runs Footnote names a person or a channel: "
                f"footnote slack set {channel} --person ID"
            )
        subject = f"person {channel} {stamp}"
        if not self._claims.claim(subject):
            return "A person has been asked already."
        try:
            self._slack.post(handed_over(question, body["user"]["id"], self._where(body)), person)
        except FAILED as error:
            self._claims.release(subject)
            return f"The question could not be handed over ({type(error).__name__}). Tell whoever runs Footnote, please."
        return "A person has been asked, and sees your question and where you asked it."

    def _where(self, body: dict[str, Any]) -> str:
        """A link to the thread; none to a direct message, which nobody else could open, nor to what one person alone sees."""
        channel, message = body["channel"]["id"], body.get("message") or {}
        stamp = message.get("thread_ts") or message.get("ts")
        if not stamp or self._readers.kind(channel) == "direct":
            return ""
        try:
            return str(self._slack.patient.chat_getPermalink(channel=channel, message_ts=stamp)["permalink"])
        except FAILED:
            return ""
