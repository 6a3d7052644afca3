"""Which language a text is in, and what is known of each language: its Snowball stemmer, its function words, its elisions."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

UNDETERMINED = "und"

_STOP_WORDS = Path(__file__).parent / "stop_words"
# The Snowball algorithm of each language that has one and is detected.
_ALGORITHMS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian",
    "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
# Detected though they have no stemmer, so that their texts are not taken for a neighbour's and stemmed by its rules.
_UNSTEMMED = {"bg", "bn", "fa", "he", "hr", "ja", "ko", "lv", "sk", "sl", "sr", "th", "uk", "ur", "vi", "zh"}
_ENGLISH_ENDING = re.compile(r"(?<=\w)'(?:s|t|re|ve|ll|d|m)\b")
_ROMANCE_ELISION = re.compile(
    r"\b(?:[cdjlmnstv]|qu|jusqu|lorsqu|puisqu|quoiqu|un|(?:d|n|c|s)?all|dell|nell|sull|coll|quell|quest|bell|sant)'(?=\w)"
)
# py3langid's scores are softened by length: a sure sentence scores .9 or more, an unsure word or two less than this.
_SURE = 0.5
_READ_CHARACTERS = 4000

_lock = threading.Lock()


def detect_language(text: str, fallback: str = UNDETERMINED) -> str:
    """ISO 639-1 code of the text's language, judged by its first 4,000 characters; `fallback` where it is too short or unclear.
    Safe to call from several threads."""
    head = text[:_READ_CHARACTERS]
    if sum(map(str.isalpha, head)) < 2:
        return fallback
    language, probability = _identifier().classify(head.encode("utf-8", "replace").decode("utf-8"))
    return str(language) if probability >= _SURE else fallback


def language_of_query(query: str, languages: Sequence[str]) -> str:
    """The language of a query to documents in these languages, commonest first: the detected one where it is among them, else the
    commonest, since a few words are easily taken for another language; "und" without any."""
    detected = detect_language(query)
    if detected in languages or not languages:
        return detected
    return languages[0]


def stem(word: str, language: str) -> str:
    """The Snowball stem of a lower-case word; the word itself in a language without a stemmer."""
    algorithm = _ALGORITHMS.get(language)
    if algorithm is None:
        return word
    # A Stemmer object keeps state between calls and is not thread safe. Callers keep the stems, so that the lock is seldom taken.
    with _lock:
        stemmed: str = _stemmer(algorithm).stemWord(word)
    return stemmed


@cache
def stop_words(language: str) -> frozenset[str]:
    """The function words of a language, lower case; empty for one that has no list."""
    path = _STOP_WORDS / f"{language}.txt"
    if not language.isalpha() or not path.is_file():
        return frozenset()
    return frozenset(path.read_text(encoding="utf-8").split())


def without_elisions(text: str, language: str) -> str:
    """Lower-case text with its elided articles and pronouns (French l', Italian dell') or English endings ('s, 't) cut off."""
    if "'" not in text:
        return text
    if language in ("fr", "it", "ca"):
        return _ROMANCE_ELISION.sub(" ", text)
    return _ENGLISH_ENDING.sub(" ", text) if language in ("en", UNDETERMINED) else text


@cache
def _stemmer(algorithm: str) -> Any:
    import Stemmer

    return Stemmer.Stemmer(algorithm, 0)


def _identifier() -> LanguageIdentifier:
    with _lock:
        return _loaded_identifier()


@cache
def _loaded_identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages((set(_ALGORITHMS) | _UNSTEMMED) & set(identifier.labels))
    return identifier
