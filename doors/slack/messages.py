"""Messages: what the bot says, as blocks. Answers with their sources and buttons, drafts of answers, what became of files, and our own
words. The `text` beside the blocks, which Slack would search for links and mentions, is always a sentence of ours without content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.types import Answer, Citation
from doors.slack.rich_text import Element, blocks, from_markdown, length, link, quote, section, text
from doors.terminal import borne_out, shortened
from ingestion import Outcome
from prompts.invisible import visible

RATE, PERSON = "footnote_rate", "footnote_person"
# Slack takes 50 blocks, 3,000 characters a section and about 13,000 a message.
_MOST_BLOCKS = 40
_BLOCK_CHARACTERS = 2_800
_MESSAGE_CHARACTERS = 10_000
_QUOTE_CHARACTERS, _TITLE_CHARACTERS, _QUESTION_CHARACTERS = 300, 150, 1_900
_MOST_OUTCOMES, _MOST_TITLES = 30, 50

HELP = (
    "Ask me about the documents here, as you would ask a colleague. Each statement of an answer has a footnote, with the document, "
    "the page and the quote that it rests on. Ask on in the thread. Share a file with me, and I read it. "
    "“Documents” lists what I may read for you here."
)
GREETING = f"Hello! {HELP}"
PROMPTS = (
    {"title": "What can I ask?", "message": "Help"},
    {"title": "Which documents are here?", "message": "Documents"},
)

AddressOf = Callable[[int], str]
"""The address of a footnote by its number; empty where nobody could follow it."""


@dataclass(frozen=True, slots=True)
class Message:
    text: str
    blocks: Sequence[dict[str, Any]]


def answer_messages(answer: Answer, *, answer_id: str, address_of: AddressOf = lambda _: "") -> list[Message]:
    """The whole of an answer: its text, whether it was cut off, its sources, what else a reader should know, and buttons under the
    last message. All of it, in as many messages as it takes."""
    cited = {c.number for c in answer.citations}

    def mark(number: int) -> Element | None:
        if number not in cited:
            return None
        address = address_of(number)
        return link(address, f"[{number}]") if address else text(f"[{number}]")

    said = blocks(from_markdown(answer.text, mark), most=_BLOCK_CHARACTERS)
    about = [e for c in answer.citations for e in _source(c, address_of(c.number))] + _nearest(answer)
    notes = [section(text(note, "italic")) for note in _notes(answer)]
    cut_off = [] if answer.complete else [section(text("This answer was cut off before its end.", "bold"))]
    below = [*blocks(cut_off, most=_BLOCK_CHARACTERS)]
    if about or notes:
        below += [{"type": "divider"}, *blocks([*about, *notes], most=_BLOCK_CHARACTERS)]
    return _messages([*said, *below], _buttons(answer, answer_id), "Footnote has answered.")


def draft_message(written: str) -> Message:
    """What has been written of an answer so far. Its marks, which nobody has checked yet, are left out."""
    found = [*draft_blocks(written)][: _MOST_BLOCKS - 1]
    return _messages([DRAFT_NOTE, *found], [], "Footnote is writing an answer.")[0]


def draft_blocks(written: str) -> list[Element]:
    return blocks(from_markdown(written, lambda _: text("")), most=_BLOCK_CHARACTERS)


def own_words(words: str) -> Message:
    """What we say ourselves, whatever names are in it."""
    return _messages(blocks([section(text(words))], most=_BLOCK_CHARACTERS), [], "A note from Footnote.")[0]


def outcomes_message(outcomes: Sequence[Outcome], readable_by: str, notices: Sequence[str] = ()) -> Message:
    """What became of files that were shared with the bot."""
    lines = [section(text(_outcome(outcome))) for outcome in outcomes[:_MOST_OUTCOMES]]
    if any(outcome.status != "failed" for outcome in outcomes):
        lines.append(section(text(readable_by, "italic")))
    lines += [section(text(notice, "italic")) for notice in notices]
    return _messages(blocks(_on_lines(lines), most=_BLOCK_CHARACTERS), [], "Footnote has looked at your files.")[0]


def documents_message(titles: Sequence[str]) -> Message:
    """The titles of documents, or the first of them where they are many."""
    shown = [text(shortened(title, _TITLE_CHARACTERS)) for title in titles[:_MOST_TITLES]]
    bullets: Element = {"type": "rich_text_list", "style": "bullet", "indent": 0, "elements": [section(title) for title in shown]}
    more = [section(text(f"And {len(titles) - len(shown)} more."))] if len(titles) > len(shown) else []
    return _messages(blocks([bullets, *more], most=_BLOCK_CHARACTERS), [], "Footnote lists its documents.")[0]


def handed_over(question: str, asker: str, where: str) -> Message:
    """A question for a person, with who asked and a link to the thread where there is one to open."""
    who = section({"type": "user", "user_id": asker}, text(" would like a person to answer this:"))
    there = [section(link(where, "Open the thread"))] if where else []
    return _messages(blocks([who, quote(text(question)), *there], most=_BLOCK_CHARACTERS), [], "Somebody asks for a person.")[0]


def _note(words: str) -> Element:
    return {"type": "context", "elements": [{"type": "plain_text", "text": words, "emoji": False}]}


DRAFT_NOTE = _note("Still being written. The footnotes are checked at the end.")


def _source(c: Citation, address: str) -> list[Element]:
    where = f"page {c.page}"
    page = link(address, where) if address else text(where)
    title = shortened(c.title, _TITLE_CHARACTERS)
    return [
        section(text(f"[{c.number}] ", "bold"), text(title, "bold"), text(", "), page),
        quote(text(f"“{shortened(c.quote, _QUOTE_CHARACTERS)}”")),
    ]


def _nearest(answer: Answer) -> list[Element]:
    if answer.found or not answer.hits:
        return []
    shown: list[Element] = [section(text("The nearest passages:"))]
    for hit in answer.hits:
        title = shortened(hit.chunk.title, _TITLE_CHARACTERS)
        shown.append(section(text(title, "bold"), text(f", page {hit.chunk.page}")))
        shown.append(quote(text(shortened(hit.chunk.text, _QUOTE_CHARACTERS))))
    return shown


def _notes(answer: Answer) -> list[str]:
    borne = [f"{borne_out(answer)}."] if answer.stated else []
    unsupported = [f"Not borne out by the documents: {shortened(s, _QUOTE_CHARACTERS)}" for s in answer.unsupported]
    return [*borne, *unsupported, *answer.notices]


def _buttons(answer: Answer, answer_id: str) -> list[Element]:
    """Feedback, and the way to a person. A value may have 2,000 characters."""

    def words(said: str) -> Element:
        return {"type": "plain_text", "text": said, "emoji": False}

    feedback = {
        "type": "feedback_buttons", "action_id": RATE,
        "positive_button": {"text": words("Helpful"), "value": f"{answer_id} yes"},
        "negative_button": {"text": words("Not helpful"), "value": f"{answer_id} no"},
    }  # fmt: skip
    value = visible(answer.question)[:_QUESTION_CHARACTERS]
    person = {"type": "button", "action_id": PERSON, "text": words("Ask a person"), "value": value}
    return [{"type": "context_actions", "elements": [feedback]}, {"type": "actions", "elements": [person]}]


def _outcome(outcome: Outcome) -> str:
    name = shortened(outcome.source.removeprefix("upload:"), _TITLE_CHARACTERS)
    pages = f", {outcome.pages} page{'s' * (outcome.pages != 1)}" if outcome.pages else ""
    return f"{outcome.status.capitalize()}: {name}{pages}{f'. {outcome.reason}' if outcome.reason else ''}"


def _on_lines(sections: list[Element]) -> list[Element]:
    for above in sections[:-1]:
        above["elements"].append(text("\n"))
    return sections


def _messages(shown: Sequence[Element], buttons: Sequence[Element], fallback: str) -> list[Message]:
    """The blocks in as few messages as Slack takes, in order, with the buttons under the last."""
    packed: list[list[Element]] = [[]]
    for block in shown:
        held = packed[-1]
        if len(held) >= _MOST_BLOCKS or (held and sum(map(length, held)) + length(block) > _MESSAGE_CHARACTERS):
            packed.append([])
        packed[-1].append(block)
    packed[-1] += buttons
    return [Message(fallback, each) for each in packed]
