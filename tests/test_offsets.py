"""Over every format that is read: each chunk and each quote is in its document, character for character, at the offsets and on the
page that it names. And the corpus that shows it is whole: a file for each format, and an origin for each file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.types import Citation
from assistant.wiring import make_assistant
from ingestion import Report, ingest
from ingestion.parsers import SUPPORTED
from ingestion.parsers.other_types import OTHER_FORMATS
from ingestion.sample import sample_documents
from tests.conftest import FILES
from tests.ingest_damaged import assert_verbatim, assert_whole

# Made to be refused, each with a reason that a test of its own holds it to.
REFUSED = {"encrypted.pdf", "truncated.pdf", "scan.pdf"}
# Their words stand in other files too, which would be quoted in their stead.
ALONE = ("prices.tsv", "letter.png", "letters.tif", "letter.jpg", "letter.gif", "letter.bmp", "letter.webp")
ORIGINS = FILES / "README.md"
_WORD = re.compile(r"\w{2,}")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Assistant, Report]]:
    """An assistant that has read every file of the corpus and the sample."""
    with make_assistant(Settings(data_dir=tmp_path_factory.mktemp("data"))) as assistant:
        assistant.embedder = HashingEmbedder()
        report = ingest(assistant, [FILES, *sample_documents()])
        for name in ALONE:
            ingest(assistant, [FILES / name], collection=name)
        yield assistant, report


def test_every_format_has_a_file_that_is_read(corpus: tuple[Assistant, Report]) -> None:
    assistant, report = corpus
    failed = {outcome.source for outcome in report.outcomes if outcome.status == "failed"}
    assert failed == REFUSED, [outcome for outcome in report.outcomes if outcome.status == "failed"]
    read = {document.media_type for document in assistant.library.documents(reader=OWNER)}
    # The formats that the extra `unstructured` brings have theirs in tests/extras.
    assert set(SUPPORTED.values()) - set(OTHER_FORMATS.values()) - read == set()


def test_every_chunk_is_verbatim_and_on_its_page(corpus: tuple[Assistant, Report]) -> None:
    assistant, _ = corpus
    for document in assistant.library.documents(reader=OWNER):
        assert_whole(assistant, document.id)
    assert assert_verbatim(assistant, "documents") > 60


def test_every_quote_is_verbatim_and_on_its_page(corpus: tuple[Assistant, Report]) -> None:
    assistant, _ = corpus
    cited: Counter[str] = Counter()
    kinds = {document.id: document.media_type for document in assistant.library.documents(reader=OWNER)}
    for collection in ("documents", *ALONE):
        for question in questions(assistant, collection):
            for citation in assistant.ask(question, collection=collection).citations:
                assert_quoted(assistant, citation)
                cited[kinds[citation.document_id]] += 1
    print(cited)
    assert set(cited) == set(kinds.values())
    assert cited.total() > 60


def assert_quoted(assistant: Assistant, citation: Citation) -> None:
    stored = assistant.library.stored(citation.document_id, reader=OWNER)
    assert stored.text[citation.start : citation.end] == citation.quote != ""
    page = stored.pages[citation.page - 1]
    assert page.number == citation.page
    assert page.start <= citation.start < page.end


def questions(assistant: Assistant, collection: str) -> Iterator[str]:
    """For each chunk, of each of its three longest lines the three words that are in the fewest chunks."""
    (into,) = assistant.library.readable(OWNER, [collection])
    every = [chunk for chunk, _ in assistant.library.chunks.every(into)]
    common = Counter(word for chunk in every for word in set(words(chunk.text)))
    for chunk in every:
        for line in sorted(chunk.text.splitlines(), key=lambda line: -len(words(line)))[:3]:
            if rarest := sorted(words(line), key=lambda word: common[word])[:3]:
                yield " ".join(rarest)


def words(text: str) -> Sequence[str]:
    """Each once, in order."""
    return list(dict.fromkeys(_WORD.findall(text)))


def test_every_file_of_the_corpus_has_an_origin() -> None:
    rows = [row.split("|") for row in ORIGINS.read_text(encoding="utf-8").splitlines() if row.startswith("|")]
    assert [cell.strip() for cell in rows[0][1:-1]] == ["File", "Origin", "Licence"]
    origins = {name: row for row in rows[2:] for name in re.findall(r"`([^`]+)`", row[1])}
    assert sorted(origins) == sorted(path.name for path in FILES.iterdir() if path != ORIGINS)
    assert all(cell.strip() for row in origins.values() for cell in row[2:-1])
