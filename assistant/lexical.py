"""BM25: how a text becomes terms in its language, and terms become weights. It knows no index; the inner product of a document's
and a query's weights is the score.

The formula is that of Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, in Lucene's variant
(the idf is never negative, and the constant factor k1 + 1 is left out).
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from assistant.languages import parts_of_compound, plainly_written, stem, stop_words, without_elisions

# Part of a document's version: raise it whenever terms() gives anything else than before.
ANALYSIS_VERSION = "2"
K1 = 1.2
B = 0.75
Numbers = TypeVar("Numbers", float, NDArray[np.float64])

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_MARKS = "\u0300-\u036f\u0900-\u0dff"  # Python's \w leaves out the vowel signs of Indic scripts.
_LETTERS = rf"(?:[^\W_{_UNSPACED}{_MARKS}]|[{_MARKS}])+"
_TOKEN = re.compile(rf"\d+(?:[.,]\d+)+|[{_UNSPACED}]+|{_LETTERS}(?:[-_]{_LETTERS})*")
_RUN = re.compile(r"\d+|[^\W\d_]+")
_IN_WORD = str.maketrans({"’": "'", "ʼ": "'", "\u00ad": None, "‐": "-", "‑": "-"})
# Arabic, Persian, the scripts of India, Thai, Lao, Tibetan, Burmese and Khmer: each script's ten digits in a row.
_ZEROS = (
    0x660, 0x6F0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0, 0xF20, 0x1040, 0x17E0,
)  # fmt: skip
_DIGITS = {zero + digit: str(digit) for zero in _ZEROS for digit in range(10)} | {0x066B: ".", 0x066C: ","}
_UNDECOMPOSED = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ı": "i", "þ": "th"})


def terms(text: str, language: str) -> list[str]:
    """What is indexed of a text, in its order: stems without accents; function words are left out.

    A number is one term however its thousands are grouped and in whatever script its digits are. A compound (ibm-x) gives its parts
    and the whole joined, and so does one without a hyphen whose joint shows (Versicherungsbeitrag); a mixed code (FY2023) itself
    and its runs of two or more letters or digits; scripts without spaces their overlapping character pairs.
    """
    return [term for token in _tokens(text, language) for term in _terms_of(token, language)]


def term_counts(text: str, language: str) -> dict[int, int]:
    """How often each term stands in the text, by term id."""
    counts: dict[int, int] = {}
    for token, count in Counter(_tokens(text, language)).items():
        for identifier in _ids_of(token, language):
            counts[identifier] = counts.get(identifier, 0) + count
    return counts


@dataclass(frozen=True, slots=True)
class QueryWord:
    """A word of a query, and how often it stands there: its terms in the query's own language, and those that other languages of the
    documents make of it besides."""

    count: int
    own: tuple[int, ...]
    others: tuple[int, ...]


def query_words(text: str, language: str, languages: Sequence[str]) -> list[QueryWord]:
    """The words of a query in `language` to documents in `languages`. So a question is found whatever language its few words were
    taken for. Function words of its own are left out, unless it has no others."""
    analysed = [language, *(code for code in languages if code != language)]
    words = []
    for token, count in Counter(_tokens(text, language)).items():
        own = _ids_of(token, language)
        others = dict.fromkeys(term for code in analysed[1:] for term in _ids_of(token, code) if term not in own)
        words.append(QueryWord(count, own, tuple(others)))
    return [word for word in words if word.own] or [word for word in words if word.others]


def term_id(term: str) -> int:
    """A stable number from 0 to 2**32 - 2, as Milvus asks of the places of a sparse vector."""
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "replace"), digest_size=8).digest(), "big") % (2**32 - 1)


def document_vector(counts: Mapping[int, int], pivot_length: float, k1: float = K1, b: float = B) -> dict[int, float]:
    """Saturated term frequencies, each above 0 and below 1: tf / (tf + k1 (1 - b + b length / pivot_length)).
    The length is the number of terms; `pivot_length` is fixed for a collection, near its average."""
    length = sum(counts.values())
    return {identifier: saturation(tf, length, pivot_length, k1, b) for identifier, tf in counts.items()}


def saturation(tf: Numbers, length: Numbers, pivot_length: float, k1: float = K1, b: float = B) -> Numbers:
    """The weight of a term that stands `tf` times among the `length` terms of a document: numbers, or arrays of one shape."""
    return tf / (tf + k1 * (1 - b + b * length / pivot_length))


def idf(document_frequency: int, documents: int) -> float:
    """How much a term tells: ln(1 + (N - df + 0.5) / (df + 0.5)), above zero for any df up to N."""
    return math.log(1 + (documents - document_frequency + 0.5) / (document_frequency + 0.5))


def _tokens(text: str, language: str) -> list[str]:
    written = plainly_written(unicodedata.normalize("NFKC", text.translate(_IN_WORD)), language)
    lowered = (written if written.isascii() else written.translate(_DIGITS)).lower()
    tokens: list[str] = _TOKEN.findall(without_elisions(lowered, language))
    return tokens


@lru_cache(maxsize=200_000)
def _ids_of(token: str, language: str) -> tuple[int, ...]:
    return tuple(term_id(term) for term in _terms_of(token, language))


@lru_cache(maxsize=200_000)
def _terms_of(token: str, language: str) -> tuple[str, ...]:
    return tuple(_analysed(token, language))


def _analysed(token: str, language: str) -> Iterator[str]:
    first = token[0]
    if "." in token or "," in token:
        yield _number(re.split("[.,]", token))
    elif _is_unspaced(first):
        pairs = (token[place : place + 2] for place in range(max(1, len(token) - 1)))
        yield from (pair for pair in pairs if pair not in stop_words(language))
    elif "-" in token or "_" in token:
        parts = re.split("[-_]", token)
        for part in parts:
            yield from _analysed(part, language)
        yield _folded(stem("".join(parts), language))
    elif not any(map(str.isdigit, token)):
        if token not in stop_words(language):
            yield _folded(stem(token, language))
            yield from (_folded(stem(part, language)) for part in parts_of_compound(token, language))
    else:
        yield _folded(token)
        runs = _RUN.findall(token)
        if len(runs) > 1:
            yield from (_folded(run) for run in runs if len(run) > 1)


def _number(groups: Sequence[str]) -> str:
    """1,234 and 1.234 are 1234; 1,234.5 is 1234.5; 13,2 is 13.2; a version such as 3.2.2 stays."""
    if all(len(group) == 3 for group in groups[1:]) and len(groups[0]) <= 3:
        return "".join(groups)
    if len(groups) > 2 and all(len(group) == 3 for group in groups[1:-1]) and len(groups[0]) <= 3:
        return "".join(groups[:-1]) + "." + groups[-1]
    return ".".join(groups)


def _is_unspaced(character: str) -> bool:
    return _UNSPACED_CHARACTER.match(character) is not None


_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")


def _folded(word: str) -> str:
    """Without accents, in the alphabets where they can be missing from what people type: Latin, Greek and Cyrillic."""
    if word.isascii() or (max(word) > "\u058f" and not "\u1e00" <= max(word) <= "\u1fff"):
        return word
    decomposed = unicodedata.normalize("NFKD", word.translate(_UNDECOMPOSED))
    return "".join(character for character in decomposed if not unicodedata.combining(character)) or word
