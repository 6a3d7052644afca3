"""kill -9 in the middle of an ingest, a purge or a reindex, at random moments: what was reported is there, nothing is there twice, and
the next start leaves library and index in one state. `make campaign` gives pytest `--kills 200`."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_lowercase
from typing import Self

import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.lexical import document_vector, term_counts
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_assistant
from ingestion import ingest
from ingestion.doctor import examine
from ingestion.purging import purge

ROOT = Path(__file__).parent.parent
SECTIONS = 3
Files = Mapping[str, str]


def text_of(number: int, wording: str) -> str:
    """Three sections, each with a word that stands nowhere else."""
    words = [f"{wording}{ascii_lowercase[number]}q{ascii_lowercase[s]}x" for s in range(SECTIONS)]
    return "\n\n".join(
        f"# Section {s}\n\nDocument {number} says in section {s} what {word} means." for s, word in enumerate(words)
    )


BEFORE: Files = {f"{n:02}.md": text_of(n, "word") for n in range(12)}
CHANGED: Files = {**BEFORE, **{f"{n:02}.md": text_of(n, "other") for n in range(0, 12, 2)}}
REMOVED: Files = {name: text for name, text in BEFORE.items() if int(name[:2]) % 3}
RENAMED: Files = {(f"moved-{name}" if int(name[:2]) % 2 else name): text for name, text in BEFORE.items()}
ALL_AT_ONCE: Files = {
    **{f"{n:02}.md": text_of(n, "word") for n in range(3)},
    **{f"{n:02}.md": text_of(n, "other") for n in range(3, 6)},
    **{f"moved-{n:02}.md": text_of(n, "word") for n in range(6, 9)},
    **{f"{n:02}.md": text_of(n, "new") for n in range(12, 15)},
}


# What may be killed: the process that does the deed, the one that holds the index for it, or both as by the machine's end.
VICTIMS = ("the deed", "Milvus Lite")


@dataclass(frozen=True, slots=True)
class Deed:
    """What is killed: `command` in tests/killed.py, over a library that holds `before` while the folder holds `after`. `retired`
    where the library has versions and documents behind it that a purge takes out."""

    command: str
    before: Files
    after: Files
    retired: bool = False


DEEDS = {
    "a first ingest": Deed("ingest", {}, BEFORE),
    "changed files": Deed("ingest", BEFORE, CHANGED),
    "removed files": Deed("ingest", BEFORE, REMOVED),
    "renamed files": Deed("ingest", BEFORE, RENAMED),
    "all at once": Deed("ingest", BEFORE, ALL_AT_ONCE),
    "a purge": Deed("purge", ALL_AT_ONCE, ALL_AT_ONCE, retired=True),
    "a reindex": Deed("reindex", CHANGED, CHANGED),
}


@dataclass(slots=True)
class Ground:
    """Where the kills happen: the folder of documents, a library for each deed to begin from, and the process that forks."""

    root: Path
    process: subprocess.Popen[str]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def documents(self) -> Path:
        return self.root / "documents"

    def killed(self, name: str, data: Path, share: float, victims: Sequence[str] = VICTIMS) -> tuple[list[tuple[str, str]], bool]:
        """Do a deed to a data folder and kill these of its processes after that share of the time which it takes: the outcomes that it
        had reported, and whether it came to its end first."""
        deed = DEEDS[name]
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([deed.command, str(data), str(self.documents)]) + "\n")
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline())
        assert self.process.stdout.readline() == "begin\n"
        began = time.monotonic()
        if share < 1:
            time.sleep(share * self.seconds[name])
            for process in [p for victim in victims for p in (milvus_processes(pid) if victim == "Milvus Lite" else [pid])]:
                with suppress(ProcessLookupError):  # it came to its end first
                    os.kill(process, signal.SIGKILL)
        said = list(iter(self.process.stdout.readline, "gone\n"))
        if share >= 1:
            self.seconds[name] = time.monotonic() - began
        return [tuple(json.loads(line)) for line in said if line.startswith("[")], "end\n" in said

    def lay_out(self, files: Files) -> None:
        """Make the folder hold these files and nothing else."""
        for name in {path.name for path in self.documents.iterdir()} - set(files):
            (self.documents / name).unlink()
        for name, text in files.items():
            (self.documents / name).write_text(text)

    def begin_from(self, name: str, data: Path) -> None:
        """A library in the state in which the deed finds it, and the folder in the state that the deed shall follow."""
        deed = DEEDS[name]
        start = self.root / f"from {name}"
        if not start.exists():
            start.mkdir()
            for files in ([BEFORE, CHANGED] if deed.retired else []) + ([deed.before] if deed.before else []):
                self.lay_out(files)
                with opened(start) as assistant:
                    ingest(assistant, [self.documents])
        shutil.copytree(start, data)
        self.lay_out(deed.after)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    root = tmp_path_factory.mktemp("kills")
    (root / "documents").mkdir()
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # its threads would not live in a fork
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.killed"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    with Ground(root, process) as made:
        yield made


def milvus_processes(parent: int) -> list[int]:
    """The processes that hold an index for this one."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [int(child) for child in children if "lite_process" in Path(f"/proc/{child}/cmdline").read_text()]
    except OSError:  # gone
        return []


def opened(data: Path) -> Assistant:
    assistant = make_assistant(Settings(data_dir=data))
    assistant.embedder = HashingEmbedder()
    return assistant


def test_what_was_reported_survives_a_kill_and_the_next_start_is_clean(ground: Ground, tmp_path: Path, kills: int) -> None:
    chance = random.Random(kills)
    interrupted: Counter[str] = Counter()
    reported = 0
    for name in ["a reindex", *DEEDS]:  # the first time is slow, and no measure
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        ground.begin_from(name, tmp_path / name)
        outcomes, ended = ground.killed(name, tmp_path / name, 1)
        assert ended
        check_next_start(ground, tmp_path / name, DEEDS[name])
    for number in range(kills):
        name = list(DEEDS)[number % len(DEEDS)]
        data = tmp_path / str(number)
        ground.begin_from(name, data)
        victims = chance.choice([VICTIMS, VICTIMS[:1], VICTIMS[1:]])
        outcomes, ended = ground.killed(name, data, chance.uniform(0, 0.95), victims)
        interrupted[name] += not ended
        if ended:  # the machine is less busy than when it was measured
            ground.seconds[name] *= 0.7
        reported += len(outcomes) > 0 and not ended
        try:
            check_as_left(data, DEEDS[name], outcomes, ended)
            check_next_start(ground, data, DEEDS[name])
        except Exception as error:
            error.add_note(f"Kill {number} of {' and '.join(victims)}, in {name}, after {len(outcomes)} outcomes.")
            raise
        shutil.rmtree(data)
    seconds = ", ".join(f"{name} {ground.seconds[name]:.2f}" for name in DEEDS)
    print(
        f"{kills} kills, {interrupted.total()} before the end ({dict(interrupted)}), {reported} with outcomes. Seconds: {seconds}."
    )
    assert interrupted.total() > kills // 3
    assert reported > 0


def held(assistant: Assistant) -> dict[str, str]:
    """What the library shows: source to text."""
    documents = assistant.library.documents(reader=OWNER)
    texts = {d.source: assistant.library.stored(d.id, reader=OWNER).text for d in documents}
    assert len(texts) == len(documents)
    return texts


def shown(files: Files) -> dict[str, str]:
    return {name: text.replace("# ", "") for name, text in files.items()}


def check_as_left(data: Path, deed: Deed, outcomes: Sequence[tuple[str, str]], ended: bool) -> None:
    """Before anything is mended: each document is as it was or as it shall be, whole; what was reported is as it shall be, and
    found."""
    before, after = shown(deed.before), shown(deed.after)
    reported = {source for _, source in outcomes}
    with opened(data) as assistant:
        there = held(assistant)
        for source in {*before, *after, *there}:
            assert there.get(source) in (before.get(source), after.get(source))
            if ended or source in reported:
                assert there.get(source) == after.get(source)
        texts = set(there.values())
        assert set(before.values()) & set(after.values()) <= texts, "what is in both was never away"
        for source in sorted(reported & set(after))[:3]:
            word = after[source].split()[-2]
            assert word in assistant.retrieve(word)[0].chunk.text


def check_next_start(ground: Ground, data: Path, deed: Deed) -> None:
    """The next ingest makes library and index what the folder is, the one after that finds nothing to do, and a purge leaves nothing
    else on the disk."""
    with opened(data) as assistant:
        assert ingest(assistant, [ground.documents]).count("failed") == 0
        again = ingest(assistant, [ground.documents])
        assert again.count("unchanged") == len(again.outcomes) == len(deed.after)
        assert held(assistant) == shown(deed.after)
        check_rows(assistant, len(deed.after) * SECTIONS)
        check_versions(data, len(deed.after))
        if deed.retired:
            purge(assistant)
            check_rows(assistant, len(deed.after) * SECTIONS)
    if deed.retired:
        gone = (own_words(BEFORE) | own_words(CHANGED)) - own_words(deed.after)
        content = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
        assert all(word.encode() in content for word in own_words(deed.after))
        assert [word for word in gone if word.encode() in content] == []


def own_words(files: Files) -> set[str]:
    return {word for text in files.values() for word in text.split() if "q" in word}


def check_versions(data: Path, documents: int) -> None:
    """The library's own rows: a live version a document, none left pending, no chunk twice."""
    with closing(sqlite3.connect(f"{(data / 'library.sqlite3').as_uri()}?mode=ro", uri=True)) as library:
        states = dict(library.execute("SELECT state, count(*) FROM versions GROUP BY state").fetchall())
        assert states.pop("live") == documents
        assert set(states) <= {"retired"}
        assert library.execute("SELECT count(*) FROM documents WHERE live_version_id IS NULL").fetchone() == (0,)
        every = library.execute("SELECT version_id, start FROM chunks").fetchall()
        assert len(set(every)) == len(every)


def check_rows(assistant: Assistant, chunks: int) -> None:
    """Row by row: each live chunk is in the index once, with the vector and the weights of its own text, and nothing else is."""
    (collection,) = assistant.library.readable(OWNER)
    (examined,) = examine(assistant)
    assert (examined.missing, examined.stale, examined.chunks) == (0, 0, chunks)
    assert all(d.embedded for d in assistant.library.documents(reader=OWNER))
    assert collection.pivot_length is not None
    for chunk, counts in assistant.library.chunks.every(collection):
        vector = assistant.embedder.encode_documents([chunk.search_text])[0]
        ((nearest, cosine),) = assistant.index.search_dense(collection.index_name, vector, 1)
        assert (nearest, round(cosine, 4)) == (chunk.id, 1)
        own = term_counts(chunk.text.split()[-2], chunk.language)
        weight = sum(document_vector(counts, collection.pivot_length)[term] for term in own)
        ((holder, score),) = assistant.index.search_sparse(collection.index_name, dict.fromkeys(own, 1.0), 10)
        assert (holder, round(score, 3)) == (chunk.id, round(weight, 3))
    assert assistant.index.names(assistant.library.indexes.prefix) == [collection.index_name]
    assert assistant.library.indexes.doomed() == {}
    assert assistant.library.versions.unembedded([collection]) == []
    assert assistant.originals.digests() == assistant.library.versions.digests()
