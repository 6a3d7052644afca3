"""Which languages a model covers well, as far as that is known: by its maker's word, or by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence

# The larger languages of XLM-R's training text, those of the evaluations of E5, BGE-M3 and Jina 3 first.
MULTILINGUAL: Sequence[str] = (
    "en", "zh", "es", "fr", "de", "ru", "ar", "ja", "pt", "it", "nl", "ko", "pl", "tr", "vi", "id", "sv", "no", "da", "fi",
    "cs", "uk", "el", "he", "hu", "ro", "bg", "hr", "sk", "sl", "ca", "fa", "hi", "bn", "th", "te", "ta", "sw", "ur",
)  # fmt: skip
_MULTILINGUAL = re.compile(
    r"multilingual|bge-m3|jina-embeddings-v[34]|text-embedding-(3|ada)|bge-reranker-v2|mmarco|jina-reranker-(v3|m0)",
    re.IGNORECASE,
)
# The sentence-transformers of these names are trained on English alone.
_ENGLISH = re.compile(r"(?:^|/)(?:all|multi-qa|ms-?marco|gtr|sentence-t5|potion-(?!multi)|nq)[-_]", re.IGNORECASE)
_OF_ONE = re.compile(rf"(?:^|[-_/])({'|'.join(MULTILINGUAL)})(?=$|[-_.])")


def covered_by(model: str) -> Sequence[str]:
    """ISO 639-1 codes, best first; empty where the name does not tell."""
    if _MULTILINGUAL.search(model):
        return MULTILINGUAL
    if _ENGLISH.search(model):
        return ("en",)
    return tuple(dict.fromkeys(_OF_ONE.findall(model)))
