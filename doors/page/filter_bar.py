"""The filters of the page: what there is to choose from, and how what was chosen becomes filters. It knows nothing of Gradio."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from assistant.filters import Filters, read_since, read_until
from assistant.types import Document
from prompts.invisible import visible

Choice = tuple[str, str]
# Beyond these a list is no help, and costs the browser time; a name that is not on it can be typed.
_MOST_CHOICES = 1000


def choices(documents: Sequence[Document], places: Sequence[str]) -> list[list[Choice]]:
    """What these documents, which lie at these places, can be told apart by: documents, folders, types and languages, each as people
    see it with the value that filters take. A list is empty where all would pass."""
    types = sorted({end for d in documents for s in d.sources if (end := PurePath(s).suffix.lower().lstrip("."))})
    languages = sorted({d.language for d in documents})
    return [
        _documents(documents)[:_MOST_CHOICES] if len(documents) > 1 else [],
        _folders(places)[:_MOST_CHOICES],
        [(visible(end), end) for end in types] if len(types) > 1 else [],
        [(code, code) for code in languages] if len(languages) > 1 else [],
    ]


def chosen_filters(
    documents: Sequence[str], folders: Sequence[str], types: Sequence[str], languages: Sequence[str], since: str, until: str
) -> Filters:
    """What was chosen and written, as filters. Raises InvalidRequest."""
    return Filters(
        documents or (), folders or (), types or (), languages or (),
        read_since(since) if since and since.strip() else None, read_until(until) if until and until.strip() else None,
    )  # fmt: skip


def heading(filters: Filters) -> str:
    """What the closed control says: how many filters are set."""
    lists = (filters.documents, filters.folders, filters.types, filters.languages)
    count = sum(map(len, lists)) + sum(day is not None for day in (filters.since, filters.until))
    return f"Filters ({count})" if count else "Filters"


def _documents(documents: Sequence[Document]) -> list[Choice]:
    """Each by its source, which people can read in a message, or by its id where others are called so too."""
    called = Counter(name for d in documents for name in {*d.sources, d.title})
    return [
        (visible(d.title if d.title == d.source else f"{d.title} ({d.source})"), d.source if called[d.source] == 1 else d.id)
        for d in documents
    ]


def _folders(places: Sequence[str]) -> list[Choice]:
    """Every folder that documents lie below, but for those that hold all of them, by its path from there."""
    paths = [place for place in places if os.path.isabs(place)]
    if not paths:
        return []
    top = PurePath(os.path.commonpath([os.path.dirname(path) for path in paths]))
    found = {parent for path in paths for parent in PurePath(path).parents if parent != top and parent.is_relative_to(top)}
    if len(paths) < len(places) and top.name:  # uploads lie in no folder
        found.add(top)
    return [(visible(str(folder.relative_to(top.parent if folder == top else top))), str(folder)) for folder in sorted(found)]
