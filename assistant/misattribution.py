"""Whether a claim gives one name or number what its passage gives to another, though they share their words: two names exchanged, a
name put in, the year of something else. It knows words and their neighbours, not meaning."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.lexical import terms
from assistant.quantities import Quantity, plainly_numbered, quantities

Kind = Literal["name", "number", "content", "function"]

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_](?:[\w’'.-]*\w)?|[.!?;:,()&]")
_NAME_PREFIX = 4
_LONGEST_SHORT = 6
_YEARS = range(1000, 2100)
_BY = {"en": {"by"}, "fr": {"par"}, "pt": {"por", "pelo", "pela", "pelos", "pelas"}, "es": {"por"}, "de": {"von", "vom"}}
_BE_WORDS = "is are was were be been being est sont été fut furent était é são foi foram era eram sido es son fue fueron"
_BE = frozenset(_BE_WORDS.split())
_PARTICIPLE = re.compile(r"(?:ed|en|é|ée|és|ées|[aiu]d[oa]s?)\Z")
_ARTICLES_WORDS = "the a an le la les l un une des o os as um uma el los las una der die das den dem ein eine einen"
_ARTICLES = frozenset(_ARTICLES_WORDS.split())
_LISTING = frozenset([",", "&", "and", "or", "et", "ou", "e", "y", "und", "oder", "as", "well", "both"])
_STOPS = frozenset(".!?;:,()")
_REACH = 5
# Neighbours in common: a word beside it, a function word beside it, the first telling word on that side.
_BESIDE, _BESIDE_FUNCTION, _NEAR, _EDGE = 1.0, 0.5, 1.0, 0.25
# Where the two have changed places; a rival of which the claim does not speak, and one of which it does.
_GAIN, _GAIN_OF_BOTH, _GAIN_PUT_IN, _GAIN_REPEATED = 1.0, 1.5, 1.5, 2.5


@dataclass(frozen=True, slots=True)
class Anchor:
    """A name or number with what stands about it: the words beside it, and the first telling words before and after it."""

    kind: Kind
    terms: frozenset[str]
    written: str
    quantity: Quantity | None
    before: str
    after: str
    far_before: str
    far_after: str
    place: int
    words: Sequence[frozenset[str]]


@dataclass(frozen=True, slots=True)
class Reading:
    """A text's names and numbers, and its words in order."""

    anchors: Sequence[Anchor]
    keys: Sequence[str]


def read(text: str, language: str, known: Collection[str] = ()) -> Reading:
    """The names and numbers of a text. A capital that opens a sentence makes a name only where another follows, or where the word is
    among the `known` names."""
    tokens = list(_joined(_tokens(plainly_numbered(text, language), language, known)))
    tokens = [token for token in tokens if token.written.lower() not in _ARTICLES or token.kind == "name"]
    return Reading([_anchor(tokens, at, language) for at, t in enumerate(tokens) if t.quantity or t.kind == "name"],
                   [t.key for t in tokens])  # fmt: skip


def names_within(text: str) -> set[str]:
    """Words with a capital that does not open a sentence."""
    return {found[1] for found in re.finditer(r"(?<=[^\W_.!?:] )([A-ZÀ-ÝŁŚŽ][\w’'-]+)", text)}


def unknown_names(claim: Reading, held: Collection[str]) -> list[Anchor]:
    """Names of which the last word, or most, is not among the terms held, nor another form of it (Norway, Norwegian; National Health
    Service, NHS)."""
    short = {word for word in held if len(word) <= _LONGEST_SHORT}
    return [
        anchor
        for anchor in claim.anchors
        if anchor.kind == "name"
        and _mostly_unknown(anchor, held)
        and _initials(anchor.written) not in short
        and not (anchor.written.isupper() and len(anchor.written) <= _LONGEST_SHORT)
    ]


def _mostly_unknown(anchor: Anchor, held: Collection[str]) -> bool:
    known = [any(term in held or any(_same_name(term, other) for other in held) for term in word) for word in anchor.words]
    return bool(known) and (not known[-1] or 2 * sum(known) < len(known))


def misattributed(claim: Reading, source: Reading, above: Collection[str]) -> bool:
    """Whether a name or number of the claim stands where its source has another one."""
    for anchor in claim.anchors:
        own = [other for other in source.anchors if _same(anchor, other)]
        if not own and anchor.terms & set(above):
            continue
        here = max((_likeness(anchor, other) for other in own), default=0.0)
        for rival in source.anchors:
            if rival.kind != anchor.kind or _same(anchor, rival) or not _alike(anchor, rival):
                continue
            gain = _likeness(anchor, rival) - here
            if gain < _GAIN or any(_listed(source, rival, other) for other in own):
                continue
            if gain >= _needed(rival, own, claim, source, gain):
                return True
    return False


def _needed(rival: Anchor, own: Sequence[Anchor], claim: Reading, source: Reading, gain: float) -> float:
    """How much more the claim must speak of the rival than of its own name: least where the two have changed places."""
    elsewhere = [other for other in claim.anchors if _same(rival, other)]
    if not elsewhere:
        return _GAIN_PUT_IN
    for other in elsewhere:
        there = max(_likeness(other, same) for same in source.anchors if _same(other, same))
        its_gain = max((_likeness(other, mine) - there for mine in own), default=0.0)
        if its_gain > 0 and gain + its_gain >= _GAIN_OF_BOTH:
            return _GAIN
    return _GAIN_REPEATED


@dataclass(frozen=True, slots=True)
class _Token:
    written: str
    kind: Kind
    key: str
    terms: frozenset[str]
    quantity: Quantity | None = None
    opens: bool = False
    words: Sequence[frozenset[str]] = ()


def _tokens(text: str, language: str, known: Collection[str]) -> Iterator[_Token]:
    numbers = {each.start: each for each in quantities(text, language)}
    opens, read_to = True, 0
    for found in _TOKEN.finditer(text):
        word, quantity = found.group(), numbers.get(found.start())
        if found.start() < read_to:
            continue
        read_to = quantity.end if quantity else found.end()
        own = frozenset(terms(word, language))
        if quantity:
            yield _Token(word, "number", "#" + min(quantity.readings), own, quantity)
        elif word in _STOPS:
            yield _Token(word, "function", word, own)
        elif word[0].isupper() and own and (not opens or word in known or word[1:].lower() != word[1:]):
            yield _Token(word, "name", min(own), own, words=[own])
        else:
            opened = opens and word[0].isupper() and bool(own)
            yield _Token(
                word, "content" if own else "function", min(own) if own else word.lower(), own, opens=opened, words=[own]
            )
        opens = word in ".!?" or (opens and not word[0].isalnum())


def _joined(tokens: Iterator[_Token]) -> Iterator[_Token]:
    """Names that follow each other as one, with the word that opens a sentence right before them."""
    waiting: _Token | None = None
    for token in tokens:
        if waiting and token.kind == "name" and (waiting.kind == "name" or waiting.opens):
            joined = waiting.terms | token.terms
            waiting = _Token(
                f"{waiting.written} {token.written}", "name", waiting.key, joined, words=[*waiting.words, *token.words]
            )
            continue
        if waiting:
            yield waiting
        waiting = token
    if waiting:
        yield waiting


def _anchor(tokens: Sequence[_Token], at: int, language: str) -> Anchor:
    token = tokens[at]
    before = tokens[at - 1].key if at and tokens[at - 1].written not in _STOPS else ""
    after = tokens[at + 1].key if at + 1 < len(tokens) and tokens[at + 1].written not in _STOPS else ""
    far_before, far_after = _telling(tokens[max(0, at - _REACH) : at][::-1]), _telling(tokens[at + 1 : at + 1 + _REACH])
    # In the passive voice the one who does it stands behind: "was built by X" is "X built".
    if before in _BY.get(language, ()) and any(t.key in _BE for t in tokens[max(0, at - _REACH) : at]):
        before, after, far_before, far_after = "", far_before, "", far_before
    elif _is_undergoing(tokens[at + 1 :]):
        before, after, far_before, far_after = far_after, "", far_after, ""
    return Anchor(token.kind, token.terms, token.written, token.quantity, before, after, far_before, far_after, at, token.words)


def _is_undergoing(following: Sequence[_Token]) -> bool:
    """Whether "was built" follows: what stands here has something done to it."""
    verb = next((at for at, token in enumerate(following[:2]) if token.key in _BE), None)
    return verb is not None and any(_PARTICIPLE.search(token.written) for token in following[verb + 1 : verb + 3])


def _telling(tokens: Sequence[_Token]) -> str:
    return next((token.key for token in tokens if token.kind != "function"), "")


def _likeness(one: Anchor, other: Anchor) -> float:
    found = 0.0
    for mine, theirs, far, their_far in (
        (one.before, other.before, one.far_before, other.far_before),
        (one.after, other.after, one.far_after, other.far_after),
    ):
        if mine and mine == theirs:
            found += _BESIDE if mine == far else _BESIDE_FUNCTION
        if far and far == their_far:
            found += _NEAR
        elif not far and not their_far:
            found += _EDGE
    return found


def _same(one: Anchor, other: Anchor) -> bool:
    if one.kind != other.kind:
        return False
    if one.quantity and other.quantity:
        return bool(one.quantity.readings & other.quantity.readings)
    if one.terms <= other.terms or other.terms <= one.terms:
        return True
    if any(_same_name(a, b) for a in one.terms for b in other.terms):
        return True
    return _initials(one.written) == other.written.lower() or _initials(other.written) == one.written.lower()


def _alike(one: Anchor, other: Anchor) -> bool:
    """Whether one could stand for the other: both years, or both of one unit."""
    if one.quantity is None or other.quantity is None:
        return True
    return _is_year(one.quantity) == _is_year(other.quantity) and one.quantity.may_be(other.quantity)


def _is_year(quantity: Quantity) -> bool:
    return not quantity.units and any(r.isdigit() and len(r) == 4 and int(r) in _YEARS for r in quantity.readings)


def _listed(source: Reading, one: Anchor, other: Anchor) -> bool:
    """Whether the two stand in one list, where the order says nothing."""
    first, last = sorted((one.place, other.place))
    between = source.keys[first + 1 : last]
    names = {source.keys[anchor.place] for anchor in source.anchors}
    return all(key in _LISTING or key in names for key in between)


def _same_name(one: str, other: str) -> bool:
    return len(one) >= _NAME_PREFIX and one[:_NAME_PREFIX] == other[:_NAME_PREFIX]


def _initials(name: str) -> str:
    words = [word for word in re.split(r"[\s-]+", name) if word[:1].isupper()]
    return "".join(word[0] for word in words).lower() if len(words) > 1 else "\0"
