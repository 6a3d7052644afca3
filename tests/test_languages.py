"""Every language's words meet in one term however they are inflected, written or asked for."""

from __future__ import annotations

import pytest

from assistant.languages import detect_language, parts_of_compound, stop_words
from assistant.lexical import terms


@pytest.mark.parametrize(
    ("language", "asked", "written"),
    [
        ("ar", "مدرسة", "المدرسة"),
        ("ar", "كتاب", "كِتَابٌ"),
        ("bg", "отпуск", "отпуските"),
        ("bn", "বাংলাদেশ", "বাংলাদেশের"),
        ("cs", "dovolená", "dovolené"),
        ("el", "άδεια", "άδειες"),
        ("fa", "کتاب", "كتاب‌ها"),
        ("hi", "किताब", "किताबें"),
        ("hr", "knjiga", "knjige"),
        ("hu", "szabadság", "szabadságot"),
        ("id", "belajar", "pembelajaran"),
        ("nl", "regering", "regeringen"),
        ("pl", "urlop", "urlopu"),
        ("ro", "zile", "zilele"),
        ("ru", "отпуск", "отпусков"),
        ("sr", "књига", "knjige"),
        ("sv", "semester", "semestern"),
        ("tr", "ışık", "IŞIKLAR"),
        ("uk", "відпустка", "відпустки"),
        ("ur", "کتاب", "کتابیں"),
        ("vi", "Việt Nam", "VIET NAM"),
    ],
)
def test_what_is_asked_meets_what_is_written(language: str, asked: str, written: str) -> None:
    assert terms(asked, language) == terms(written, language) != []


@pytest.mark.parametrize(
    ("language", "asked", "written"),
    [
        ("ja", "東京の人口", "人口は東京が最も多い"),
        ("ko", "휴가를", "휴가는"),
        ("zh", "法国首都", "巴黎是法国的首都"),
        ("th", "กรุงเทพ", "ในกรุงเทพมหานคร"),
    ],
)
def test_scripts_without_spaces_share_character_pairs(language: str, asked: str, written: str) -> None:
    assert set(terms(asked, language)) & set(terms(written, language))


@pytest.mark.parametrize(
    ("language", "question", "left"),
    [
        ("ar", "ما هي عاصمة فرنسا", 2),
        ("bn", "বাংলাদেশের রাজধানী কোথায়", 2),
        ("fr", "Quel régime l'État a-t-il ?", 2),
        ("hi", "भारत की राजधानी क्या है", 2),
        ("id", "Apa ibu kota Indonesia?", 3),
        ("ko", "수도는 무엇입니까", 3),
        ("pl", "Jaka jest stolica Francji?", 2),
        ("tr", "Fransa'nın başkenti neresi ve nerede", 4),
        ("vi", "Thủ đô của Pháp là gì?", 3),
        ("zh", "首都是什么", 2),
    ],
)
def test_question_words_are_left_out(language: str, question: str, left: int) -> None:
    assert len(terms(question, language)) == left


def test_pronouns_that_hang_on_a_verb_leave_the_verb_alone() -> None:
    assert terms("possède-t-il", "fr") == terms("possède", "fr")
    assert terms("Où Jean est-il né ?", "fr") == terms("Jean né", "fr")
    assert terms("encontra-se", "pt") == terms("encontra", "pt")
    assert terms("porte-monnaie", "fr") == ["port", "monnai", "portemonnai"]
    assert terms("segunda-feira", "pt") == ["segund", "feir", "segundafeir"]


def test_compounds_are_found_by_the_parts_that_a_joint_shows() -> None:
    assert set(terms("Beitrag zur Versicherung", "de")) <= set(terms("Versicherungsbeitrag", "de"))
    assert parts_of_compound("regierungserklärungsentwurf", "de") == ["regierung", "erklärung", "entwurf"]
    assert parts_of_compound("verzekeringspremie", "nl") == ["verzekering", "premie"]
    assert parts_of_compound("utbildningsnivå", "sv") == ["utbildning", "nivå"]
    assert parts_of_compound("versicherungsbeitrag", "en") == []
    assert parts_of_compound("zeitungsleser", "de") == ["zeitung", "leser"]
    assert parts_of_compound("zeitungs", "de") == []


def test_numbers_meet_in_every_script() -> None:
    for language, digits in (
        ("ar", "١٢٣٤"),
        ("fa", "۱۲۳۴"),
        ("hi", "१२३४"),
        ("bn", "১২৩৪"),
        ("th", "๑๒๓๔"),
        ("ar", "١٬٢٣٤"),
        ("ja", "１２３４"),
    ):
        assert terms(digits, language) == ["1234"]


@pytest.mark.parametrize(
    "language",
    [
        "ar",
        "bn",
        "de",
        "en",
        "es",
        "fr",
        "hi",
        "id",
        "it",
        "ja",
        "ko",
        "nl",
        "pl",
        "pt",
        "ru",
        "sv",
        "tr",
        "uk",
        "ur",
        "vi",
        "zh",
    ],
)
def test_the_most_used_languages_have_their_function_words(language: str) -> None:
    assert len(stop_words(language)) > 15
    assert all(word == word.lower() for word in stop_words(language))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ar", "كم عدد أيام الإجازة السنوية لكل موظف في الشركة؟"),
        ("bn", "প্রতি বছর কর্মীরা কত দিন ছুটি পান?"),
        ("de", "Wie viele Tage Urlaub habe ich im Jahr?"),
        ("hi", "हर साल कर्मचारियों को कितने दिन की छुट्टी मिलती है?"),
        ("ja", "年次有給休暇は何日ありますか。"),
        ("ko", "연차 휴가는 며칠입니까?"),
        ("ru", "Сколько дней отпуска у меня в году?"),
        ("tr", "Yılda kaç gün iznim olduğunu nasıl öğrenebilirim?"),
        ("zh", "我每年有多少天年假?"),
    ],
)
def test_questions_are_told_by_their_language(language: str, text: str) -> None:
    assert detect_language(text) == language
