"""As tests/hostile_parsers.py, in a process whose walls were never put up, so that what they stop happens: for tests of the watch."""

from __future__ import annotations

from ingestion import sandbox_walls
from tests.hostile_parsers import parse

__all__ = ["parse"]

sandbox_walls.filter_system_calls = lambda: False
sandbox_walls._audit = lambda *_: None
