"""Word vectors of a spaCy pipeline, averaged over a text."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from assistant.embedders.hub import missing, remembered
from assistant.embedders.shaping import encodable, unit_rows
from assistant.errors import ModelUnavailable
from assistant.protocols import Vectors

_EXTRA = "spacy"
_MOST_CHARACTERS = 20_000


class SpacyVectors:
    """A pipeline by the name of its installed package, such as en_core_web_md, or from a folder. Only its tokenizer and its table of
    vectors are used. A text without a known word has a vector of zeros. One thread at a time is let in. Raises ModelUnavailable."""

    def __init__(self, model: str) -> None:
        try:
            import spacy
        except ImportError as error:
            raise missing(model, _EXTRA, error) from error
        folder = Path(model).expanduser()
        try:
            self._pipeline = spacy.load(
                folder if folder.exists() else model, disable=spacy.util.registry.factories.get_all().keys()
            )
        except (OSError, ValueError) as error:
            raise ModelUnavailable(
                f"spaCy has no pipeline '{model}' ({str(error)[:200]}). Run `python -m spacy download {model}`, or name a folder."
            ) from error
        self.dimension = int(self._pipeline.vocab.vectors_length)
        if not self.dimension:
            raise ModelUnavailable(f"The spaCy pipeline '{model}' has no word vectors. Use one whose name ends in _md or _lg.")
        version = self._pipeline.meta.get("version", "")
        self.name = remembered("spacy", model) if folder.exists() else f"spacy:{model}#{version}"
        self.max_tokens = 512
        self.languages: Sequence[str] = () if self._pipeline.lang == "xx" else (self._pipeline.lang,)
        self._lock = threading.Lock()

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) float32, each row of length one, or of zero: the mean of the vectors of all tokens."""
        with self._lock:
            rows = [self._pipeline.make_doc(encodable(text[:_MOST_CHARACTERS])).vector for text in texts]
        return unit_rows(rows, len(texts), self.dimension, self.name)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """As encode_documents."""
        return self.encode_documents(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words and marks, as spaCy parts them."""
        with self._lock:
            return [len(self._pipeline.make_doc(encodable(text))) for text in texts]
