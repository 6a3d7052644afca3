"""The filters of the page: what there is to choose from, and what becomes of what was chosen."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from assistant.filters import Filters
from assistant.types import Document
from doors.page.filter_bar import choices, chosen_filters, heading

GATE = Document("1", "c", "The gate", "hr/gate.md", "v", "text/markdown", "en", 1, 1, 9, "", ("hr/gate.md",))


def test_documents_types_and_languages_are_offered_where_there_are_several() -> None:
    assert choices([GATE], ["/docs/hr/gate.md"]) == [[], [], [], []]
    lake = replace(GATE, id="2", title="lake.PDF", source="lake.PDF", sources=("lake.PDF",), language="fr")
    documents, _, types, languages = choices([GATE, lake], [])
    assert documents == [("The gate (hr/gate.md)", "hr/gate.md"), ("lake.PDF", "lake.PDF")]
    assert types == [("md", "md"), ("pdf", "pdf")]
    assert languages == [("en", "en"), ("fr", "fr")]


def test_a_document_whose_name_others_have_too_is_offered_by_its_id() -> None:
    twin = replace(GATE, id="2", title="hr/gate.md", source="gate.md", sources=("gate.md",))
    assert [value for _, value in choices([GATE, twin], [])[0]] == ["1", "gate.md"]


def test_folders_are_offered_by_their_path_from_the_one_that_holds_all() -> None:
    places = ["/docs/hr/gate.md", "/docs/hr/2024/lake.md", "/docs/it/room.md"]
    inner = [("hr", "/docs/hr"), ("hr/2024", "/docs/hr/2024"), ("it", "/docs/it")]
    assert choices([GATE], places)[1] == inner
    assert choices([GATE], [*places, "upload:sea.md"])[1] == [("docs", "/docs"), *inner]
    assert choices([GATE], ["upload:sea.md"])[1] == []


def test_what_was_chosen_becomes_filters_and_their_number_stands_in_the_heading() -> None:
    filters = chosen_filters(["gate.md"], [], ["md", "pdf"], [], " ", "2024-02")
    assert filters == Filters(documents=["gate.md"], types=["md", "pdf"], until=date(2024, 2, 29))
    assert heading(filters) == "Filters (4)"
    assert heading(chosen_filters([], [], [], [], "", "")) == "Filters"
