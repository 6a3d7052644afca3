"""The only reader of Settings: each make_... builds one part from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from assistant.answering import Assistant
from assistant.deciding import read_rule
from assistant.errors import SettingsError
from assistant.library import Library
from assistant.limits import Limits
from assistant.originals import Originals
from assistant.protocols import Embedder, Generator, Index, SparseEmbedder
from assistant.rerankers.bounded import Bounded
from assistant.retrieval import Retriever
from assistant.settings import Settings, switch_off_telemetry

if TYPE_CHECKING:
    from assistant.generators.context import CountTokens
    from assistant.generators.discovering import RunningServer
    from assistant.generators.line_writer import LineWriter
    from assistant.generators.writing import Budget, ModelWriter

RULE_FILE = "calibration.json"


def make_assistant(settings: Settings, embedder: object = None, generator: object = None) -> Assistant:
    """An assistant over the data folder, with the given embedder and generator or those of the settings. Index and models are opened
    at their first use."""
    switch_off_telemetry()

    opening = Lock()

    @cache
    def opened_writer() -> Generator:
        return make_writer(settings, generator)

    def writer() -> Generator:
        """One model, whatever it is to write. The cache alone would let two threads load it at once."""
        with opening:
            return opened_writer()

    def give_back() -> None:
        with opening:
            if opened_writer.cache_info().currsize:
                close_writer(opened_writer())
                opened_writer.cache_clear()

    written = generator is not None or settings.generator != "quotes"
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
        make_generator=lambda embedder: with_fallback(
            settings, make_generator(settings, embedder, writer() if written else None), embedder
        ),
        keeps_token_signs=settings.reranker == "maxsim",
        make_line_writer=lambda: make_line_writer(settings, writer() if settings.context_lines else None),
        give_back=give_back,
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

    means = Means(
        threads=settings.embedder_threads,
        base_url=settings.embedder_base_url,
        api_key=settings.embedder_api_key.get_secret_value(),
        count_tokens=_counter(settings),
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


def make_generator(settings: Settings, embedder: Embedder, given: object = None) -> Generator:
    """The generator that was given, or else the one that the settings name."""
    if given is None and settings.generator == "quotes":
        from assistant.generators.quotes import Quotes

        return Quotes(embedder)
    return make_writer(settings, given)


def with_fallback(settings: Settings, generator: Generator, embedder: Embedder) -> Generator:
    """The generator with quotes behind it; as it is where it is made of quotes itself, or the settings want no fallback."""
    from assistant.generators.breaker import Breaker
    from assistant.generators.falling_back import FallingBack
    from assistant.generators.quotes import Quotes

    if settings.fallback == "none" or isinstance(generator, Quotes):
        return generator
    return FallingBack(generator, Quotes(embedder), Breaker())


def make_writer(settings: Settings, given: object = None) -> Generator:
    """The language model that was given, or else the one that the settings name; `close_writer` ends it. Raises SettingsError,
    ModelUnavailable."""
    if given is not None:
        from assistant.generators.given import as_generator

        return as_generator(
            given,
            make_budget(settings),
            timeout_seconds=settings.answer_timeout_seconds,
            token_timeout_seconds=settings.token_timeout_seconds,
        )
    return make_llama(settings) if settings.generator == "llama" else make_endpoint(settings)


def running_servers(settings: Settings, ports: Mapping[str, int] | None = None) -> Sequence[RunningServer]:
    """The language models that run on this machine (at these ports, or where they are usually), where the settings leave open what
    writes answers; nobody is asked where they do not."""
    from assistant.generators.discovering import PORTS, servers_at

    return () if "generator" in settings.model_fields_set else servers_at(ports or PORTS)


def endpoint_trouble(settings: Settings) -> str:
    """What keeps the endpoint that is to write from doing so, and what to do. Empty where it answers, and where none is to write."""
    from assistant.generators.endpoint_check import trouble_at

    if settings.generator != "openai":
        return ""
    try:
        close_writer(make_endpoint(settings))
    except SettingsError as error:
        return str(error)
    return trouble_at(settings.openai_base_url.strip().rstrip("/"), settings.openai_api_key.get_secret_value().strip())


def close_writer(writer: object) -> None:
    """Stop what it writes, and give its model back; a generator of somebody else's may have nothing to close."""
    if callable(close := getattr(writer, "close", None)):
        close()


def make_line_writer(settings: Settings, writer: object = None) -> LineWriter | None:
    """What writes context lines, with the writer where one is given; None where the settings want none."""
    from assistant.generators.line_writer import LineWriter
    from assistant.generators.writing import Writer

    if not settings.context_lines:
        return None
    writer = writer or make_writer(settings)
    if not isinstance(writer, Writer):
        raise SettingsError(
            f"A {type(writer).__name__} writes answers only, no context lines. Set FOOTNOTE_CONTEXT_LINES=false, or give a chat model."
        )
    return LineWriter(writer)


def make_budget(settings: Settings) -> Budget:
    """What the language model may read and write, counted with the vocabulary file where there is one."""
    from assistant.generators.writing import Budget

    return Budget(settings.context_tokens, settings.max_answer_tokens, _counter(settings))


def make_llama(settings: Settings) -> ModelWriter:
    """The GGUF file that the settings name, loaded. Raises SettingsError where they name none, ModelUnavailable."""
    from assistant.generators.llama import LlamaFile
    from assistant.generators.writing import ModelWriter

    if not settings.llama_file:
        raise SettingsError(
            "FOOTNOTE_GENERATOR=llama needs FOOTNOTE_LLAMA_FILE. Set it to a GGUF file, or FOOTNOTE_GENERATOR=quotes."
        )
    model = LlamaFile(
        Path(settings.llama_file),
        context_tokens=settings.context_tokens,
        max_answer_tokens=settings.max_answer_tokens,
        token_timeout_seconds=settings.token_timeout_seconds,
        threads=settings.llama_threads,
    )
    try:
        return ModelWriter(model, model.budget, timeout_seconds=settings.answer_timeout_seconds)
    except SettingsError:
        model.close()
        raise


def make_endpoint(settings: Settings) -> ModelWriter:
    """The endpoint that the settings name. Raises SettingsError where they do not."""
    from assistant.generators.openai_endpoint import openai_endpoint

    for name in ("openai_base_url", "openai_model"):
        if not getattr(settings, name):
            raise SettingsError(f"FOOTNOTE_GENERATOR=openai needs FOOTNOTE_{name.upper()}. Set it, or FOOTNOTE_GENERATOR=quotes.")
    return openai_endpoint(
        settings.openai_base_url,
        settings.openai_model,
        settings.openai_api_key.get_secret_value(),
        timeout_seconds=settings.answer_timeout_seconds,
        token_timeout_seconds=settings.token_timeout_seconds,
        context_tokens=settings.context_tokens,
        max_answer_tokens=settings.max_answer_tokens,
        count_tokens=_counter(settings),
    )


def _counter(settings: Settings) -> CountTokens:
    from assistant.generators.context import estimate_tokens, tiktoken_counter

    return tiktoken_counter(Path(settings.tiktoken_file)) if settings.tiktoken_file else estimate_tokens
