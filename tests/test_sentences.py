"""Spans of sentences: exact offsets, whatever stands in the text."""

from __future__ import annotations

from assistant.sentences import sentence_spans


def _sentences(text: str, language: str = "en") -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text, language)]


def test_abbreviations_and_decimals_do_not_end_a_sentence() -> None:
    sentences = ["Dr. Smith paid $3.5 million.", "It cost 13.2%!", "Why?"]
    assert _sentences("  ".join(sentences)) == sentences


def test_offsets_count_code_points_past_emoji() -> None:
    text = "Hi 😀😀 there. Next 𝔘 one."
    assert sentence_spans(text, "en") == [(0, 12), (13, 24)]
    assert _sentences(text) == ["Hi 😀😀 there.", "Next 𝔘 one."]


def test_each_line_is_a_sentence_of_its_own() -> None:
    lines = ["Leave", "- 25 days", "- 3 weeks", "Name\tDays", "Dr. Ann. B.\t3. 4"]
    assert _sentences("\n".join(lines)) == lines


def test_the_number_of_a_list_item_belongs_to_its_first_sentence() -> None:
    assert _sentences("1. Open the door. Close it.\n(b) Wait.") == ["1. Open the door.", "Close it.", "(b) Wait."]


def test_a_hyphen_at_a_line_end_carries_the_sentence_on() -> None:
    assert _sentences("The inter-\nnational rules hold. More.") == ["The inter-\nnational rules hold.", "More."]


def test_a_dash_that_is_no_hyphen_does_not_join_lines() -> None:
    assert _sentences("Rules -\nMore") == ["Rules -", "More"]


def test_lines_without_words_are_left_out() -> None:
    assert _sentences("\n---\n \n* * *\nText.\n") == ["Text."]
    assert sentence_spans("", "en") == []


def test_unknown_languages_are_split_as_well() -> None:
    assert _sentences("One. Two.", "und") == ["One.", "Two."]
    assert _sentences("これは文です。次の文。", "ja") == ["これは文です。", "次の文。"]
