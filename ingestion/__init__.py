"""Footnote's pipeline: files in, library and index up to date. Nothing is imported until it is used: the processes that read files
import this package too, and need its parsers alone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.pipeline import forget, ingest
    from ingestion.report import Outcome, Progress, Report

__all__ = ["Outcome", "Progress", "Report", "forget", "ingest"]
_LATER = {name: "ingestion.pipeline" if name in ("forget", "ingest") else "ingestion.report" for name in __all__}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'ingestion' has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
