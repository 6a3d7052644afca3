"""How far apart an embedder's cosines lie: from a passage that answers a question to one that has nothing to do with it."""

from __future__ import annotations

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


def cosine_span(embedder: Embedder) -> float:
    """The mean cosine of eight questions to their own passages, less that to the others'; MiniLM has .51, multilingual E5 .10.

    It is what makes one weight serve embedders whose cosines crowd together and those whose do not. At least two standard deviations
    of the cosines to the others, so that an embedder that cannot tell the pairs apart is not given the greater say for it. Measured
    once for each embedder; above zero. Raises what the embedder raises.
    """
    given: Any = embedder  # a protocol does not say that it can be hashed; every object of a class without __eq__ can
    return _measured(given)


@lru_cache(maxsize=8)
def _measured(embedder: Embedder) -> float:
    questions, passages = zip(*_PAIRS, strict=True)
    cosines = embedder.encode_queries(questions) @ embedder.encode_documents(passages).T
    own = np.eye(len(_PAIRS), dtype=bool)
    span = cosines[own].mean() - cosines[~own].mean()
    return max(float(span), 2 * float(cosines[~own].std()), 1e-6)
