"""Public stand-ins for tests: a scripted server that speaks OpenAI's language on loopback, models without weights, and a scripted
model that cites well, badly and falsely."""

from assistant.stand_ins.citer import KINDS as CITER_KINDS
from assistant.stand_ins.citer import NUMBERS as CITER_NUMBERS
from assistant.stand_ins.citer import Scene, ScriptedAnswer, Statement, write_answer
from assistant.stand_ins.models import HashingEmbedder, LongestFirst
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
    "CITER_KINDS",
    "CITER_NUMBERS",
    "HashingEmbedder",
    "LongestFirst",
    "Pause",
    "Reply",
    "Scene",
    "Script",
    "ScriptedAnswer",
    "ScriptedEndpoint",
    "Sent",
    "Statement",
    "event",
    "failure",
    "in_turn",
    "streamed",
    "whole",
    "write_answer",
]
