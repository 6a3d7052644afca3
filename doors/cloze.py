"""A sentence with its most telling term left out: a question that needs no model. It knows one passage at a time; how rare a word
is, and what stands in other passages, it is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assistant.languages import stop_words
from assistant.lexical import terms
from assistant.sentences import sentence_spans

BLANK = "____"

# Terms that a question must keep, so that it tells what it is about.
_LEAST_CONTEXT = 4
_WORDS, _CHARACTERS = range(6, 41), range(12, 121)
_LEAST_LETTERS = 0.6
# A number or a name is asked for rather than a word that is somewhat rarer.
_PREFERRED = 0.3
_LONGEST_NAME = 4
_LEAST_WORD = 4
# Their nouns are capitals too, so that a capital is no name there.
_NOUNS_IN_CAPITALS = ("de", "lb")

_END = re.compile(r"[.!。！।۔։…][»”\"’'）)」』\]]*\Z")
_ADDRESS = re.compile(r"://|\bwww\.|@\w|[.…·]{4,}|_{3,}")
_BULLET = re.compile(r"\A(?:\(?\w{1,3}[.)]|[•–·*-])\s+")
_ANY_LETTER = re.compile(r"[^\W\d_]|[\u0300-\u036f\u064b-\u0652\u0900-\u0e7f]")
_UNSPACED_LETTER = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_UNSPACED = re.compile(f"[{_UNSPACED_LETTER}]")
# Where letters may touch a number: scripts without spaces, and Hangul, whose counters and particles are joined on.
_TOUCHES = re.compile(f"[{_UNSPACED_LETTER}\uac00-\ud7af]")
_NUMBER = re.compile(
    r"[£$€¥₹]?(?:\d{1,3}(?:[ \u00a0\u202f’]\d{3})+(?!\d)|\d+)(?:[.,:/]\d+)*(?:[ \u00a0\u202f]?[%‰€£°])?"
)  # fmt: skip
_NOT_BEFORE, _NOT_AFTER = tuple("[#-–/_.,:"), tuple("]-–/_")
_LETTER = rf"(?:(?![{_UNSPACED_LETTER}])[^\W\d_]|[\u0300-\u036f\u0900-\u0dff])"
_WORD = re.compile(rf"{_LETTER}+(?:-{_LETTER}+)*")
# A word in katakana, one in kanji between kana, what stands in brackets of titles.
_UNSPACED_TERM = re.compile(
    "[\u30a1-\u30ff]{2,}|(?<=[「『《])[^「」『』《》]{2,12}(?=[」』》])|[\u3400-\u4dbf\u4e00-\u9fff]{2,4}"
)
_KANA = re.compile("[\u3041-\u30ff]")


@dataclass(frozen=True, slots=True)
class Cloze:
    """`question` is the sentence with `BLANK` in the place of `answer`."""

    question: str
    answer: str


def cloze(
    text: str,
    language: str,
    *,
    headings: Sequence[str],
    rarity: Callable[[str], float],
    stands_elsewhere: Callable[[str, str], bool],
) -> Cloze | None:
    """The best question that this passage gives; None where none of its sentences makes one.

    `rarity` is that of a word among all passages, 0 to 1. `stands_elsewhere` says whether another passage holds both what comes
    before a blank and what comes after it, so that the blank would have two answers. Thai, Lao, Khmer and Burmese, whose words
    cannot be told apart without a dictionary, are asked for numbers and names in other letters.
    """
    found = [
        (score, sentence, start, end)
        for sentence in _sentences(text, language, headings)
        for score, start, end in _blanks(sentence, language, rarity)
    ]
    for _, sentence, start, end in sorted(found, key=lambda candidate: -candidate[0]):
        before, after = sentence[:start], sentence[end:]
        if not stands_elsewhere(before, after):
            return Cloze(" ".join(f"{before}{BLANK}{after}".split()), sentence[start:end])
    return None


def _sentences(text: str, language: str, headings: Sequence[str]) -> Iterator[str]:
    """The whole sentences of running text: no heading, row of a table, list of contents, address, question, torn piece."""
    for start, end in sentence_spans(text, language):
        sentence = _BULLET.sub("", text[start:end])
        unspaced = _UNSPACED.search(sentence) is not None
        length = len(sentence) if unspaced else len(sentence.split())
        letters = len(_ANY_LETTER.findall(sentence))
        if (
            length in (_CHARACTERS if unspaced else _WORDS)
            and (_END.search(sentence) or language == "th")
            and "\t" not in sentence
            and not sentence[0].islower()
            and not sentence.isupper()
            and letters >= _LEAST_LETTERS * sum(not c.isspace() for c in sentence)
            and not _ADDRESS.search(sentence)
            and sentence not in headings
        ):
            yield sentence


def _blanks(sentence: str, language: str, rarity: Callable[[str], float]) -> Iterator[tuple[float, int, int]]:
    """(score, start, end) of each term that could be left out."""
    for preferred, start, end in _candidates(sentence, language):
        answer = sentence[start:end]
        context = set(terms(f"{sentence[:start]} {sentence[end:]}", language))
        if sentence.count(answer) == 1 and len(context) >= _LEAST_CONTEXT:
            # Among equals, the one that leaves more to know the passage by.
            yield rarity(answer) + _PREFERRED * preferred + 0.001 * min(99, len(context)), start, end


def _candidates(sentence: str, language: str) -> Iterator[tuple[bool, int, int]]:
    """(is a number or a name, start, end)"""
    for found in _NUMBER.finditer(sentence):
        if _stands_alone(sentence, found.start(), found.end()):
            yield True, found.start(), found.end()
    words = [found for found in _WORD.finditer(sentence) if len(found.group()) > 1]
    names = [place for place, word in enumerate(words) if _is_name(sentence, word, language)]
    for run in _runs(names, words, sentence):
        yield True, words[run[0]].start(), words[run[-1]].end()
    stops = stop_words(language)
    for place, word in enumerate(words):
        long_enough = len(word.group()) >= _LEAST_WORD or _TOUCHES.match(word.group())
        if place not in names and long_enough and word.group().lower() not in stops:
            yield False, word.start(), word.end()
    for found in _UNSPACED_TERM.finditer(sentence):
        # Without kana between them Chinese characters show no words: a pair is as near as one gets.
        whole = _KANA.search(sentence) or len(found.group()) == 2 or sentence[found.start() - 1] in "「『《"
        yield False, found.start(), found.end() if whole else found.start() + 2


def _stands_alone(sentence: str, start: int, end: int) -> bool:
    """Whether a number is one of its own: not part of a code, a range or a reference in brackets, not a list's number."""
    before, after = sentence[start - 1 : start] if start else "", sentence[end : end + 1]
    if (start == 0 and after in (".", ")")) or (before == "(" and after == ")"):
        return False
    return before not in _NOT_BEFORE and after not in _NOT_AFTER and not _is_letter(before) and not _is_letter(after)


def _is_letter(character: str) -> bool:
    return character.isalnum() and not _TOUCHES.match(character)


def _is_name(sentence: str, word: re.Match[str], language: str) -> bool:
    """Whether a word has a capital that the beginning of the sentence does not explain."""
    begins = not any(map(str.isalnum, sentence[: word.start()]))
    capital = word.group()[0].isupper() and language not in _NOUNS_IN_CAPITALS
    return capital and not begins and word.group().lower() not in stop_words(language)


def _runs(names: Sequence[int], words: Sequence[re.Match[str]], sentence: str) -> Iterator[list[int]]:
    """Names that follow one another with a space between them, as one."""
    run: list[int] = []
    for place in names:
        joined = run and place == run[-1] + 1 and sentence[words[run[-1]].end() : words[place].start()] == " "
        if run and not (joined and len(run) < _LONGEST_NAME):
            yield run
            run = []
        run.append(place)
    if run:
        yield run
