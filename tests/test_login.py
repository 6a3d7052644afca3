"""Serving others: accounts in a real browser, and a server that other machines can reach."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, HttpCredentials, Page, expect

from assistant.library import Library
from doors.accounts import Accounts, Cost
from tests.login import basic
from tests.test_page import LAMP, Server, _text_file, ask, upload

PASSWORD = "a password for the test"


def make_users(data: Path, *names: str) -> None:
    data.mkdir(parents=True, exist_ok=True)
    library = Library(f"sqlite:///{data / 'library.sqlite3'}")
    accounts = Accounts(library.database, Cost(n=2**10, r=8, p=1))
    for name in names:
        accounts.add_user(name, PASSWORD)
    library.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Server]:
    """On an address that other machines can reach, with the users ann and bob."""
    make_users(tmp_path / "data", "ann", "bob")
    server = Server(tmp_path / "data", host="0.0.0.0")
    yield server
    if server.process.poll() is None:
        server.stop()


def page_of(browser: Browser, server: Server, name: str) -> Page:
    page = browser.new_context(http_credentials=HttpCredentials(username=name, password=PASSWORD)).new_page()
    page.goto(server.url)
    page.wait_for_selector("body.ready", timeout=60_000)
    return page


def test_each_who_logs_in_has_documents_of_their_own(served: Server, browser: Browser) -> None:
    ann = page_of(browser, served, "ann")
    expect(ann.locator("#talk")).to_contain_text("Ask your documents.")
    upload(ann, _text_file("lamp.md", LAMP))
    expect(ann.locator("#documents")).to_contain_text("The lamp")
    expect(ann.locator("#documents")).to_contain_text("ann/documents")
    ask(ann, "When is the lamp cleaned?")
    expect(ann.locator("#current .found")).to_contain_text("every Monday")
    ann.locator("#current .sources a").first.click()
    expect(ann.locator("#source-body mark")).to_contain_text("cleaned every Monday")
    bob = page_of(browser, served, "bob")
    expect(bob.locator("#documents")).to_contain_text("No documents yet.")
    ask(bob, "When is the lamp cleaned?")
    expect(bob.locator("#current")).to_contain_text("no documents to search")
    for page in (ann, bob):
        page.context.close()


def test_a_server_that_others_can_reach_asks_for_a_login_and_says_that_it_is_plain_http(served: Server) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(served.url, timeout=20)
    asked = urllib.request.Request(served.url, headers={"Authorization": basic("ann", PASSWORD), "Host": "footnote.example"})
    assert urllib.request.urlopen(asked, timeout=20).status == 200
    library = Library(f"sqlite:///{served.data / 'library.sqlite3'}")
    accounts = Accounts(library.database)
    for name in ("ann", "bob"):
        accounts.remove_user(name)
    library.close()
    with pytest.raises(urllib.error.HTTPError, match="401"):  # the last account is gone, and the door stays shut
        urllib.request.urlopen(served.url, timeout=20)
    said = served.stop()
    assert "0.0.0.0 can be reached from other machines, and passwords and documents go over the network as they are" in said
