"""What counts as a repeat of a passage, and what never does: another figure, date, name, denial or heading."""

from __future__ import annotations

import pytest

from assistant.near_duplicates import containment, repeats, wording
from assistant.types import Chunk

PARAGRAPH = (
    "In the first quarter of 2024 the cooperative sold 41,200 loaves in Fernhill and lost (1,310) pounds on the market stall. "
    "The council of the town did not raise the rent, which stays at £5 a square foot until 5 mars. "
    "Margaret Oyelaran leads the bakery, and every member may read the accounts of the year in the office."
)


def chunk(text: str, *, language: str = "en", title: str = "Report", headings: tuple[str, ...] = ("Results",)) -> Chunk:
    return Chunk(1, "d", title, "report.md", text, 0, len(text), 1, headings, language=language)


def repeated(passage: Chunk, other: Chunk) -> bool:
    return repeats(wording(passage), wording(other))


def test_containment_is_the_share_of_runs_of_four_words_that_the_other_text_has() -> None:
    mat = ["the", "cat", "sat", "on", "the", "mat"]
    today = ["today", "the", "cat", "sat", "on", "the", "mat", "by", "the", "door"]
    # the cat sat on, cat sat on the, sat on the mat; the other has four runs more.
    assert containment(mat, today) == 1.0
    assert containment(today, mat) == pytest.approx(3 / 7)
    assert containment(mat, ["the", "cat", "sat", "on", "a", "mat"]) == pytest.approx(1 / 3)
    assert containment(["mat"], mat) == 1.0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (" the rent", "\nthe rent"), ("cooperative", "coopera-\ntive"), ("first quarter", "first  quarter"), (" stall. ", " stall "),
        ("every member", "each member"), ("which stays", "that stays"), ("office.", "“office”."), ("office", "o\ufb03ce"),
    ],
)  # fmt: skip
def test_the_same_words_set_in_another_way_repeat(before: str, after: str) -> None:
    assert before in PARAGRAPH
    changed = chunk(PARAGRAPH.replace(before, after))
    assert repeated(changed, chunk(PARAGRAPH))
    assert repeated(chunk(PARAGRAPH), changed)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2024", "2025"), ("first", "second"), ("41,200", "41.200"), ("41,200", "41,201"), ("(1,310)", "1,310"), ("£5", "€5"),
        ("£5", "£.5"), ("5 mars", "5 avril"), ("5 mars", "6 mars"), ("Margaret", "Martha"), ("Oyelaran", "Okafor"),
        ("Fernhill", "Lyon"), ("did not raise", "did raise"), ("may read", "must read"), ("sold", "bought"), (" the year", " 2023"),
    ],
)  # fmt: skip
def test_two_that_differ_in_a_figure_a_date_a_name_or_any_telling_word_never_repeat(before: str, after: str) -> None:
    assert before in PARAGRAPH
    # So long around it that nothing but the one word speaks against it.
    long = f"{PARAGRAPH} " + "The rest of the report is about bread and about those who bake it. " * 30
    changed = long.replace(before, after, 1)
    assert containment(changed.split(), long.split()) > 0.9
    assert not repeated(chunk(changed), chunk(long))
    assert not repeated(chunk(long), chunk(changed))


def test_what_is_worded_anew_between_the_telling_words_does_not_repeat() -> None:
    one = "Our baker sells the bread and the cake to the town, the farms and the inns, and the miller brings the flour."
    other = "Our baker sells bread and this cake to every town, those farms and these inns, and that miller brings each flour."
    assert wording(chunk(one)).telling == wording(chunk(other)).telling
    assert not repeated(chunk(one), chunk(other))
    assert repeated(chunk(one), chunk(one.replace("the flour", "flour")))


def test_figures_in_another_order_do_not_repeat() -> None:
    long = "The rest of the report is about bread and about those who bake it. " * 30
    one, other = f"Fernhill earned 5 million, Lyon 6 million. {long}", f"Fernhill earned 6 million, Lyon 5 million. {long}"
    assert not repeated(chunk(one), chunk(other))


def test_what_is_another_language_or_script_repeats_only_word_for_word() -> None:
    assert not repeated(
        chunk("休暇は年に二十八日です。" * 9, language="ja"), chunk("休暇は年に二十九日です。" * 9, language="ja")
    )
    assert repeated(chunk("休暇は年に二十八日です。", language="ja"), chunk("休暇は年に二十八日です。", language="ja"))
    assert not repeated(chunk(PARAGRAPH.replace("every member", "each member"), language="fi"), chunk(PARAGRAPH, language="fi"))


def test_a_piece_repeats_the_whole_and_the_whole_does_not_repeat_the_piece() -> None:
    piece = PARAGRAPH[: PARAGRAPH.index("Margaret")]
    assert repeated(chunk(piece), chunk(PARAGRAPH))
    assert not repeated(chunk(PARAGRAPH), chunk(piece))


@pytest.mark.parametrize("above", [{"title": "Report 2025"}, {"headings": ("Outlook",)}, {"headings": ("Results", "Lyon")}])
def test_the_same_words_under_another_title_or_heading_say_something_else(above: dict[str, str]) -> None:
    assert not repeated(chunk(PARAGRAPH, **above), chunk(PARAGRAPH))  # type: ignore[arg-type]
