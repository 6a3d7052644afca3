"""Footnote's pipeline: files in, library and index up to date."""

from __future__ import annotations

from ingestion.pipeline import Outcome, Progress, Report, forget, ingest

__all__ = ["Outcome", "Progress", "Report", "forget", "ingest"]
