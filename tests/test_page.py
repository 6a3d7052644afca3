"""The page in a real browser, against a real server on loopback. Every page here may load from its own server only."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import SettingsError
from assistant.settings import read_settings
from assistant.testing import Pause, Reply, ScriptedEndpoint, failure, streamed
from doors.page.documents_list import DocumentsDoor
from tests.canary import Canary

ROOT = Path(__file__).parent.parent
FILES = Path(__file__).parent / "files"
LEAVE = "How many days of paid annual leave do full-time staff have?"
LAMP = "# The lamp\n\nThe lamp is cleaned every Monday by the keeper.\n"
expect.set_options(timeout=30_000)


class Server:
    """`footnote serve` in a process of its own, over a data folder, on a free port."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.port, self.data = _free_port(), data
        outside = {name: value for name, value in os.environ.items() if not name.upper().startswith("FOOTNOTE_")}
        ours = {f"FOOTNOTE_{name.upper()}": value for name, value in settings.items()}
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from doors.cli import main; main()", "serve", "--port", str(self.port)],
            env={**outside, **ours, "FOOTNOTE_DATA_DIR": str(data), "PYTHONPATH": str(ROOT)},
            cwd=data.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.url = f"http://127.0.0.1:{self.port}"
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=2).close()
                return
            except OSError:
                assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
                time.sleep(0.25)
        pytest.fail("The server did not start within a minute.")

    def stop(self) -> str:
        """Interrupt it as Ctrl+C does; what it wrote to stderr."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=20)[1]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Over an empty library, without a language model."""
    server = Server(tmp_path_factory.mktemp("quotes") / "data")
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(lambda sent: streamed(["The lamp is cleaned every Monday [1]."])) as scripted:
        yield scripted


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, endpoint: ScriptedEndpoint) -> Iterator[Server]:
    """With a language model that says what the test tells it to."""
    data = tmp_path_factory.mktemp("written") / "data"
    server = Server(data, generator="openai", openai_base_url=endpoint.base_url, openai_model="scripted")
    yield server
    server.stop()


@pytest.fixture
def canary() -> Iterator[Canary]:
    with Canary() as bird:
        yield bird


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open a server's page at a width. Afterwards no page may have asked for anything beyond its server, or raised an error."""
    contexts, beyond, errors = [], list[str](), list[str]()

    def open_at(server: Server, width: int = 1280, height: int = 800) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        own = (f"{server.url}/", "data:", "blob:")
        context.on("request", lambda request: None if request.url.startswith(own) else beyond.append(request.url))
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server.url)
        page.wait_for_selector("body.ready", timeout=60_000)
        expect(page.locator("#documents")).not_to_be_empty()
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert beyond == []
    assert errors == []


def ask(page: Page, question: str) -> None:
    """Ask by keyboard and wait for the whole answer."""
    page.locator("#question textarea").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator("#current .question")).to_have_text(question)
    expect(page.locator("#current :is(.tools, .trouble)")).to_be_visible()


def upload(page: Page, *files: Path | FilePayload) -> None:
    page.locator("#library input[type=file]").set_input_files(list(files))  # type: ignore[arg-type]
    expect(page.locator(".outcomes li")).to_have_count(len(files))
    expect(page.locator(".outcomes .reading")).to_have_count(0)


def open_with_sample(open_page: OpenPage, server: Server, width: int = 1280, height: int = 800) -> Page:
    """The page, with the sample added by its button where it is not there yet."""
    page = open_page(server, width, height)
    expect(page.locator(".welcome h1")).to_be_visible()
    if page.locator("[data-sample]").is_visible():
        page.get_by_role("button", name="Try it with a sample").click()
    expect(page.get_by_role("button", name=LEAVE)).to_be_visible()
    return page


def yellow_pixels(page: Page) -> int:
    """Pixels of the highlighter's colour in the picture that the panel shows."""
    address = page.locator(".picture img").get_attribute("src")
    answer = page.request.get(f"{page.url.rstrip('/')}{address}")
    assert answer.headers["content-type"] == "image/png"
    assert "private" in answer.headers["cache-control"]
    picture = Image.open(io.BytesIO(answer.body())).convert("RGB")
    pixels = np.asarray(picture).reshape(-1, 3)
    return int((np.abs(pixels.astype(int) - (255, 236, 130)).max(axis=1) < 20).sum())


def test_the_sample_by_one_click_then_an_answer_whose_footnote_opens_its_page(served: Server, open_page: OpenPage) -> None:
    page = open_with_sample(open_page, served)
    page.get_by_role("button", name=LEAVE).click()
    expect(page.locator("#current .answer")).to_contain_text("28 days")
    expect(page.locator("#current .sources .page")).not_to_have_count(0)

    page.locator("#current a.cite").first.click()
    expect(page.locator("#source-body mark")).to_contain_text("28 days of paid leave")
    expect(page.locator("#source-body .headings")).to_contain_text("Annual leave")
    page.wait_for_function("document.querySelector('.picture img').naturalWidth > 500")
    assert yellow_pixels(page) > 500
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator("#source")).to_be_hidden()
    expect(page.locator("footer")).to_be_hidden()
    counts = page.request.get(f"{served.url}/metrics").text()
    assert 'footnote_answers_total{door="page",outcome="found"} 1.0' in counts
    assert 'footnote_answers_total{door="rest",outcome="found"} 0.0' in counts


def test_the_page_is_used_with_the_keyboard_alone(served: Server, open_page: OpenPage) -> None:
    page = open_with_sample(open_page, served)
    page.locator("#question textarea").focus()
    ask(page, LEAVE)
    mark = page.locator("#current a.cite").first
    mark.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#source")).to_be_focused()
    expect(page.locator("#source-body mark")).to_contain_text("28 days")
    page.keyboard.press("Escape")
    expect(page.locator("#source")).to_be_hidden()
    expect(mark).to_be_focused()


def test_what_the_documents_do_not_say_is_not_answered_and_the_nearest_passages_open(served: Server, open_page: OpenPage) -> None:
    page = open_with_sample(open_page, served)
    ask(page, "Who won the football world cup in 1998?")
    expect(page.locator("#current .not-found .answer")).to_have_text("The documents do not say.")
    expect(page.locator("#current a.cite")).to_have_count(0)
    page.locator("#current .near").first.click()
    expect(page.locator("#source-body mark").first).to_be_visible()


def test_uploaded_files_are_listed_with_their_outcome_and_can_be_removed(served: Server, open_page: OpenPage) -> None:
    page = open_page(served)
    upload(page, FILES / "guide.md", FILES / "encrypted.pdf")
    expect(page.locator(".outcomes .added")).to_contain_text("guide.md")
    expect(page.locator(".outcomes .failed .reason")).to_contain_text("password")
    row = page.locator(".document", has_text="guide.md")
    expect(row).to_have_count(1)
    upload(page, FILES / "guide.md")
    expect(page.locator(".outcomes .unchanged")).to_contain_text("already here")

    row.hover()
    row.get_by_role("button", name="Remove").first.click()
    row.get_by_role("button", name="Keep").click()
    expect(row).to_have_count(1)
    row.hover()
    row.locator(".remove").click()
    row.locator(".yes").click()
    expect(row).to_have_count(0)


def test_why_these_passages_opens_with_ranks_and_scores_that_lead_to_their_source(served: Server, open_page: OpenPage) -> None:
    page = open_with_sample(open_page, served, width=390, height=844)
    ask(page, LEAVE)
    expect(page.locator("#current .why table")).to_be_hidden()
    page.locator("#current .why summary").focus()
    page.keyboard.press("Enter")
    heads = ["Passage", "Words", "Meaning", "Joined", "Reranked", "maxsim"]
    expect(page.locator("#current .why thead th")).to_have_text(heads)
    expect(page.locator("#current .why tbody tr")).to_have_count(6)
    expect(page.locator("#current .why")).to_contain_text("embed the question")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("#current .why-passage").nth(1).click()
    expect(page.locator("#source-count")).to_have_text("Passage 2 of 6")
    expect(page.locator("#source-body mark").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#current .why-passage").nth(1)).to_be_focused()


def test_filters_are_set_with_the_keyboard_and_what_passes_is_listed_and_asked(served: Server, open_page: OpenPage) -> None:
    page = open_with_sample(open_page, served)
    filters, documents = page.locator("#filters"), page.locator(".document")
    before = documents.count()
    expect(filters.get_by_label("Types")).to_be_hidden()
    filters.get_by_role("button", name="Filters").focus()
    page.keyboard.press("Enter")
    filters.get_by_label("Types").focus()
    page.keyboard.type("docx")
    page.keyboard.press("Enter")
    expect(filters.get_by_role("button", name="Filters (1)")).to_be_visible()
    expect(documents).to_have_count(1)
    ask(page, "Combien de jours de congés payés ?")
    expect(page.locator("#current .source .title").first).to_have_text("Livret du personnel, fournil de Lyon")

    filters.get_by_label("Until").fill("last year")
    page.keyboard.press("Tab")
    expect(page.locator("#documents .trouble")).to_contain_text("'last year' is no date")
    ask(page, "Combien de jours ?")
    expect(page.locator("#current .trouble")).to_contain_text("'last year' is no date")
    filters.get_by_label("Until").fill("1999")
    page.keyboard.press("Enter")
    expect(page.locator("#documents .none")).to_contain_text("No document passes these filters: type docx; until 1999-12-31.")
    ask(page, "Combien de jours ?")
    expect(page.locator("#current .not-found .answer")).to_contain_text("No document passes these filters")

    filters.get_by_role("button", name="Clear filters").press("Enter")
    expect(documents).to_have_count(before)
    expect(filters.get_by_label("Until")).to_have_value("")
    expect(filters.locator(".label-wrap > span").first).to_have_text("Filters")


def test_on_a_phone_the_sidebar_starts_closed_and_the_panel_covers_the_page(served: Server, open_page: OpenPage) -> None:
    page = open_with_sample(open_page, served, width=390, height=844)
    expect(page.locator("#library")).to_be_hidden()
    ask(page, LEAVE)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("#current a.cite").first.click()
    expect(page.locator("#source-body mark")).to_be_in_viewport()
    page.wait_for_function("document.querySelector('#source').getBoundingClientRect().top === 0")
    box = page.locator("#source").bounding_box()
    assert box == {"x": 0, "y": 0, "width": 390, "height": 844}
    page.locator("[data-close]").click()
    expect(page.locator("#source")).to_be_hidden()
    page.get_by_role("button", name="Documents", exact=True).click()
    expect(page.locator(".document").first).to_be_in_viewport()


def test_nothing_that_a_document_or_an_answer_says_becomes_active(
    written: Server, endpoint: ScriptedEndpoint, open_page: OpenPage, canary: Canary
) -> None:
    bait = (
        f"<img src={canary.url}/img onerror=\"fetch('{canary.url}/on')\">![x]({canary.url}/md) [click]({canary.url}/link)"
        f" [run](javascript:fetch('{canary.url}/js')) <{canary.url}/auto> <script>fetch('{canary.url}/script')</script>"
    )
    text = f"# The lamp {bait}\n\nThe lamp is cleaned every Monday by the keeper. {bait}\n"
    endpoint.script = lambda sent: streamed(["The lamp is cleaned every Monday [1].\n\n", bait, f"\n\n[1]: {canary.url}/ref"])
    page = open_page(written)
    upload(page, _text_file("lamp.md", text))
    ask(page, "When is the lamp cleaned?")
    page.locator("#current a.cite").first.click()
    expect(page.locator("#source-body mark")).to_contain_text("every Monday")
    page.wait_for_timeout(500)

    expect(page.locator("#current .answer")).to_contain_text(f"{canary.url}/md")
    inside = page.locator(":is(#current, #past, #documents, #source-body) :is(img, script, iframe, svg, video, object, style)")
    assert inside.count() == 0
    addresses = page.eval_on_selector_all(":is(#talk, #source, #library) a", "links => links.map(a => a.getAttribute('href'))")
    assert addresses
    assert all(address.startswith("#") for address in addresses), addresses
    assert canary.connections == 0


def test_a_footnote_of_a_document_that_changed_says_so_and_keeps_its_quote(
    written: Server, endpoint: ScriptedEndpoint, open_page: OpenPage
) -> None:
    endpoint.script = lambda sent: streamed(["The horn is blown every evening [1]."])
    page = open_page(written)
    upload(page, _text_file("horn.md", "# The horn\n\nThe horn is blown every evening by the keeper.\n"))
    ask(page, "When is the horn blown?")
    upload(page, _text_file("horn.md", "# The horn\n\nThe horn is blown in fog only.\n"))
    expect(page.locator(".outcomes .changed")).to_contain_text("replaced")
    page.locator("#current a.cite").first.click()
    expect(page.locator("#source-body p.changed")).to_contain_text("has changed since")
    expect(page.locator("#source-body mark")).to_have_text("The horn is blown every evening by the keeper.")
    expect(page.locator("#source-body .passage")).not_to_contain_text("in fog only")


def test_the_browser_itself_refuses_what_is_not_ours(written: Server, browser: Browser, canary: Canary) -> None:
    page = browser.new_page()
    page.goto(written.url)
    page.wait_for_selector("body.ready")
    page.evaluate(
        """async (url) => {
            const image = new Image();
            await new Promise((done) => { image.onload = image.onerror = done; image.src = url + '/image'; });
            await fetch(url + '/fetch', { mode: 'no-cors' }).catch(() => 0);
            const style = document.createElement('link');
            style.rel = 'stylesheet';
            style.href = url + '/style';
            await new Promise((done) => { style.onload = style.onerror = done; document.head.append(style); });
        }""",
        canary.url,
    )
    page.close()
    assert canary.connections == 0


@pytest.mark.parametrize("address", ["/", "/health", "/own/page.css", "/passage/none", "/page/none/1.png", "/gradio_api/info"])
def test_every_response_carries_the_strict_headers(written: Server, address: str) -> None:
    headers = _get(f"{written.url}{address}")[1]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_an_answer_that_was_cut_off_or_made_of_quotes_instead_says_so(
    written: Server, endpoint: ScriptedEndpoint, open_page: OpenPage
) -> None:
    page = open_page(written)
    upload(page, _text_file("lamp.md", LAMP))
    endpoint.script = lambda sent: streamed(["The lamp is cleaned every Monday [1]."], finish_reason="length")
    ask(page, "When is the lamp cleaned?")
    expect(page.locator("#current .cut-off")).to_contain_text("not complete")
    endpoint.script = lambda sent: failure(401, "no such key")
    ask(page, "When is the lamp cleaned?")
    expect(page.locator("#current .note").first).to_contain_text("could not be used, so this answer is made of quotes")
    expect(page.locator("#current .note").first).to_contain_text("401")
    expect(page.locator("#current a.cite")).to_have_count(1)
    expect(page.locator("#current")).not_to_contain_text("Traceback")


def test_stop_leaves_what_has_come_and_marks_it(written: Server, endpoint: ScriptedEndpoint, open_page: OpenPage) -> None:
    endpoint.script = lambda sent: Reply([*streamed(["The lamp is cleaned "], None).body, Pause(30)])
    page = open_page(written)
    upload(page, _text_file("lamp.md", LAMP))
    page.locator("#question textarea").fill("When is the lamp cleaned?")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#current .answer.writing")).to_have_text("The lamp is cleaned")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#current .cut-off")).to_contain_text("Stopped")
    expect(page.locator("#current .answer")).to_have_text("The lamp is cleaned")
    endpoint.script = lambda sent: streamed(["The lamp is cleaned every Monday [1]."])
    ask(page, "On which day is the lamp cleaned?")
    expect(page.locator("#current a.cite")).to_have_count(1)


def test_a_page_that_is_not_ours_gets_nothing(served: Server) -> None:
    assert _get(f"{served.url}/health")[0] == 200
    assert _get(f"{served.url}/health", {"Host": f"rebound.example:{served.port}"})[0] == 403
    for site in ("cross-site", "same-site"):
        post = urllib.request.Request(f"{served.url}/gradio_api/upload", data=b"x", headers={"Sec-Fetch-Site": site})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(post, timeout=10)


def test_an_address_in_use_or_open_to_others_is_refused_in_one_line(served: Server) -> None:
    from doors.server import serve

    with pytest.raises(SettingsError, match=f"Port {served.port} on 127.0.0.1 cannot be used"):
        serve(read_settings(port=served.port))
    with pytest.raises(
        SettingsError, match=r"FOOTNOTE_HOST=0\.0\.0\.0 can be reached from other machines.*footnote users add NAME"
    ):
        serve(read_settings(host="0.0.0.0", port=served.port))


def test_an_interrupted_server_ends_cleanly(served: Server) -> None:
    said = served.stop()
    assert served.process.returncode == 0
    assert f"Footnote is at {served.url}" in said
    assert said.endswith("Footnote has stopped.\n")
    assert "Traceback" not in said


def _text_file(name: str, text: str) -> FilePayload:
    return {"name": name, "mimeType": "text/markdown", "buffer": text.encode()}


def _get(address: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str]]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers or {}), timeout=10) as answer:
            return answer.status, {name.title(): value for name, value in answer.headers.items()}
    except urllib.error.HTTPError as error:
        return error.code, {name.title(): value for name, value in error.headers.items()}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def taken_in(assistant: Assistant, *paths: Path) -> dict[str, str]:
    """What the page says of each uploaded file, at the end."""
    *_, (_, outcomes) = DocumentsDoor(assistant).upload([str(path) for path in paths], "")
    assert len({o.source for o in outcomes}) == len(outcomes)
    return {o.source: o.status for o in outcomes}


def test_an_uploaded_file_that_is_gone_fails_alone(assistant: Assistant, tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("The gate closes at nine.")
    assert taken_in(assistant, tmp_path / "gone.txt", tmp_path / "b.txt") == {"gone.txt": "failed", "b.txt": "added"}


def test_a_file_that_is_named_twice_in_an_upload_is_taken_in_once(assistant: Assistant, tmp_path: Path) -> None:
    for name, text in (("r.txt", "North."), ("s.txt", "South.")):
        (tmp_path / name).write_text(text)
    paths = [tmp_path / name for name in ("r.txt", "r.txt", "s.txt")]
    assert taken_in(assistant, *paths) == {"r.txt": "added", "s.txt": "added"}


def test_two_files_of_one_name_in_an_upload_are_two_documents(assistant: Assistant, tmp_path: Path) -> None:
    for folder, text in (("1", "The north gate closes at seven."), ("2", "The south gate closes at eight.")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "r.txt").write_text(text)
    assert taken_in(assistant, tmp_path / "1" / "r.txt", tmp_path / "2" / "r.txt") == {"r.txt": "added", "r (2).txt": "added"}
    assert len({d.id for d in assistant.library.documents(reader=OWNER)}) == 2
    assert {hit.chunk.source for hit in assistant.retrieve("gate closes")} == {"r.txt", "r (2).txt"}
