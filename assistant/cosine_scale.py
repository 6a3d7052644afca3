"""Where an embedder's cosines lie: to a passage that answers a question, and to one that has nothing to do with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from assistant.protocols import Embedder

_PAIRS = (
    ("How many days of leave do I have?", "Full-time staff are entitled to twenty-five days of paid annual leave."),
    ("Who wrote the letter to the king?", "The petition was drafted by a monk named Aldous and sent to the monarch in spring."),
    ("What causes the engine to overheat?", "A blocked radiator or low coolant lets the motor become too hot."),
    ("When was the bridge built?", "Construction of the crossing over the river was finished in 1889."),
    ("How is the password reset?", "Open the account page, choose Security and follow the link sent by e-mail to set a new one."),
    ("Which foods contain vitamin C?", "Citrus fruit, peppers and broccoli are rich in ascorbic acid."),
    ("How much did revenue grow last year?", "Net sales rose by nine percent to 4.2 billion dollars in fiscal 2021."),
    ("Where do penguins live?", "These flightless birds breed on the coasts of the southern hemisphere."),
)


@dataclass(frozen=True, slots=True)
class CosineScale:
    """The usual cosine of a question to a passage that is `unrelated` to it, and the `span` from there to a passage that answers it,
    which is above zero. MiniLM: -.01 and .51; multilingual E5: .73 and .10."""

    unrelated: float
    span: float

    def place(self, cosine: float) -> float:
        """A cosine on this scale: about 0 where a passage is unrelated, about 1 where it answers; the same for every embedder."""
        return (cosine - self.unrelated) / self.span


def cosine_scale(embedder: Embedder) -> CosineScale:
    """The scale from eight questions, their own passages and the others'. It is what lets one weight and one rule serve embedders
    whose cosines crowd together and those whose do not.

    The span is at least two standard deviations of the cosines to the others, so that an embedder that cannot tell the pairs apart
    is not given the greater say for it. Measured once for each embedder. Raises what the embedder raises.
    """
    given: Any = embedder  # a protocol does not say that it can be hashed; every object of a class without __eq__ can
    return _measured(given)


@lru_cache(maxsize=8)
def _measured(embedder: Embedder) -> CosineScale:
    questions, passages = zip(*_PAIRS, strict=True)
    cosines = embedder.encode_queries(questions) @ embedder.encode_documents(passages).T
    own = np.eye(len(_PAIRS), dtype=bool)
    others = cosines[~own]
    span = max(float(cosines[own].mean() - others.mean()), 2 * float(others.std()), 1e-6)
    return CosineScale(float(others.mean()), span)
