"""Whether the passages that were found hold an answer: the rules that weigh the signs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from assistant.cosine_scale import cosine_scale
from assistant.errors import SettingsError
from assistant.languages import language_of_query
from assistant.protocols import Embedder
from assistant.signs import Signs, languages_of, read_signs
from assistant.types import Hit, Retrieval

THRESHOLD = 0.5


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
# own at .046. The constants were then set so that MiniLM refuses at most one question in 20 of any set wrongly: what they refuse now,
# `python -m benchmarks.strangers` tells. The more passages there are to choose from, the nearer comes the nearest by chance, up to
# some hundreds: `log_passages` weighs more than the fit gave it, so that a library of five documents, which a question from elsewhere
# hardly ever comes near, also answers questions in other words than its own. What speaks against a near miss is rare and sure
# (`contrary` in .25 of SQuAD 2's and in .01 of its questions with an answer), and so outweighs the rest, by hand.
_NEAR_MISS = {"contrary": -20.0, "other_name": -1.0}
# A language that the embedder covers: SQuAD 2, ClapNQ, SciFact, and mtRAG's cloud part with MiniLM. With E5, on its own scale, the
# same rule refuses more of what is foreign, and less of what is not, than the words alone would (these sets, PIAF and FaQuAD).
_COVERED_RERANKED = Rule(
    -7.3, {"maxsim": 9.9, "dense": 4.4, "coverage": 1.9, "sentence": 1.6, "log_passages": -0.5, **_NEAR_MISS}
)
_COVERED = Rule(-5.1, {"dense": 6.5, "coverage": 2.9, "sentence": 2.2, "log_passages": -0.4, **_NEAR_MISS})
# One that it does not, or may not: PIAF (French) and FaQuAD (Portuguese) with MiniLM, whose cosines still tell words apart token by
# token.
_UNCOVERED_RERANKED = Rule(-5.5, {"maxsim": 10.8, "coverage": 4.0, "sentence": 2.5, "log_passages": -0.2, **_NEAR_MISS})
_UNCOVERED = Rule(-2.5, {"dense": 2.0, "coverage": 5.8, "sentence": 3.0, "log_passages": -0.2, **_NEAR_MISS})


def confidence(found: Retrieval, hits: Sequence[Hit], *, embedder: Embedder, own: Rule | None = None) -> float:
    """How likely these hits of a search answer its query, 0 to 1; 0 without hits. `own` is a rule fitted to the user's own
    questions, which goes before the built-in ones where it knows what scored these hits. Raises what the embedder raises.

    It tells questions that the documents do not touch. Of near misses, where they speak of the matter and leave the answer out, it
    tells those that ask about another name or number, or the contrary, of what is there.
    """
    if not hits:
        return 0.0
    rule = (
        own if own is not None and own.fitted_with == scored_with(embedder, hits) else built_in_rule(found.query, hits, embedder)
    )
    return rule.confidence(read_signs(found, hits, cosine_scale(embedder)))


def enough(sure: float) -> bool:
    """Whether a confidence is high enough to answer."""
    return sure >= THRESHOLD


def built_in_rule(query: str, hits: Sequence[Hit], embedder: Embedder) -> Rule:
    """The rule for a query in its language, with what scored these hits."""
    reranked = _reranked(hits)
    if language_of_query(query, languages_of(hits)) in embedder.languages:
        return _COVERED_RERANKED if reranked else _COVERED
    return _UNCOVERED_RERANKED if reranked else _UNCOVERED


def scored_with(embedder: Embedder, hits: Sequence[Hit]) -> str:
    """What gave these hits the scores that are signs."""
    return f"{embedder.name}+maxsim" if _reranked(hits) else embedder.name


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


def _reranked(hits: Sequence[Hit]) -> bool:
    return any("maxsim" in hit.scores for hit in hits)
