"""Token counts added up over words: those of the tokenizer, with each word asked for once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from assistant.embedders.minilm import MiniLM
from assistant.testing import HashingEmbedder
from ingestion.parsers import parse
from ingestion.token_counts import counted_by_words
from tests.conftest import FILES

TRICKY = [
    "",
    " ",
    "Net sales rose 4.5% to $1,234.6 million (2022: $1,181.4).",
    "a\xa0b\u202fc\u3000d\te\n\nf",
    "snake_case--and—dashes…",
    "cafe\u0301s Stra\u00dfe na\u00efve \u0130stanbul",
    "soft\u00adhyphen zero\u200bwidth joi\u200dned",
    "[MASK] [UNK]. <s>x</s> [mask]",
    "東京都の人口は一千四百万人。 서울 กรุงเทพ",
    "🙂👩‍👩‍👧 x😀y",
    "https://example.org/q3_report.pdf?x=1&y=%20#page=12",
    "x" * 300,
    "‘quoted’ “words” l’été",
]


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    return MiniLM()


@pytest.mark.parametrize("name", ["report.pdf", "guide.md", "page.html", "letter.docx", "prices.csv", "japanese-shift_jis.txt"])
def test_the_words_of_real_files_add_up_to_what_the_tokenizer_counts(name: str, minilm: MiniLM) -> None:
    parsed = parse((FILES / name).read_bytes(), name)
    texts = [parsed.text, *(parsed.text[block.start : block.end] for block in parsed.blocks)]
    assert counted_by_words(minilm.count_tokens)(texts) == minilm.count_tokens(texts)


@pytest.mark.parametrize("text", TRICKY)
def test_no_text_is_counted_otherwise_than_by_the_tokenizer(text: str, minilm: MiniLM) -> None:
    assert counted_by_words(minilm.count_tokens)([text, f"{text} {text}"]) == minilm.count_tokens([text, f"{text} {text}"])


def test_a_word_is_asked_for_once() -> None:
    asked: list[str] = []

    def count_tokens(texts: Sequence[str]) -> list[int]:
        asked.extend(texts)
        return HashingEmbedder().count_tokens(texts)

    count = counted_by_words(count_tokens)
    asked.clear()
    assert count(["the red fox", "the fox"]) == [3, 2]
    assert count(["red red the"]) == [3]
    assert sorted(asked) == ["fox", "red", "the"]


def test_a_tokenizer_whose_words_do_not_add_up_is_asked_for_the_whole_text() -> None:
    def characters(texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]

    assert counted_by_words(characters)(["two words"]) == [9]


def test_marks_are_not_parted_from_words_for_a_tokenizer_that_joins_them() -> None:
    def words(texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    assert counted_by_words(words)(["one,two three."]) == [2]
