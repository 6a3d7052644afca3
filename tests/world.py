"""Twenty people with private and shared collections full of canaries, and a server over them, for tests/test_isolation.py."""

from __future__ import annotations

import copy
import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from assistant.answering import Assistant
from doors.accounts import Accounts, Cost
from doors.server import make_app
from ingestion import ingest
from tests.bombs import pdf
from tests.login import basic, bearer
from tests.serving import serving

PEOPLE = 20
PASSWORD = "a password for the test"
NOBODYS = "0123456789ab"
_UNFILTERED: Sequence[Any] = ([], [], [], [], "", "")


@dataclass
class Person:
    """`lure` is a word that anybody may say; `secrets` stand only in what is theirs, `shared` in what they share with `friends`."""

    name: str
    lure: str
    key: str
    secrets: frozenset[str]
    shared: frozenset[str] = frozenset()
    friends: frozenset[str] = frozenset()
    documents: dict[str, str] = field(default_factory=dict)  # id by source


@dataclass
class World:
    assistant: Assistant
    people: list[Person]
    url: str = ""

    def hidden_from(self, reader: Person) -> set[str]:
        """Every secret that this reader may not see."""
        others = [person for person in self.people if person.name != reader.name]
        own = set().union(*(p.secrets for p in others))
        return own.union(*(p.shared for p in others if reader.name not in p.friends))

    def leaks(self, reader: Person, said: str) -> list[str]:
        return sorted(secret for secret in self.hidden_from(reader) if secret in said.lower())


def make_world(assistant: Assistant, folder: Path) -> World:
    """Each person has a private collection: every fourth one `papers`, with a PDF in it, and beside it one that they share with the
    next two; the others one whose very name is a secret. All write the same sentences about their lamps."""
    accounts = Accounts(assistant.library.database, Cost(n=2**10, r=8, p=1))
    people = []
    for number in range(PEOPLE):
        name = f"person{number}"
        accounts.add_user(name, PASSWORD)
        friends = {f"person{(number + step) % PEOPLE}" for step in (1, 2)} if number % 4 == 0 else set()
        secrets = {part: _secret(name, part) for part in ("title", "text", "file", "page", "collection", "shared")}
        own = frozenset(secret for part, secret in secrets.items() if part != "shared")
        person = Person(
            name, f"lure{chr(97 + number)}q", accounts.add_key(name, "test"), own,
            frozenset({secrets["shared"]}), frozenset(friends),
        )  # fmt: skip
        _write_and_ingest(assistant, folder / name, person, secrets)
        people.append(person)
    return World(assistant, people)


@contextmanager
def served(world: World) -> Iterator[World]:
    """The world with its real server on loopback."""
    with serving(make_app(world.assistant)) as world.url:
        yield world


@contextmanager
def logged_in(world: World, person: Person, *, by_key: bool = False) -> Iterator[httpx.Client]:
    login = bearer(person.key) if by_key else basic(person.name, PASSWORD)
    with httpx.Client(base_url=world.url, headers={"Authorization": login}, timeout=60) as client:
        yield client


class Tab:
    """A tab of the page as the browser drives it, without the browser: events in, all that comes back as text."""

    def __init__(self, client: httpx.Client, session: str) -> None:
        self._client, self.session = client, session
        config = client.get("/config").raise_for_status().json()
        self._names = {c["id"]: c["props"].get("elem_id") for c in config["components"]}
        self._events = {
            (self._names.get(component, ""), event): dependency
            for dependency in config["dependencies"]
            if dependency["backend_fn"]
            for component, event in dependency["targets"]
        }

    def beside(self, session: str) -> Tab:
        """Another tab of the same person."""
        other = copy.copy(self)
        other.session = session
        return other

    def open(self, collection: str = "") -> str:
        return self.send("load", [collection, None, *_UNFILTERED])

    def ask(self, question: str, collection: str = "", *, documents: Sequence[str] = ()) -> str:
        return self.send("submit", [question, collection, None, list(documents), *_UNFILTERED[1:]], on="question")

    def choose(self, collection: str) -> str:
        return self.send("change", [collection, *_UNFILTERED], on="collection")

    def forget(self, document: str) -> str:
        return self.send("delete", ["", None, *_UNFILTERED], on="documents", event={"document": document})

    def upload(self, paths: Sequence[str], collection: str = "") -> str:
        files = [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in paths]
        return self.send("upload", [files, collection, None, *_UNFILTERED], on="upload")

    def stop(self) -> httpx.Response:
        """What the Stop button brings: the last answer of the tab, as far as it came."""
        dependency = self._dependency("click", "stop")
        body = {"data": [None], "fn_index": dependency["id"], "session_hash": self.session}
        return self._client.post("/gradio_api/run/predict", json=body)

    def send(self, event_name: str, values: Sequence[Any], *, on: str | None = None, event: object = None) -> str:
        dependency = self._dependency(event_name, on)
        body = {"data": values, "fn_index": dependency["id"], "session_hash": self.session, "event_data": event}
        joined = self._client.post("/gradio_api/queue/join", json=body)
        if joined.status_code != 200:
            return joined.text
        told = []
        with self._client.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                told.append(line)
                if line.startswith("data:") and json.loads(line[5:])["msg"] in ("process_completed", "close_stream"):
                    break
        return "\n".join(told)

    def _dependency(self, event_name: str, on: str | None) -> dict[str, Any]:
        found: dict[str, Any] = next(d for (name, event), d in self._events.items() if event == event_name and on in (None, name))
        return found


def _write_and_ingest(assistant: Assistant, folder: Path, person: Person, secrets: dict[str, str]) -> None:
    def lamp(secret: str) -> str:
        return f"The {person.lure} lamp in the old harbour tower is opened with the word {secret}."

    private = "papers" if person.friends else secrets["collection"]
    heading = f"# The book of {secrets['title']}\n\n"
    files = {private: {f"{secrets['file']}.md": f"{heading}{lamp(secrets['text'])}\n\nIt burns with oil.\n".encode()}}
    if person.friends:
        files[private]["page.pdf"] = _page(lamp(secrets["page"]))
        files["shared"] = {"shared.txt": lamp(secrets["shared"]).encode()}
    for collection, contents in files.items():
        for name, content in contents.items():
            (folder / collection).mkdir(parents=True, exist_ok=True)
            (folder / collection / name).write_bytes(content)
        report = ingest(assistant, [folder / collection], collection=collection, reader=person.name)
        assert [outcome.status for outcome in report.outcomes] == ["added"] * len(contents)
        person.documents.update({outcome.source: outcome.document_id for outcome in report.outcomes})
    if person.friends:
        assistant.library.share("shared", sorted(person.friends), owner=person.name)


def _page(text: str) -> bytes:
    words = text.split()
    lines = [" ".join(words[at : at + 8]) for at in range(0, len(words), 8)]
    shown = " ".join(f"({line}) Tj 0 -20 Td" for line in lines)
    return pdf(zlib.compress(f"BT /F 12 Tf 60 700 Td {shown} ET".encode()))


def _secret(name: str, part: str) -> str:
    return "canary" + hashlib.sha256(f"{name} {part}".encode()).hexdigest()[:12]
