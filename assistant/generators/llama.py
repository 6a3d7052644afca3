"""A local GGUF file as what completes a prompt, run in process by llama.cpp (xllamacpp)."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import prompts
from assistant.errors import AnswerCutOff, ContextOverflow, EndpointError, ModelError, ModelUnavailable
from assistant.generators.limited_stream import Piece
from assistant.generators.openai_endpoint import OpenAICompletions
from assistant.generators.writing import Budget

_BASE_URL = "http://llama.cpp/v1"
# Between two batches of the prompt llama.cpp looks whether anybody still listens: half a second or so on two cores.
_BATCH_TOKENS = 128


class LlamaFile:
    """The Completions of a GGUF file, one at a time: whoever comes meanwhile waits. The model lies in this process until `close`.
    llama.cpp's own server carries it, and listens on a Unix socket in a folder that only this user may enter: no port is opened, and
    who stops listening stops the model.

    `budget` has the model's real context, at most `context_tokens`, and counts with its own tokenizer and chat template. `threads` of
    0 are all cores. Raises ModelUnavailable where xllamacpp is missing or the file is not a model that it can read.
    """

    def __init__(
        self,
        file: Path,
        *,
        context_tokens: int = 8192,
        max_answer_tokens: int = 800,
        token_timeout_seconds: float = 20.0,
        threads: int = 0,
    ) -> None:
        self.name = file.stem
        _refuse_other_files(file)
        self._folder = tempfile.TemporaryDirectory(prefix="footnote-llama-")
        # By the ending llama.cpp knows that it is no host's name.
        socket_file = str(Path(self._folder.name) / "llama.sock")
        self._server: Any = _started(file, socket_file, context_tokens, threads)
        import httpx2

        self._http = httpx2.Client(
            base_url="http://llama.cpp", transport=httpx2.HTTPTransport(uds=socket_file), trust_env=False, timeout=60.0
        )
        self._completions = OpenAICompletions(
            _BASE_URL, self.name, "", token_timeout_seconds=token_timeout_seconds, socket_file=socket_file
        )
        try:
            self.budget = Budget(self._context_tokens(), max_answer_tokens, self.count_tokens, self._template_tokens())
        except ModelError:
            self.close()
            raise

    def stream(self, prompt: prompts.Filled, max_tokens: int, deadline: float) -> Generator[Piece]:
        """As the protocol says; the model stops with the generator."""
        try:
            yield from self._completions.stream(prompt, max_tokens, deadline)
        except (AnswerCutOff, ContextOverflow):
            raise
        except ModelError as error:
            raise type(error)(
                f"'{self.name}' failed ({error.__cause__ or error}). Ask again, or set FOOTNOTE_LLAMA_FILE to another model."
            ) from error

    def count_tokens(self, text: str) -> int:
        """By the model's own tokenizer."""
        return len(self._asked("tokenize", {"content": text})["tokens"])

    def close(self) -> None:
        """Stop what is being written, and give the memory back."""
        self._completions.close()
        # llama.cpp's server waits half a minute for a connection that is left open.
        self._http.close()
        self._server = None
        self._folder.cleanup()

    def _context_tokens(self) -> int:
        # What was asked for, or what the model was trained for where that is less.
        return int(self._asked("props")["default_generation_settings"]["n_ctx"])

    def _template_tokens(self) -> int:
        messages = [{"role": "system", "content": ""}, {"role": "user", "content": ""}]
        return self.count_tokens(self._asked("apply-template", {"messages": messages})["prompt"]) + 1

    def _asked(self, path: str, body: dict[str, Any] | None = None) -> Any:
        import httpx2

        try:
            asked = self._http.request("GET" if body is None else "POST", f"/{path}", json=body)
            return asked.raise_for_status().json()
        except (httpx2.HTTPError, RuntimeError) as error:  # closed meanwhile
            raise EndpointError(f"'{self.name}' cannot be asked any more ({error}). Ask again.") from error


def _refuse_other_files(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            beginning = opened.read(4)
    except OSError as error:
        raise ModelUnavailable(f"{file} cannot be read: {error.strerror}. Set FOOTNOTE_LLAMA_FILE to a GGUF file.") from error
    if beginning != b"GGUF":
        raise ModelUnavailable(f"{file} is no GGUF file: it begins with {beginning!r}. Set FOOTNOTE_LLAMA_FILE to one.")


def _started(file: Path, socket_file: str, context_tokens: int, threads: int) -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelUnavailable(f"FOOTNOTE_GENERATOR=llama needs xllamacpp: pip install 'footnote[llama]' ({error}).") from error
    params = xllamacpp.CommonParams()
    params.model.path, params.hostnames = str(file), [socket_file]
    params.n_ctx, params.n_parallel, params.n_batch, params.n_ubatch = context_tokens, 1, _BATCH_TOKENS, _BATCH_TOKENS
    params.ui, params.endpoint_slots, params.warmup, params.offline = False, False, False, True
    # Eight gigabytes of prompts kept by default.
    params.cache_ram_mib, params.verbosity = 0, -1
    for cores in (params.cpuparams, params.cpuparams_batch):
        if threads:
            cores.n_threads = threads
        # llama.cpp's threads wait for each other in a loop that takes whole cores from everybody else.
        cores.poll = 0
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise ModelUnavailable(
            f"llama.cpp cannot load {file} ({error}). It may be damaged, of a kind that this version does not know, or larger than "
            "the memory: set FOOTNOTE_LLAMA_FILE to another, or lower FOOTNOTE_CONTEXT_TOKENS."
        ) from error
