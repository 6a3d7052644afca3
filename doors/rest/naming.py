"""Which collections a request means: by its `model`, as OpenAI's clients can say it, and by its `collections`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.errors import CollectionNotFound
from assistant.library import Library
from doors.rest.errors import Refusal

EVERYTHING = "footnote"
"""The model that is all the collections that the reader may read."""
_SOURCES = "+sources"


@dataclass(frozen=True, slots=True)
class Named:
    """Collections that are to be asked, all where none is named; `sources` where the model's name asks for a list of sources."""

    collections: Sequence[str]
    sources: bool


def named(library: Library, model: str, collections: Sequence[str], reader: str) -> Named:
    """What the model and the collections of a request come to. A model is a collection, several parted by commas, or `footnote`, each
    with or without `+sources` behind it; a collection of that very name comes first. Raises Refusal (404) for what the reader may not
    read."""
    plain = model.removesuffix(_SOURCES)
    sources = plain != model and not _readable(library, model, reader)
    whole = plain if sources else model
    if whole == EVERYTHING:
        names = []
    elif "," in whole and not _readable(library, whole, reader):
        names = [name.strip() for name in whole.split(",")]
    else:
        names = [whole]
    _check(library, names, reader, "model")
    _check(library, collections, reader, "collections")
    return Named(list(dict.fromkeys([*names, *collections])), sources)


def _readable(library: Library, name: str, reader: str) -> bool:
    try:
        return bool(library.readable(reader, [name]))
    except CollectionNotFound:
        return False


def _check(library: Library, names: Sequence[str], reader: str, param: str) -> None:
    try:
        library.readable(reader, names)
    except CollectionNotFound as error:
        code = "model_not_found" if param == "model" else "collection_not_found"
        raise Refusal(str(error), 404, param=param, code=code) from error
