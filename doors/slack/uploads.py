"""Uploads: files that people share with the bot become documents. A file is fetched from Slack's own host only, since the bot's token
goes with the request."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from assistant.access import EVERYONE, own_name
from assistant.errors import CollectionNotFound, FootnoteError
from assistant.library import Library
from doors.operations import Operations
from doors.slack.calls import FAILED, Slack
from doors.slack.channels import reader_of_channel
from doors.slack.incoming import Incoming
from doors.slack.messages import Message, outcomes_message, own_words
from doors.slack.readers import Readers
from doors.uploading import UPLOADS, file_name, free_name
from ingestion import Outcome

_TIMEOUT_SECONDS = 60
_PRIVATE = "private"


class NotFetched(FootnoteError):
    """A file that Slack did not hand over; the message is the reason shown to people."""


class Uploads:
    """What is shared in a public channel may be read by all, in a private one by that channel, in a direct message by its writer."""

    def __init__(self, slack: Slack, operations: Operations, library: Library, readers: Readers, max_file_bytes: int) -> None:
        self._slack, self._operations, self._library, self._readers = slack, operations, library, readers
        self._max_file_bytes = max_file_bytes

    def take_in(self, message: Incoming) -> Message:
        """Take the files of a message in; what became of each. Raises as the pipeline does."""
        # Not as it was a minute ago: what is shared right after a channel turned private must not be for all.
        kind = self._readers.kind(message.channel, afresh=True)
        if kind == "unknown":
            return own_words("Slack does not say who reads along here, so I took no file in. Share it again later.")
        if not self._readers.member(message.user):
            return own_words("Only members of this workspace can add documents. Ask one of them to share the file.")
        reader = self._readers.account(message.user) if kind == "direct" else reader_of_channel(message.channel)
        if reader is None:
            return own_words(
                "You have no account here, so nobody could be told whose this document is. Share it in a channel, or have an account "
                "made with your e-mail address: footnote users add NAME --email ADDRESS"
            )
        # A channel may turn private, and public again: what is for its members has a collection of its own.
        collection = own_name(_PRIVATE if kind == "private" else UPLOADS, reader)
        first = kind == "public" and not self._readers_of(collection, reader)
        try:
            report, refused = self._ingest(message.files, collection, reader)
        finally:
            if first:
                with suppress(CollectionNotFound):  # nothing was taken in
                    self._library.share(collection, [EVERYONE], owner=reader)
        outcomes = [*(report.outcomes if report else ()), *refused]
        return outcomes_message(outcomes, self._whom(kind, collection, reader), report.notices if report else ())

    def _whom(self, kind: str, collection: str, reader: str) -> str:
        """Who can ask about it, as it is now."""
        if kind == "public" and EVERYONE not in self._readers_of(collection, reader):
            return f"It is shared with nobody, until whoever runs Footnote shares it: footnote share {collection} --all"
        whom = {"public": "Everybody can ask about it now.", "private": "It can be asked about in this channel only."}
        return whom.get(kind, "Only you can ask about it.")

    def _readers_of(self, collection: str, reader: str) -> Sequence[str]:
        """With whom a collection is shared, its owner among them; nobody where it is still to be made."""
        found = (c for c in self._library.readable(reader) if c.name == collection)
        return next(((c.owner, *c.readers) for c in found), ())

    def _ingest(self, file_ids: Sequence[str], collection: str, reader: str) -> tuple[Any, list[Outcome]]:
        files: dict[str, Path] = {}
        refused: list[Outcome] = []
        with tempfile.TemporaryDirectory(prefix="footnote-slack-") as folder:
            for number, file_id in enumerate(file_ids):
                name = file_id
                try:
                    found = self._described(file_id)
                    name = free_name(file_name(str(found.get("name") or found.get("title") or ""), found["id"]), files)
                    path = Path(folder) / str(number)
                    self._fetch(found, path)
                    files[name] = path
                except NotFetched as error:
                    refused.append(Outcome(name, "failed", str(error)))
            return self._operations.upload(files, collection=collection, reader=reader) if files else None, refused

    def _described(self, file_id: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._slack.patient.files_info(file=file_id)["file"]
        except FAILED as error:
            raise NotFetched("Slack does not say what it is. Has the app the scope files:read?") from error
        return found

    def _fetch(self, found: dict[str, Any], path: Path) -> None:
        """Write the file's content to a path. Raises NotFetched, before anything is sent to another host than Slack's."""
        import httpx2

        most = self._max_file_bytes
        too_large = NotFetched(f"It is larger than the limit of {most / 1e6:.0f} MB.")
        if int(found.get("size") or 0) > most:
            raise too_large
        try:
            address = httpx2.URL(found.get("url_private_download") or "")
            if not self._is_slacks(address):
                raise NotFetched("It does not lie at Slack. Share the file itself, not a link to it.")
            headers = {"Authorization": f"Bearer {self._slack.patient.token}"}
            with (
                httpx2.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=False) as client,
                client.stream("GET", address, headers=headers) as answer,
                path.open("wb") as file,
            ):
                is_page = answer.headers.get("content-type", "").startswith("text/html") and "html" not in found.get(
                    "mimetype", ""
                )
                if answer.status_code != 200 or is_page:  # Slack shows its login to whom it gives no file
                    raise NotFetched("Slack does not hand it over. Has the app the scope files:read?")
                for piece in answer.iter_bytes():
                    if file.tell() + len(piece) > most:
                        raise too_large
                    file.write(piece)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise NotFetched(f"It could not be fetched from Slack ({type(error).__name__}). Share it again.") from error

    def _is_slacks(self, address: Any) -> bool:
        """Whether an address is on the host of Slack's API, or on one below it such as files.slack.com."""
        import httpx2

        api = httpx2.URL(self._slack.api_url)
        on_its_host = address.host == api.host or address.host.endswith(f".{api.host}")
        return bool(on_its_host and (address.scheme, address.port) == (api.scheme, api.port))
