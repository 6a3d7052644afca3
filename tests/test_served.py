"""Beside a server: commands, and the operations under them, through a real server that owns the data folder."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import httpx2
import pytest
from click.testing import CliRunner, Result
from pydantic_core import to_jsonable_python

from assistant import errors
from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import CollectionNotFound, DocumentNotFound, FootnoteError, InvalidRequest, LibraryError, PathNotFound
from assistant.settings import Settings
from assistant.testing import Pause, Reply, ScriptedEndpoint, Sent, streamed
from assistant.types import Done, Event, Passages, Text, Turn
from doors import server_file
from doors.cli import main
from doors.local_routes import LocalDoor
from doors.operations import OwnOperations
from doors.served import RunningServer, ServedOperations, operations_for, running_server
from doors.server import make_app
from doors.server_file import ServerFile
from doors.wire import arguments_of, encoded, error_in_words, error_of, event_of, progress_of, value_of
from ingestion import Progress, ingest
from ingestion.doctor import examine
from ingestion.purging import purge
from tests.conftest import WriteFile
from tests.login import basic, bearer
from tests.test_login import PASSWORD, make_users
from tests.test_page import ROOT, Server

LEAVE = "How many days of paid annual leave do full-time staff have?"
GATE = "When does the north gate close?"


def _script(sent: Sent) -> Reply:
    """A model that answers one question slowly and all others at once."""
    if "slowly" in sent.prompt:
        return streamed([piece for _ in range(200) for piece in ("The gate closes at nine [1]. ", Pause(0.1))])
    return streamed(["The north gate closes at nine [1]. The moon is made of green cheese and old shoes [1]."])


class World:
    """Two data folders with the same documents, `alone` and that of a running server, and commands run on either."""

    def __init__(self, root: Path, endpoint: ScriptedEndpoint) -> None:
        self.model = {"generator": "openai", "openai_base_url": endpoint.base_url, "openai_model": "m"}
        self.files, self.alone, self.data = root / "files", root / "alone" / "data", root / "beside" / "data"
        self.files.mkdir()
        (self.files / "gate.md").write_text("# The gates\n\nThe north gate closes at nine.\n\nThe south gate is always open.\n")
        (self.files / "tea.md").write_text("# Tea\n\nTea is served at four in the garden room.\n")
        (self.files / "broken.pdf").write_text("no PDF")
        for folder in (self.alone.parent, self.data.parent):
            folder.mkdir()
        assert self.run(self.alone, "ingest", str(self.files)).exit_code == 0
        shutil.copytree(self.alone, self.data)
        self.server = Server(self.data, **self.model)

    def run(self, data: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> Result:
        chosen = self.model if settings is None else settings
        environment = {f"FOOTNOTE_{name.upper()}": value for name, value in chosen.items()}
        return CliRunner().invoke(main, arguments, env={**environment, "FOOTNOTE_DATA_DIR": str(data)})

    def operations(self) -> ServedOperations:
        running = running_server(self.data)
        assert running is not None
        return ServedOperations(running.address, running.token)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(_script) as scripted:
        yield scripted


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, endpoint: ScriptedEndpoint) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"), endpoint)
    yield made
    if made.server.process.poll() is None:
        made.server.stop()


def _steady(printed: str, data: Path) -> str:
    """Without what differs from one run to the next: times, ids made by chance and the data folder's name."""
    printed = re.sub(r'("milliseconds": )\{[^}]*\}', r"\1{}", printed.replace(str(data.parent), ""))
    printed = re.sub(r"[\d,]+(\.\d+)? (ms|s)\b|(\"seconds\": )[\d.]+", "", printed)
    return re.sub(r"\b[0-9a-f]{12}\b|(\"size_bytes\": )\d+|\d+\.\d MB|(\"added_at\": )\"[^\"]*\"", "", printed)


def test_commands_print_the_same_beside_a_server_as_alone(world: World) -> None:
    (world.files / "lamp.md").write_text("# The lamp\n\nThe lamp is cleaned every Monday.\n")
    commands = [
        ["ask", GATE],
        ["ask", GATE, "--json"],
        ["ask", GATE, "--why"],
        ["ask", GATE, "--type", "md", "--since", "2020", "-c", "documents", "--json"],
        ["ask", "Who won the 1998 World Cup final?"],
        ["ask", "  "],
        ["ask", GATE, "-c", "nowhere"],
        ["search", "tea in the garden", "-k", "2"],
        ["search", "tea in the garden", "--json"],
        ["search", "tea", "--type", "docx"],
        ["search", "tea", "--document", "nothing of the kind", "--json"],
        ["ingest", str(world.files)],
        ["ingest", str(world.files), "--json"],
        ["ingest", str(world.files / "broken.pdf"), "-c", "other"],
        ["ingest", "no/such/folder"],
        ["ingest", ""],
        ["search", "lamp"],
        ["documents", "--json"],
        ["show", "lamp.md"],
        ["forget", "lamp.md"],
        ["forget", "lamp.md", "--json"],
        ["search", "lamp", "--json"],
        ["doctor", "--json"],
        ["doctor"],
        ["reindex", "documents"],
        ["reindex", "nowhere", "--json"],
        ["purge", "--json"],
        ["purge"],
        ["backup", "{data}/saved.zip"],
        ["backup", "{data}/saved.zip", "--json"],
        ["backup", "{data}/no/such/folder.zip"],
        ["ask", GATE, "--json"],
    ]
    statuses = set()
    for command in commands:
        ran = {
            data: world.run(data, *(word.replace("{data}", str(data.parent)) for word in command))
            for data in (world.alone, world.data)
        }
        alone, beside = ran[world.alone], ran[world.data]
        assert _steady(beside.stdout, world.data) == _steady(alone.stdout, world.alone), command
        assert beside.exit_code == alone.exit_code, (command, beside.output, alone.output)
        if "DataFolderInUse" in beside.output:
            pytest.fail(str(command))
        statuses.add(alone.exit_code)
    assert statuses == {0, 1, 3}
    assert re.search(
        r'footnote_answers_total\{door="local",outcome="found"\} [1-9]', httpx2.get(f"{world.server.url}/metrics").text
    )


def test_a_command_says_where_the_server_works_by_other_settings(world: World) -> None:
    assert "Note:" not in world.run(world.data, "search", "gate").stderr
    other = world.run(world.data, "search", "gate", settings={"reranker": "none", "port": "7861"}).stderr
    assert "FOOTNOTE_GENERATOR, FOOTNOTE_OPENAI_BASE_URL, FOOTNOTE_OPENAI_MODEL, FOOTNOTE_RERANKER." in other
    assert "at http://127.0.0.1:" in other


def test_a_backup_is_not_restored_under_a_running_server(world: World, tmp_path: Path) -> None:
    refused = world.run(world.data, "restore", str(tmp_path / "saved.zip"), "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["kind"]) == (1, "BackupError")
    assert "is running on" in refused.stdout


def test_a_stream_comes_event_by_event_with_history_and_filters(world: World, endpoint: ScriptedEndpoint) -> None:
    history = [Turn("user", "What gates are there?"), Turn("assistant", "A north gate and a south gate.")]
    *events, last = world.operations().stream("When does the north one close?", history=history, collections=["documents"])
    assert {type(event).__name__ for event in events} == {"Searching", "Passages", "Text"}
    assert isinstance(last, Done)
    assert last.answer.citations[0].quote == "The north gate closes at nine."
    assert "What gates are there?" in endpoint.sent[-1].prompt


def test_errors_come_back_as_what_they_were(world: World) -> None:
    operations = world.operations()
    with pytest.raises(CollectionNotFound, match="'nowhere'"):
        list(operations.stream(GATE, collections=["nowhere"]))
    with pytest.raises(InvalidRequest, match="k is 0"):
        operations.search(GATE, k=0)
    with pytest.raises(DocumentNotFound):
        operations.forget("nothing.md")
    with pytest.raises(PathNotFound):
        operations.ingest(["no/such/file"])
    with pytest.raises(CollectionNotFound):
        operations.search(GATE, reader="ann", collections=["documents"])
    with pytest.raises(LibraryError, match="does not understand"):
        operations._value("search", query=GATE, depth=3)


def test_leaving_a_stream_stops_the_model(world: World, endpoint: ScriptedEndpoint) -> None:
    with closing(world.operations().stream("Tell me slowly when the north gate closes.")) as events:  # type: ignore[type-var]
        next(event for event in events if isinstance(event, Text))
    assert endpoint.wait_for_hang_up(5)


def test_an_ingest_stops_with_its_client_and_keeps_what_was_read(world: World, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(40):
        (many / f"{number:02}.md").write_text(f"# Room {number}\n\n" + f"Room {number} has {number} chairs.\n\n" * 20)

    def interrupt(progress: Progress) -> None:
        if progress.files:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.operations().ingest([many], collection="many", on_progress=interrupt)
    report = world.operations().ingest([many], collection="many")  # waits for its turn, then goes on with the rest
    assert report.count("added") > 0
    assert report.count("added") + report.count("unchanged") == 40
    assert report.count("failed") == 0


def test_ctrl_c_in_a_command_leaves_the_server_as_it_was(world: World, endpoint: ScriptedEndpoint) -> None:
    environment = {**os.environ, **{f"FOOTNOTE_{name.upper()}": value for name, value in world.model.items()}}
    asked = len(endpoint.sent)
    running = subprocess.Popen(
        [sys.executable, "-m", "doors.cli", "ask", "Tell me slowly when the north gate closes."],
        env={**environment, "FOOTNOTE_DATA_DIR": str(world.data), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while len(endpoint.sent) == asked and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=30) == ("", "footnote: Stopped.\n")
    assert running.returncode == 130
    assert world.operations().search("tea").hits


def test_a_folder_is_followed_beside_a_server(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "followed"
    folder.mkdir()
    (folder / "a.md").write_text("The lift is out of order.\n")
    environment = {**os.environ, "FOOTNOTE_DATA_DIR": str(world.data), "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(
        [sys.executable, "-u", "-m", "doors.cli", "ingest", str(folder), "-c", "followed", "--watch"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    assert "1 added" in running.stdout.readline()
    (folder / "b.md").write_text("The stairs are slippery.\n")
    assert running.stdout.readline() == "added    b.md\n"
    assert world.operations().search("slippery stairs", collections=["followed"]).hits[0].chunk.source == "b.md"
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 0
    running.stdout.close()


def test_files_are_uploaded_through_the_server_for_a_reader(world: World, tmp_path: Path) -> None:
    handed = tmp_path / "notes.md"
    handed.write_text("Ann's notes on the orchard.\n")
    steps: list[Progress] = []
    report = world.operations().upload({"notes.md": handed}, reader="ann", on_progress=steps.append)
    assert (report.collection, report.count("added")) == ("ann/documents", 1)
    assert steps
    assert not handed.exists()
    assert world.operations().search("orchard", reader="ann").hits
    with pytest.raises(CollectionNotFound):
        world.operations().search("orchard", reader="bob", collections=["ann/documents"])


def test_the_file_of_a_server_is_for_its_owner_alone_and_its_token_opens_it_whatever_accounts_there_are(world: World) -> None:
    path = world.data / server_file.NAME
    assert path.stat().st_mode & 0o777 == 0o600
    said = json.loads(path.read_text())
    assert (said["address"], said["pid"]) == (world.server.url, world.server.process.pid)
    make_users(world.data, "ann")
    assert httpx2.get(f"{said['address']}/nothing", timeout=20).status_code == 401
    assert httpx2.get(f"{said['address']}/local/status", timeout=20).status_code == 401
    assert world.run(world.data, "search", "gate").exit_code == 0


def test_the_file_goes_with_the_server_however_it_is_ended(world: World, tmp_path: Path) -> None:
    """The module's server is ended here: this test comes last of those that use it."""
    world.server.process.terminate()
    assert world.server.process.wait(20) == 0
    assert world.server.process.stderr is not None
    assert world.server.process.stderr.read().endswith("Footnote has stopped.\n")
    assert not (world.data / server_file.NAME).exists()
    assert world.run(world.data, "search", "gate").exit_code == 0


@pytest.fixture
def app_file() -> ServerFile:
    return ServerFile("http://127.0.0.1:7860", 1)


async def _asked(
    app: object, path: str, authorization: str, client: str = "127.0.0.1", host: str = "127.0.0.1:7860"
) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=app, client=(client, 1))  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=transport, base_url=f"http://{host}") as asking:
        return await asking.get(path, headers={b"Authorization": authorization.encode()} if authorization else {})


def test_local_routes_are_there_for_this_machine_with_the_token_and_for_nobody_else(
    assistant: Assistant, settings: Settings, app_file: ServerFile
) -> None:
    app = make_app(assistant, local=LocalDoor(app_file, {}))

    def asked(path: str, authorization: str, client: str = "127.0.0.1", host: str = "127.0.0.1:7860") -> tuple[int, object]:
        response = asyncio.run(_asked(app, path, authorization, client, host))
        return response.status_code, response.json()

    token = bearer(app_file.token)
    assert asked("/local/status", token)[0] == 200
    nothing = (404, {"error": "There is nothing here."})
    for wrong in (
        "",
        bearer("x"),
        bearer(""),
        bearer(app_file.proof),
        bearer(app_file.token + "x"),
        basic("owner", app_file.token),
        "é",
    ):
        assert asked("/local/status", wrong) == nothing, wrong
    assert asked("/local/no-such-operation", token) == nothing
    make_users(settings.data_dir, "ann")
    assert asked("/local/status", token)[0] == 200
    assert asked("/local/status", basic("ann", PASSWORD)) == nothing
    assert asked("/nothing-at-all", basic("ann", PASSWORD)) == nothing
    assert asked("/local/status", "")[0] == 401
    # From another machine the token opens nothing; from this one's own address on the network it does.
    assert asked("/local/status", token, client="192.0.2.7")[0] == 401
    assert asked("/local/status", token, client="192.0.2.8", host="192.0.2.8")[0] == 200
    # Nor does it open anything else.
    assert asked("/passage/x", token)[0] == 401
    # Without a token of its own, a server takes none.
    closed = make_app(assistant)
    for given in ("", bearer(""), "Bearer", token):
        assert asyncio.run(_asked(closed, "/local/status", given)).status_code == 401


def test_a_file_that_no_server_stands_behind_is_passed_over(assistant: Assistant, settings: Settings, tmp_path: Path) -> None:
    path = settings.data_dir / server_file.NAME

    def chosen() -> object:
        return operations_for(assistant, settings)

    assert isinstance(chosen(), OwnOperations)
    for nonsense in ("", "{}", "[]", '{"address": 1, "pid": 2, "token": "", "proof": ""}', "\x00"):
        path.write_text(nonsense)
        assert isinstance(chosen(), OwnOperations)
    path.write_text(json.dumps(asdict(ServerFile("http://127.0.0.1:9", 1))))  # nobody listens there
    assert isinstance(chosen(), OwnOperations)
    path.write_text(json.dumps(asdict(ServerFile("http://[nowhere", 1))))
    assert isinstance(chosen(), OwnOperations)


class Stranger:
    """Whoever listens where a server once did: it answers every request in the same words."""

    def __init__(self, said: Mapping[str, object]) -> None:
        import threading
        from http.server import BaseHTTPRequestHandler, HTTPServer

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(said).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Tests print nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Answering)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_a_stranger_and_the_server_of_another_library_are_told_nothing(assistant: Assistant, settings: Settings) -> None:
    path, file = settings.data_dir / server_file.NAME, ServerFile("", 1)
    own = assistant.library.id
    for proof, library, trusted in (
        (file.proof, own, True), ("guessed", own, False), (file.token, own, False), (file.proof, "another", False),
    ):  # fmt: skip
        stranger = Stranger({"proof": proof, "library": library, "settings": {}})
        path.write_text(json.dumps({**asdict(file), "address": stranger.address}))
        assert isinstance(operations_for(assistant, settings), ServedOperations) == trusted
        stranger.close()


def test_an_answer_that_breaks_off_never_looks_finished() -> None:
    for body in (b"", b'{"event": {"text": "The gate closes"}}\n', b'{"waiting": null}\n'):
        with ScriptedEndpoint(lambda _, body=body: Reply([body])) as server:  # type: ignore[misc]
            operations = ServedOperations(server.base_url.removesuffix("/v1"), "token")
            with pytest.raises(LibraryError, match="has ended"):
                list(operations.stream(GATE))
            with pytest.raises(LibraryError, match="has ended"):
                operations.search(GATE)
    with pytest.raises(LibraryError, match="has ended"):
        operations.search(GATE)  # nobody is there any more


def test_a_door_that_stays_open_finds_the_server_that_was_started_anew() -> None:
    found = json.dumps({"value": "The gates"}).encode() + b"\n"
    with ScriptedEndpoint(lambda _: Reply([found])) as first:
        before = first.base_url.removesuffix("/v1")
        operations = ServedOperations(before, "token", find=lambda: RunningServer(after, "another", "library", {}))
        assert operations.forget("gates") == "The gates"
    with ScriptedEndpoint(lambda _: Reply([found])) as second:
        after = second.base_url.removesuffix("/v1")
        assert operations.forget("gates") == "The gates"
        assert operations.address == after


def test_each_error_of_the_tree_goes_over_the_wire_and_others_say_what_they_were() -> None:
    tree = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, FootnoteError)]
    assert len(tree) > 20
    for kind in tree:
        back = error_of(json.loads(json.dumps(error_in_words(kind("Said “so”.")))))
        assert (type(back), str(back)) == (kind, "Said “so”.")
    assert type(error_of(error_in_words(ZeroDivisionError("by zero")))) is LibraryError
    assert "ZeroDivisionError: by zero" in error_in_words(ZeroDivisionError("by zero"))["message"]
    assert type(error_of({"kind": "Path", "message": "x"})) is FootnoteError


def test_everything_that_is_said_comes_over_the_wire_as_it_was(assistant: Assistant, write: WriteFile) -> None:
    steps: list[Progress] = []
    folder = write("gate.md", "# Gates\n\nThe north gate closes at nine.\n\nThe line\u2028ends \x85here.\n").parent
    report = ingest(assistant, [folder], on_progress=steps.append)

    def over(value: object) -> object:
        line = encoded(value)
        assert line.endswith(b"\n")
        assert len(line.decode().splitlines()) == 1
        return json.loads(line)

    events: list[Event] = list(assistant.stream("When does the north gate close?"))
    assert {type(event) for event in events} == set(get_args(Event))
    events.append(Text("caf\udce9 \ud800\u2028\x00 end"))
    for event in events:
        back = event_of(over(event))
        assert type(back) is type(event)
        assert to_jsonable_python(back) == to_jsonable_python(event)
    assert event_of(over(events[-1])) == events[-1]
    passages = next(event for event in events if isinstance(event, Passages))
    assert event_of(over(passages)).hits[0].chunk == passages.hits[0].chunk  # type: ignore[union-attr]
    said = {
        "search": assistant.search("gate"), "ingest": report, "upload": report, "purge": purge(assistant),
        "examine": examine(assistant), "forget": "The title", "reindex": 3, "back_up": 5,
    }  # fmt: skip
    for operation, value in said.items():
        back = value_of(operation, over(value))
        assert type(back) is type(value)
        assert to_jsonable_python(back) == to_jsonable_python(value)
    assert any(step.outcome for step in steps)
    for step in steps:
        assert progress_of("ingest", over(step)) == step
    asked = {"question": "q", "history": [Turn("user", "a")], "collections": ["c"], "reader": OWNER}
    assert arguments_of("stream", over(asked)) == asked  # type: ignore[arg-type]
