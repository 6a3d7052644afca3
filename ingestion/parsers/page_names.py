"""Knows how pages are named in a notice."""

from __future__ import annotations

from collections.abc import Sequence

_PAGES_NAMED = 8


def named_pages(numbers: Sequence[int]) -> str:
    """The numbers, the first eight of them where there are more: "3, 4"."""
    named = ", ".join(map(str, numbers[:_PAGES_NAMED]))
    return named if len(numbers) <= _PAGES_NAMED else f"{named} and {len(numbers) - _PAGES_NAMED} more"
