"""Public stand-ins for tests: a scripted server that speaks OpenAI's language on loopback, and models without weights."""

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
    "HashingEmbedder",
    "LongestFirst",
    "Pause",
    "Reply",
    "Script",
    "ScriptedEndpoint",
    "Sent",
    "event",
    "failure",
    "in_turn",
    "streamed",
    "whole",
]
