"""Isolation: nobody sees, through Python or the server, what they may not read: no text, title, name, count or sign of it."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import CollectionNotFound, DocumentNotFound, InvalidRequest
from assistant.filters import Filters
from assistant.lexical import term_counts
from assistant.protocols import Vectors
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.types import Turn
from assistant.wiring import make_assistant
from doors.page.documents_list import DocumentsDoor
from ingestion import ingest
from tests.conftest import WriteFile
from tests.login import basic
from tests.world import NOBODYS, PASSWORD, PEOPLE, Person, Tab, World, logged_in, make_world, served


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with make_assistant(Settings(data_dir=folder / "data")) as assistant:
        assistant.embedder = HashingEmbedder()
        with served(make_world(assistant, folder / "documents")) as made:
            yield made


class Asking:
    """The ways to ask, each on behalf of one person and about another's. Each gives all that came back, for canaries to be looked for;
    what a person may not read must read word for word as what is not there."""

    def __init__(self, world: World, clients: dict[str, httpx.Client], chance: random.Random) -> None:
        self.world, self.chance = world, chance
        self.assistant, self.clients = world.assistant, clients
        self.tabs = {name: Tab(client, f"tab-of-{name}") for name, client in clients.items()}
        self.ways: Sequence[Callable[[Person, Person], str]] = (
            self.ask, self.follow_up, self.search, self.ask_of_their_collection, self.filter_by_theirs, self.langchain,
            self.stored, self.listing, self.counts, self.passage, self.picture, self.page, self.page_question, self.page_of_theirs,
            self.forget,
        )  # fmt: skip

    def ask(self, reader: Person, other: Person) -> str:
        return repr(self.assistant.ask(self._question(other), reader=reader.name))

    def follow_up(self, reader: Person, other: Person) -> str:
        history = [Turn("user", f"Tell me of the {other.lure} lamp."), Turn("assistant", "It stands in the tower.")]
        return repr(list(self.assistant.stream("And its word?", reader=reader.name, history=history)))

    def search(self, reader: Person, other: Person) -> str:
        found = self.assistant.search(self._question(other), reader=reader.name, k=30)
        readable = self.assistant.library.readable(OWNER)
        own = sum(c.chunks for c in readable if c.owner == reader.name or reader.name in c.readers)
        assert found.searched == own
        assert len({i for order in found.stages.values() for i in order}) <= own
        return repr(found)

    def ask_of_their_collection(self, reader: Person, other: Person) -> str:
        def refusal(name: str) -> str:
            with pytest.raises(CollectionNotFound) as refused:
                self.assistant.ask(self._question(other), collection=name, reader=reader.name)
            return str(refused.value).replace(name, "…")

        theirs = self.chance.choice([c.name for c in self.assistant.library.readable(other.name) if c.owner == other.name])
        if theirs in {c.name for c in self.assistant.library.readable(reader.name)}:
            return ""
        assert refusal(theirs) == refusal(f"{other.name}/nothing")
        return refusal(theirs)

    def filter_by_theirs(self, reader: Person, other: Person) -> str:
        def refusal(name: str, nothing: str) -> str:
            chosen = self.chance.choice(([name], [nothing]))
            with pytest.raises(DocumentNotFound) as refused:
                self.assistant.retrieve("lamp", filters=Filters(documents=chosen), reader=reader.name)
            return str(refused.value).replace(chosen[0], "…")

        with pytest.raises(InvalidRequest) as types:
            self.assistant.retrieve("lamp", filters=Filters(types=["xyz"]), reader=reader.name)
        return refusal(self._private(other), NOBODYS) + str(types.value)

    def langchain(self, reader: Person, other: Person) -> str:
        return repr(self.assistant.as_retriever(reader=reader.name, k=20).invoke(self._question(other)))

    def stored(self, reader: Person, other: Person) -> str:
        def refusal(document: str) -> str:
            with pytest.raises(DocumentNotFound) as refused:
                self.assistant.library.stored(document, reader=reader.name)
            return str(refused.value).replace(document, "…")

        assert refusal(self._private(other)) == refusal(NOBODYS)
        return refusal(self._private(other))

    def listing(self, reader: Person, _: Person) -> str:
        door = DocumentsDoor(self.assistant)
        listed = self.assistant.library.documents(reader=reader.name)
        assert {d.collection.split("/")[0] for d in listed if reader.name not in d.collection} <= self._sharers(reader)
        return repr((listed, door.collections(reader=reader.name), door.choices("", reader=reader.name)))

    def counts(self, reader: Person, other: Person) -> str:
        of = self.assistant.library.readable(reader.name)
        frequencies, chunks = self.assistant.library.chunks.counts(of, list(term_counts(other.lure, "en")))
        assert chunks == sum(c.chunks for c in of)
        assert bool(frequencies) == (other.name in self._sharers(reader))
        return repr(of)

    def passage(self, reader: Person, other: Person) -> str:
        return self._same_refusal(reader, "/passage/{}?start=0&end=3", self._private(other))

    def picture(self, reader: Person, other: Person) -> str:
        document = other.documents.get("page.pdf") or self._private(other)
        return self._same_refusal(reader, "/page/{}/1.png", document)

    def page(self, reader: Person, _: Person) -> str:
        return self.tabs[reader.name].open()

    def page_question(self, reader: Person, other: Person) -> str:
        asked = self.tabs[reader.name].ask(self._question(other), documents=self.chance.choice(([], [self._private(other)])))
        return asked + self.tabs[reader.name].stop().text

    def page_of_theirs(self, reader: Person, other: Person) -> str:
        theirs = self.chance.choice([c.name for c in self.assistant.library.readable(other.name) if c.owner == other.name])
        # The name that was given comes back in the refusal, and would stand in the conversation of this tab from then on.
        tab = self.tabs[reader.name].beside(f"tab-{self.chance.random()}")
        return (tab.choose(theirs) + tab.ask(self._question(other), theirs)).replace(theirs, "…")

    def forget(self, reader: Person, other: Person) -> str:
        said = self.tabs[reader.name].forget(self._private(other))
        assert self.assistant.library.find_document(self._private(other), reader=other.name)
        return said

    def _question(self, other: Person) -> str:
        return self.chance.choice(
            (
                f"With what word is the {other.lure} lamp opened?", f"What is the {other.lure} lamp in the old harbour tower?",
                "With what word is a lamp in the old harbour tower opened?", f"{other.name} papers", "lamp oil",
            )
        )  # fmt: skip

    def _private(self, other: Person) -> str:
        return next(document for source, document in other.documents.items() if source.endswith(".md"))

    def _sharers(self, reader: Person) -> set[str]:
        return {person.name for person in self.world.people if reader.name in person.friends}

    def _same_refusal(self, reader: Person, address: str, document: str) -> str:
        theirs, nobodys = (self.clients[reader.name].get(address.format(d)) for d in (document, NOBODYS))
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.text.replace(document, "…") == nobodys.text.replace(NOBODYS, "…")
        return theirs.text + repr(theirs.headers)


def test_nobody_sees_what_they_may_not_read(world: World, isolation_questions: int) -> None:
    chance, asked, leaks = random.Random(20261128), Counter[str](), list[str]()
    with ExitStack() as stack:
        clients = {p.name: stack.enter_context(logged_in(world, p, by_key=n % 2 == 0)) for n, p in enumerate(world.people)}
        asking = Asking(world, clients, chance)
        for number in range(isolation_questions):
            reader, other = chance.sample(world.people, 2)
            way = asking.ways[number % len(asking.ways)]
            said = way(reader, other)
            asked[way.__name__] += 1
            leaks += [f"{way.__name__}: {reader.name} was shown {leak}" for leak in world.leaks(reader, said)]
    print(f"{sum(asked.values())} asked ({dict(asked)}), {len(leaks)} leaks")
    assert leaks == []
    assert sum(asked.values()) == isolation_questions


def test_everybody_sees_their_own_and_what_is_shared_with_them(world: World) -> None:
    """Else the test above would pass on an empty library."""
    seen = list[str]()
    for person in world.people:
        answer = world.assistant.ask(f"With what word is the {person.lure} lamp opened?", reader=person.name)
        assert any(secret in answer.text for secret in person.secrets | person.shared)
        for friend in person.friends:
            hits = world.assistant.retrieve(f"the {person.lure} lamp", reader=friend)
            seen += [secret for secret in person.shared if any(secret in hit.chunk.text for hit in hits)]
    assert len(seen) == 2 * PEOPLE // 4
    with logged_in(world, world.people[0]) as client:
        tab = Tab(client, "positive")
        listed = tab.open()
        assert sum(secret in listed for secret in world.people[0].secrets) == 2
        document = world.people[0].documents["page.pdf"]
        text = world.assistant.library.stored(document, reader="person0").text
        (secret,) = re.findall(r"canary\w+", text)
        assert secret in client.get(f"/passage/{document}").text
        assert client.get(f"/page/{document}/1.png").headers["content-type"] == "image/png"
        assert secret in tab.ask("With what word is the lureaq lamp opened?")
        assert secret in tab.stop().text, "the last answer of one's own tab"


def test_scores_are_those_of_a_library_without_the_others(world: World, tmp_path: Path) -> None:
    person = world.people[1]
    with make_assistant(Settings(data_dir=tmp_path / "alone")) as alone:
        alone.embedder = HashingEmbedder()
        for collection in world.assistant.library.readable(person.name):
            owner = next(p for p in world.people if p.name == collection.owner)
            name = collection.name.split("/")[1]
            folder = tmp_path / "copy" / owner.name / name
            folder.mkdir(parents=True)
            for document in world.assistant.library.documents(reader=OWNER, names=[collection.name]):
                stored = world.assistant.library.stored(document.id, reader=OWNER)
                (folder / Path(document.source).name).write_bytes(world.assistant.originals.get(stored.digest))
            ingest(alone, [folder], collection=collection.name)
        question = f"With what word is the {person.lure} lamp opened?"
        among = world.assistant.search(question, reader=person.name)
        by_itself = alone.search(question)
        assert [(h.chunk.text, h.scores) for h in among.hits] == [(h.chunk.text, h.scores) for h in by_itself.hits]
        assert len(among.hits) > 1


def test_one_who_is_not_logged_in_sees_nothing_and_is_asked_for_a_login(world: World) -> None:
    with httpx.Client(base_url=world.url, timeout=60) as nobody:
        assert nobody.get("/health").json() == {"status": "ok"}
        document = world.people[0].documents["page.pdf"]
        for path in (
            "/", "/config", "/gradio_api/info", "/gradio_api/queue/data?session_hash=x", "/gradio_api/heartbeat/x",
            "/own/page.css", f"/passage/{document}", f"/page/{document}/1.png", "/gradio_api/file=x", "/nothing", "/health/",
            "//health", "/HEALTH",
        ):  # fmt: skip
            refused = nobody.get(path)
            assert refused.status_code == 401, path
            assert refused.headers["www-authenticate"].startswith("Basic ")
            assert "default-src" in refused.headers["content-security-policy"]
        assert nobody.post("/gradio_api/upload", files={"files": b"x"}).status_code == 401
        assert nobody.post("/gradio_api/queue/join", json={}).status_code == 401
    strange = {"Authorization": basic(OWNER, PASSWORD), "Host": "rebound.example"}
    assert httpx.get(f"{world.url}/", headers=strange, timeout=60).status_code == 401
    known = {"Authorization": basic("person3", PASSWORD), "Host": "footnote.example"}
    assert httpx.get(f"{world.url}/config", headers=known, timeout=60).status_code == 200, "behind a proxy it has another name"


def test_a_tab_answers_to_its_own_reader_alone(world: World) -> None:
    ann, bob = world.people[0], world.people[3]
    with logged_in(world, ann) as hers, logged_in(world, bob) as his:
        tab = Tab(hers, "the-session-of-ann")
        asked = tab.ask(f"With what word is the {ann.lure} lamp opened?")
        assert any(secret in asked for secret in ann.secrets)
        assert any(secret in tab.stop().text for secret in ann.secrets)
        stolen = Tab(his, "the-session-of-ann")
        assert stolen.stop().status_code == 404
        assert "There is nothing here" in stolen.ask("lamp")
        session = {"session_hash": "the-session-of-ann"}
        assert his.get("/gradio_api/queue/data", params=session).status_code == 404
        assert his.get("/gradio_api/heartbeat/the-session-of-ann").status_code == 404
        cancel = {**session, "fn_index": 0, "event_id": "x"}
        assert his.post("/gradio_api/cancel", json=cancel).status_code == 404
        assert his.post("/gradio_api/cancel", content=b'{"a":"' + b"x" * 2_000_000 + b'"}').status_code == 404


def test_an_upload_is_its_readers_alone(world: World) -> None:
    ann, bob = world.people[0], world.people[3]
    content = b"The lureaq lamp has a second word: canaryofanupload."
    with logged_in(world, ann) as hers, logged_in(world, bob) as his:
        sent = [("files", (f"a long name to make the answer long {n}.txt", content + b"%d" % n)) for n in range(9)]
        # As a browser asks. Were the answer compressed (gradio 6.31 leaves it), nobody's upload would be taken in.
        paths = hers.post("/gradio_api/upload", files=sent, headers={"Accept-Encoding": "br, gzip"}).json()
        assert len(paths) == 9
        assert all(Path(path).exists() for path in paths)
        for client in (his, hers):
            assert client.get(f"/gradio_api/file={paths[0]}").status_code == 404, "the page fetches no file by its path"
            assert client.get(f"/gradio_api/file/{paths[0]}").status_code == 404
        taken = Tab(his, "bob-takes").upload(paths)
        assert "canaryofanupload" not in taken
        assert world.assistant.library.documents(reader=bob.name, names=[]) == [
            d for d in world.assistant.library.documents(reader=bob.name) if not d.source.startswith("a long name")
        ]
        assert "added" in Tab(hers, "ann-takes").upload(paths)
        assert not any(Path(path).exists() for path in paths)
        (uploaded,) = {
            d.collection for d in world.assistant.library.documents(reader=ann.name) if d.source.startswith("a long name")
        }
        assert uploaded == f"{ann.name}/documents"
        assert world.assistant.library.readable(ann.name, [uploaded])[0].owner == ann.name
        for document in world.assistant.library.documents(reader=ann.name, names=[uploaded]):
            Tab(hers, "ann-takes").forget(document.id)


class Withdrawing(HashingEmbedder):
    """While it embeds a query, something happens."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        self.meanwhile()
        return super().encode_queries(texts)


def test_a_collection_that_is_taken_from_a_reader_while_they_search_lets_nothing_out(
    settings: Settings, write: WriteFile
) -> None:
    with make_assistant(settings) as assistant:
        embedder = Withdrawing(lambda: None)
        assistant.embedder = embedder
        ingest(assistant, [write("a.txt", "The lamp is opened with a word.")], collection="lamps")
        assistant.library.share("lamps", ["bob"])
        assert assistant.retrieve("the lamp", reader="bob")
        embedder.meanwhile = lambda: assistant.library.share("lamps", [])
        found = assistant.search("the lamp", reader="bob")
        assert list(found.hits) == []
        assert not any(found.stages.values())
        assert assistant.retrieve("the lamp", reader=OWNER)


def test_collections_that_share_an_index_stay_apart(assistant: Assistant, write: WriteFile) -> None:
    for name in ("ann", "bob"):
        ingest(assistant, [write(f"{name}.txt", f"The lamp of {name} is opened with a word.")], collection="lamps", reader=name)
    anns, bobs = assistant.library.readable(OWNER)
    assistant.index.copy(bobs.index_name, anns.index_name, assistant.library.chunks.ids_of(bobs))
    assistant.library.indexes.replace(
        bobs, index_name=anns.index_name, pivot_length=bobs.pivot_length, embedder=bobs.embedder, dimension=bobs.dimension
    )
    assert len(assistant.index.ids(anns.index_name)) == 2
    for name in ("ann", "bob"):
        found = assistant.search("the lamp is opened with a word", reader=name)
        assert [hit.chunk.source for hit in found.hits] == [f"{name}.txt"]
        assert {i for order in found.stages.values() for i in order} == {found.hits[0].chunk.id}


def test_a_name_does_not_tell_what_others_call_theirs(assistant: Assistant, write: WriteFile) -> None:
    ingest(assistant, [write("a.txt", "Ann's lamp.")], collection="merger", reader="ann")
    ingest(assistant, [write("o.txt", "The owner's lamp.")], collection="layoffs")
    for name in ("merger", "layoffs", "nothing"):
        report = ingest(assistant, [write(f"{name}.txt", f"Bob's {name}.")], collection=name, reader="bob")
        assert report.collection == f"bob/{name}"
        assert [h.chunk.text for h in assistant.retrieve("lamp", collection=name, reader="bob")] == [f"Bob's {name}."]
    said = set()
    for name in ("merger", "nothing"):
        with pytest.raises(CollectionNotFound) as refused:
            ingest(assistant, [write("c.txt", "Slipped in.")], collection=f"ann/{name}", reader="bob")
        said.add(str(refused.value).replace(name, "…"))
    assert len(said) == 1
    assert [d.source for d in assistant.library.documents(reader="ann")] == ["a.txt"]
