"""The only reader of Settings: each make_... builds one part from them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.answering import Assistant, Limits
from assistant.deciding import read_rule
from assistant.errors import SettingsError
from assistant.library import Library
from assistant.originals import Originals
from assistant.protocols import Embedder, Generator, Index, SparseEmbedder
from assistant.rerankers.bounded import Bounded
from assistant.retrieval import Retriever
from assistant.settings import Settings, switch_off_telemetry

if TYPE_CHECKING:
    from assistant.generators.line_writer import LineWriter
    from assistant.generators.openai_endpoint import OpenAIEndpoint

RULE_FILE = "calibration.json"


def make_assistant(settings: Settings, embedder: object = None) -> Assistant:
    """An assistant over the data folder, with the given embedder or the one of the settings. Index and models are opened at their
    first use."""
    switch_off_telemetry()
    return Assistant(
        library=make_library(settings),
        originals=Originals(settings.data_dir / "originals"),
        limits=Limits(
            chunk_tokens=settings.chunk_tokens,
            max_file_bytes=settings.max_file_megabytes * 1_000_000,
            collection_files=settings.max_collection_files,
            collection_pages=settings.max_collection_pages,
            total_bytes=settings.max_library_megabytes * 1_000_000,
            ocr_languages=settings.ocr_languages,
            answer_passages=settings.answer_passages,
        ),
        open_index=lambda: make_index(settings),
        open_embedder=lambda: make_embedder(settings, embedder),
        make_retriever=lambda *parts: make_retriever(settings, *parts),
        open_sparse=lambda opened: make_sparse(settings, opened),
        make_generator=lambda embedder: with_fallback(settings, make_generator(settings, embedder), embedder),
        keeps_token_signs=settings.reranker == "maxsim",
        make_line_writer=lambda: make_line_writer(settings),
        rule=read_rule(settings.data_dir / RULE_FILE),
    )


def make_library(settings: Settings) -> Library:
    from sqlalchemy import URL

    # An address put together by hand would break at a question mark in the path.
    file = URL.create("sqlite", database=str(settings.data_dir / "library.sqlite3"))
    return Library(settings.library_url or file.render_as_string())


def make_index(settings: Settings) -> Index:
    from assistant.index import MilvusIndex

    uri = settings.milvus_uri or str(settings.data_dir / "index.db")
    return MilvusIndex(uri, settings.milvus_token.get_secret_value())


def make_embedder(settings: Settings, given: object = None) -> Embedder:
    """The embedder that was given, or else the one that the settings name."""
    from assistant.embedders.choosing import Means, make
    from assistant.embedders.given import as_embedder
    from assistant.generators.context import estimate_tokens, tiktoken_counter

    means = Means(
        threads=settings.embedder_threads,
        base_url=settings.embedder_base_url,
        api_key=settings.embedder_api_key.get_secret_value(),
        count_tokens=tiktoken_counter(Path(settings.tiktoken_file)) if settings.tiktoken_file else estimate_tokens,
    )
    embedder = make(settings.embedder, means) if given is None else as_embedder(given)
    if settings.embedder_languages:
        embedder.languages = tuple(code.strip() for code in settings.embedder_languages.split(","))
    return embedder


def make_sparse(settings: Settings, embedder: Embedder) -> SparseEmbedder | None:
    """The model that weighs words; None where BM25 does."""
    from assistant.embedders.choosing import make_sparse

    return make_sparse(settings.sparse, embedder)


def make_reranker(settings: Settings, embedder: Embedder, library: Library | None = None) -> Bounded | None:
    """The reranker that the settings name; None for none. Its weights are loaded at its first use. What ingestion kept of token
    vectors is read from the library, where one is given."""
    from assistant.protocols import TokenEmbedder
    from assistant.rerankers.choosing import Means, make
    from assistant.rerankers.maxsim import none_stored

    # MaxSim is the default of embedders that give token vectors; others are reranked by what is named for them.
    if "reranker" not in settings.model_fields_set and not isinstance(embedder, TokenEmbedder):
        return None
    means = Means(
        settings.rerank_seconds,
        settings.reranker_base_url,
        settings.reranker_api_key.get_secret_value(),
        stored_signs=partial(library.token_signs.find, embedder.name, embedder.dimension) if library else none_stored,
    )
    return make(settings.reranker, embedder, means)


def make_retriever(
    settings: Settings, library: Library, index: Index, embedder: Embedder, sparse: SparseEmbedder | None = None
) -> Retriever:
    from assistant.index import is_lite
    from assistant.word_index import WordIndex

    reranker = make_reranker(settings, embedder, library)
    words = WordIndex(library) if not settings.milvus_uri or is_lite(settings.milvus_uri) else None
    return Retriever(
        library, index, embedder, reranker, sparse=sparse, rerank_depth=settings.rerank_depth, fusion=settings.fusion, words=words
    )


def make_generator(settings: Settings, embedder: Embedder) -> Generator:
    if settings.generator == "quotes":
        from assistant.generators.quotes import Quotes

        return Quotes(embedder)
    return make_endpoint(settings)


def with_fallback(settings: Settings, generator: Generator, embedder: Embedder) -> Generator:
    """The generator with quotes behind it; as it is where it is made of quotes itself, or the settings want no fallback."""
    from assistant.generators.breaker import Breaker
    from assistant.generators.falling_back import FallingBack
    from assistant.generators.quotes import Quotes

    if settings.fallback == "none" or isinstance(generator, Quotes):
        return generator
    return FallingBack(generator, Quotes(embedder), Breaker())


def make_line_writer(settings: Settings) -> LineWriter | None:
    """What writes context lines; None where the settings want none."""
    from assistant.generators.line_writer import LineWriter

    return LineWriter(make_endpoint(settings)) if settings.context_lines else None


def make_endpoint(settings: Settings) -> OpenAIEndpoint:
    """The language model that the settings name. Raises SettingsError where they do not."""
    from assistant.generators.context import estimate_tokens, tiktoken_counter
    from assistant.generators.openai_endpoint import OpenAIEndpoint

    for name in ("openai_base_url", "openai_model"):
        if not getattr(settings, name):
            raise SettingsError(f"FOOTNOTE_GENERATOR=openai needs FOOTNOTE_{name.upper()}. Set it, or FOOTNOTE_GENERATOR=quotes.")
    return OpenAIEndpoint(
        settings.openai_base_url,
        settings.openai_model,
        settings.openai_api_key.get_secret_value(),
        timeout_seconds=settings.answer_timeout_seconds,
        token_timeout_seconds=settings.token_timeout_seconds,
        context_tokens=settings.context_tokens,
        max_answer_tokens=settings.max_answer_tokens,
        count_tokens=tiktoken_counter(Path(settings.tiktoken_file)) if settings.tiktoken_file else estimate_tokens,
    )
