"""Settings, read once from FOOTNOTE_* and .env, then frozen. The only module that looks at the environment."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from assistant.errors import SettingsError

_PREFIX = "FOOTNOTE_"
_TELEMETRY_OFF = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "SCARF_NO_ANALYTICS": "true",
    "ANONYMIZED_TELEMETRY": "False",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "OTEL_SDK_DISABLED": "true",
    "ORT_DISABLE_TELEMETRY": "1",
    # Not telemetry but chatter: pymilvus pings Milvus Lite more often than its server likes, and gRPC reports every rebuke.
    "GRPC_VERBOSITY": "NONE",
}


class Settings(BaseSettings):
    """Every setting with its default. In the environment each is called FOOTNOTE_ and its name in capitals.

    The arguments come first, then FOOTNOTE_*, then .env, then the defaults. Raises SettingsError, also for a name that no setting
    has. Paths become absolute, so that a later change of the working folder moves nothing.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_file=".env", env_file_encoding="utf-8", frozen=True, extra="ignore", env_ignore_empty=True,
        validate_default=True,
    )  # fmt: skip

    data_dir: Path = Field(default=Path("data"), description="Folder of the library, the index and the originals.")
    library_url: str = Field(default="", description="Address of the library; empty is an SQLite file in the data folder.")
    milvus_uri: str = Field(default="", description="Address of a Milvus server; empty is Milvus Lite in the data folder.")
    milvus_token: SecretStr = Field(default=SecretStr(""), description="Token of that server.")

    embedder: str = Field(
        default="minilm",
        description="Model of the dense vectors: `minilm`, `e5`, `bge-m3`, or a kind with a model's name or folder, such as "
        "`openai:text-embedding-3-small`; see Embedders.",
    )
    embedder_threads: int = Field(default=2, ge=1, le=64, description="Threads of `minilm` and `e5`.")
    embedder_base_url: str = Field(default="", description="Address of the embedder's endpoint; empty is its provider's own.")
    embedder_api_key: SecretStr = Field(default=SecretStr(""), description="Key of that endpoint, where it wants one.")
    embedder_languages: str = Field(
        default="", pattern=r"^([a-z]{2}(,\s*[a-z]{2})*)?$",
        description="Languages that the embedder knows well, such as `en,fr`; empty leaves it to the embedder.",
    )  # fmt: skip
    sparse: str = Field(
        default="bm25", description="What weighs words: `bm25`, `bge-m3` or `splade:MODEL`; the last two need an extra."
    )
    chunk_tokens: int = Field(
        default=256, ge=32, le=4096, description="Most tokens in a chunk, counted by the embedder's tokenizer."
    )
    fusion: Literal["convex", "rrf"] = Field(default="convex", description="How the two legs are joined: `convex` or `rrf`.")
    reranker: str = Field(
        default="maxsim",
        description="Order of the head of the list: `maxsim`, `none`, `bge`, or a kind with a model's name or folder, such as "
        "`cross-encoder:MODEL`; see Rerankers.",
    )
    reranker_base_url: str = Field(default="", description="Address of the reranker's endpoint; empty is its provider's own.")
    reranker_api_key: SecretStr = Field(default=SecretStr(""), description="Key of that endpoint, where it wants one.")
    rerank_depth: int = Field(default=20, ge=1, le=100, description="How many hits are reranked.")
    rerank_seconds: float = Field(default=5.0, gt=0, description="Time for a rerank; hits not scored by then keep their place.")

    generator: Literal["quotes", "openai", "llama"] = Field(
        default="quotes", description="`quotes` (no language model), `openai` (an endpoint) or `llama` (a GGUF file)."
    )
    openai_base_url: str = Field(
        default="", description="Address of an OpenAI-compatible endpoint, such as http://127.0.0.1:11434/v1."
    )
    openai_model: str = Field(default="", description="Name of the model at that endpoint.")
    openai_api_key: SecretStr = Field(default=SecretStr(""), description="Key of that endpoint, where it wants one.")
    llama_file: str = Field(default="", description="GGUF file that `llama` runs in process.")
    llama_threads: int = Field(default=0, ge=0, le=512, description="Threads that it runs on; 0 is one a core.")
    context_tokens: int = Field(
        default=8192, ge=512, description="Context length of the language model; of a GGUF file at most what it was trained for."
    )
    max_answer_tokens: int = Field(default=800, ge=16, description="Most tokens of a written answer.")
    tiktoken_file: str = Field(default="", description="Vocabulary file to count its tokens with; empty is an estimate.")
    answer_timeout_seconds: float = Field(
        default=60.0,
        gt=0,
        description="Wall-clock limit of a written answer; putting a follow-up into words of its own has a third of it besides.",
    )
    token_timeout_seconds: float = Field(default=20.0, gt=0, description="Longest wait between two pieces of a written answer.")
    fallback: Literal["quotes", "none"] = Field(
        default="quotes",
        description="What answers where that model fails before its first word: `quotes`, which say so, or `none`, which makes it an "
        "error.",
    )
    context_lines: bool = Field(
        default=False,
        description="Whether that model writes a line for each chunk that situates it in its document, to be searched with it: "
        "`true` or `false`.",
    )
    answer_passages: int = Field(default=6, ge=1, le=50, description="Passages that an answer may rest on.")

    max_file_megabytes: int = Field(default=200, ge=1, description="Larger files are refused.")
    max_collection_files: int = Field(default=100_000, ge=1, description="Most documents in a collection.")
    max_collection_pages: int = Field(default=1_000_000, ge=1, description="Most pages in a collection.")
    max_library_megabytes: int = Field(default=100_000, ge=1, description="Most bytes of originals in all collections together.")
    ocr_languages: str = Field(
        default="eng", pattern=r"^[A-Za-z]\w*(\+[A-Za-z]\w*)*$",
        description="Languages of scans and pictures, as Tesseract calls them, such as `eng+fra`.",
    )  # fmt: skip
    host: str = Field(default="127.0.0.1", description="Address that `footnote serve` listens on.")
    port: int = Field(default=7860, ge=1, le=65535, description="Port that `footnote serve` listens on.")
    public_url: str = Field(
        default="", pattern=r"^(https?://[^\s/?#]+(/[^\s?#]*)?)?$",
        description="Where people reach this server, such as https://footnote.example.org: links in Slack and MCP begin so.",
    )  # fmt: skip
    mcp_writes: bool = Field(default=False, description="Whether MCP may also add and forget documents: `true` or `false`.")
    slack_bot_token: SecretStr = Field(default=SecretStr(""), description="Slack's bot token, xoxb-…; empty is no Slack.")
    slack_app_token: SecretStr = Field(
        default=SecretStr(""), description="Slack's app token, xapp-…, for Socket Mode, which needs no public address."
    )
    slack_signing_secret: SecretStr = Field(
        default=SecretStr(""), description="Slack's signing secret, for events that Slack sends to /slack/events."
    )
    slack_api_url: str = Field(default="https://slack.com/api/", description="Address of Slack's API.")

    def __init__(self, **given: Any) -> None:
        _refuse_unknown(given)
        try:
            super().__init__(**given)
        except ValidationError as error:
            lines = [f"{_PREFIX}{'_'.join(map(str, e['loc'])).upper()}={e['input']!r}: {e['msg']}." for e in error.errors()]
            raise SettingsError("\n".join([*lines, "Correct it in the environment, in .env or in the call."])) from error

    @field_validator("embedder")
    @classmethod
    def _embedder(cls, name: str) -> str:
        from assistant.embedders.choosing import parted

        parted(name)
        return name

    @field_validator("sparse")
    @classmethod
    def _sparse(cls, name: str) -> str:
        from assistant.embedders.choosing import SPARSE_ALONE, SPARSE_WITH_MODEL, parted

        parted(name, SPARSE_ALONE, SPARSE_WITH_MODEL)
        return name

    @field_validator("reranker")
    @classmethod
    def _reranker(cls, name: str) -> str:
        from assistant.embedders.choosing import parted
        from assistant.rerankers.choosing import ALONE, WITH_MODEL

        parted(name, ALONE, WITH_MODEL)
        return name

    @field_validator("context_lines")
    @classmethod
    def _context_lines(cls, wanted: bool, others: ValidationInfo) -> bool:
        if wanted and others.data.get("generator", "openai") == "quotes":
            raise ValueError(
                "context lines are written by a language model: set FOOTNOTE_GENERATOR=openai (or llama), or leave them off"
            )
        return wanted

    @field_validator("data_dir", "tiktoken_file", "llama_file")
    @classmethod
    def _absolute(cls, path: Path | str) -> Path | str:
        try:
            return type(path)(Path(path).expanduser().absolute()) if path != "" else path
        except RuntimeError as error:  # "~name" of nobody here
            raise ValueError(str(error)) from error


def read_settings(**given: Any) -> Settings:
    """As `Settings(...)`, for those who read it as a verb. Raises SettingsError."""
    return Settings(**given)


def switch_off_telemetry() -> None:
    """Tell every dependency that phones home not to. Must run before any of them is imported."""
    os.environ.update(_TELEMETRY_OFF)


def _refuse_unknown(given: dict[str, Any]) -> None:
    try:
        environment = {**dotenv_values(".env"), **os.environ}
    except ValueError as error:
        raise SettingsError(f"The file .env is not UTF-8 text: {error}. Save it as UTF-8.") from error
    known = {_PREFIX + name.upper() for name in Settings.model_fields}
    unknown = [name for name in environment if name.upper().startswith(_PREFIX) and name.upper() not in known]
    for name in [*unknown, *(given.keys() - Settings.model_fields.keys())]:
        nearest = difflib.get_close_matches(_PREFIX + name.upper().removeprefix(_PREFIX), known, n=1)
        hint = f"Did you mean {nearest[0]}?" if nearest else f"The settings are {', '.join(sorted(known))}."
        raise SettingsError(f"No setting is called {name}. {hint}")
