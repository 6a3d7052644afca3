"""A sentence with its most telling term left out: a question that needs no model. It knows one passage at a time; how rare a term
is, and what stands in other passages, it is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assistant.languages import stop_words
from assistant.lexical import terms
from assistant.sentences import sentence_spans

BLANK = "____"

_LEAST_CONTEXT = 4
"""Terms that a question must keep, so that it tells what it is about."""
_WORDS, _CHARACTERS = (6, 40), (12, 120)
_LEAST_LETTERS = 0.6
# A number or a name is asked for rather than a word that is a little rarer.
_PREFERRED = 0.3
_LONGEST_NAME = 4

_END = re.compile(r"[.!。！።।۔։…][»”\"’'）)」』\]]*\Z")
_ADDRESS = re.compile(r"://|\bwww\.|@\w|[.…·]{4,}|_{3,}")
# Written without spaces between words, or (Hangul) with particles and counters joined on: letters may touch a number there.
_JOINED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_NUMBER = re.compile(
    rf"(?<![\w.,:/\[#-])(?:(?<=[{_JOINED}]))?[£$€¥₹]?(?:\d{{1,3}}(?:[ \u00a0\u202f’]\d{{3}})+|\d+)(?:[.,:/]\d+)*"
    rf"(?:[ \u00a0\u202f]?[%‰€£°])?(?![\d\]])(?![^\W\d_{_JOINED}])"
)
