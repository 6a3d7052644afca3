"""BGE-M3 through FlagEmbedding: its dense vectors, and its lexical weights for the sparse leg."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from assistant.embedders.coverage import MULTILINGUAL
from assistant.embedders.hub import load, missing, remembered
from assistant.embedders.shaping import encodable, in_batches, sparse_vector, token_counter, unit_rows
from assistant.errors import ModelUnavailable
from assistant.protocols import SparseVector, Vectors

_MODEL = "BAAI/bge-m3"
_BATCH = 4
_EXTRA = "bge"


class BgeM3:
    """Chen et al., "BGE M3-Embedding", 2024: 1024 dimensions, over a hundred languages, MIT. One thread at a time is let in.

    Both kinds of vectors come out of one pass; those of the last call are kept, so that asking for the other kind of the same texts
    costs nothing. Raises ModelUnavailable.
    """

    languages: Sequence[str] = MULTILINGUAL

    def __init__(self, model: str = _MODEL, *, max_tokens: int = 1024, batch: int = _BATCH) -> None:
        try:
            import torch
            from FlagEmbedding import BGEM3FlagModel
        except ImportError as error:
            raise missing(model, _EXTRA, error) from error
        self._device = "cuda:0" if torch.cuda.is_available() else "cpu"
        self._model = load(model, _EXTRA, lambda where: BGEM3FlagModel(_whole(where), use_fp16=False, devices=self._device))
        self._model.model.float().to(self._device).eval()
        config = self._model.model.model.config
        self.name = remembered("bge-m3", model) if model != _MODEL else "bge-m3"
        self.dimension = int(config.hidden_size)
        self.max_tokens = min(max_tokens, int(config.max_position_embeddings) - 2)
        self.count_tokens = token_counter(self._model.tokenizer)
        self._given, self._batch = model, batch
        self._last: tuple[tuple[str, ...], Vectors, list[SparseVector]] = (
            (),
            np.zeros((0, self.dimension), dtype=np.float32),
            [],
        )
        self._lock = threading.Lock()

    def is_model(self, model: str) -> bool:
        """Whether this is the model of that name; an empty one means the published model."""
        return self._given == (model or _MODEL)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) float32, each row of length one."""
        rows, _ = self._encoded(texts)
        return unit_rows(rows, len(texts), self.dimension, self.name)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """As encode_documents: this model has no query prefix."""
        return self.encode_documents(texts)

    def lexical_weights(self, texts: Sequence[str]) -> list[SparseVector]:
        """Of each text a weight above zero for each of its tokens, by token id; special tokens left out."""
        return self._encoded(texts)[1]

    def _encoded(self, texts: Sequence[str]) -> tuple[Vectors, list[SparseVector]]:
        key = tuple(map(encodable, texts))
        with self._lock:
            if self._last[0] != key:
                self._last = (key, *self._both(key))
            return self._last[1:]

    def _both(self, texts: Sequence[str]) -> tuple[Vectors, list[SparseVector]]:
        """FlagEmbedding's own `encode` runs the first batch twice, to try its size, and prints bars: its model is called here."""
        import torch

        tokenizer = self._model.tokenizer
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        weights: list[SparseVector] = [{}] * len(texts)
        for places in in_batches(texts, self._batch):
            fed = tokenizer(
                [texts[place] for place in places], padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
            ).to(self._device)
            with torch.inference_mode():
                given = self._model.model(fed, return_dense=True, return_sparse=True)
            rows[places] = given["dense_vecs"].cpu().numpy()
            of_tokens = given["sparse_vecs"].squeeze(-1).cpu().tolist()
            for place, ids, values in zip(places, fed["input_ids"].tolist(), of_tokens, strict=True):
                weights[place] = _of_terms(ids, values, set(tokenizer.all_special_ids))
        return rows, weights


class LexicalWeights:
    """BGE-M3's weights of words as the sparse leg. The model may be the dense leg's as well, and is then loaded and run once."""

    def __init__(self, model: BgeM3) -> None:
        self.name = model.name
        self._model = model

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        """Weights by token id, one mapping a text."""
        return self._model.lexical_weights(texts)

    def encode_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """As encode_documents."""
        return self._model.lexical_weights(texts)


def _whole(where: str) -> str:
    """The folder with the model's two heads: without them FlagEmbedding would make up random ones."""
    if not Path(where).is_dir():
        from huggingface_hub import snapshot_download

        where = snapshot_download(where, ignore_patterns=["onnx/*", "*.msgpack", "*.ot", "*.h5"])
    for head in ("sparse_linear.pt", "colbert_linear.pt"):
        if not (Path(where) / head).is_file():
            raise ModelUnavailable(f"{where} holds no {head}: it is no BGE-M3. Name it as sentence-transformers:{where} instead.")
    return where


def _of_terms(ids: Sequence[int], values: Sequence[float], special: set[int]) -> SparseVector:
    """The greatest weight of each token."""
    greatest: dict[int, float] = {}
    for term, weight in zip(ids, values, strict=True):
        if term not in special:
            greatest[term] = max(weight, greatest.get(term, 0.0))
    return sparse_vector(greatest)
