"""Lining: context lines for chunks, from what was written before or from the language model, a few questions at a time.

A line comes with the vectors of its chunk, not with its first words: a document is found by its words as soon as it is parsed, however
long the model takes, and both legs get the line in one step. A model that fails or is too slow is given up for the rest of the ingest;
the chunks go without lines and get them later.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from assistant.answering import Assistant
from assistant.context_lines import Line, LinedChunk, SourceDocument, key_of
from assistant.errors import ModelError
from assistant.lexical import term_counts
from assistant.records import Collection
from assistant.types import Chunk
from ingestion.preparing import LINE_TOKENS, Versions
from ingestion.writing import Counted

LINES_AT_A_TIME = 16
"""Chunks in a step where a model is asked: each takes it a second or so, and the progress should move."""

_AT_ONCE = 4
# So many failures one after the other, and the model is given up. A single chunk may be one that it is not allowed to read.
_MOST_FAILURES = 3
_LISTENS_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class _Wanted:
    chunk: Chunk
    key: str
    around: SourceDocument


class Lining:
    """What writes the lines of one ingest or reindex. `trouble` says why the model was given up; empty until then."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._library = assistant.library
        self._writer = assistant.line_writer
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._failures_in_a_row = 0
        self._failed: dict[int, str] = {}
        self.trouble = ""

    @property
    def wanted(self) -> bool:
        """Whether chunks are to have lines at all."""
        return self._writer is not None

    def stop(self) -> None:
        """Wait for no more answers: whoever asks for lines gets those that are there. For an ingest that is given up."""
        self._stopped.set()

    def lined(self, chunks: Sequence[Counted]) -> tuple[list[Counted], list[LinedChunk]]:
        """These chunks with their lines, and what the library has yet to keep of it. A chunk whose line cannot be had stays as it
        is."""
        if self._writer is None:
            return list(chunks), []
        keys = {chunk.id: key_of(chunk, self._writer.version) for chunk, _ in chunks if chunk.context_line is None}
        lines = self._library.context_lines.known(keys)
        unknown = [chunk for chunk, _ in chunks if chunk.id in keys.keys() - lines.keys()]
        if unknown and not self.trouble:
            around = self._library.context_lines.around([chunk.id for chunk in unknown])
            lines.update(self._written([_Wanted(chunk, keys[chunk.id], around[chunk.id]) for chunk in unknown]))
        made = {chunk.id: _with_line(chunk, lines[chunk.id]) for chunk, _ in chunks if chunk.id in lines}
        kept = [LinedChunk(chunk_id, lines[chunk_id], counts) for chunk_id, (_, counts) in made.items()]
        return [made.get(pair[0].id, pair) for pair in chunks], kept

    def notice(self, version_id: int, chunks: int) -> str:
        """What is to be said of a version that has its vectors; empty where it has its lines too."""
        if not self.wanted or not (missing := self._library.context_lines.missing(version_id)):
            return ""
        why = self.trouble or next(reversed(self._failed.values()), "the ingest was stopped")
        return f"{missing} of its {chunks} chunks have no context line yet, and the next ingest asks again: {why}"

    def failed(self, chunk_id: int) -> bool:
        """Whether the model was asked for the line of this chunk in vain."""
        return chunk_id in self._failed

    def _written(self, wanted: Sequence[_Wanted]) -> dict[int, Line]:
        """The lines that the model writes, by chunk id; as far as it got when it was given up, or there was a stop."""
        # Not a pool: at its end Python waits for a pool's threads, and so would Ctrl+C for a model that says nothing.
        left: queue.SimpleQueue[_Wanted] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, Line | Exception | None]] = queue.SimpleQueue()
        for each in wanted:
            left.put(each)
        for _ in range(min(_AT_ONCE, len(wanted))):
            threading.Thread(target=self._work, args=(left, done), name="context-lines", daemon=True).start()
        lines: dict[int, Line] = {}
        heard = 0
        while heard < len(wanted) and not self._stopped.is_set():
            try:
                chunk_id, came = done.get(timeout=_LISTENS_SECONDS)
            except queue.Empty:
                continue
            heard += 1
            if isinstance(came, Exception):
                raise came
            if came is not None:
                lines[chunk_id] = came
        return lines

    def _work(self, left: queue.SimpleQueue[_Wanted], done: queue.SimpleQueue[tuple[int, Line | Exception | None]]) -> None:
        while True:
            try:
                each = left.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((each.chunk.id, self._line(each)))
            except Exception as error:  # handed to whoever asked, who raises it
                done.put((each.chunk.id, error))

    def _line(self, wanted: _Wanted) -> Line | None:
        assert self._writer is not None
        if self.trouble or self._stopped.is_set():
            return None
        digest = wanted.around.digest
        try:
            text = self._writer.write(wanted.chunk, wanted.around.text, wanted.around.headings)
        except ModelError as error:
            with self._lock:
                self._failed[wanted.chunk.id] = str(error)
                self._failures_in_a_row += 1
                if self._failures_in_a_row >= _MOST_FAILURES:
                    self.trouble = str(error)
            return None
        with self._lock:
            self._failures_in_a_row = 0
        return Line(self._fitting(text), wanted.key, digest, digest)

    def _fitting(self, text: str) -> str:
        """As much of a line as its chunk has left room for, cut between words where it has any."""
        while (count := self._assistant.embedder.count_tokens([text])[0]) > LINE_TOKENS:
            cut = text[: min(len(text) - 1, len(text) * LINE_TOKENS // count)]
            text = cut.rpartition(" ")[0] or cut
        return text


def fill(lining: Lining, assistant: Assistant, into: Collection, chunk_ids: Sequence[int]) -> Iterator[tuple[int, list[Counted]]]:
    """Give chunks that were written before the lines that they lack, and tell at each step how many it is about and which of them
    get one. Their vectors are to be made anew by whoever hears of it: only then are the lines kept, so that a stop in between leaves
    the chunk among those that lack one."""
    for first in range(0, len(chunk_ids), LINES_AT_A_TIME):
        some = chunk_ids[first : first + LINES_AT_A_TIME]
        chunks, lined = lining.lined(assistant.library.chunks.to_index(some))
        ids = {each.chunk_id for each in lined}
        yield len(some), [pair for pair in chunks if pair[0].id in ids]
        assistant.library.context_lines.keep(into, lined)


def lacking_lines(assistant: Assistant, collection: Collection, versions: Versions) -> list[int]:
    """The live chunks whose line could not be had when their document was read; none where no lines are wanted. Documents that were
    read under other settings are left to the ingest that reads them anew."""
    if assistant.line_writer is None:
        return []
    return [
        chunk_id
        for version in assistant.library.context_lines.lacking(collection)
        if any(versions.of(version.digest, source) == version.version for source in version.sources)
        for chunk_id in version.chunk_ids
    ]


def without_line(chunk: Chunk) -> Counted:
    """A chunk as it is without its line, with its terms."""
    bare = replace(chunk, context_line=None)
    return bare, term_counts(bare.search_text, bare.language)


def _with_line(chunk: Chunk, line: Line) -> tuple[Chunk, Mapping[int, int]]:
    lined = replace(chunk, context_line=line.text)
    return lined, term_counts(lined.search_text, lined.language)
