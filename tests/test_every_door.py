"""One assistant, many doors: the same questions get the same answer with the same footnotes through each, and all at once hold."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import httpx2
import openai
import pytest
from click.testing import CliRunner
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from playwright.sync_api import Browser, expect

from assistant.answering import Assistant
from assistant.settings import Settings
from doors.cli import main
from doors.slack.over_http import EVENTS
from doors.terminal import shortened
from ingestion import ingest
from ingestion.sample import sample_documents, sample_questions
from tests.slack_client import shown
from tests.slack_workspace import BOT, BOT_TOKEN, SECRET, Workspace
from tests.test_page import Server, ask

QUESTIONS = [
    *(asked.question for asked in sample_questions()),
    "How many days can be carried over to the next year?", "Who may drive the delivery van?", "What happens with unsold bread?",
    "Combien de jours de congés payés par an ?", "A que horas abre a padaria?", "Who invented the telephone?",
]  # fmt: skip
BURST = 100


@dataclass(frozen=True)
class Said:
    """What a door made of a question: the text, with its marks, and of each footnote its number, title, page and quote. A door that
    shows the beginning of a quote only ends it with an ellipsis."""

    text: str
    footnotes: Sequence[tuple[int, str, int, str]]

    def differs_from(self, other: Said) -> str:
        """Where they differ; empty where they do not."""
        pairs: list[tuple[Any, Any]] = [(words(self.text), words(other.text))]
        for one, another in zip(self.footnotes, other.footnotes, strict=False):
            whole = words(another[3])
            pairs.append(
                ((one[:3], words(one[3])), (another[:3], whole if words(one[3]) == whole else words(shortened(another[3], 300))))
            )
        pairs.append((len(self.footnotes), len(other.footnotes)))
        return "; ".join(f"{own} is not {theirs}" for own, theirs in pairs if own != theirs)


def words(text: str) -> list[str]:
    """The words with marks and signs, however a door breaks lines or draws quotation marks around them."""
    return re.sub(r"[*_“”]|(?<=\S)(?=\[\d)", " ", text).split()


def told(answer: dict[str, Any]) -> Said:
    """Of an answer in the JSON of the contract."""
    return Said(answer["text"], [(c["number"], c["title"], c["page"], c["quote"]) for c in answer["citations"]])


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Said]]:
    """The sample's data folder, shared with all, and what Python says over it."""
    data = tmp_path_factory.mktemp("doors") / "data"
    with Assistant.open(Settings(data_dir=data)) as assistant:
        ingest(assistant, sample_documents(), collection="sample")
        assistant.library.share("sample", ["*"])
        answers = [assistant.ask(question) for question in QUESTIONS]
    assert len(answers) == 20
    assert sum(answer.found for answer in answers) >= 14
    said = [Said(a.text, [(c.number, c.title, c.page, c.quote) for c in a.citations]) for a in answers]
    assert sum(len(each.footnotes) for each in said) >= 14
    return data, said


@pytest.fixture(scope="module")
def slack() -> Iterator[Workspace]:
    with Workspace() as workspace:
        yield workspace
        assert workspace.faults == []


@pytest.fixture(scope="module")
def server(expected: tuple[Path, list[Said]], slack: Workspace) -> Iterator[Server]:
    """`footnote serve` with every door open."""
    served = Server(
        expected[0], slack_bot_token=BOT_TOKEN, slack_signing_secret=SECRET, slack_api_url=slack.api_url,
        public_url="https://footnote.example.org",
    )  # fmt: skip
    slack.target = served.url + EVENTS
    yield served
    served.stop()


def by_command_line(server: Server) -> list[Said]:
    answers = []
    for question in QUESTIONS:
        ran = CliRunner().invoke(main, ["ask", question, "--json"], env={"FOOTNOTE_DATA_DIR": str(server.data)})
        assert ran.exit_code in (0, 3), ran.output
        answers.append(told(json.loads(ran.stdout)))
    return answers


def by_rest(server: Server) -> list[Said]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        return [told(client.post("/v1/ask", json={"question": question}).raise_for_status().json()) for question in QUESTIONS]


def by_openai(server: Server) -> list[Said]:
    """The official client, whole and streamed in turn."""
    answers = []
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        for number, question in enumerate(QUESTIONS):
            messages: Any = [{"role": "user", "content": question}]
            if number % 2:
                pieces = list(client.chat.completions.create(model="footnote", messages=messages, stream=True))
                text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
                given: Any = next(piece for piece in reversed(pieces) if hasattr(piece, "citations"))
            else:
                given = client.chat.completions.create(model="footnote", messages=messages)
                text = given.choices[0].message.content
            answers.append(told({"text": text, "citations": given.citations}))
    return answers


def by_mcp(server: Server) -> list[Said]:
    async def asked() -> list[Said]:
        async with (
            httpx2.AsyncClient(timeout=60) as http,
            Client(streamable_http_client(f"{server.url}/mcp", http_client=http)) as client,
        ):
            called = [await client.call_tool("ask", {"question": question}) for question in QUESTIONS]
            return [told(each.structured_content or {}) for each in called]

    with ThreadPoolExecutor(1) as thread:  # this one has the browser's loop
        return thread.submit(lambda: asyncio.run(asked())).result()


def by_slack(slack: Workspace) -> list[Said]:
    channel, answers = slack.add_channel(), []
    for question in QUESTIONS:
        message = slack.answer(channel, slack.say(channel, "UBOB", f"<@{BOT}> {question}"))
        # The sources stand under the text: number, title, page, and the quote in quotation marks.
        found = re.findall(r"^\[(\d+)\] ([^\n]+), page (\d+)\n“(.+?)”$", shown(message), re.MULTILINE | re.DOTALL)
        text = re.split(r"^\[\d+\] .+, page \d+$|^Nearest|^The nearest", shown(message), maxsplit=1, flags=re.MULTILINE)[0]
        answers.append(Said(text, [(int(number), title, int(page), quote) for number, title, page, quote in found]))
    return answers


def by_page(server: Server, browser: Browser) -> list[Said]:
    page = browser.new_context().new_page()
    answers = []
    for question in QUESTIONS:  # each in a conversation of its own
        page.goto(server.url)
        expect(page.locator("body.ready #documents")).to_contain_text("Fernhill")
        ask(page, question)
        # A footnote is a link whose text is its number: put the brackets back, as in the answer's own text.
        page.eval_on_selector_all("#current a.cite", "links => links.forEach(a => a.textContent = ` [${a.textContent}]`)")
        text = "\n".join(page.locator("#current .answer").all_inner_texts())
        rows = page.locator("#current .sources li")
        found = []
        for row in rows.all():
            number, title, at = (row.locator(f".{part}").inner_text() for part in ("number", "title", "page"))
            quote = row.locator("a").get_attribute("data-quote") or ""
            found.append((int(number), title, int(at.removeprefix("page ")), quote))
        answers.append(Said(text, found))
    page.context.close()
    return answers


def test_the_same_questions_get_the_same_answers_and_footnotes_through_every_door(
    expected: tuple[Path, list[Said]], server: Server, slack: Workspace, browser: Browser
) -> None:
    doors: dict[str, Callable[[], list[Said]]] = {
        "command line": lambda: by_command_line(server), "REST": lambda: by_rest(server), "OpenAI": lambda: by_openai(server),
        "MCP": lambda: by_mcp(server), "Slack": lambda: by_slack(slack), "page": lambda: by_page(server, browser),
    }  # fmt: skip
    for name, door in doors.items():
        for question, said, wanted in zip(QUESTIONS, door(), expected[1], strict=True):
            assert not said.differs_from(wanted), (name, question, said.differs_from(wanted))


def test_all_doors_hold_at_once_while_slack_sends_a_burst(
    server: Server, slack: Workspace, expected: tuple[Path, list[Said]]
) -> None:
    """A hundred mentions at once, with questions over REST, MCP and the command line meanwhile: each is answered once."""
    channel, over = slack.add_channel(), threading.Event()
    answered = {"REST": 0, "MCP": 0, "command line": 0}

    def keep_asking(door: str, one: Callable[[], bool]) -> None:
        while not over.is_set():
            assert one(), door
            answered[door] += 1

    def rest() -> bool:
        # Whoever asks too much at once is told to wait, and does.
        said = httpx.post(f"{server.url}/v1/ask", json={"question": QUESTIONS[0]}, timeout=120)
        time.sleep(float(said.headers.get("Retry-After", 0)))
        return said.status_code == 429 or not told(said.json()).differs_from(expected[1][0])

    async def over_mcp() -> bool:
        async with (
            httpx2.AsyncClient(timeout=120) as http,
            Client(streamable_http_client(f"{server.url}/mcp", http_client=http)) as client,
        ):
            called = await client.call_tool("ask", {"question": QUESTIONS[1]})
            return not told(called.structured_content or {}).differs_from(expected[1][1])

    def command() -> bool:
        ran = CliRunner().invoke(main, ["search", "leave", "--json"], env={"FOOTNOTE_DATA_DIR": str(server.data)})
        return ran.exit_code == 0 and bool(json.loads(ran.stdout)["hits"])

    with ThreadPoolExecutor(4) as doors, ThreadPoolExecutor(BURST) as burst:
        # Click's runner swaps stdout, so one thread alone runs commands.
        others = [
            doors.submit(keep_asking, "REST", rest), doors.submit(keep_asking, "MCP", lambda: asyncio.run(over_mcp())),
            doors.submit(keep_asking, "command line", command),
        ]  # fmt: skip
        events = [
            {
                "type": "app_mention",
                "channel": channel,
                "user": "UBOB",
                "text": f"<@{BOT}> {QUESTIONS[0]}",
                "ts": f"1764000000.{n:06d}",
            }
            for n in range(BURST)
        ]
        slack.messages += [{**event, "by": "UBOB"} for event in events]
        seconds = list(burst.map(slack.send, events))
        try:
            slack.wait_for(lambda: all(_answers(slack, event) for event in events), "a hundred answers", seconds=240)
        finally:
            over.set()
        for each in others:
            each.result()
    time.sleep(1)  # a second answer would come now
    for event in events:
        (answer,) = _answers(slack, event)
        assert "28 days" in shown(answer)
    assert all(answered.values()), answered
    p95 = statistics.quantiles(seconds, n=20)[-1]
    print(
        f"{BURST} events acknowledged: p95 {p95:.2f} s, median {statistics.median(seconds):.2f} s; meanwhile answered: {answered}"
    )
    assert max(seconds) < 3.0  # Slack would send it again


def _answers(slack: Workspace, event: dict[str, str]) -> list[dict[str, Any]]:
    """What the bot has said in the thread of a mention, but for a draft."""
    return [message for message in slack.thread(event["channel"], event["ts"]) if not message.get("draft")]
