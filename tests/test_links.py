"""Links that prove: a footnote's address opens its passage with the quote marked, for whoever may read it and nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Browser

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import DocumentNotFound
from assistant.types import Answer, Citation
from doors.accounts import Accounts, Cost
from doors.answer_links import AnswerLinks
from doors.server import make_app
from ingestion import forget, ingest
from ingestion.purging import purge
from tests.conftest import FILES, WriteFile
from tests.login import bearer
from tests.serving import serving

QUOTE = "The eastern quay"


def citation_of(assistant: Assistant, quote: str, number: int = 1, title: str = "") -> Citation:
    """A footnote to these words, where they stand."""
    documents = assistant.library.documents(reader=OWNER)
    document = next(d for d in documents if title in d.title and quote in assistant.library.stored(d.id, reader=OWNER).text)
    start = assistant.library.stored(document.id, reader=OWNER).text.index(quote)
    return Citation(
        number, document.id, document.title, document.source, document.version, 1, start, start + len(quote), quote, 1.0
    )


def answer_with(*citations: Citation) -> Answer:
    marks = " ".join(f"[{c.number}]" for c in citations)
    return Answer("Where?", "Where?", f"There {marks}.", found=True, complete=True, confidence=0.9, citations=citations)


@pytest.fixture
def links(assistant: Assistant) -> AnswerLinks:
    return AnswerLinks(assistant.library.database, "https://footnote.example.org/")


@pytest.fixture
def url(assistant: Assistant) -> Iterator[str]:
    with serving(make_app(assistant)) as address:
        yield address


def test_a_footnotes_link_opens_its_passage_and_the_page_with_the_quote_marked(
    assistant: Assistant, links: AnswerLinks, url: str, browser: Browser
) -> None:
    ingest(assistant, [FILES / "report.pdf"])
    footnote = citation_of(assistant, QUOTE)
    answer = links.keep(answer_with(footnote, citation_of(assistant, "harbour", 3)), reader=OWNER)
    assert links.of_footnote(answer, 1) == f"https://footnote.example.org/cite/{answer}/1"
    page = browser.new_context().new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(links.of_footnote(answer, 1, at=url))
    assert page.locator("mark").inner_text() == QUOTE
    assert page.locator("figure img").evaluate("image => image.naturalWidth") > 1000
    page.get_by_role("link", name="Footnote 3").click()
    page.wait_for_url(f"**/cite/{answer}/3")
    assert page.locator("mark").inner_text() == "harbour"
    assert [address for address in asked if not address.startswith((f"{url}/cite/", "data:"))] == []
    page.context.close()


def test_a_link_to_a_page_shows_that_page_with_the_span_marked(assistant: Assistant, links: AnswerLinks, url: str) -> None:
    ingest(assistant, [FILES / "report.pdf"])
    footnote = citation_of(assistant, QUOTE)
    marked = httpx.get(links.of_citation(footnote, at=url))
    assert f"<mark>{QUOTE}</mark>" in marked.text
    whole = httpx.get(links.of_page(footnote.document_id, 2, at=url))
    assert whole.status_code == 200
    assert "<mark>" not in whole.text
    assert "page 2 of" in whole.text
    for address in (
        f"/show/{footnote.document_id}/99",
        f"/show/{footnote.document_id}/1?start=5&end=99999999",
        "/show/nothing/1",
    ):
        missing = httpx.get(url + address)
        assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8"), address


def test_a_link_opens_for_whoever_may_read_the_document_and_tells_others_nothing(
    assistant: Assistant, links: AnswerLinks, url: str, write: WriteFile
) -> None:
    write("secret.md", "# Vault\n\nThe vault opens at nine.\n")
    accounts = Accounts(assistant.library.database, Cost(n=2**10, r=8, p=1))
    keys = {}
    for name in ("ann", "bob"):
        accounts.add_user(name, "a password for the test")
        keys[name] = accounts.add_key(name, "test")
    ingest(assistant, [write("ann.md", "# Plan\n\nThe vault opens at nine.\n")], collection="plans", reader="ann")
    footnote = citation_of(assistant, "opens at nine", title="Plan")
    answer = links.keep(answer_with(footnote), reader="ann")

    def get(address: str, name: str) -> httpx.Response:
        return httpx.get(url + address, headers={"Authorization": bearer(keys[name])})

    for address in (f"/cite/{answer}/1", f"/show/{footnote.document_id}/1"):
        assert "<mark>" in get(address, "ann").text or "/show/" in address
        assert "opens at nine" in get(address, "ann").text
        refused = get(address, "bob")
        assert refused.status_code == 404
        assert not re.search("vault|nine|Plan", refused.text)
        assert "footnote documents" not in refused.text  # whoever follows a link has no shell here
        assert httpx.get(url + address).status_code == 401
    never = get(f"/show/{footnote.document_id[::-1]}/1", "bob").text.replace(footnote.document_id[::-1], "…")
    assert get(f"/show/{footnote.document_id}/1", "bob").text.replace(footnote.document_id, "…") == never
    assert get(f"/cite/{answer}/1", "bob").text.replace(answer, "…") == get("/cite/neverwas/1", "bob").text.replace(
        "neverwas", "…"
    )
    assistant.library.share("ann/plans", ["bob"])
    assert "opens at nine" in get(f"/cite/{answer}/1", "bob").text


def test_an_old_footnote_says_that_its_document_changed_and_shows_what_it_quoted_while_that_is_kept(
    assistant: Assistant, links: AnswerLinks, url: str, write: WriteFile
) -> None:
    ingest(assistant, [write("lamp.md", "# Lamp\n\nThe lamp is cleaned on Mondays.\n")])
    answer = links.keep(answer_with(citation_of(assistant, "on Mondays")), reader=OWNER)
    assert "has changed since" not in httpx.get(f"{url}/cite/{answer}/1").text
    ingest(assistant, [write("lamp.md", "# Light\n\nNow the lamp is cleaned on Fridays.\n")])
    changed = httpx.get(f"{url}/cite/{answer}/1")
    assert changed.status_code == 200
    assert "<mark>on Mondays</mark>" in changed.text
    assert "The document has changed since. This is the version that was quoted." in changed.text
    purge(assistant)
    purged = httpx.get(f"{url}/cite/{answer}/1")
    assert purged.status_code == 404
    assert "has changed since" in purged.text
    assert "not kept any more" in purged.text
    forget(assistant, "lamp.md")
    assert "has changed" not in httpx.get(f"{url}/cite/{answer}/1").text
    for address in (f"/cite/{answer}/1", f"/cite/{answer}/2", "/cite/nothing/1", f"/cite/{answer}/99999999999999999999999"):
        assert httpx.get(url + address).status_code == 404, address


def test_what_a_document_says_stays_text_on_a_linked_page(
    assistant: Assistant, links: AnswerLinks, url: str, write: WriteFile
) -> None:
    hostile = '<img src=x onerror=alert(1)> <script>alert(2)</script> "quoted" & more'
    ingest(assistant, [write("hostile.txt", f"{hostile} here.\n")])
    footnote = citation_of(assistant, "more here")
    shown = httpx.get(links.of_footnote(links.keep(answer_with(footnote), reader=OWNER), 1, at=url))
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown.text
    assert re.findall(r"<(?:script|img)", shown.text) == []
    assert "sandbox" in shown.headers["content-security-policy"]


def test_a_reader_rates_an_answer_once(assistant: Assistant, links: AnswerLinks) -> None:
    answer = links.keep(answer_with(), reader=OWNER)
    links.rate(answer, reader="ann", helpful=True)
    links.rate(answer, reader="bob", helpful=True)
    links.rate(answer, reader="ann", helpful=False)
    assert links.rated() == (1, 1)
    with pytest.raises(DocumentNotFound, match="Ask the question again"):
        links.rate("nothing", reader="ann", helpful=True)


def test_links_are_forgotten_after_a_year_in_a_server_that_stays_up_and_looked_for_once_an_hour(assistant: Assistant) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    links = AnswerLinks(assistant.library.database, clock=lambda: now)
    footnote = Citation(1, "d", "Plan", "plan.md", "v", 1, 0, 5, "Words", 1.0)

    def opens(answer: str) -> bool:
        try:
            return links.place(answer, 1).page == 1
        except DocumentNotFound:
            return False

    def kept() -> str:
        return links.keep(answer_with(footnote), reader=OWNER)

    first = kept()
    links.rate(first, reader="ann", helpful=True)
    now += timedelta(minutes=40)
    second = kept()
    now += timedelta(days=365) - timedelta(minutes=40)
    last = kept()
    assert [opens(answer) for answer in (first, second, last)] == [True, True, True]  # a year, and not more
    now += timedelta(minutes=50)
    kept()
    assert opens(first)
    assert links.rated() == (1, 0)
    now += timedelta(minutes=10)
    kept()
    assert [opens(answer) for answer in (first, second, last)] == [False, False, True]
    assert links.rated() == (0, 0)
    with assistant.library.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM answers").scalar() == 3
