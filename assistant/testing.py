"""Public stand-ins for tests: servers on loopback that speak OpenAI's language, by script, with their faults by name or as a puppet
that obeys what it reads; ways in which hostile answers carry secrets off; a model that cites well, badly and falsely; and models
without weights."""

from assistant.stand_ins.citer import KINDS as CITER_KINDS
from assistant.stand_ins.citer import NUMBERS as CITER_NUMBERS
from assistant.stand_ins.citer import Scene, ScriptedAnswer, Statement, write_answer
from assistant.stand_ins.exfiltration import HTML_KINDS, KINDS, MARKDOWN_KINDS, Kind
from assistant.stand_ins.faults import FAULT_ANSWER, FAULT_DOCUMENT, FAULT_QUESTION, FAULT_WORDS, FAULTS, Fault, serving
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
    "CITER_KINDS",
    "CITER_NUMBERS",
    "FAULTS",
    "FAULT_ANSWER",
    "FAULT_DOCUMENT",
    "FAULT_QUESTION",
    "FAULT_WORDS",
    "HTML_KINDS",
    "KINDS",
    "MARKDOWN_KINDS",
    "Fault",
    "HashingEmbedder",
    "Kind",
    "LongestFirst",
    "Orders",
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
    "puppet",
    "read_orders",
    "serving",
    "streamed",
    "whole",
    "worst_answer",
    "write_answer",
]
