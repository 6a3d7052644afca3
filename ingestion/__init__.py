"""Footnote's pipeline: files in, library and index up to date. Nothing is imported until it is used: the processes that read files
import this package too, and need its parsers alone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.pipeline import forget, ingest
    from ingestion.report import Outcome, Progress, Report
    from ingestion.watching import watch

__all__ = ["Outcome", "Progress", "Report", "forget", "ingest", "watch"]
_LATER = dict.fromkeys(__all__, "ingestion.report") | {
    "forget": "ingestion.pipeline",
    "ingest": "ingestion.pipeline",
    "watch": "ingestion.watching",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'ingestion' has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
