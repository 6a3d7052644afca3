"""How well a passage bears out a claim: by the words, names and numbers that they share, and whether one denies the other.

It reads words, not meaning: a claim in other words or another language than its passage scores low.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from assistant.denials import denies, denies_or_excepts, denies_otherwise
from assistant.languages import UNDETERMINED
from assistant.lexical import terms
from assistant.misattribution import Reading, misattributed, names_within, read, unknown_names
from assistant.numerals import named_numbers
from assistant.opposites import states_the_opposite
from assistant.quantities import (
    Quantity,
    plainly_dated,
    plainly_numbered,
    quantities,
    readings_held,
    telling_ordinals,
)
from assistant.sentences import sentence_spans
from assistant.types import LINE_END_HYPHEN, Chunk

_NAME_WEIGHT = 2.0
_NUMBER_WEIGHT = 2.0
# Words of the title, the headings and the table header stand above the quote, not in it.
_ABOVE_SHARE = 0.5
# What is left of the score of a claim that says otherwise than its passage.
_CONTRADICTED = 0.4
# A second sentence must earn its place in the quote.
_SECOND_SENTENCE_GAIN = 0.1
# Across languages only names and numbers can be compared: never more than this.
_FOREIGN_CEILING = 0.6
_LEAST_EXACT_WORDS = 4
_MOST_COUNTED = 10

_CLAUSE_END = re.compile(r"[,;:()–—]|\b(?:but|mais|mas|pero|aber|ma|maar)\b")
_PARTS = re.compile(r"[,;:–—]\s+(?:and|but|while|et|mais|e|mas|und|aber|y|pero)?\b|\s(?:and|et|und)\s")
# A part of the claim of so many terms must share this much with the passage.
_PART_TERMS, _PART_SHARE = 3, 0.3
# So must a whole claim of so many terms without its title's words.
_WHOLE_TERMS = 5
_WORD = re.compile(r"[^\W\d_](?:[\w’'-]*\w)?")
_EDGES = re.compile(r"^[\s>#*_•\"'“”«».,;:!?…()-]+|[\s*_\"'“”«».,;:!?…()-]+$")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a sentence, or a part of one, states: its terms with their weights, its numbers (each with its possible readings),
    and its small number words, which may count what the passage lists ("two treaties: ...")."""

    weights: Mapping[str, float]
    numbers: frozenset[frozenset[str]]
    counts: frozenset[str]
    negated: bool
    words: Sequence[str]
    text: str
    quantities: Sequence[Quantity]
    parts: Sequence[frozenset[str]]

    @property
    def total(self) -> float:
        return sum(self.weights.values()) + _NUMBER_WEIGHT * len(self.numbers) + len(self.counts)


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of a passage: its span in the chunk's text, and what it holds. `clauses` are its parts, each with its terms and
    whether it denies, where any does."""

    start: int
    end: int
    terms: frozenset[str]
    numbers: frozenset[str]
    clauses: Sequence[tuple[frozenset[str], bool]]


@dataclass(frozen=True, slots=True)
class Ground:
    """A chunk, read for claims in one language. `above` and `numbers_above` stand in its title, headings and table header."""

    chunk: Chunk
    flat: str
    lines: Sequence[Line]
    above: frozenset[str]
    numbers_above: frozenset[str]
    foreign: bool
    language: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Support:
    """One or two sentences of a chunk, `chunk.text[start:end]`, and how far they bear a claim out: `score` in 0 to 1, 0 while a
    number is missing; `overlap` is the score before that test, `terms` and `numbers` are what they hold."""

    start: int
    end: int
    score: float
    overlap: float
    terms: frozenset[str]
    numbers: frozenset[str]


def read_claim(text: str, language: str, *, foreign: bool = False, within: str = "") -> Claim:
    """The claim that a text makes; a fragment borrows the words of the sentence `within` which it stands. `foreign` when
    it is to be held against another language: then names alone count."""
    whole = within or text
    names = {term for word in _names(whole) for term in terms(word, UNDETERMINED if foreign else language)}
    found = names if foreign else {term for term in terms(whole, language) if not term[0].isdigit()}
    weights = {term: _NAME_WEIGHT if term in names else 1.0 for term in found}
    named = {str(value) for value in named_numbers(text, language)}
    counts = frozenset(value for value in named if int(value) <= _MOST_COUNTED)
    plain = plainly_dated(text, language)
    ordinals = telling_ordinals(text, language)
    stated = {each.readings for each in quantities(plain, language)}
    stated |= {frozenset({value}) for value in (named - counts) | ordinals}
    measured = quantities(plainly_numbered(text, language), language)
    pieces = [] if foreign or within else _PARTS.split(text)
    parts = [frozenset(term for term in terms(piece, language) if not term[0].isdigit()) for piece in pieces if len(pieces) > 1]
    negated = denies(text, language)
    words = _EDGES.sub("", text).split()
    return Claim(weights, frozenset(stated), counts, negated, words, text, measured, [] if within else parts)


def read_ground(chunk: Chunk, language: str) -> Ground:
    """A chunk, split and analysed for claims in that language."""
    own = chunk.language if chunk.language not in ("", UNDETERMINED) else language
    analysis = own if own == language or language == UNDETERMINED else UNDETERMINED
    lines = []
    for start, end in sentence_spans(chunk.text, own):
        text = plainly_dated(LINE_END_HYPHEN.sub("", chunk.text[start:end]), own)
        clauses = [part for part in _CLAUSE_END.split(text) if part.strip()] if denies_or_excepts(text, own) else []
        denials = [(frozenset(terms(part, analysis)), denies_or_excepts(part, own)) for part in clauses]
        lines.append(Line(start, end, frozenset(terms(text, analysis)), readings_held(text, own), denials))
    above = "\n".join([chunk.title, *chunk.heading_path, chunk.header])
    flat = " ".join(chunk.text.split()).lower()
    names = frozenset(names_within(chunk.text) | names_within(f". {above}"))
    return Ground(
        chunk, flat, lines, frozenset(terms(above, analysis)), readings_held(above, own), own != analysis, analysis, names
    )


def best_support(claim: Claim, ground: Ground) -> Support | None:
    """The one or two sentences that bear the claim out best, the first of equals; None where the chunk has no sentence."""
    if (exact := _exactly(claim, ground)) is not None:
        return exact
    best, agreement = None, 0.0
    for group in (*([line] for line in ground.lines), *map(list, itertools.pairwise(ground.lines))):
        found, agrees = _support(claim, group, ground), _agreement(claim, group)
        if best is None or _better(found, best, _SECOND_SENTENCE_GAIN * (len(group) - 1), agrees > agreement):
            best, agreement = found, agrees
    # Weighed last: the sentence nearest to the claim must not give way to one that only says less against it.
    if best is None or not best.score or ground.foreign:
        return None if best is None else replace(best, score=best.score * agreement)
    quote = ground.chunk.text[best.start : best.end]
    # What is denied with the opposite word is said again: "not allowed" and "prohibited".
    if states_the_opposite(claim.text, quote, ground.language):
        agreement = 1.0 if agreement < 1.0 else _CONTRADICTED
    elif agreement == 1.0 and denies_otherwise(claim.text, quote, ground.language):
        agreement = _CONTRADICTED
    if agreement == 1.0 and _says_otherwise(claim, quote, ground):
        agreement = _CONTRADICTED
    return replace(best, score=best.score * agreement)


def joint_score(claim: Claim, supports: Sequence[Support], grounds: Sequence[Ground]) -> float:
    """How far several spans bear the claim out together, 0 to 1: little where one of them speaks against it, or they do together."""
    held = frozenset[str]().union(*(support.terms for support in supports))
    held_numbers = frozenset[str]().union(*(support.numbers for support in supports), *(each.numbers_above for each in grounds))
    above = frozenset[str]().union(*(ground.above for ground in grounds))
    if _missing(claim, held_numbers):
        return 0.0
    names = frozenset[str]().union(*(ground.names for ground in grounds))
    whole = replace(grounds[0], lines=[line for ground in grounds for line in ground.lines], above=above, names=names)
    pairs = list(zip(supports, grounds, strict=True))
    quoted = [line for each, ground in pairs for line in ground.lines if each.start <= line.start and line.end <= each.end]
    quotes = "\n".join(ground.chunk.text[each.start : each.end] for each, ground in pairs)
    against = any(0 < each.score < each.overlap for each in supports) or (quoted and _agreement(claim, quoted) < 1.0)
    against = against or states_the_opposite(claim.text, quotes, whole.language) or _says_otherwise(claim, quotes, whole)
    return _overlap(claim, held, held_numbers, above) * (_CONTRADICTED if against else 1.0)


def _agreement(claim: Claim, lines: Sequence[Line]) -> float:
    """Less than one where the clause nearest to the claim denies what it states, or none denies what it denies."""

    def shared(held: frozenset[str]) -> float:
        return sum(claim.weights[term] for term in claim.weights.keys() & held)

    if not any(line.clauses for line in lines):
        denied = False
    elif claim.negated:
        denied = any(negated for line in lines for _, negated in line.clauses)
    else:
        nearest = max(lines, key=lambda line: shared(line.terms))
        denied = bool(nearest.clauses) and max(nearest.clauses, key=lambda clause: shared(clause[0]))[1]
    return 1.0 if denied == claim.negated else _CONTRADICTED


def _says_otherwise(claim: Claim, quote: str, ground: Ground) -> bool:
    """Whether the claim speaks of other names, counts in other units, gives one name or number what belongs to another, or has a part
    of which the passage knows nothing."""
    quote = LINE_END_HYPHEN.sub("", quote)
    held = frozenset[str]().union(ground.above, *(line.terms for line in ground.lines))
    said = read(claim.text, ground.language, ground.names)
    whole = claim.weights.keys() - ground.above
    if len(whole) >= _WHOLE_TERMS and _is_foreign(whole, held):
        return True
    if unknown_names(said, held) or any(_is_foreign(part - ground.above, held) for part in claim.parts):
        return True
    source = quantities(plainly_numbered(quote, ground.language), ground.language)
    for quantity in claim.quantities:
        same = [other for other in source if other.readings & quantity.readings]
        if same and not any(quantity.may_be(other) for other in same):
            return True
    return misattributed(said, _reading(quote, ground), ground.above)


def _is_foreign(part: Set[str], held: Set[str]) -> bool:
    return len(part) >= _PART_TERMS and len(part & held) < _PART_SHARE * len(part)


def _reading(quote: str, ground: Ground) -> Reading:
    return read(quote, ground.language, ground.names)


def _better(found: Support, best: Support, gain: float, agrees_more: bool) -> bool:
    """By score, and by overlap where neither has one; of equals the one that agrees more."""
    if best.score == 0.0 == found.score:
        return found.overlap > best.overlap + gain
    return found.score > best.score + gain or (agrees_more and not gain and found.score == best.score)


def _support(claim: Claim, lines: Sequence[Line], ground: Ground) -> Support:
    held = frozenset[str]().union(*(line.terms for line in lines))
    held_numbers = frozenset[str]().union(*(line.numbers for line in lines))
    overlap = _overlap(claim, held, held_numbers, ground.above)
    if ground.foreign:
        overlap *= _FOREIGN_CEILING if claim.numbers or len(claim.weights) > 1 else 0.0
    score = 0.0 if _missing(claim, held_numbers | ground.numbers_above) else overlap
    return Support(lines[0].start, lines[-1].end, score, overlap, held, held_numbers)


def _overlap(claim: Claim, held: frozenset[str], held_numbers: frozenset[str], above: frozenset[str]) -> float:
    if not claim.total:
        return 0.0
    shared = sum(claim.weights[term] for term in claim.weights.keys() & held)
    shared += _ABOVE_SHARE * sum(claim.weights[term] for term in (claim.weights.keys() & above) - held)
    return (shared + _NUMBER_WEIGHT * len(claim.numbers) + len(claim.counts & held_numbers)) / claim.total


def _missing(claim: Claim, held_numbers: frozenset[str]) -> bool:
    """Whether a number of the claim is not there. A small number word may count a list, unless another small number is there."""
    if any(readings.isdisjoint(held_numbers) for readings in claim.numbers):
        return True
    return bool(claim.counts - held_numbers) and any(number.isdigit() and len(number) < 3 for number in held_numbers)


def _exactly(claim: Claim, ground: Ground) -> Support | None:
    """The claim's own words in the chunk, with the sentences around them where these are at most two."""
    if len(claim.words) < _LEAST_EXACT_WORDS or " ".join(claim.words).lower() not in ground.flat:
        return None
    found = re.search(r"\s+".join(map(re.escape, claim.words)), ground.chunk.text, re.IGNORECASE)
    if found is None:
        return None
    touched = [line for line in ground.lines if line.start < found.end() and line.end > found.start()]
    wide = len(touched) in (1, 2)
    start = min(touched[0].start, found.start()) if wide else found.start()
    end = max(touched[-1].end, found.end()) if wide else found.end()
    return Support(start, end, 1.0, 1.0, frozenset(claim.weights), frozenset().union(*claim.numbers))


def _names(text: str) -> list[str]:
    """Capitalised words, but not the first, which is capitalised anyway."""
    return [found.group() for found in _WORD.finditer(text) if found.group()[0].isupper()][_starts_with_capital(text) :]


def _starts_with_capital(text: str) -> bool:
    first = _WORD.search(text)
    return first is not None and first.group()[0].isupper() and not first.group().isupper()
