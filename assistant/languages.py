"""Which language a text is in, and what is known of each language: its Snowball stemmer, its function words, its elisions and
hyphened pronouns, how it builds compounds, how it writes."""

from __future__ import annotations

import re
import threading
import unicodedata
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
    "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french",
    "ga": "irish", "hi": "hindi", "hr": "serbian",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian",
    "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
# Detected though they have no stemmer, so that their texts are not taken for a neighbour's and stemmed by its rules.
_UNSTEMMED = {"bg", "bn", "he", "ja", "ko", "lv", "sk", "sl", "th", "uk", "ur", "vi", "zh"}
# Croatian and Serbian, Indonesian and Malay are taken for each other: their names are left out.
_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German",
    "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish",
    "fr": "French", "ga": "Irish", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "hy": "Armenian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "nb": "Norwegian", "nl": "Dutch", "nn": "Norwegian",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "sv": "Swedish", "ta": "Tamil", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese",
    "zh": "Chinese",
}  # fmt: skip
_ENGLISH_ENDING = re.compile(r"(?<=\w)'(?:s|t|re|ve|ll|d|m)\b")
_ROMANCE_ELISION = re.compile(
    r"\b(?:[cdjlmnstv]|qu|jusqu|lorsqu|puisqu|quoiqu|un|(?:d|n|c|s)?all|dell|nell|sull|coll|quell|quest|bell|sant)'(?=\w)"
)
# Endings of case, number and article, for languages without a Snowball stemmer: the longest one is cut off where three characters
# are left.
_ENDINGS = {
    "bg": "ията иите ища ите ият ето ата ото ове ът ят та то те и а о е я",
    "bn": "গুলোতে গুলোকে গুলোর গুলিকে গুলির গুলো গুলি দেরকে দের টিকে টিতে টির টাকে টার টা টি েরা রা ের কে েতে তে ে",
    "uk": "ями ами ові еві єві ого ому ими іми ої ій ою ею єю ах ях ів їв ам ям ом ем єм ий а я у ю о е є и і ї ь",
    "ur": "وں یں یاں",
}
_LIGHT_STEMS = {code: re.compile(rf"(.{{3,}}?)(?:{'|'.join(endings.split())})?") for code, endings in _ENDINGS.items()}
# Pronouns that follow a verb after a hyphen: a-t-il, rendez-vous; encontra-se, fazê-lo; digues-me; duce-te.
_HYPHENED = {
    "fr": re.compile(r"(?<=\w)-(?:t-)?(?:ils?|elles?|on|je|tu|nous|vous|ce|moi|toi|lui|leur|les?|la|y|en|là|ci)\b(?!-)"),
    "pt": re.compile(r"(?<=\w)-(?:se|me|te|nos|vos|lhes?|[ln]?[oa]s?)\b"),
    "ca": re.compile(r"(?<=\w)-(?:se|me|te|nos|vos|ne|hi|ho|l[oaie]s?|les)\b"),
    "ro": re.compile(r"(?<=\w)-(?:se|mă|te|l|o|i|le|ne|vă|mi|ți|și)\b"),
}
# The first part of a compound ends in one of these suffixes and the s that must follow them: Versicherung-s-beitrag.
_LINKED = {
    "de": re.compile(r"(\w{2,}(?:ung|heit|keit|schaft|ion|tät|tum|ling))s(\w{4,})"),
    "nl": re.compile(r"(\w{2,}(?:ing|heid|teit|schap))s(\w{4,})"),
    "sv": re.compile(r"(\w{2,}(?:ning|het|tion|skap|tet))s(\w{4,})"),
    "da": re.compile(r"(\w{2,}(?:ning|hed|tion|skab|tet))s(\w{4,})"),
    "no": re.compile(r"(\w{2,}(?:ning|het|sjon|skap|tet))s(\w{4,})"),
}
_LINKED["nb"] = _LINKED["nn"] = _LINKED["no"]
_NOT_LETTERS: dict[int, int | None] = dict.fromkeys(
    [*range(0x0591, 0x05C8), *range(0x064B, 0x0660), 0x0670, 0x0640]
)  # points and long strokes
_PERSIAN_LETTERS = str.maketrans("يكى", "یکی")
_ARABIC_LETTERS = str.maketrans("یک", "يك")
_WRITTEN: dict[str, dict[int, int | None]] = {
    "ar": {**_NOT_LETTERS, **_ARABIC_LETTERS}, "he": _NOT_LETTERS, "fa": {**_NOT_LETTERS, **_PERSIAN_LETTERS},
    "ur": {**_NOT_LETTERS, **_PERSIAN_LETTERS}, UNDETERMINED: _NOT_LETTERS, "tr": {**str.maketrans("Iİ", "ıi")},
}  # fmt: skip
# py3langid's scores are softened by length: a sure sentence scores .9 or more, an unsure word or two less than this.
_SURE = 0.5
_READ_CHARACTERS = 4000

_lock = threading.Lock()


def detect_language(text: str, fallback: str = UNDETERMINED, *, least: float = _SURE) -> str:
    """ISO 639-1 code of the text's language, judged by its first 4,000 characters; `fallback` where it is too short or less sure than
    `least`, 0 to 1. Safe to call from several threads."""
    head = text[:_READ_CHARACTERS]
    if sum(map(str.isalpha, head)) < 2:
        return fallback
    language, probability = _identifier().classify(head.encode("utf-8", "replace").decode("utf-8"))
    return str(language) if probability >= least else fallback


def language_of_query(query: str, languages: Sequence[str]) -> str:
    """The language of a query to documents in these languages, commonest first: the detected one where it is among them, else the
    commonest, since a few words are easily taken for another language; "und" without any."""
    detected = detect_language(query)
    if detected in languages or not languages:
        return detected
    return languages[0]


def language_name(code: str) -> str:
    """The English name of a language that is detected, by its ISO 639-1 code; empty for another, and for one that is easily
    taken for its neighbour."""
    return _NAMES.get(code, "")


def stem(word: str, language: str) -> str:
    """The Snowball stem of a lower-case word, without its ending in a few languages that have none; else the word itself."""
    algorithm = _ALGORITHMS.get(language)
    if algorithm is None:
        light = _LIGHT_STEMS[language].fullmatch(word) if language in _LIGHT_STEMS else None
        return light[1] if light else word
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
    return frozenset(unicodedata.normalize("NFKC", path.read_text(encoding="utf-8")).split())


def without_elisions(text: str, language: str) -> str:
    """Lower-case text with its elided articles and pronouns (French l', Italian dell'), English endings ('s, 't) and the pronouns that
    hang on a verb by a hyphen (French -t-il, Portuguese -se) cut off."""
    if "-" in text and language in _HYPHENED:
        text = _HYPHENED[language].sub(" ", text)
    if "'" not in text:
        return text
    if language in ("fr", "it", "ca"):
        return _ROMANCE_ELISION.sub(" ", text)
    return _ENGLISH_ENDING.sub(" ", text) if language in ("en", UNDETERMINED) else text


def plainly_written(text: str, language: str) -> str:
    """The text, not yet in lower case, as most write the language: Arabic and Hebrew without points, the letters of a Persian keyboard
    and an Arabic one as the same, the Turkish I with its own small letter."""
    return text.translate(_WRITTEN[language]) if language in _WRITTEN else text


def parts_of_compound(word: str, language: str) -> list[str]:
    """The parts of a lower-case compound, where a suffix and the s after it show the joint (Germanic languages); else empty.
    Others cannot be told from single words without a dictionary."""
    pattern = _LINKED.get(language)
    match = pattern.fullmatch(word) if pattern else None
    if match is None:
        return []
    return [part for half in match.groups() for part in parts_of_compound(half, language) or [half]]


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
