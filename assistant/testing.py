"""Public stand-ins for tests: a scripted server that speaks OpenAI's language on loopback, its faults by name, and models without
weights."""

from assistant.stand_ins.faults import FAULT_ANSWER, FAULT_DOCUMENT, FAULT_QUESTION, FAULT_WORDS, FAULTS, Fault, serving
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
    "FAULTS",
    "FAULT_ANSWER",
    "FAULT_DOCUMENT",
    "FAULT_QUESTION",
    "FAULT_WORDS",
    "Fault",
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
    "serving",
    "streamed",
    "whole",
]
