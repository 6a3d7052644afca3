"""Faults of endpoints, by name: what a server does wrong, and what a person must then be told."""

from __future__ import annotations

import json
import socket
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from itertools import count
from math import ceil
from time import time
from typing import Literal

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

FAULT_DOCUMENT = "# The lamp\n\nThe lamp of the Café Zoë is cleaned every Monday by the keeper.\n"
FAULT_QUESTION = "When is the lamp of the Café Zoë cleaned?"
FAULT_ANSWER = "The lamp of the Café Zoë is cleaned every Monday [1]."
FAULT_WORDS = "The lamp of the Café Zoë is cleaned every"
"""What had come before the fault, of those that come after the first word."""

_WORDS = event(FAULT_WORDS)
_ANSWER = [event(f"{FAULT_WORDS} "), event("Monday [1]."), event("", "stop"), b"data: [DONE]\n\n"]
_LONG_SECONDS = 60.0  # longer than any limit in a test
_PING = b": ping\n\n"
_NO_CONTENT = event("").replace(b'"content": ""', b'"content": null')
_MEGABYTE = 1_000_000
_ZEROS = 100 * _MEGABYTE


@dataclass(frozen=True, slots=True)
class Fault:
    """What a server does wrong, and what must come of a question put to it.

    `ends` says how: "answered", FAULT_ANSWER whole, as if nothing had been; "cut off", FAULT_WORDS kept, and never complete; "quotes",
    an answer of quotes. Of the last two a notice must hold the words `said`. `make_script` gives a script for one question, and None
    where no server listens. `down` says whether a breaker counts it, `least_seconds` how long the server wants to be left alone.
    """

    name: str
    ends: Literal["answered", "cut off", "quotes"]
    said: str
    make_script: Callable[[], Script] | None
    down: bool = False
    least_seconds: float = 0.0


@contextmanager
def serving(fault: Fault) -> Iterator[str]:
    """The base URL of a server on loopback that has the fault."""
    if fault.make_script is not None:
        with ScriptedEndpoint(fault.make_script()) as endpoint:
            yield endpoint.base_url
        return
    with socket.socket() as deaf:  # bound, so that nobody else takes the port, but never listening
        deaf.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"


def _always(reply: Reply) -> Callable[[], Script]:
    return lambda: in_turn(reply)


def _first(*replies: Reply) -> Callable[[], Script]:
    """These one after the other, then the answer."""
    return lambda: in_turn(*replies, Reply(_ANSWER))


def _after_words(*steps: bytes | Pause) -> Callable[[], Script]:
    return _always(Reply([_WORDS, *steps]))


def _slowly(step: bytes) -> list[bytes | Pause]:
    return [again for _ in range(round(_LONG_SECONDS / 0.1)) for again in (step, Pause(0.1))]


def _chunked(steps: Sequence[bytes | Pause], *, ended: bool) -> Reply:
    """In the chunks of HTTP/1.1, one a step; without its end it is like one that a proxy cut."""
    chunks = [b"%x\r\n%s\r\n" % (len(step), step) if isinstance(step, bytes) else step for step in steps]
    end = b"0\r\n\r\n" if ended else b"ffff\r\ndata: {"
    return Reply([*chunks, end], headers={"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})


def _bytes(text: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in text]


def _too_many(retry_after: str) -> Reply:
    return failure(429, "slow down", headers={"Retry-After": retry_after})


def _until_a_date() -> Script:
    asked = count()

    def script(sent: Sent) -> Reply:
        # Dates have whole seconds; this one is at least two after the question, whenever that comes.
        return Reply(_ANSWER) if next(asked) else _too_many(formatdate(ceil(time()) + 2, usegmt=True))

    return script


def _error_event(message: str, code: str = "") -> bytes:
    return f"event: error\ndata: {json.dumps({'error': {'message': message, 'code': code}})}\n\n".encode()


def _two_answers() -> Reply:
    other = [
        step.replace(b'"index": 0', b'"index": 1') for step in (event("Never, "), event("says the keeper."), event("", "stop"))
    ]
    return Reply([step for pair in zip(_ANSWER, other, strict=False) for step in reversed(pair)] + _ANSWER[3:])


def _gzip_bomb() -> Reply:
    packer = zlib.compressobj(9, wbits=31)
    packed = packer.compress(b"data: " + bytes(_ZEROS)) + packer.flush()
    return Reply([packed], headers={"Content-Type": "text/event-stream", "Content-Encoding": "gzip"})


_USAGE = b'data: {"id": "c", "choices": [], "usage": {"prompt_tokens": 900, "completion_tokens": 9, "total_tokens": 909}}\n\n'
_PAGE = {"Content-Type": "text/html; charset=utf-8"}
_JSON = {"Content-Type": "application/json"}
_TOO_LONG = "This model's maximum context length is 3000 tokens. However, you requested 9000 tokens."
_OK = b"HTTP/1.1 200 OK\r\n"
_LINE_WITHOUT_END = [b"data: ", *[b"x" * _MEGABYTE] * 20]

# No word has come: quotes, with the reason.
_BEFORE_THE_FIRST_WORD = [
    Fault("connection refused", "quotes", "cannot be reached", None, down=True),
    Fault("wrong model", "quotes", "FOOTNOTE_OPENAI_MODEL", _always(failure(404, "model 'm' not found"))),
    Fault("wrong key", "quotes", "FOOTNOTE_OPENAI_API_KEY", _always(failure(401, "Incorrect API key provided"))),
    Fault("key without rights", "quotes", "403", _always(failure(403, "not for you"))),
    Fault("redirect", "quotes", "not followed", _always(Reply([], 307, {"Location": "http://127.0.0.1:9/v1/elsewhere"}))),
    Fault("request refused", "quotes", "400: no such thing", _always(failure(400, "no such thing"))),
    Fault("500 that stays", "quotes", "500: out of memory", _always(failure(500, "out of memory")), down=True),
    Fault("502 that stays", "quotes", "502", _always(Reply([b"<html>Bad gateway</html>"], 502, _PAGE)), down=True),
    Fault("503 that stays", "quotes", "503: loading the model", _always(failure(503, "loading the model")), down=True),
    Fault("529 that stays", "quotes", "529: overloaded", _always(failure(529, "overloaded")), down=True),
    Fault("429 for 600 seconds", "quotes", "600 s", _always(_too_many("600"))),
    Fault("reset before the first word", "quotes", "broke the connection off", _always(Reply([], 0, reset=True)), down=True),
    Fault("closed without a word", "quotes", "broke the connection off", _always(Reply([], 0)), down=True),
    Fault("no HTTP", "quotes", "broke the connection off", _always(Reply([b"SSH-2.0-OpenSSH_9.2\r\n"], 0)), down=True),
    Fault("chunks cut before the first word", "quotes", "broke the connection off", _always(_chunked([], ended=False)), down=True),
    Fault("no body", "quotes", "without a finish reason", _always(Reply([])), down=True),
    Fault("error event before the first word", "quotes", "out of memory", _always(Reply([_error_event("out of memory")]))),
    Fault("web page with status 200", "quotes", "web page", _always(Reply([b"<html>Welcome</html>"], headers=_PAGE))),
    Fault("no choices", "quotes", "without any choice", _always(Reply([b'data: {"choices": []}\n\n', b"data: [DONE]\n\n"]))),
    Fault("null content to the end", "quotes", "without a word", _always(Reply([_NO_CONTENT, event("", "stop")]))),
    Fault("thoughts to the end", "quotes", "without a word", _always(streamed(["<think>The lamp", " is…"], "length"))),
    Fault("broken JSON", "quotes", "no completion", _always(Reply([b'data: {"choices": [{"delta"\n\n']))),
    Fault("broken JSON, whole", "quotes", "no completion", _always(Reply([b'{"choices": ['], headers=_JSON))),
    Fault("JSON of another shape", "quotes", "no completion", _always(Reply([b'data: ["The lamp"]\n\n']))),
    Fault("JSON of another shape, whole", "quotes", "without any choice", _always(Reply([b'{"answer": "Monday"}'], headers=_JSON))),
    Fault("no UTF-8", "quotes", "no completion", _always(Reply([b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\n']))),
    Fault("tool call", "quotes", "tool_calls", _always(streamed([], "tool_calls"))),
    Fault("packed to a thousandth", "quotes", "packed (gzip)", lambda: in_turn(_gzip_bomb())),
    Fault("line without end", "quotes", "MB", _always(Reply(_LINE_WITHOUT_END))),
    Fault("overflow that stays", "quotes", "longer than the context", _always(failure(400, "too long", "context_length_exceeded"))),
    Fault(
        "overflow that stays, as an event", "quotes", "longer than the context",
        _always(Reply([_error_event("too long", "context_length_exceeded")])),
    ),
    Fault("silence", "quotes", "time for an answer", _always(Reply([Pause(_LONG_SECONDS)])), down=True),
    Fault("headers never sent", "quotes", "time for an answer", _always(Reply([Pause(_LONG_SECONDS)], 0)), down=True),
    Fault("headers dripped", "quotes", "time for an answer", _always(Reply([_OK, *_slowly(b"X: y\r\n")], 0)), down=True),
    Fault("bytes dripped", "quotes", "time for an answer", _always(Reply(_slowly(b"d"))), down=True),
    Fault("pings before the first word", "quotes", "time for an answer", _always(Reply(_slowly(_PING))), down=True),
    Fault("empty deltas before the first word", "quotes", "time for an answer", _always(Reply(_slowly(event("")))), down=True),
]  # fmt: skip

# Words have come: they are kept, and marked.
_AFTER_THE_FIRST_WORD = [
    Fault("cut after words", "cut off", "without a finish reason", _after_words()),
    Fault("cut in the middle of an event", "cut off", "without a finish reason", _after_words(_WORDS[:-30])),
    Fault(
        "ended in the middle of a word", "cut off", "without a finish reason",
        _always(_chunked([_WORDS, event(" Mon")], ended=True)),
    ),
    Fault("done without a finish reason", "cut off", "without a finish reason", _after_words(b"data: [DONE]\n\n")),
    Fault("whole without a finish reason", "cut off", "without a finish reason", _always(whole(FAULT_WORDS, None))),
    Fault("null content after words", "cut off", "without a finish reason", _after_words(*[_NO_CONTENT] * 9)),
    Fault("chunks cut after words", "cut off", "broke the connection off", _always(_chunked([_WORDS], ended=False))),
    Fault("reset after words", "cut off", "broke the connection off", _always(Reply([_WORDS, Pause(0.2)], reset=True))),
    Fault("error event after words", "cut off", "out of memory", _after_words(_error_event("out of memory"))),
    Fault(
        "error event of another shape", "cut off", "out of memory",
        _after_words(b'event: error\ndata: {"object": "error", "message": "out of memory"}\n\n'),
    ),
    Fault("overflow after words", "cut off", "longer than the context", _after_words(_error_event(_TOO_LONG))),
    Fault("web page after words", "cut off", "without a finish reason", _after_words(b"<html><h1>502 Bad gateway</h1></html>\n\n")),
    Fault("broken JSON after words", "cut off", "no completion", _after_words(b'data: {"choices": [\n\n')),
    Fault("JSON of another shape after words", "cut off", "no completion", _after_words(b'data: ["Monday"]\n\n')),
    Fault("no UTF-8 after words", "cut off", "no completion", _after_words(b'data: {"choices": "\xc3\x28"}\n\n')),
    Fault("line of 4 MB", "cut off", "did not stop", _after_words(event("Monday " * (4 * _MEGABYTE // 7)))),
    Fault("line without end after words", "cut off", "MB", _after_words(*_LINE_WITHOUT_END)),
    Fault("the same again and again", "cut off", "did not stop", _after_words(event(" and every", None) * 20_000)),
    Fault("words without end", "cut off", "time for an answer", _after_words(*_slowly(event(" Monday and")))),
    Fault("stall after words", "cut off", "stalled", _after_words(Pause(_LONG_SECONDS))),
    Fault("stall after words, with pings", "cut off", "stalled", _after_words(*_slowly(_PING))),
    Fault("stall after words, with empty deltas", "cut off", "stalled", _after_words(*_slowly(event("")))),
    Fault("bytes dripped after words", "cut off", "stalled", _after_words(*_slowly(b"d"))),
    Fault("longest length", "cut off", "longest length", _always(streamed([FAULT_WORDS], "length"))),
    Fault("content filter", "cut off", "content filter", _always(streamed([FAULT_WORDS], "content_filter"))),
    Fault("tool call after words", "cut off", "tool_calls", _always(streamed([FAULT_WORDS], "tool_calls"))),
    Fault("function call after words", "cut off", "function_call", _always(streamed([FAULT_WORDS], "function_call"))),
    Fault("unknown finish reason", "cut off", "gave_up", _always(streamed([FAULT_WORDS], "gave_up"))),
]  # fmt: skip

# What a good client mends, or what only looks like a fault: the answer, as if nothing had been.
_MENDED = [
    Fault("429 for 2 seconds", "answered", "", _first(_too_many("2")), least_seconds=2.0),
    Fault("429 until a date", "answered", "", _until_a_date, least_seconds=2.0),
    Fault("500 once", "answered", "", _first(failure(500, "out of memory"))),
    Fault("503 twice", "answered", "", _first(failure(503, "loading"), failure(503, "loading"))),
    Fault("reset once", "answered", "", _first(Reply([], 0, reset=True))),
    Fault("overflow once", "answered", "", _first(failure(400, _TOO_LONG))),
    Fault("overflow once, as an event", "answered", "", _first(Reply([_error_event(_TOO_LONG)]))),
    Fault("temperature refused", "answered", "", _first(failure(400, "Unsupported value: 'temperature'."))),
    Fault("split UTF-8", "answered", "", _always(Reply(_bytes(b"".join(_ANSWER))))),
    Fault("chunks of one byte", "answered", "", _always(_chunked(_bytes(b"".join(_ANSWER)), ended=True))),
    Fault("two answers at once", "answered", "", _always(_two_answers())),
    Fault("usage after the end", "answered", "", _always(Reply([*_ANSWER[:3], _USAGE, _ANSWER[3]]))),
    Fault("whole though asked for a stream", "answered", "", _always(whole(FAULT_ANSWER))),
    Fault("open after the end", "answered", "", _always(Reply([*_ANSWER, Pause(_LONG_SECONDS)]))),
]

FAULTS: tuple[Fault, ...] = (*_BEFORE_THE_FIRST_WORD, *_AFTER_THE_FIRST_WORD, *_MENDED)
"""Every one of them. No name stands twice."""
