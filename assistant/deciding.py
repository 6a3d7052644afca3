"""Whether the passages that were found hold an answer: the signs that tell, and the rules that weigh them."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from assistant.denials import asks_of_denial, denies
from assistant.errors import SettingsError
from assistant.languages import language_of_query, stop_words
from assistant.lexical import terms
from assistant.numerals import figures, numbers, roman_numbers
from assistant.opposites import says_the_opposite
from assistant.sentences import sentence_spans
from assistant.types import Chunk, Hit

THRESHOLD = 0.5
_WORD = re.compile(r"[^\W\d_](?:[\w’'-]*\w)?")
_SENTENCE_START = re.compile(r"(?:^|[.?!:¿¡]\s*|[\"'“«(])\W*$")
_CAPITAL_NOUNS = ("de",)
# Hits further down change no sign that the rules were fitted on.
_LOOKED_AT = 6
# With more, the nearest comes no nearer by chance: from 360 to 26,000, questions from elsewhere score the same.
_MANY_PASSAGES = 400


@dataclass(frozen=True, slots=True)
class Signs:
    """What can be seen of a question and its hits, each 0 to 1 but for `log_passages`.

    `cosine` and `maxsim` are the best of the hits (`maxsim` 0 where nothing reranked by it); `coverage` is the share of the
    question's terms that one hit holds, `sentence` the share that one sentence holds with its title and headings; `log_passages`
    is the natural logarithm of how many passages there were, at most 400. `contrary` is 1 where the sentence nearest to the
    question lacks its negation or its numbers, or says the opposite of one of its words; `other_name` where a name that it asks
    about is not in that sentence's passage.
    """

    cosine: float
    maxsim: float
    coverage: float
    sentence: float
    log_passages: float
    contrary: float
    other_name: float


@dataclass(frozen=True, slots=True)
class Rule:
    """Logistic regression: the log odds of an answer are the constant and the sum of the signs, each times its weight.
    `fitted_with` names the embedder, and the reranker, whose scores a user's own rule was fitted to."""

    constant: float
    weights: Mapping[str, float]
    fitted_with: str = ""

    def confidence(self, signs: Signs) -> float:
        """How likely there is an answer, 0 to 1."""
        seen = asdict(signs)
        log_odds = self.constant + sum(weight * seen[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, log_odds))))


# Fitted on questions asked of their own passages against questions asked of other articles' or another set's, every group weighing the
# same. By a rule fitted without a set, neither its passages nor its questions, questions of the other sets were refused at .97, its
# own at .045. The constants were then set so that at most one question in 20 of any set is refused wrongly. The more passages there
# are to choose from, the nearer comes the nearest by chance, up to some hundreds: `log_passages` weighs more than the fit gave it, so
# that a library of five documents, which a question from elsewhere hardly ever comes near, also answers questions in other words than
# its own. What speaks against a near miss is rare and sure (`contrary` in .25 of SQuAD 2's and in .01 of its questions with an
# answer), and so outweighs the rest, by hand.
_NEAR_MISS = {"contrary": -20.0, "other_name": -1.0}
# MiniLM and English: SQuAD 2, ClapNQ, SciFact, and mtRAG's cloud part where it is reranked.
_COVERED_RERANKED = Rule(
    -6.9, {"maxsim": 9.8, "cosine": 7.5, "coverage": 2.3, "sentence": 1.9, "log_passages": -0.5, **_NEAR_MISS}
)
_COVERED = Rule(-7.6, {"cosine": 17.7, "coverage": 3.7, "sentence": 4.6, "log_passages": -0.4, **_NEAR_MISS})
# MiniLM and a language that it does not know: PIAF (French), FaQuAD (Portuguese). Token by token its cosines still tell words apart.
_NEAR_MISS_UNCOVERED = {"contrary": -20.0, "other_name": -1.0}
_UNCOVERED_RERANKED = Rule(-5.5, {"maxsim": 10.8, "coverage": 4.0, "sentence": 2.5, "log_passages": -0.2, **_NEAR_MISS_UNCOVERED})
_UNCOVERED = Rule(-2.5, {"cosine": 3.8, "coverage": 5.8, "sentence": 3.0, "log_passages": -0.2, **_NEAR_MISS_UNCOVERED})
# Another embedder's cosines lie elsewhere: by words alone, until `footnote calibrate` has fitted them.
_BY_WORDS = Rule(-4.9, {"coverage": 7.5, "sentence": 6.6, **_NEAR_MISS})
_MEASURED = ("minilm",)


def confidence(
    query: str,
    hits: Sequence[Hit],
    *,
    searched: int,
    embedder: str,
    covered: Sequence[str],
    carried: str = "",
    own: Rule | None = None,
) -> float:
    """How likely the hits answer the query, 0 to 1; 0 without hits. `searched` is how many passages there were, `embedder` and
    `covered` name the embedder and the languages that it covers, `carried` holds the earlier questions that a follow-up leans on, and
    `own` is a rule fitted to the user's own questions, which goes before the built-in ones where it knows what scored these hits.

    It tells questions that the documents do not touch. Of near misses, where they speak of the matter and leave the answer out, it
    tells those that ask about another name or number, or the contrary, of what is there.
    """
    if not hits:
        return 0.0
    rule = own if own is not None and own.fitted_with == scored_with(embedder, hits) else None
    rule = rule or built_in_rule(query, hits, embedder=embedder, covered=covered)
    return rule.confidence(read_signs(query, hits, searched=searched, carried=carried))


def enough(sure: float) -> bool:
    """Whether a confidence is high enough to answer."""
    return sure >= THRESHOLD


def built_in_rule(query: str, hits: Sequence[Hit], *, embedder: str, covered: Sequence[str]) -> Rule:
    """The rule for a query in its language, with what scored these hits."""
    if embedder not in _MEASURED:
        return _BY_WORDS
    reranked = _reranked(hits)
    if language_of_query(query, _languages(hits)) in covered:
        return _COVERED_RERANKED if reranked else _COVERED
    return _UNCOVERED_RERANKED if reranked else _UNCOVERED


def scored_with(embedder: str, hits: Sequence[Hit]) -> str:
    """What gave these hits the scores that are signs."""
    return f"{embedder}+maxsim" if _reranked(hits) else embedder


def read_rule(path: Path) -> Rule | None:
    """The user's own rule from the file that `write_rule` made; None where there is no file. Raises SettingsError."""
    if not path.is_file():
        return None
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        weights = {str(name): float(weight) for name, weight in held["weights"].items()}
        rule = Rule(float(held["constant"]), weights, str(held["fitted_with"]))
        rule.confidence(Signs(0, 0, 0, 0, 0, 0, 0))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            f"{path} is not a rule of `footnote calibrate`: {error!r}. Run that again, or delete the file."
        ) from error
    return rule


def write_rule(rule: Rule, path: Path) -> None:
    """Keep a rule, in place of the one before it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(rule), indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)


def read_signs(query: str, hits: Sequence[Hit], *, searched: int, carried: str = "") -> Signs:
    """The signs of a query and its hits, of which there is at least one. A follow-up is judged by its own words; one that has none
    ("And why?") by those that it leans on."""
    language = language_of_query(query, _languages(hits))
    asked = carried if carried and not terms(query, language) else query
    wanted = frozenset(terms(asked, language))
    looked_at = hits[:_LOOKED_AT]
    held = [frozenset(terms(_own_text(hit.chunk), language)) for hit in looked_at]
    places = itertools.chain.from_iterable(_places(hit.chunk, wanted, language) for hit in looked_at) if wanted else ()
    nearest = max(places, key=lambda place: place.share + place.share_around / 2, default=None)
    contrary = other_name = False
    if nearest is not None and _is_question(asked, language):
        contrary = _contrary(asked, nearest, language)
        other_name = not _names(asked, language) <= frozenset(terms(_own_text(nearest.chunk), language))
    return Signs(
        cosine=max(hit.scores.get("dense", 0.0) for hit in looked_at),
        maxsim=max(hit.scores.get("maxsim", 0.0) for hit in looked_at),
        coverage=max(len(wanted & those) for those in held) / len(wanted) if wanted else 0.0,
        sentence=nearest.share if nearest is not None else 0.0,
        log_passages=math.log(min(max(1, searched), _MANY_PASSAGES)),
        contrary=float(contrary),
        other_name=float(other_name),
    )


def _own_text(chunk: Chunk) -> str:
    """What is searched of a chunk, without the line that a language model has written: that is no part of the document."""
    return replace(chunk, context_line=None).search_text


@dataclass(frozen=True, slots=True)
class _Place:
    """A sentence, with the ones beside it `around`, and the shares of the question's terms that they hold with what stands above."""

    chunk: Chunk
    sentence: str
    around: str
    share: float
    share_around: float


def _places(chunk: Chunk, wanted: frozenset[str], language: str) -> Iterator[_Place]:
    above = frozenset(terms("\n".join([chunk.title, *chunk.heading_path, chunk.header]), language))
    spans = sentence_spans(chunk.text, chunk.language)
    held = [above.union(terms(chunk.text[start:end], language)) & wanted for start, end in spans]
    for index, (start, end) in enumerate(spans):
        beside = slice(max(0, index - 1), index + 2)
        around = chunk.text[spans[beside][0][0] : spans[beside][-1][1]]
        share = len(held[index]) / len(wanted)
        yield _Place(chunk, chunk.text[start:end], around, share, len(frozenset().union(*held[beside])) / len(wanted))


def _contrary(asked: str, place: _Place, language: str) -> bool:
    """Whether the sentence lacks the question's negation, or says the opposite of one of its words; or a number that is asked about
    is neither in it, nor beside it, nor above."""
    if asks_of_denial(asked, language) and not denies(place.sentence, language):
        return True
    chunk = place.chunk
    there = "\n".join([chunk.title, *chunk.heading_path, chunk.header, place.around])
    stated = frozenset[str]().union(*numbers(there, chunk.language), *roman_numbers(there))
    if any(readings.isdisjoint(stated) for readings in figures(asked)):
        return True
    return says_the_opposite(asked, place.sentence, place.around, language)


def _is_question(asked: str, language: str) -> bool:
    """Whether it is asked, as by "?" or a function word at its start. A statement is put to be checked: what denies it answers it."""
    first = _WORD.search(asked)
    begins = first is not None and first.group().lower() in stop_words(language)
    return "?" in asked or (begins and not asked.rstrip().endswith("."))


def _names(asked: str, language: str) -> frozenset[str]:
    """Terms of the capitalised words within a question's sentences. None where most words are capitalised, or all nouns."""
    words = list(_WORD.finditer(asked))
    capitalised = [word for word in words if word.group()[0].isupper()]
    if language in _CAPITAL_NOUNS or (len(words) > 3 and 2 * len(capitalised) > len(words)):
        return frozenset()
    inside = [word.group() for word in capitalised if not _SENTENCE_START.search(asked[: word.start()])]
    return frozenset(term for word in inside for term in terms(word, language))


def _reranked(hits: Sequence[Hit]) -> bool:
    return any("maxsim" in hit.scores for hit in hits)


def _languages(hits: Sequence[Hit]) -> list[str]:
    return list(dict.fromkeys(hit.chunk.language for hit in hits))
