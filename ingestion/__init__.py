"""Footnote's pipeline: files in, library and index up to date."""

from __future__ import annotations

from ingestion.pipeline import forget, ingest
from ingestion.report import Outcome, Progress, Report

__all__ = ["Outcome", "Progress", "Report", "forget", "ingest"]
