"""Whether one passage only repeats another: the same words, whatever the line ends, hyphens and quotation marks, or a piece of them.
Two that differ in a number, a date, a name or any other word that tells something are never repeats, nor are two under different
headings: those of one quarter's report and the next differ in nothing else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.types import Chunk

_SHINGLE_WORDS = 4
# A changed word takes four shingles with it: one word in twenty may have changed. Below that a passage with other words between the
# telling ones is another wording, which a reader may want to see. What may change at all is said by _SLIGHT.
_LEAST_CONTAINMENT = 0.8
# Words that may stand or be missing without a change of meaning. In another language than these each word tells something.
_SLIGHT = {
    "de": "der die das den dem des ein eine einen einem einer eines dieser diese dieses diesen diesem jeder jede jedes",
    "en": "a an the this that these those each every which who",
    "es": "el la los las un una unos unas este esta estos estas ese esa esos esas cada que",
    "fr": "le la les un une des ce cet cette ces chaque qui que",
    "it": "il lo la i gli le un uno una questo questa questi queste ogni che",
    "nl": "de het een deze dit die dat elk elke ieder iedere",
    "pt": "o a os as um uma uns umas este esta estes estas esse essa esses essas cada que",
}
_HYPHEN = re.compile(r"(?<=[^\W\d_])(?:[-\u2010\u2011]\n?|\u00ad\n?)(?=[^\W\d_])")
_ALIKE = str.maketrans({"’": "'", "ʼ": "'", "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl"})
_QUOTATION_MARKS = "\"'“”„‘‚«»‹›"


@dataclass(frozen=True, slots=True)
class Wording:
    """A passage as it is compared: its words, those that tell something, and the telling ones of title, headings and table header."""

    words: Sequence[str]
    telling: Sequence[str]
    above: Sequence[str]


def wording(chunk: Chunk) -> Wording:
    """The wording of a chunk, by the rules of its language."""
    words = _words(chunk.text)
    above = _words("\n".join([chunk.title, *chunk.heading_path, chunk.header]))
    return Wording(words, _telling(words, chunk.language), _telling(above, chunk.language))


def repeats(passage: Wording, other: Wording) -> bool:
    """Whether a passage says nothing that the other does not: under the same title and headings its telling words are all there, in
    the same order and with no other between them, and nearly all that it says is said in the same words."""
    return (
        passage.above == other.above
        and containment(passage.words, other.words) >= _LEAST_CONTAINMENT
        and _runs_through(passage.telling, other.telling)
    )


def containment(words: Sequence[str], other: Sequence[str]) -> float:
    """The share of the first text's shingles (each four words in a row) that the second has, 0 to 1. A text of fewer words is one
    shingle. Broder, "On the resemblance and containment of documents", 1997."""
    own = _shingles(words)
    return len(own & _shingles(other, len(words))) / len(own)


def _shingles(words: Sequence[str], most_words: int = _SHINGLE_WORDS) -> frozenset[tuple[str, ...]]:
    size = max(1, min(_SHINGLE_WORDS, most_words, len(words)))
    return frozenset(tuple(words[place : place + size]) for place in range(max(1, len(words) - size + 1)))


def _runs_through(words: Sequence[str], other: Sequence[str]) -> bool:
    """Whether the words stand in the other sequence, one right after the other."""
    size = len(words)
    return any(list(other[place : place + size]) == list(words) for place in range(len(other) - size + 1))


def _words(text: str) -> list[str]:
    """The words between white space. A figure keeps its signs, so that (5), -5, 0.5 and 5 % stay apart; case is kept, since US is
    not us."""
    joined = _HYPHEN.sub("", unicodedata.normalize("NFC", text).translate(_ALIKE))
    bare = (word.strip(_QUOTATION_MARKS).rstrip(".,;:!?…" + _QUOTATION_MARKS) for word in joined.split())
    return [word for word in bare if word]


def _telling(words: Sequence[str], language: str) -> list[str]:
    slight = frozenset(_SLIGHT.get(language, "").split())
    return [word for word in words if word not in slight]
