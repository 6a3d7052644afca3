"""Public stand-ins for tests: servers on loopback that speak OpenAI's language, by script or as a puppet, ways in
which hostile answers carry secrets off, and models without weights."""

from assistant.stand_ins.exfiltration import HTML_KINDS, KINDS, MARKDOWN_KINDS, Kind
from assistant.stand_ins.models import HashingEmbedder, LongestFirst
from assistant.stand_ins.puppet import Orders, puppet, read_orders, worst_answer
from assistant.stand_ins.scripted import (
    Pause,
    Reply,
    Script,
    ScriptedEndpoint,
    Sent,
    event,
    failure,
    in_turn,
    streamed,
    whole,
)

__all__ = [
    "HTML_KINDS",
    "KINDS",
    "MARKDOWN_KINDS",
    "HashingEmbedder",
    "Kind",
    "LongestFirst",
    "Orders",
    "Pause",
    "Reply",
    "Script",
    "ScriptedEndpoint",
    "Sent",
    "event",
    "failure",
    "in_turn",
    "puppet",
    "read_orders",
    "streamed",
    "whole",
    "worst_answer",
]
