"""Documents over REST: real files taken in, listed, shown and forgotten, within the limits, and each user's for themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_assistant
from doors.accounts import Accounts, Cost
from tests.conftest import FILES
from tests.rest_door import Served, served_rest


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, str]]]:
    """Ann and bob, with room for files of a megabyte and for few pages."""
    folder = tmp_path_factory.mktemp("documents")
    settings = Settings(data_dir=folder / "data", max_file_megabytes=1, max_collection_pages=12)
    with make_assistant(settings) as assistant:
        assistant.embedder = HashingEmbedder()
        accounts = Accounts(assistant.library.database, Cost(n=2**10, r=8, p=1))
        for name in ("ann", "bob"):
            accounts.add_user(name, "a password for the test")
        keys = {name: accounts.add_key(name, "test") for name in ("ann", "bob")}
        with served_rest(assistant) as served:
            yield served, keys


@pytest.fixture
def ann(people: tuple[Served, dict[str, str]]) -> Iterator[httpx.Client]:
    with people[0].client(people[1]["ann"]) as http:
        yield http


@pytest.fixture
def bob(people: tuple[Served, dict[str, str]]) -> Iterator[httpx.Client]:
    with people[0].client(people[1]["bob"]) as http:
        yield http


def upload(http: httpx.Client, *files: Path | tuple[str, bytes], collection: str = "") -> httpx.Response:
    parts = [(file.name, file.read_bytes()) if isinstance(file, Path) else file for file in files]
    return http.post(
        "/v1/documents", files=[("files", part) for part in parts], data={"collection": collection} if collection else {}
    )


def added(http: httpx.Client, *files: Path | tuple[str, bytes], collection: str = "") -> list[dict[str, Any]]:
    answer = upload(http, *files, collection=collection)
    assert answer.status_code == 200, answer.text
    outcomes: list[dict[str, Any]] = answer.json()["files"]
    return outcomes


def test_files_of_several_formats_become_documents_that_can_be_asked(ann: httpx.Client) -> None:
    answer = upload(
        ann, FILES / "report.pdf", FILES / "letter.docx", FILES / "guide.md", FILES / "encrypted.pdf", collection="mixed"
    )
    report = answer.json()
    assert (answer.status_code, report["collection"]) == (200, "ann/mixed")
    assert {file["source"]: file["status"] for file in report["files"]} == {
        "report.pdf": "added", "letter.docx": "added", "guide.md": "added", "encrypted.pdf": "failed",
    }  # fmt: skip
    assert "password" in next(file["reason"] for file in report["files"] if file["status"] == "failed")
    listed = ann.get("/v1/documents", params={"collection": "mixed"}).json()
    assert (listed["total"], {document["state"] for document in listed["documents"]}) == (3, {"ready"})
    for document in listed["documents"]:
        assert ann.get(f"/v1/documents/{document['document']}").json() == document
        text = ann.get(f"/v1/documents/{document['document']}/text").json()
        for number in range(1, document["pages"] + 1):
            page = ann.get(f"/v1/documents/{document['document']}/pages/{number}").json()
            assert page["text"] == text["text"][page["start"] : page["end"]]
            assert (page["page"], page["pages"]) == (number, document["pages"])
        beyond = ann.get(f"/v1/documents/{document['document']}/pages/{document['pages'] + 1}")
        assert (beyond.status_code, beyond.json()["error"]["code"]) == (404, "document_not_found")
    (hit, *_) = ann.post("/v1/search", json={"query": "guide", "collections": ["mixed"]}).json()["hits"]
    assert hit["document"] in {document["document"] for document in listed["documents"]}


def test_a_name_uploaded_again_is_the_document_changed_and_two_of_one_name_are_told_apart(ann: httpx.Client) -> None:
    (first,) = added(ann, ("lamp.md", b"# Lamp\n\nIt burns oil.\n"), collection="again")
    (second,) = added(ann, ("lamp.md", b"# Lamp\n\nIt burns gas.\n"), collection="again")
    assert (first["status"], second["status"], first["document"]) == ("added", "changed", second["document"])
    assert "gas" in ann.get(f"/v1/documents/{first['document']}/text").json()["text"]
    twice = added(ann, ("a/note.txt", b"One."), ("b/note.txt", b"Two."), collection="twice")
    assert [file["source"] for file in twice] == ["note.txt", "note (2).txt"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("../../etc/passwd.txt", "passwd.txt"), ("papers\\plan.txt", "plan.txt"), ("..", "upload-1"), ("/", "upload-1"),
     ("a\u202eb\u0001c.txt", "abc.txt"), ("n" * 300 + ".txt", "n" * 196 + ".txt"), ("Übersicht 2024.txt", "Übersicht 2024.txt")],
)  # fmt: skip
def test_a_files_name_is_its_last_part_and_can_be_shown(ann: httpx.Client, given: str, kept: str) -> None:
    boundary = "xxxx"
    name = given.replace("\u0001", "%01")
    head = f'Content-Disposition: form-data; name="files"; filename="{name}"'
    body = f"--{boundary}\r\n{head}\r\n\r\nIt is {kept}.\r\n--{boundary}--\r\n"
    answer = ann.post(
        "/v1/documents", content=body.encode(), headers={"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    report = answer.json().get("upload") or answer.json()  # what has no ending is of no format
    assert report["files"][0]["source"].replace("%01", "") == kept


def test_where_no_file_becomes_a_document_the_status_says_so_of_each(ann: httpx.Client) -> None:
    answer = upload(ann, FILES / "encrypted.pdf", ("empty.txt", b""))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "no_document_added"
    assert "encrypted.pdf: " in answer.json()["error"]["message"]
    assert [file["status"] for file in answer.json()["upload"]["files"]] == ["failed", "failed"]


def test_files_beyond_the_limits_are_refused(ann: httpx.Client) -> None:
    too_large = upload(ann, ("big.txt", b"word " * 500_000))
    assert (too_large.status_code, too_large.json()["error"]["code"]) == (413, "too_large")
    of_itself = upload(ann, ("big.txt", b"word " * 300_000))  # fits into the body, but is larger than a file may be
    assert of_itself.status_code == 400
    assert "the limit is 1 MB" in of_itself.json()["error"]["message"]
    pages = [(f"{number}.txt", f"Page {number}.".encode()) for number in range(14)]
    outcomes = added(ann, *pages, collection="full")
    assert sorted(file["status"] for file in outcomes) == ["added"] * 12 + ["failed"] * 2
    assert all("may hold 12 pages" in file["reason"] for file in outcomes if file["status"] == "failed")
    assert upload(ann, *[(f"{number}.txt", b"x") for number in range(101)]).status_code == 400
    assert ann.post("/v1/documents", data={"collection": "x"}).status_code == 400
    assert ann.post("/v1/documents", json={"files": ["x"]}).status_code == 400


def test_listing_is_filtered_and_comes_in_parts(ann: httpx.Client) -> None:
    added(
        ann,
        *[(f"part {n}.txt", f"This is the part {n} of it.".encode()) for n in range(3)],
        ("plan.md", b"# Plan\n\nGo."),
        collection="parts",
    )
    first, second = (
        ann.get("/v1/documents", params={"collection": "parts", "limit": 3, "offset": offset}).json() for offset in (0, 3)
    )
    assert (first["total"], len(first["documents"]), len(second["documents"])) == (4, 3, 1)
    assert ann.get("/v1/documents", params={"collection": "parts", "type": "md"}).json()["total"] == 1
    assert ann.get("/v1/documents", params={"collection": "parts", "until": "1999"}).json()["total"] == 0
    named = ann.get("/v1/documents", params=[("collection", "parts"), ("document", "part 1.txt"), ("document", "plan.md")]).json()
    assert [document["source"] for document in named["documents"]] == ["part 1.txt", "plan.md"]
    for wrong, status in (
        ({"type": "xyz"}, 400),
        ({"collection": "nothing"}, 404),
        ({"document": "no.md"}, 404),
        ({"limit": 0}, 400),
    ):
        assert ann.get("/v1/documents", params=wrong).status_code == status


def test_a_forgotten_document_is_gone_from_answers_at_once(ann: httpx.Client) -> None:
    (file,) = added(ann, ("horn.md", b"# Horn\n\nThe horn is blown in fog only.\n"), collection="gone")
    asked = {"question": "When is the horn blown?", "collections": ["gone"]}
    assert "fog" in ann.post("/v1/ask", json=asked).json()["text"]
    gone = ann.delete(f"/v1/documents/{file['document']}")
    assert gone.json() == {"id": file["document"], "object": "document", "deleted": True, "title": "Horn"}
    assert "fog" not in ann.post("/v1/ask", json=asked).text
    assert ann.delete(f"/v1/documents/{file['document']}").status_code == 404


def test_an_emptied_collection_is_offered_no_more_unless_it_is_shared_and_keeps_its_name(
    ann: httpx.Client, people: tuple[Served, dict[str, str]]
) -> None:
    horn = ("horn.md", b"# Horn\n\nThe horn is blown in fog only.\n")

    def offered() -> bool:
        listed = "ann/emptied" in {model["id"] for model in ann.get("/v1/models").json()["data"]}
        refused = ann.get("/v1/models/nothing").json()["error"]["message"]
        assert ("ann/emptied" in refused) is listed
        return listed

    for shared, left in ((False, False), (True, True)):
        (file,) = added(ann, horn, collection="emptied")
        assert offered()
        people[0].app.state.assistant.library.share("emptied", ["bob"] if shared else [], owner="ann")
        ann.delete(f"/v1/documents/{file['document']}")
        assert offered() is left
        assert ann.get("/v1/models/ann/emptied").status_code == 200


def test_what_is_shared_can_be_read_and_not_changed(
    ann: httpx.Client, bob: httpx.Client, people: tuple[Served, dict[str, str]]
) -> None:
    (file,) = added(ann, ("shared.md", b"# Tide\n\nThe tide is high at noon.\n"), collection="shared")
    assert bob.get(f"/v1/documents/{file['document']}").status_code == 404
    people[0].app.state.assistant.library.share("shared", ["bob"], owner="ann")
    assert bob.get(f"/v1/documents/{file['document']}").json()["collection"] == "ann/shared"
    refused = bob.delete(f"/v1/documents/{file['document']}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "collection_not_found")
    assert refused.json()["error"]["message"].endswith("Ask its owner to do it.")
    into = upload(bob, ("x.txt", b"Mine."), collection="ann/shared")
    assert (into.status_code, into.json()["error"]["message"].endswith("or take another name.")) == (404, True)
    assert upload(bob, ("x.txt", b"Mine."), collection="ann/new").status_code == 404
    assert ann.get(f"/v1/documents/{file['document']}").status_code == 200
