"""Writing: what a program may add and forget, where whoever runs the server lets it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from assistant.errors import InvalidRequest
from doors.mcp.door import CHANGES, Door, in_words
from doors.mcp.shapes import Added, Forgotten, Name, given
from prompts.invisible import visible

_MOST_TEXT = 1_000_000
_ENDINGS = (".md", ".txt")


@dataclass(frozen=True)
class Writing:
    """The tools that change what is there. Each method's docstring is what a model is told of it."""

    door: Door

    @in_words(CHANGES)
    def add_document(
        self,
        context: Context,
        name: Annotated[
            Name, Field(max_length=200, description="A file name, ending in .md or .txt; without an ending it is Markdown.")
        ],
        text: Annotated[str, Field(min_length=1, max_length=_MOST_TEXT)],
        collection: Annotated[str, Field(max_length=200, description="Where to; `documents` where none is named.")] = "",
    ) -> Annotated[CallToolResult, Added]:
        """Add a text as a document, so that it is searched and quoted from then on. A name that was added before is the same document:
        its text is replaced. Do this only when the user asked for it."""
        name = _file_name(name)
        with tempfile.TemporaryDirectory(prefix="footnote-") as folder:
            path = Path(folder) / f"text{PurePath(name).suffix}"
            path.write_text(text, encoding="utf-8", errors="replace")
            report = self.door.operations.upload({name: path}, collection=collection, reader=self.door.reader(context))
        (outcome,) = report.outcomes
        if outcome.status == "failed":
            raise InvalidRequest(f"'{name}' was not added. {outcome.reason}")
        added = Added(outcome.document_id, name, visible(report.collection), outcome.status, list(report.notices))
        return given(added, f"'{name}' in '{added.collection}': {added.status}. Its id is {added.id}.")

    @in_words(CHANGES)
    def forget_document(
        self, context: Context, document: Annotated[Name, Field(description="Its id, file name or title.")]
    ) -> Annotated[CallToolResult, Forgotten]:
        """Take a document out of the library for good. Nothing brings it back. Do this only when the user asked for it."""
        title = visible(self.door.operations.forget(document, reader=self.door.reader(context)))
        return given(Forgotten(title, f"'{title}' is forgotten."), f"'{title}' is forgotten.")


def _file_name(name: str) -> str:
    """Raises InvalidRequest for what is no plain file name."""
    shown = visible(name).strip()
    if shown != name or "/" in name or "\\" in name or "\n" in name or name.startswith("."):
        raise InvalidRequest(f"'{shown[:80]}' is no file name. Give one like notes.md, without folders.")
    if not PurePath(name).suffix:
        return f"{name}.md"
    if PurePath(name).suffix.lower() not in _ENDINGS:
        raise InvalidRequest(f"'{name[:80]}' does not end in {' or '.join(_ENDINGS)}, and only text can be added this way.")
    return name
