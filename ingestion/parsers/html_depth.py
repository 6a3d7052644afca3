"""How deep a page is nested, judged from its tags alone, before a parser whose time grows with the square of it is asked."""

from __future__ import annotations

import re
from collections import Counter

from assistant.errors import CorruptFile

_MOST_LEVELS = 20_000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
# Elements that close by themselves, or hold nothing, add no level however many there are.
_CLOSE_THEMSELVES = frozenset(
    "area base br col embed hr img input link meta param source track wbr p li dt dd tr td th thead tbody tfoot option".split()  # noqa: SIM905
)


def refuse_deep(markup: str, name: str) -> None:
    """Raises CorruptFile for a page nested more than 20,000 levels deep: such pages are built to do harm."""
    if markup.count("<") <= _MOST_LEVELS:
        return
    is_open: Counter[str] = Counter()
    levels = 0
    for tag in _TAG.finditer(markup):
        closing, element = tag[1], tag[2].lower()
        if element in _CLOSE_THEMSELVES:
            continue
        if not closing:
            is_open[element] += 1
            levels += 1
            if levels > _MOST_LEVELS:
                raise CorruptFile(
                    f"{name!r} nests its elements more than {_MOST_LEVELS:,} levels deep. Save it anew from a browser."
                )
        elif is_open[element]:
            is_open[element] -= 1
            levels -= 1
