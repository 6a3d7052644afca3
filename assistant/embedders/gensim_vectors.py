"""Word vectors of a file that gensim reads (word2vec, GloVe, fastText), averaged over a text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.embedders.hub import missing, remembered
from assistant.embedders.shaping import unit_rows
from assistant.errors import ModelUnavailable
from assistant.protocols import Vectors

_EXTRA = "gensim"
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_TEXT_FORMS, _BINARY_FORMS = (".txt", ".vec"), (".bin",)


class GensimVectors:
    """Vectors from a file: word2vec's text form (.txt, .vec) or binary form (.bin), also gzipped, or what gensim itself saved (.kv,
    .model; such a file can run code, so take it from where you trust). The mean of the unit vectors of the known words; zeros for a
    text without any. Raises ModelUnavailable."""

    def __init__(self, path: str) -> None:
        try:
            from gensim.models import KeyedVectors
        except ImportError as error:
            raise missing(path, _EXTRA, error) from error
        file = Path(path).expanduser()
        if not file.is_file():
            raise ModelUnavailable(f"There is no file {file} with word vectors. Correct the path after `gensim:`.")
        try:
            self._vectors = _read(KeyedVectors, file)
        except Exception as error:  # whatever a file that is none leads to
            raise ModelUnavailable(f"gensim cannot read {file} ({type(error).__name__}: {str(error)[:200]}).") from error
        self.name = remembered("gensim", path)
        self.dimension = int(self._vectors.vector_size)
        self.max_tokens = 512
        self.languages: Sequence[str] = ()

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) float32, each row of length one, or of zero."""
        rows = [self._vectors.get_mean_vector(self._known(text) or [""], pre_normalize=True) for text in texts]
        return unit_rows(rows, len(texts), self.dimension, self.name)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """As encode_documents."""
        return self.encode_documents(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words."""
        return [len(_WORD.findall(text)) for text in texts]

    def _known(self, text: str) -> list[str]:
        """The words of the text that have a vector, as they are written or else in lower case."""
        forms = ((word, word.lower()) for word in _WORD.findall(text))
        return [
            word if word in self._vectors else lower for word, lower in forms if word in self._vectors or lower in self._vectors
        ]


def _read(kind: Any, file: Path) -> Any:
    suffix = Path(file.stem).suffix if file.suffix == ".gz" else file.suffix
    if suffix in (*_TEXT_FORMS, *_BINARY_FORMS):
        return kind.load_word2vec_format(str(file), binary=suffix in _BINARY_FORMS)
    saved = kind.load(str(file), mmap="r")
    return getattr(saved, "wv", saved)
