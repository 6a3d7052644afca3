"""Hostile answers through the gate: whatever they say, a browser finds nothing in the HTML but what is ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from assistant.testing import HTML_KINDS, KINDS, MARKDOWN_KINDS
from assistant.types import Answer, Chunk, Citation, Document, Hit
from doors.output_gate import answer_html, plain_html
from doors.page.conversation import Exchange, exchange_html
from doors.page.documents_list import documents_html, message_html, upload_html
from doors.page.frame import working_html
from doors.terminal import print_answer
from ingestion import Outcome, Report
from tests.hostile import ADDRESS, SECRET, foreign, hostile_answers, links, prefixes, read_text

CITED = {1, 2}


@pytest.fixture
def more(hostile_lists: Path | None) -> list[str]:
    """The lines of the lists that were named."""
    files = sorted(hostile_lists.iterdir()) if hostile_lists else []
    texts = [f.read_text(encoding="utf-8", errors="replace") for f in files if f.suffix in (".txt", ".svg", ".xml")]
    return [line for text in texts for line in [*text.splitlines(), text] if line.strip()]


def whole(text: str) -> str:
    return answer_html(text, answer=3, cited=CITED)


def unfinished(text: str) -> str:
    return answer_html(text, answer=3, cited=(), unfinished=True)


def hit(text: str) -> Hit:
    chunk = Chunk(1, "d1", text, text, text, 0, len(text), 1, heading_path=(text, text), language="en")
    return Hit(chunk, 0.5, {"bm25": 1, text: 2}, {"bm25": 0.5, text: 0.1})


def exchange(text: str) -> str:
    """The whole of an answer on the page, with the text in every place that a document, a model or a person fills."""
    citations = [Citation(n, "d1", text, text, "v1", 1, 0, len(text), text, 0.5) for n in CITED]
    answer = Answer(
        text, text, text, found=True, complete=False, confidence=0.5, citations=citations, hits=[hit(text)], notices=(text,),
        unsupported=(text,), milliseconds={"total": 1200.0, text: 2.0},
    )  # fmt: skip
    nowhere = Answer(text, text, text, found=False, complete=True, confidence=0.1, citations=(), hits=[hit(text)])
    done, not_found = (exchange_html(Exchange(3, text, answer=given)) for given in (answer, nowhere))
    failed = exchange_html(Exchange(3, text, written=text, error=text))
    return done + not_found + failed + exchange_html(Exchange(3, text, status=text))


def library(text: str) -> str:
    """The sidebar, with the text in every name."""
    document = Document("d1", text, text, text, "v1", "text/plain", "en", 1, 1, 10, "2026-11-21")
    report = Report(text, [Outcome(text, "failed", text)], 1.0, (text,))
    return (
        documents_html([document], group=True)
        + documents_html([], group=True, none=text)
        + upload_html(report, report.outcomes)
        + message_html(text)
        + working_html(text)
    )


def element(text: str) -> str:
    return f"<p>{plain_html(text)}</p>"


def attribute(text: str) -> str:
    return f'<button type="button" title="{plain_html(text)}" data-copy="{plain_html(text)}">x</button>'


SHOWN: list[Callable[[str], str]] = [whole, unfinished, exchange, library, element, attribute]


def test_of_hostile_answers_nothing_is_active_wherever_they_are_shown(
    number_of_answers: int, hostile_seed: int, more: list[str]
) -> None:
    started, judged, found = time.monotonic(), 0, list[str]()
    for name, text in hostile_answers(number_of_answers, hostile_seed, more=more):
        for show in SHOWN:
            html = show(text)
            judged += 1
            found += [f"{name}, {show.__name__}: {what}" for what in foreign(html)]
        assert all(address in ("#cite-3.1", "#cite-3.2") for address in links(whole(text))), name
        assert links(unfinished(text)) == [], name
    seconds = time.monotonic() - started
    print(
        f"\n{number_of_answers} hostile answers of {len(KINDS)} kinds and {len(more)} lines of lists, shown in {len(SHOWN)} ways:"
        f" {judged} pages, {len(found)} with anything active; {seconds:.0f} s"
    )
    assert found == []


def test_while_an_answer_is_streamed_nothing_is_active_at_any_cut() -> None:
    texts = [f"As is said [1]. {kind(SECRET, ADDRESS)}\n\nMore [2]." for kind in KINDS.values()]
    cuts = list(prefixes(texts))
    assert len(cuts) > 10_000
    assert [cut for cut in cuts if foreign(unfinished(cut)) or links(unfinished(cut))] == []


def test_the_judge_finds_what_is_active_where_the_gate_is_left_out() -> None:
    """Each kind that is meant for browsers, drawn by a renderer that believes it, is seen; so is our own link with one thing more."""
    believing = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table")
    believing.validateLink = lambda _: True  # type: ignore[method-assign, assignment]
    kinds = {name: kind(SECRET, ADDRESS) for name, kind in {**MARKDOWN_KINDS, **HTML_KINDS}.items()}
    unseen = {name for name, text in kinds.items() if not foreign(believing.render(text)) and not foreign(text)}
    # These need a renderer of another sort: one that links bare addresses or wiki links, draws formulas, compiles templates, reads
    # XML, closes what is unfinished, reads entities twice, or drops invisible characters first.
    assert unseen <= {
        "bare address", "address without scheme", "wiki link", "formula", "unfinished image", "unfinished link", "unfinished tag",
        "page template", "processing instruction", "entities", "entities without end", "split by nothing",
    }  # fmt: skip
    assert foreign('<a class="cite" href="#cite-3.1" ping="http://x">1</a>')
    assert foreign('<a class="cite" href="//evil.example/passage/d1?start=0&end=1&version=">1</a>')
    assert foreign('<a data-passage="//evil.example/passage/d1?start=0&end=1&version=">1</a>')
    assert foreign(exchange("x")) == foreign(library("x")) == []


def test_a_hostile_answer_is_read_as_it_was_written() -> None:
    for name in ("img", "script", "link", "bare address", "iframe", "chat link", "meta refresh"):
        assert KINDS[name](SECRET, ADDRESS).split("?q=")[0] in read_text(whole(KINDS[name](SECRET, ADDRESS))), name


@pytest.mark.parametrize("name", KINDS)
def test_a_terminal_obeys_nothing_that_an_answer_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    obeyed = f"\x1b]8;;{ADDRESS}\x1b\\link\x1b]8;;\x07 \x9b2J \x9d0;x\x9c \u202e\u200fback \x08\x7f\r\udc9b"
    text = f"{KINDS[name](SECRET, ADDRESS)} {obeyed}"
    citation = Citation(1, "d1", text, text, "v1", 1, 0, len(text), text, 0.5)
    for found in (True, False):
        print_answer(Answer(text, text, text, found=found, complete=False, confidence=0.5, citations=[citation], hits=[hit(text)],
                            notices=(text,), unsupported=(text,)))  # fmt: skip
    out, err = capsys.readouterr()
    assert "link" in out
    assert [c for c in out + err if (ord(c) < 32 and c not in "\t\n") or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000] == []
    assert not set(out + err) & set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
