"""Operations by a running server: what a command, or a door that runs by itself, asks of the process that owns its data folder."""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import LibraryError
from assistant.filters import EVERYTHING, Filters
from assistant.types import Event, Retrieval, Turn
from doors import server_file
from doors.operations import OnProgress, Operations, OwnOperations
from doors.settings_in_words import differing, settings_in_words
from doors.wire import encoded, error_of, event_of, progress_of, value_of
from ingestion import Report
from ingestion.doctor import Examination
from ingestion.purging import Purged
from ingestion.sources import given_paths

if TYPE_CHECKING:
    from assistant.settings import Settings

# A server that has just started still builds its page: it has the request, and answers once it can.
_STATUS_TIMEOUT = httpx2.Timeout(30.0, connect=2.0)
_NO_TIMEOUT = httpx2.Timeout(None, connect=2.0)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answered and proved who it is. `settings` are those by which it works, as text."""

    address: str
    token: str
    library: str
    settings: Mapping[str, str]


def operations_for(assistant: Assistant, settings: Settings) -> Operations:
    """By the server of this data folder where one runs, which then also owns the index and the models; else by this assistant."""

    def find() -> RunningServer | None:
        running = running_server(settings.data_dir)
        return running if running is not None and running.library == assistant.library.id else None

    running = find()
    if running is None:
        return OwnOperations(assistant)
    return ServedOperations(running.address, running.token, differing(settings_in_words(settings), running.settings), find=find)


def running_server(data_dir: Path) -> RunningServer | None:
    """The server that a data folder names; None where nobody answers there, or who answers is another."""
    file = server_file.read(data_dir)
    if file is None:
        return None
    try:
        with _client(file.address, file.token) as client:
            said = client.get("/local/status", timeout=_STATUS_TIMEOUT).raise_for_status().json()
        if not hmac.compare_digest(said["proof"].encode(), file.proof.encode()):
            return None
        return RunningServer(file.address, file.token, said["library"], said["settings"])
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError, AttributeError):
        return None


class ServedOperations:
    """By the server at this address. Raises what it would raise itself, and LibraryError where it ends meanwhile. Leaving a stream, or
    Ctrl+C, stops what the server does for it. `differing` are the settings by which the server works otherwise than this process
    would. Where it was started anew, `find` says where it is now."""

    def __init__(
        self, address: str, token: str, differing: Sequence[str] = (), *, find: Callable[[], RunningServer | None] = lambda: None
    ) -> None:
        self.address, self.differing = address, differing
        self._client, self._find = _client(address, token), find

    def stream(
        self,
        question: str,
        *,
        collections: Sequence[str] = (),
        filters: Filters = EVERYTHING,
        reader: str = OWNER,
        history: Sequence[Turn] = (),
    ) -> Iterator[Event]:
        asked = {"question": question, "collections": collections, "filters": filters, "reader": reader, "history": history}
        with self._answer("stream", asked) as lines:
            for kind, value in lines:
                if kind == "event":
                    yield event_of(value)

    def search(
        self, query: str, *, collections: Sequence[str] = (), filters: Filters = EVERYTHING, reader: str = OWNER, k: int = 10
    ) -> Retrieval:
        found: Retrieval = self._value("search", query=query, collections=collections, filters=filters, reader=reader, k=k)
        return found

    def upload(
        self, files: Mapping[str, Path], *, collection: str = "", reader: str = OWNER, on_progress: OnProgress = lambda _: None
    ) -> Report:
        absolute = {name: path.absolute() for name, path in files.items()}
        report: Report = self._value("upload", on_progress, files=absolute, collection=collection, reader=reader)
        return report

    def ingest(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        collection: str = "documents",
        reader: str = OWNER,
        on_progress: OnProgress = lambda _: None,
    ) -> Report:
        absolute = [path.absolute() for path in given_paths(paths)]
        report: Report = self._value("ingest", on_progress, paths=absolute, collection=collection, reader=reader)
        return report

    def forget(self, document: str, *, reader: str = OWNER) -> str:
        title: str = self._value("forget", document=document, reader=reader)
        return title

    def reindex(self, collection: str, *, reader: str = OWNER, on_progress: Callable[[int], None] = lambda _: None) -> int:
        chunks: int = self._value("reindex", on_progress, collection=collection, reader=reader)
        return chunks

    def purge(self, *, reader: str = OWNER) -> Purged:
        purged: Purged = self._value("purge", reader=reader)
        return purged

    def examine(self, *, reader: str = OWNER) -> list[Examination]:
        found: list[Examination] = self._value("examine", reader=reader)
        return found

    def back_up(self, file: Path) -> int:
        size_bytes: int = self._value("back_up", file=file.absolute())
        return size_bytes

    def _value(self, operation: str, on_progress: Callable[[Any], None] = lambda _: None, **arguments: object) -> Any:
        with self._answer(operation, arguments) as lines:
            for kind, value in lines:
                if kind == "progress":
                    on_progress(progress_of(operation, value))
                elif kind == "value":
                    return value_of(operation, value)
        raise AssertionError("An answer ends with its value.")

    @contextmanager
    def _answer(self, operation: str, arguments: Mapping[str, object]) -> Iterator[Iterator[tuple[str, Any]]]:
        """The lines of an answer, down to its value. What the caller does between them raises as it is."""
        try:
            with closing(self._opened(operation, encoded(arguments))) as response:
                yield self._lines(response)
        except httpx2.TransportError as error:
            raise self._ended(str(error)) from error

    def _opened(self, operation: str, content: bytes) -> httpx2.Response:
        """The beginning of an answer, by the server that was started anew where the one before is gone."""
        with suppress(httpx2.ConnectError):
            response = self._sent(operation, content)
            if response.status_code == 200:
                return response
            response.close()
        running = self._find()
        if running is not None:
            self._client.close()
            self.address, self._client = running.address, _client(running.address, running.token)
        return self._sent(operation, content)

    def _sent(self, operation: str, content: bytes) -> httpx2.Response:
        return self._client.send(self._client.build_request("POST", f"/local/{operation}", content=content), stream=True)

    def _lines(self, response: httpx2.Response) -> Iterator[tuple[str, Any]]:
        if response.status_code != 200:
            raise self._ended(f"It answers with status {response.status_code}")
        for line in response.iter_lines():
            ((kind, value),) = _read(line).items()
            if kind == "error":
                raise error_of(value)
            yield kind, value
            if kind == "value":
                return
        raise self._ended("Its answer breaks off")

    def _ended(self, why: str) -> LibraryError:
        return LibraryError(
            f"The server at {self.address} that holds this data folder has ended, or was started anew ({why.rstrip('.')}). Try again."
        )


def _read(line: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(line)
    return said


def _client(address: str, token: str) -> httpx2.Client:
    # Without the environment's proxies: the server is on this machine.
    return httpx2.Client(
        base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=_NO_TIMEOUT, trust_env=False, verify=False
    )
