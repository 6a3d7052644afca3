"""Messages of the Slack door: whatever an answer or a document says, a Slack client finds nothing in them but text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import cycle
from typing import Any

import pytest

from assistant.types import Answer, Chunk, Citation, Hit
from doors.slack.incoming import as_written, incoming
from doors.slack.messages import (
    Message,
    answer_messages,
    documents_message,
    draft_message,
    handed_over,
    outcomes_message,
    own_words,
)
from doors.slack.rich_text import blocks, from_markdown, length, link
from ingestion import Outcome
from tests.hostile import ADDRESS, SECRET, hostile_answers
from tests.slack_client import active, shown
from tests.slack_rules import check_message

LINK = "https://footnote.example.org/cite/a"
# What Slack obeys and other clients do not.
IN_SLACKS_WORDS = [
    "<!channel> <!here> <!everyone|all>", "<@U1BOT> <@U1BOT|footnote> <@W123>", "<#C123|general>", "<!subteam^S123|@team>",
    f"<{ADDRESS}|the whole statement>", f"<{ADDRESS}>", "<mailto:keeper@evil.example|write>", "@channel @here @everyone #general",
    "evil.example/c www.evil.example keeper@evil.example", ":smile: :rotating_light:", f"[x]({ADDRESS}) ![x]({ADDRESS})",
    "<!date^1392734382^{date}^https://evil.example/|today>", "&lt;!channel&gt; &#60;!here&#62;", "<\u200b!channel>", "<\u2060!here>",
    "`<!channel>` ```\n<@U1>\n```", "> <!here>\n> - <@U1>", "| <!channel> | <http://evil.example> |\n|--|--|\n| <@U1> | b |",
    "# <!channel>\n\n1. <@U1>\n2. <http://evil.example>", "slack://channel?team=T1&id=C1", "tel:+15551234 ftp://evil.example",
    "*<!channel>* _<@U1>_ ~<#C1>~", "<!channel", "<" * 50 + "!channel>", "**<**!channel>", "<*!*channel>",
]  # fmt: skip


def hit(words: str) -> Hit:
    return Hit(Chunk(1, "d1", words, words, words, 0, len(words), 1, heading_path=(words,), language="en"), 0.5)


def everywhere(words: str) -> list[Message]:
    """All that the bot says, with the words in every place that a document, a model or a person fills."""
    citations = [Citation(n, "d1", words, words, "v1", 1, 0, len(words), words, 0.5) for n in (1, 2)]
    answer = Answer(
        words, words, words, found=True, complete=False, confidence=0.5, citations=citations, hits=[hit(words)], notices=(words,),
        unsupported=(words,), stated=2,
    )  # fmt: skip
    nowhere = Answer(words, words, words, found=False, complete=True, confidence=0.1, hits=[hit(words)])
    outcomes = [Outcome(words, "failed", words), Outcome(f"upload:{words}", "added", words)]
    return [
        *answer_messages(answer, answer_id="a"),
        *answer_messages(nowhere, answer_id="b"),
        draft_message(words),
        own_words(words or "."),
        documents_message([words, words]),
        outcomes_message(outcomes, "Everybody can ask.", (words,)),
    ]


def payload(message: Message) -> dict[str, Any]:
    """As it goes out."""
    quiet = {"unfurl_links": False, "unfurl_media": False, "parse": "none", "link_names": False}
    return {"text": message.text, "blocks": message.blocks, **quiet}


def test_of_hostile_answers_a_client_makes_no_link_no_mention_no_broadcast_and_unfurls_nothing(
    number_of_answers: int, hostile_seed: int
) -> None:
    tried = dict(hostile_answers(number_of_answers // 3, hostile_seed)) | {words: words for words in IN_SLACKS_WORDS}
    for (name, words), more in zip(list(tried.items()), cycle(IN_SLACKS_WORDS), strict=False):
        tried[f"{name}, {more}"] = f"{words} {more}"
    for name, words in tried.items():
        for message in everywhere(words):
            assert active(payload(message)) == [], name
            check_message("chat.postMessage", payload(message))
            said = json.dumps(message.blocks, ensure_ascii=False).replace("<\u2060", "<")
            assert not set(said) & set("\u200b\u2060\u202e\U000e0041"), name
    assert SECRET.split()[0] in str(everywhere(next(iter(tried.values()))))  # the words are there, to be read


@pytest.mark.parametrize(
    ("message", "sign"),
    [
        ({"text": "see http://evil.example"}, "link"), ({"text": "see evil.example"}, "link"), ({"text": "k@evil.example"}, "link"),
        ({"text": "<!channel>"}, "broadcast"), ({"text": "<@U1>"}, "mention"), ({"text": "<#C1>"}, "mention"),
        ({"text": "<http://evil.example|x>"}, "link"), ({"text": ":smile:"}, "emoji"), ({"text": "x", "parse": "full"}, "mention"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "<!here>"}}]}, "broadcast"),
        ({"blocks": [{"type": "section", "text": {"type": "plain_text", "text": ":smile:"}}]}, "emoji"),
        ({"blocks": [{"type": "markdown", "text": "[x](evil)"}]}, "link"), ({"markdown_text": "![x](evil)"}, "link"),
        ({"blocks": [{"type": "image", "image_url": "http://evil.example", "alt_text": "x"}]}, "fetched"),
        ({"blocks": [{"type": "rich_text", "elements": [{"type": "broadcast", "range": "here"}]}]}, "broadcast"),
        ({"blocks": [{"type": "rich_text", "elements": [{"type": "link", "url": "http://evil.example"}]}]}, "link"),
        ({"blocks": [{"type": "rich_text", "elements": [{"type": "text", "text": "<!channel>"}]}]}, "broadcast"),
        ({"blocks": [{"type": "actions", "elements": [{"type": "button", "url": "http://evil.example"}]}]}, "link"),
        ({"text": "x", "unfurl_links": True}, "unfurls"), ({"text": "x", "unfurl_media": None}, "unfurls"),
    ],
)  # fmt: skip
def test_the_judge_of_these_sees_what_a_client_would_obey(message: Mapping[str, Any], sign: str) -> None:
    found = active({"unfurl_links": False, "unfurl_media": False, **message})
    assert any(each.startswith(sign) for each in found), found


def test_an_answer_keeps_its_form() -> None:
    words = (
        "# Leave\n\nStaff have **28** days [1] and *more* `x`.\n\n3. one\n4. two\n   - inner\n5. three\n\n> quoted\n\n"
        "```\na = 1\n```\n"
    )
    elements = from_markdown(words, lambda number: link(f"{LINK}/{number}", f"[{number}]") if number == 1 else None)
    assert [(e["type"].removeprefix("rich_text_"), e.get("style"), e.get("offset"), e.get("indent")) for e in elements] == [
        ("section", None, None, None), ("section", None, None, None), ("list", "ordered", 2, 0), ("list", "bullet", None, 1),
        ("list", "ordered", 4, 0), ("quote", None, None, None), ("preformatted", None, None, None),
    ]  # fmt: skip
    assert elements[1]["elements"] == [
        {"type": "text", "text": "Staff have "}, {"type": "text", "text": "28", "style": {"bold": True}},
        {"type": "text", "text": " days "}, {"type": "link", "url": f"{LINK}/1", "text": "[1]"}, {"type": "text", "text": " and "},
        {"type": "text", "text": "more", "style": {"italic": True}}, {"type": "text", "text": " "},
        {"type": "text", "text": "x", "style": {"code": True}}, {"type": "text", "text": "."},
    ]  # fmt: skip


def test_what_is_too_long_for_a_block_goes_on_in_the_next_and_nothing_is_lost() -> None:
    numbered = "".join(f"{n}. number {n}\n" for n in range(1, 400))
    code = "```\n" + "c\n" * 4000 + "```"
    long = "\n\n".join(["word " * 2000, "- " + "item " * 900, numbered, "x" * 7000, code])
    made = blocks(from_markdown(long), most=2800)
    assert all(length(block) <= 2800 + 10 for block in made)
    said = shown({"blocks": made})
    for word, times in (("word", 2000), ("item", 900), ("number", 399)):
        assert said.count(word) == times
    assert said.count("x") == 7000
    assert said.count("c\n") >= 3990
    lists = [e for block in made for e in block["elements"] if e.get("style") == "ordered"]
    counted = [e.get("offset", 0) + place for e in lists for place, _ in enumerate(e["elements"])]
    assert counted == list(range(399))


def test_every_source_is_shown_however_many_there_are() -> None:
    citations = [Citation(n, "d", f"Title {n}", "s", "v", n, 0, 9, f"Quote number {n}. " * 30, 1.0) for n in range(1, 120)]
    text = " ".join(f"Statement {n} [{n}]." for n in range(1, 120))
    answer = Answer("q" * 5000, "q", text, found=True, complete=True, confidence=1.0, citations=citations)
    messages = answer_messages(answer, answer_id="a", address_of=lambda n: f"{LINK}/{n}")
    for message in messages:
        check_message("chat.postMessage", payload(message))
    said = "\n".join(shown(payload(message)) for message in messages)
    for n in range(1, 120):
        assert f"[{n}] Title {n}, page {n}" in said
        assert f"Quote number {n}." in said
    links = [sign for message in messages for sign in active(payload(message))]
    assert links == [f"link {LINK}/{n}" for n in range(1, 120)] * 2


def test_a_person_is_told_who_asks_and_what_but_is_sent_nowhere() -> None:
    for words in IN_SLACKS_WORDS:
        message = payload(handed_over(words, "UBOB", "https://home.slack.example/p1"))
        check_message("chat.postMessage", message)
        assert active(message) == ["mention", "link https://home.slack.example/p1"]


def test_a_message_is_read_as_its_writer_saw_it() -> None:
    event = {
        "type": "message", "channel": "C1", "user": "U2", "ts": "2.0", "thread_ts": "1.0", "files": [{"id": "F1"}],
        "text": "<@U1BOT> see <http://a.example|this &amp; that>, <#C2|general>, <!here> and <@U3>: 1 &lt; 2?",
    }  # fmt: skip
    message = incoming(event, bot="U1BOT", team="T1")
    assert message is not None
    assert message.text.split() == ["see", "this", "&", "that,", "#general,", "here", "and", ":", "1", "<", "2?"]
    assert (message.mentioned, message.in_thread, message.files, message.for_others) == (True, True, ("F1",), False)
    assert as_written("plain") == "plain"
