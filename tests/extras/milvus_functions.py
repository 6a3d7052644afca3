"""Run by tests/extras/test_embedders_milvus.py in a process of its own: real functions of pymilvus.model over the folders given. Its
SPLADE (milvus-model 0.2.12) does not run with transformers 5."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from milvus_model.dense import SentenceTransformerEmbeddingFunction
from milvus_model.hybrid import BGEM3EmbeddingFunction

from assistant.embedders.given import MilvusSparseFunction, as_embedder
from assistant.protocols import SparseVector

TEXTS = ["Staff get 25 days of holiday.", "the engine burns diesel", "leave"]


def main(bert: str, bge_m3: str) -> None:
    dense = SentenceTransformerEmbeddingFunction(bert, query_instruction="get ")
    both = BGEM3EmbeddingFunction(bge_m3, use_fp16=False, device="cpu")
    lexical = MilvusSparseFunction(both)
    found = {
        "dense": _same(as_embedder(dense).encode_documents(TEXTS), dense.encode_documents(TEXTS)),
        "queries": _same(as_embedder(dense).encode_queries(TEXTS), dense.encode_queries(TEXTS)),
        "bge": _same(as_embedder(both).encode_documents(TEXTS), both.encode_documents(TEXTS)["dense"]),
        "lexical": _same_sparse(lexical.encode_documents(TEXTS), both.encode_documents(TEXTS)["sparse"]),
        "names": [as_embedder(dense).name, lexical.name],
    }
    print(json.dumps(found))


def _same(ours: object, theirs: object) -> bool:
    return np.allclose(np.asarray(ours), np.asarray(theirs), atol=1e-5)


def _same_sparse(ours: Sequence[SparseVector], theirs: Any) -> bool:
    rows = np.zeros(theirs.shape)
    for row, weights in enumerate(ours):
        for term, weight in weights.items():
            rows[row, term] = weight
    return bool(ours) and np.allclose(rows, theirs.toarray(), atol=1e-5)


if __name__ == "__main__":
    main(*sys.argv[1:])
