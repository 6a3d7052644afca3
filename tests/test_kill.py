"""kill -9 in the middle of an ingest, at random moments: what was reported as added is there, nothing is there twice, and the next
start leaves library and index in one state. `make campaign` gives pytest `--kills 200`."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assistant.answering import Assistant
from assistant.library import OWNER
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_assistant
from ingestion import ingest
from ingestion.doctor import examine

ROOT = Path(__file__).parent.parent
DOCUMENTS = 24
# Each document is reported on stdout the moment that its outcome is known; the reader of that line may count on the document.
PROGRAM = """
import sys, time
from pathlib import Path
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_assistant
import ingestion.pipeline as pipeline

class Slow(HashingEmbedder):
    def encode_documents(self, texts):
        time.sleep(0.04)
        return super().encode_documents(texts)

pipeline._BATCH_CHUNKS = 8
with make_assistant(Settings(data_dir=Path(sys.argv[1]))) as assistant:
    assistant.embedder = Slow()
    assistant.index.names("")
    print("open", flush=True)
    run = pipeline._Run._known
    def known(self, outcome):
        run(self, outcome)
        print("outcome", outcome.status, outcome.source, flush=True)
    pipeline._Run._known = known
    pipeline.ingest(assistant, [sys.argv[2]])
    print("end", flush=True)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("documents")
    for number in range(DOCUMENTS):
        sections = "\n\n".join(
            f"# Section {s}\n\nDocument {number} says in section {s} what word{number}x{s} means." for s in range(3)
        )
        (made / f"{number:02}.md").write_text(sections)
    return made


def killed(data: Path, folder: Path, after_outcomes: int, seconds: float) -> tuple[set[str], bool]:
    """Ingest in a process of its own and kill it so long after so many documents were reported: the documents that it had reported,
    and whether it came to its end first."""
    command = [sys.executable, "-c", PROGRAM, str(data), str(folder)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    lines = [process.stdout.readline() for _ in range(after_outcomes)]
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    lines = [*map(str.strip, lines), *process.stdout.read().splitlines()]
    process.wait()
    reported = {line.split()[2] for line in lines if line.startswith("outcome") and len(line.split()) == 3}
    return reported, "end" in lines


def opened(data: Path) -> Assistant:
    assistant = make_assistant(Settings(data_dir=data))
    assistant.embedder = HashingEmbedder()
    return assistant


def check(data: Path, folder: Path, reported: set[str]) -> None:
    with opened(data) as assistant:
        held = {d.source for d in assistant.library.documents(reader=OWNER)}
        assert reported <= held
        ingest(assistant, [folder])
        documents = assistant.library.documents(reader=OWNER)
        assert sorted(d.source for d in documents) == [f"{n:02}.md" for n in range(DOCUMENTS)]
        assert all(d.embedded for d in documents)
        (examined,) = examine(assistant)
        assert (examined.missing, examined.stale, examined.chunks) == (0, 0, DOCUMENTS * 3)
        (collection,) = assistant.library.readable(OWNER)
        # Row by row: each live chunk's vector is in the index, and is the one of its own text.
        for chunk, _ in assistant.library.every_chunk(collection):
            vector = assistant.embedder.encode_documents([chunk.search_text])[0]
            best, cosine = assistant.index.search_dense(collection.index_name, vector, 1)[0]
            assert cosine == pytest.approx(1.0, abs=1e-5)
            assert best == chunk.id or assistant.library.chunks([collection], [best])[best].search_text == chunk.search_text
        assert assistant.originals.digests() == assistant.library.digests()
        assert assistant.library.doomed() == {}


def test_what_was_reported_survives_a_kill_and_the_next_start_is_clean(folder: Path, tmp_path: Path, kills: int) -> None:
    chance = random.Random(kills)
    interrupted = partial = 0
    for number in range(kills):
        data = tmp_path / str(number)
        reported, ended = killed(data, folder, chance.randrange(DOCUMENTS - 8), chance.uniform(0.0, 0.3))
        interrupted += not ended
        partial += 0 < len(reported) < DOCUMENTS
        check(data, folder, reported)
    print(f"{kills} kills, {interrupted} before the end, {partial} with some documents reported")
    assert interrupted >= kills // 2
    assert partial > 0
