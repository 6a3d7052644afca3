"""The words that some models were trained to find before a query and a document. Without them they rank worse."""

from __future__ import annotations

import re

_FOR_SEARCHING = "Represent this sentence for searching relevant passages: "
_BY_NAME = (
    (re.compile(r"(?:^|[/-])e5-(?:small|base|large)(?!.*instruct)", re.IGNORECASE), ("query: ", "passage: ")),
    (re.compile(r"(?:^|/)(?:bge-\w+-en|mxbai-embed|snowflake-arctic-embed-\w+(?!-v2))", re.IGNORECASE), (_FOR_SEARCHING, "")),
    (re.compile(r"(?:^|/)nomic-embed-text", re.IGNORECASE), ("search_query: ", "search_document: ")),
)


def prefixes_of(model: str) -> tuple[str, str]:
    """(query prefix, document prefix) by the model cards of E5, BGE, mxbai, Arctic and Nomic; empty for others."""
    return next((prefixes for name, prefixes in _BY_NAME if name.search(model)), ("", ""))
