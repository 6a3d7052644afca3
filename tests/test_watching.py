"""Watching: a collection follows real files through the real watcher, in a thread and as a command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import CollectionMismatch, PathNotFound
from ingestion import Report, ingest, watch
from ingestion.sources import find_sources
from ingestion.watching import Trouble, Watching
from tests.conftest import FILES, WriteFile

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "doors.cli"]
PATIENCE_SECONDS = 60.0


def until(condition: Callable[[], object], *, why: Callable[[], object] = str) -> None:
    """Wait for a condition; what is wrong is shown where it never comes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)


class Followed:
    """A watch that goes on in a thread, and what it has said."""

    def __init__(self, assistant: Assistant, *paths: Path | str) -> None:
        self.assistant = assistant
        self.events: list[Report | Watching | Trouble] = []
        self.failure: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(paths,))
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    @property
    def said(self) -> list[tuple[str, str]]:
        """Status and source of all that was reported after the first report."""
        reports = [event for event in self.events if isinstance(event, Report)][1:]
        return [(outcome.status, outcome.source) for report in reports for outcome in report.outcomes]

    @property
    def missing(self) -> list[list[Path]]:
        return [list(event.missing) for event in self.events if isinstance(event, Watching)]

    def hears(self, *said: tuple[str, str]) -> None:
        """Wait until all this and no more has been said, in whatever order."""
        until(lambda: len(self.said) >= len(said) or self.failure, why=lambda: (self.said, self.failure))
        assert sorted(self.said) == sorted(said)

    def _run(self, paths: tuple[Path | str, ...]) -> None:
        try:
            for event in watch(self.assistant, paths, stop=self._stop):
                self.events.append(event)
        except Exception as error:
            self.failure = error


@contextmanager
def followed(assistant: Assistant, *paths: Path | str) -> Iterator[Followed]:
    """Follow these paths; the first reading is done on entry."""
    following = Followed(assistant, *paths)
    try:
        until(lambda: len(following.events) >= 2 or following.failure, why=lambda: following.events)
        yield following
    finally:
        following.stop()


def sources(assistant: Assistant) -> list[str]:
    return [document.source for document in assistant.library.documents(reader=OWNER)]


def found(assistant: Assistant, query: str) -> list[str]:
    return [hit.chunk.text for hit in assistant.retrieve(query)]


def test_new_changed_and_deleted_files_are_followed(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.md", "The gate closes at seven.").parent
    write("b.md", "Tea is at four.")
    with followed(assistant, folder) as following:
        assert sources(assistant) == ["a.md", "b.md"]
        write("a.md", "The gate closes at nine.")
        following.hears(("changed", "a.md"))
        assert found(assistant, "gate closes")[0] == "The gate closes at nine."
        (folder / "b.md").unlink()
        following.hears(("changed", "a.md"), ("removed", "b.md"))
        write("deep/er/c.md", "The lift is out of order.")
        following.hears(("changed", "a.md"), ("removed", "b.md"), ("added", "deep/er/c.md"))
    assert sources(assistant) == ["a.md", "deep/er/c.md"]
    assert following.failure is None


def test_renamed_files_and_moved_folders_keep_their_documents(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.md", "The gate closes at seven.").parent
    write("kitchen/tea.md", "Tea is at four.")
    with followed(assistant, folder) as following:
        before = {document.id for document in assistant.library.documents(reader=OWNER)}
        (folder / "a.md").rename(folder / "gate.md")
        (folder / "kitchen").rename(folder / "pantry")
        following.hears(("moved", "gate.md"), ("moved", "pantry/tea.md"))
        write("pantry/milk.md", "Milk is delivered on Mondays.")  # the moved folder is still listened in
        until(lambda: "pantry/milk.md" in sources(assistant))
    assert before < {document.id for document in assistant.library.documents(reader=OWNER)}


def test_a_second_place_of_the_same_bytes_that_goes_is_said(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.md", "The gate closes at seven.").parent
    second = write("b.md", "The gate closes at seven.")
    with followed(assistant, folder) as following:
        second.unlink()
        following.hears(("removed", "b.md"))
    assert sources(assistant) == ["a.md"]


def test_a_burst_of_changes_is_one_report(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.md", "The gate closes at seven.").parent
    with followed(assistant, folder) as following:
        for number in range(10):  # longer than a file must be left alone, with shorter pauses
            write(f"n{number}.md", f"Room {number} is on floor {number // 2}.")
            time.sleep(0.25)
        until(lambda: following.said)
        assert [len(event.outcomes) for event in following.events if isinstance(event, Report)] == [1, 10]
    assert len(sources(assistant)) == 11


def test_a_file_given_by_name_is_followed_through_an_editors_rename(assistant: Assistant, write: WriteFile) -> None:
    path = write("a.md", "The gate closes at seven.")
    write("beside.md", "Tea is at four.")
    with followed(assistant, path) as following:
        for hour in ("eight", "nine"):
            new = path.with_name("a.md.new")
            new.write_text(f"The gate closes at {hour}.")
            new.replace(path)
            until(lambda: found(assistant, "gate closes") == [f"The gate closes at {hour}."])  # noqa: B023
        write("beside.md", "Tea is at five.")
        path.unlink()
        until(lambda: len(following.missing) == 2)
        assert following.missing == [[], [path]]
        assert sources(assistant) == ["a.md"]
        path.write_text("The gate closes at ten.")
        until(lambda: found(assistant, "gate closes") == ["The gate closes at ten."])
        assert following.missing == [[], [path], []]
    assert {source for _, source in following.said} == {"a.md"}


def test_a_file_that_is_still_being_written_is_not_reported_before_it_is_whole(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.md", "The gate closes at seven.").parent
    content = (FILES / "letter.docx").read_bytes()
    with followed(assistant, folder) as following, (folder / "big.docx").open("wb") as copy:
        parts = 8
        for part in range(parts):
            copy.write(content[len(content) * part // parts : len(content) * (part + 1) // parts])
            copy.flush()
            # What a slow disk does: pauses shorter than five seconds, one of them longer than the usual second.
            time.sleep(3.0 if part == parts // 2 else 0.4)
        following.hears(("added", "big.docx"))


def test_a_copy_in_progress_when_the_watch_begins_is_not_reported_as_failed(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.md", "The gate closes at seven.").parent
    content = (FILES / "letter.docx").read_bytes()
    (folder / "big.docx").write_bytes(content[:400])
    with followed(assistant, folder) as following:
        first = following.events[0]
        assert isinstance(first, Report)
        assert [(o.status, o.source) for o in first.outcomes] == [("added", "a.md")]
        (folder / "big.docx").write_bytes(content)
        following.hears(("added", "big.docx"))


def test_a_broken_file_is_reported_once_and_again_only_when_it_changes(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.md", "The gate closes at seven.").parent
    with followed(assistant, folder) as following:
        (folder / "b.pdf").write_bytes((FILES / "encrypted.pdf").read_bytes())
        following.hears(("failed", "b.pdf"))
        write("a.md", "The gate closes at nine.")
        following.hears(("failed", "b.pdf"), ("changed", "a.md"))
        (folder / "b.pdf").write_bytes((FILES / "truncated.pdf").read_bytes()[:300])
        following.hears(("failed", "b.pdf"), ("changed", "a.md"), ("failed", "b.pdf"))


def test_a_broken_attachment_is_reported_once_while_its_mail_stays_the_same(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.md", "The gate closes at seven.").parent
    message = EmailMessage()
    message["Subject"] = "The gates"
    message.set_content("See what is attached.")
    message.add_attachment(b"?", maintype="application", subtype="octet-stream", filename="plan.xyz")
    with followed(assistant, folder) as following:
        (folder / "mail.eml").write_bytes(bytes(message))
        following.hears(("failed", "mail.eml/plan.xyz"), ("added", "mail.eml"))
        write("a.md", "The gate closes at nine.")
        following.hears(("failed", "mail.eml/plan.xyz"), ("added", "mail.eml"), ("changed", "a.md"))


def test_a_folder_that_goes_is_kept_said_once_and_followed_again_when_it_is_back(assistant: Assistant, write: WriteFile) -> None:
    disk, other = write("disk/a.md", "The gate closes at seven.").parent, write("other/b.md", "Tea is at four.").parent
    away = disk.with_name("away")
    with followed(assistant, disk, other) as following:
        disk.rename(away)
        until(lambda: len(following.missing) == 2)
        write("other/b.md", "Tea is at five.")
        following.hears(("changed", "b.md"))
        assert following.missing == [[], [disk]]
        assert sources(assistant) == ["a.md", "b.md"]
        (away / "a.md").write_text("The gate closes at nine.")
        away.rename(disk)
        following.hears(("changed", "b.md"), ("changed", "a.md"))
        assert following.missing == [[], [disk], []]
        write("disk/new.md", "The lift is out of order.")
        until(lambda: "new.md" in sources(assistant))


def test_a_mount_point_that_is_suddenly_empty_keeps_its_documents(assistant: Assistant, write: WriteFile) -> None:
    disk = write("disk/a.md", "The gate closes at seven.").parent
    with followed(assistant, disk) as following:
        (disk / "a.md").unlink()
        until(lambda: len(following.missing) == 2)
        assert following.missing == [[], [disk]]
        write("disk/b.md", "Tea is at four.")  # it was emptied after all
        following.hears(("added", "b.md"), ("removed", "a.md"))


def test_changes_during_an_ingest_are_not_lost(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.md", "The gate closes at seven.").parent
    with assistant.changing:  # the first ingest waits here, its files listed
        following = Followed(assistant, folder)
        write("b.md", "Tea is at four.")
    try:
        until(lambda: "b.md" in sources(assistant))
        until(lambda: len(following.events) >= 2)
        with assistant.changing:
            write("a.md", "The gate closes at eight.")
            time.sleep(2.0)  # by now the next ingest waits for us, its change seen
            write("a.md", "The gate closes at nine.")
        until(lambda: found(assistant, "gate closes")[:1] == ["The gate closes at nine."])
    finally:
        following.stop()


def test_hidden_files_and_the_data_folder_do_not_trigger(assistant: Assistant, write: WriteFile, tmp_path: Path) -> None:
    write("a.md", "The gate closes at seven.")
    with followed(assistant, tmp_path) as following:  # which holds data/ as well
        assert sources(assistant) == ["documents/a.md"]
        write(".hidden.md", "Nothing to see.")
        write(".git/HEAD.md", "Nothing to see.")
        write("b.md", "Tea is at four.")
        following.hears(("added", "documents/b.md"))
        write("a.md", "The gate closes at nine.")
        following.hears(("added", "documents/b.md"), ("changed", "documents/a.md"))
        assert len([event for event in following.events if isinstance(event, Report)]) == 3


def test_what_a_data_folder_keeps_is_no_source_and_what_lies_beside_it_is(
    assistant: Assistant, write: WriteFile, tmp_path: Path
) -> None:
    ingest(assistant, [write("a.md", "The gate closes at seven.")])
    (tmp_path / "data" / "mine.md").write_text("Tea is at four.")
    (tmp_path / "documents" / "originals").mkdir()
    write("originals/b.md", "The lift is out of order.")
    names = [source.name for source in find_sources([tmp_path])]
    assert names == ["data/mine.md", "documents/a.md", "documents/originals/b.md"]
    assert find_sources([tmp_path / "data" / "originals"]) == []


def test_trouble_is_said_once_and_the_changes_are_tried_again(assistant: Assistant, write: WriteFile) -> None:
    folder = write("a.md", "The gate closes at seven.").parent
    with followed(assistant, folder) as following:
        (originals := folder.parent / "data" / "originals").rename(aside := originals.with_name("aside"))
        originals.write_text("in the way")
        write("b.md", "Tea is at four.")
        until(lambda: any(isinstance(event, Trouble) for event in following.events), why=lambda: following.events)
        time.sleep(3.5)  # it was tried again after one second, and after two
        originals.unlink()
        aside.rename(originals)
        following.hears(("added", "b.md"))
        assert len([event for event in following.events if isinstance(event, Trouble)]) == 1
    assert following.failure is None


def test_a_wrong_path_and_another_embedder_end_it_at_the_start(assistant: Assistant, write: WriteFile) -> None:
    path = write("a.md", "The gate closes at seven.")
    with pytest.raises(PathNotFound, match="nowhere"):
        next(watch(assistant, [path, "nowhere"]))
    assert sources(assistant) == []
    assistant.library.create_collection("old", embedder="another", dimension=3)
    with pytest.raises(CollectionMismatch):
        next(watch(assistant, [path], collection="old"))


@contextmanager
def command(data: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "FOOTNOTE_DATA_DIR": str(data), "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate()


def line_of(running: subprocess.Popen[str]) -> str:
    """The next line of stdout. A command that is silent for too long is killed, which ends the waiting."""
    assert running.stdout is not None
    too_long = threading.Timer(PATIENCE_SECONDS, running.kill)
    too_long.start()
    try:
        return running.stdout.readline()
    finally:
        too_long.cancel()


def test_the_command_prints_an_object_a_line_and_ends_with_0(write: WriteFile, tmp_path: Path) -> None:
    folder = write("a.md", "The gate closes at seven.").parent
    with command(tmp_path / "data", "ingest", str(folder), "--watch", "--json") as running:
        first = json.loads(line_of(running))
        assert (first["collection"], first["counts"]["added"]) == ("documents", 1)
        assert json.loads(line_of(running)) == {"watching": [str(folder)], "missing": []}
        write("b.md", "Tea is at four.")
        second = json.loads(line_of(running))
        assert [(file["source"], file["status"]) for file in second["files"]] == [("b.md", "added")]
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=PATIENCE_SECONDS)
    assert (running.returncode, out) == (0, "")
    assert err.endswith("Watching 1 folder. Ctrl+C ends.\nStopped.\n")


def test_people_get_a_line_a_change_and_can_ask_meanwhile(write: WriteFile, tmp_path: Path) -> None:
    folder = write("a.md", "The gate closes at seven.").parent
    with command(tmp_path / "data", "ingest", str(folder), "--watch") as running:
        assert line_of(running).startswith("Collection documents: 1 added in ")
        write("a.md", "The gate closes at nine.")
        assert line_of(running) == "changed  a.md\n"
        with command(tmp_path / "data", "search", "gate closes", "-k", "1") as asking:
            out, err = asking.communicate(timeout=PATIENCE_SECONDS)
        assert (asking.returncode, err) == (0, "")
        assert "The gate closes at nine." in out
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 0


def test_the_command_says_a_wrong_path_and_exits_with_1(tmp_path: Path) -> None:
    with command(tmp_path / "data", "ingest", "nowhere", "--watch", "--json") as running:
        out, err = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 1
    assert json.loads(out)["kind"] == "PathNotFound"
    assert err.startswith("footnote: There is no file or folder 'nowhere'.")
