"""How much memory a process holds while it ingests thousands of pages. The files are made here; Linux only."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from pathlib import Path

from assistant import lite
from assistant.answering import Assistant
from assistant.settings import Settings
from benchmarks.made_files import make_pdf
from benchmarks.retrieval import RandomDocuments
from ingestion import ingest
from ingestion.report import Progress

_PAGES_A_FILE = 100


def measure_memory(pages: int, *, model: bool) -> None:
    """Ingest so many pages, as text PDFs of a hundred each, by a process of its own, and print what memory that held at its peak.
    With `model` they are embedded as always; without, their vectors are random: the model is loaded and counts tokens, but does not
    run."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "files")
        files.mkdir()
        for number in range(-(-pages // _PAGES_A_FILE)):
            (files / f"{number:04}.pdf").write_bytes(make_pdf(min(_PAGES_A_FILE, pages - number * _PAGES_A_FILE), seed=number))
        # Spawned: a forked process would begin with all that was loaded here.
        process = multiprocessing.get_context("spawn").Process(target=_ingest, args=(Path(folder), model))
        process.start()
        process.join()
    if process.exitcode:
        print(f"The ingest ended with status {process.exitcode}, so its memory is not known.")


def _ingest(folder: Path, model: bool) -> None:
    with Assistant.open(Settings(data_dir=folder / "data")) as assistant:
        if not model:
            assistant.embedder = RandomDocuments()
        before, held = _kilobytes("VmRSS"), dict[int, int]()

        def sample(progress: Progress) -> None:
            held.setdefault(4 * progress.files // max(1, progress.files_total), _kilobytes("VmRSS"))

        started = time.perf_counter()
        report = ingest(assistant, [folder / "files"], collection="bench", on_progress=sample)
        spent = time.perf_counter() - started
        milvus = lite.process_id()
        assert milvus is not None
        milvus_peak = _kilobytes("VmHWM", milvus)
    failed = [outcome.reason for outcome in report.outcomes if outcome.status != "added"]
    pages, chunks = (sum(getattr(outcome, name) for outcome in report.outcomes) for name in ("pages", "chunks"))
    how = "embedded by the default model" if model else "with random vectors in place of embedding"
    print(f"\nIngest of {pages} pages, {chunks} chunks, {how}")
    if failed:
        print(f"  {len(failed)} files were not added: {failed[0]}")
    print(f"  peak RSS of the parent  {_kilobytes('VmHWM') / 1000:6.0f} MB (must: less than 700); {before / 1000:.0f} before")
    print(f"  at each quarter         {', '.join(f'{kilobytes / 1000:.0f}' for kilobytes in held.values())} MB")
    print(f"  peak RSS of Milvus Lite {milvus_peak / 1000:6.0f} MB, in a process of its own")
    print(f"  wall clock              {spent:6.1f} s, {pages / spent:.0f} pages a second")
    print(f"  CPU of the parent       {time.process_time():6.1f} s, the processes that read files not counted")


def _kilobytes(name: str, process: int | str = "self") -> int:
    """A figure of a process in /proc: VmRSS, what it holds of memory now; VmHWM, the most that it held."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])
