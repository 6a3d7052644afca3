"""Characters that nobody sees: the one list of those that are taken out of text before a person, a browser or a model reads it."""

from __future__ import annotations

import re

# Controls, and what is drawn as nothing: format and bidirectional characters, fillers, variation selectors, tags. Joiners
# stay between letters of scripts that are spelt with them (see _JOINER).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U00013430-\U0001345f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Persian, the scripts of India, Burmese and Khmer are spelt with joiners; elsewhere they only hide.
_SPELT_WITH_JOINERS = r"\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff"
_JOINER = re.compile(f"(?<![{_SPELT_WITH_JOINERS}])[\u200c\u200d]|[\u200c\u200d](?![{_SPELT_WITH_JOINERS}])")
_LINE_END = re.compile("\r\n|[\r\v\f\u0085\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def visible(text: str) -> str:
    """The text as a reader sees it: without control, invisible and bidirectional characters, lines ended by a line feed, and half
    characters replaced by U+FFFD. Nothing visible is dropped."""
    text = _SURROGATE.sub("\ufffd", _LINE_END.sub("\n", text))
    return _JOINER.sub("", _INVISIBLE.sub("", text))
