"""Answers over the sample with the real models: quotes that stand at their offsets, refusals, streams, and a written answer from a
scripted endpoint."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant import Done, Passages, Searching, Text, Turn
from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import CollectionNotFound, EndpointError, SettingsError
from assistant.settings import Settings
from assistant.testing import ScriptedEndpoint, failure, in_turn, streamed
from ingestion import ingest
from ingestion.sample import sample_documents, sample_questions


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    with Assistant.open(Settings(data_dir=tmp_path_factory.mktemp("sample"))) as assistant:
        ingest(assistant, sample_documents(), collection="sample")
        yield assistant


def verbatim(assistant: Assistant, answer_citations) -> bool:  # type: ignore[no-untyped-def]
    return all(assistant.library.stored(c.document_id, reader=OWNER).text[c.start : c.end] == c.quote for c in answer_citations)


@pytest.mark.parametrize("asked", [q for q in sample_questions() if q.document], ids=lambda q: q.question[:40])
def test_the_sample_questions_are_answered_with_a_quote_from_their_document(sample: Assistant, asked) -> None:  # type: ignore[no-untyped-def]
    answer = sample.ask(asked.question, collection="sample")
    assert answer.found
    assert answer.complete
    assert asked.contains in answer.text
    assert answer.citations[0].source == asked.document
    assert verbatim(sample, answer.citations)
    for citation in answer.citations:
        page = sample.library.stored(citation.document_id, reader=OWNER).pages[citation.page - 1]
        assert page.start <= citation.start <= page.end
        assert f"[{citation.number}]" in answer.text


@pytest.mark.parametrize("question", ["What is the capital of Mongolia?", "Who won the 1998 World Cup final?"])
def test_a_question_that_the_documents_do_not_touch_is_refused_with_the_nearest_passages(
    sample: Assistant, question: str
) -> None:
    answer = sample.ask(question, collection="sample")
    assert not answer.found
    assert answer.complete
    assert answer.citations == ()
    assert answer.text == "The documents do not say."
    assert len(answer.hits) == 3


def test_a_stream_searches_shows_passages_writes_and_ends_with_the_answer(sample: Assistant) -> None:
    events = list(sample.stream("How many days of paid leave do full-time staff have?", collection="sample"))
    assert isinstance(events[0], Searching)
    assert isinstance(events[1], Passages)
    assert isinstance(events[-1], Done)
    assert all(isinstance(e, Text) for e in events[2:-1])
    assert "28 days" in "".join(e.text for e in events if isinstance(e, Text))
    assert set(events[-1].answer.milliseconds) >= {"embed", "bm25", "dense", "fuse", "rerank", "generate", "cite", "total"}


def test_a_follow_up_carries_over_what_it_leans_on(sample: Assistant) -> None:
    history = [Turn("user", "How many days of paid leave do full-time staff have?"), Turn("assistant", "28 days [1]")]
    answer = sample.ask("And part-time staff?", collection="sample", history=history)
    assert "leave" in answer.query
    assert answer.question == "And part-time staff?"


@pytest.mark.parametrize("question", ["Who is the CEO of Microsoft?", "Who is Tom Hanks?"])
def test_a_follow_up_that_the_documents_do_not_touch_is_refused_whatever_was_asked_before(
    sample: Assistant, question: str
) -> None:
    history = [Turn("user", "Can I carry over unused leave?"), Turn("assistant", "Up to five days. [1]")]
    assert sample.ask("Can I carry over unused leave?", collection="sample").found
    answer = sample.ask(question, collection="sample", history=history)
    assert not answer.found
    assert answer.text == "The documents do not say."


def test_an_empty_question_and_an_unknown_collection_are_refused(sample: Assistant) -> None:
    with pytest.raises(ValueError, match="empty"):
        sample.ask("  ")
    with pytest.raises(CollectionNotFound, match="sample"):
        sample.ask("Anything?", collection="nowhere")


def test_an_empty_library_says_how_to_add_documents(assistant: Assistant) -> None:
    answer = assistant.ask("Anything?")
    assert not answer.found
    assert "footnote ingest" in answer.text


def written_by(endpoint: ScriptedEndpoint, sample: Assistant, settings: Settings) -> Assistant:
    """The sample's library and index with another generator."""
    from assistant.wiring import make_generator

    chosen = settings.model_copy(
        update={"generator": "openai", "openai_base_url": endpoint.base_url, "openai_model": "m", "answer_timeout_seconds": 5.0}
    )
    return Assistant(
        library=sample.library, originals=sample.originals, limits=sample.limits,
        open_index=lambda: sample.index, open_embedder=lambda: sample.embedder,
        make_retriever=lambda *_: sample.retriever, make_generator=lambda embedder: make_generator(chosen, embedder),
    )  # fmt: skip


QUESTION = "How many days of paid leave do full-time staff have?"


def test_a_written_answer_keeps_the_mark_that_is_borne_out_and_drops_the_other(sample: Assistant, settings: Settings) -> None:
    script = in_turn(streamed(["Full-time staff have 28 days of paid leave [1]. ", "They also receive a car [1]."]))
    with ScriptedEndpoint(script) as endpoint:
        answer = written_by(endpoint, sample, settings).ask(QUESTION, collection="sample")
    assert answer.complete
    assert [c.number for c in answer.citations] == [1]
    assert "28 days" in answer.citations[0].quote
    assert verbatim(sample, answer.citations)
    assert len(answer.unsupported) == 1
    assert "car" in answer.unsupported[0]
    assert (answer.stated, answer.supported_share) == (2, 0.5)
    assert sample.ask(QUESTION, collection="sample").supported_share is None


def test_a_written_answer_that_was_cut_off_never_looks_finished(sample: Assistant, settings: Settings) -> None:
    script = in_turn(streamed(["Full-time staff have 28 days of paid leave [1]."], finish_reason=None))
    with ScriptedEndpoint(script) as endpoint:
        answer = written_by(endpoint, sample, settings).ask(QUESTION, collection="sample")
    assert not answer.complete
    assert answer.notices
    assert "28 days" in answer.text


def test_a_written_answer_that_reached_its_longest_length_is_not_complete(sample: Assistant, settings: Settings) -> None:
    script = in_turn(streamed(["Full-time staff have 28 days of paid leave [1]."], finish_reason="length"))
    with ScriptedEndpoint(script) as endpoint:
        answer = written_by(endpoint, sample, settings).ask(QUESTION, collection="sample")
    assert not answer.complete
    assert "longest length" in answer.notices[0]


def test_an_endpoint_that_refuses_is_an_error_and_not_an_answer(sample: Assistant, settings: Settings) -> None:
    with ScriptedEndpoint(in_turn(failure(401, "no such key"))) as endpoint, pytest.raises(EndpointError):
        written_by(endpoint, sample, settings).ask(QUESTION, collection="sample")


def test_an_endpoint_without_an_address_is_refused_with_the_setting_to_give(settings: Settings) -> None:
    with (
        Assistant.open(settings.model_copy(update={"generator": "openai"})) as assistant,
        pytest.raises(SettingsError, match="FOOTNOTE_OPENAI_BASE_URL"),
    ):
        _ = assistant.generator
