"""A model behind an address and a LangChain chat model answer over the sample with checked citations; the third way, a GGUF file, has
its tests in tests/extras/test_llama.py."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage

from assistant import Done, Text
from assistant.answering import Assistant
from assistant.errors import ModelUnavailable, SettingsError
from assistant.protocols import Generator
from assistant.settings import Settings
from assistant.testing import HashingEmbedder, Reply, ScriptedEndpoint, Sent, streamed
from assistant.wiring import make_generator
from ingestion import ingest
from ingestion.sample import SampleQuestion, sample_documents, sample_questions
from tests.test_chat_models import STOP, Scripted, Step
from tests.three_ways import FALSE, assert_proven, read_and_answer, with_generator


def said(messages: Sequence[BaseMessage]) -> list[Step]:
    """What `read_and_answer` says, word by word."""
    return [*(f"{word} " for word in read_and_answer(str(messages[-1].content)).split(" ")), STOP]


def reading_server(sent: Sent) -> Reply:
    answer = read_and_answer(sent.body["messages"][-1]["content"])
    return streamed([f"{word} " for word in answer.split(" ")])


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    with Assistant.open(Settings(data_dir=tmp_path_factory.mktemp("sample"))) as assistant:
        ingest(assistant, sample_documents(), collection="sample")
        yield assistant


def over_an_endpoint(stack: ExitStack, settings: Settings) -> Generator:
    server = stack.enter_context(ScriptedEndpoint(reading_server))
    chosen = {"generator": "openai", "openai_base_url": server.base_url, "openai_model": "m"}
    return make_generator(settings.model_copy(update=chosen), HashingEmbedder())


def over_langchain(stack: ExitStack, settings: Settings) -> Generator:
    return make_generator(settings, HashingEmbedder(), Scripted(steps=said))


@pytest.mark.parametrize("way", [over_an_endpoint, over_langchain])
@pytest.mark.parametrize("asked", [q for q in sample_questions() if q.document], ids=lambda q: q.question[:30])
def test_each_way_answers_over_the_sample_with_checked_citations(
    sample: Assistant, settings: Settings, asked: SampleQuestion, way: Callable[[ExitStack, Settings], Generator]
) -> None:
    with ExitStack() as stack:
        written = with_generator(sample, lambda: way(stack, settings))
        events = list(written.stream(asked.question, collection="sample"))
    assert isinstance(events[-1], Done)
    answer = events[-1].answer
    assert_proven(sample, answer)
    assert answer.found
    assert answer.complete
    assert len(answer.citations) >= 1
    assert [FALSE in sentence for sentence in answer.unsupported] == [True]
    assert sum(isinstance(event, Text) for event in events) > 3


def test_a_gguf_file_is_refused_with_what_to_do_where_it_cannot_be_run(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_file(file: Path | str) -> Settings:
        return settings.model_copy(update={"generator": "llama", "llama_file": str(file)})

    with pytest.raises(SettingsError, match="FOOTNOTE_LLAMA_FILE"):
        make_generator(with_file(""), HashingEmbedder())
    with pytest.raises(ModelUnavailable, match="cannot be read: No such file"):
        make_generator(with_file(tmp_path / "missing.gguf"), HashingEmbedder())
    (tmp_path / "page.gguf").write_text("<html>Not found</html>")
    with pytest.raises(ModelUnavailable, match="no GGUF file: it begins with b'<htm'"):
        make_generator(with_file(tmp_path / "page.gguf"), HashingEmbedder())
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ModelUnavailable, match=r"pip install 'footnote\[llama\]'"):
        make_generator(with_file(tmp_path / "model.gguf"), HashingEmbedder())
