"""Writes answers with any endpoint that speaks OpenAI's chat language: OpenAI, Ollama, vLLM, llama.cpp and their like."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import prompts
from assistant.errors import SettingsError
from assistant.generators.context import CountTokens, estimate_tokens
from assistant.generators.limited_stream import CHARACTERS_A_TOKEN, OpenStreams, Piece, StreamLimits
from assistant.generators.writing import Budget, ModelWriter

if TYPE_CHECKING:
    from assistant.generators.openai_stream import CompletionStream

_TRIES = 3
_TEMPERATURE = 0.1


def openai_endpoint(
    base_url: str,
    model: str,
    api_key: str,
    *,
    timeout_seconds: float = 60.0,
    token_timeout_seconds: float = 20.0,
    context_tokens: int = 8192,
    max_answer_tokens: int = 800,
    count_tokens: CountTokens = estimate_tokens,
) -> ModelWriter:
    """A Generator over one endpoint and model. Nothing is taken from OPENAI_* variables, proxies or netrc, no redirect is
    followed, and nothing is sent until it is asked. An empty `api_key` sends none.

    `timeout_seconds` is the wall-clock limit of one answer with its retries; `token_timeout_seconds` the longest wait between two
    pieces of text after the first (pings and empty deltas do not count). Raises SettingsError for an address, model or key
    that cannot be.
    """
    address, name = _base_url(base_url), model.strip()
    if not name:
        raise SettingsError("No model is named. Set FOOTNOTE_OPENAI_MODEL to one that the endpoint has.")
    completions = OpenAICompletions(address, name, _key(api_key), token_timeout_seconds=token_timeout_seconds)
    return ModelWriter(completions, Budget(context_tokens, max_answer_tokens, count_tokens), timeout_seconds=timeout_seconds)


class OpenAICompletions:
    """The Completions of one endpoint and model, each tried up to three times as long as nothing has come and the deadline leaves
    room. `socket_file` is a Unix socket that the server listens on, in the place of the host that `base_url` names."""

    def __init__(
        self, base_url: str, model: str, api_key: str, *, token_timeout_seconds: float = 20.0, socket_file: str = ""
    ) -> None:
        import httpx2
        import openai  # noqa: F401 (takes a second, which the first question would wait for)

        from assistant.generators.openai_stream import Address

        self.base_url, self.name, self._api_key = base_url, model, api_key
        self._address = Address(base_url, api_key, httpx2.create_ssl_context(trust_env=False), socket_file)
        self._token_timeout_seconds = token_timeout_seconds
        self._refused: set[str] = set()
        self._open = OpenStreams()

    def stream(self, prompt: prompts.Filled, max_tokens: int, deadline: float) -> Generator[Piece]:
        """As the protocol says; the connection ends with the generator."""
        from assistant.generators.openai_errors import as_model_error, may_retry, refused_parameter, wait_seconds

        tries = 1
        while True:
            begun, attempt = False, self._attempt(prompt, max_tokens, deadline)
            try:
                with self._open.holding(attempt):
                    for piece in attempt:
                        # White space before the first word is none: as long as nothing has come, the request may be tried again.
                        begun = begun or bool(piece.text.strip() or piece.finish_reason)
                        yield piece
                return
            except Exception as error:
                parameter = "" if begun else refused_parameter(error)
                if parameter and parameter not in self._refused:
                    self._refused.add(parameter)
                    continue
                wait = wait_seconds(error, tries, time.time())
                if begun or tries == _TRIES or not may_retry(error) or time.monotonic() + wait >= deadline:
                    raise as_model_error(error, self.base_url, self.name, self._api_key) from error
            tries += 1
            self._open.wait(wait)

    def close(self) -> None:
        """End the connections that are open."""
        self._open.close()

    def _attempt(self, prompt: prompts.Filled, max_tokens: int, deadline: float) -> CompletionStream:
        from assistant.generators.openai_stream import CompletionStream

        limits = StreamLimits(deadline, self._token_timeout_seconds, CHARACTERS_A_TOKEN * max_tokens)
        return CompletionStream(self._address, self._request(prompt, max_tokens), limits)

    def _request(self, prompt: prompts.Filled, max_tokens: int) -> dict[str, Any]:
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
        request: dict[str, Any] = {"model": self.name, "messages": messages}
        # OpenAI's reasoning models refuse both; most other servers know no other name.
        request["max_completion_tokens" if "max_tokens" in self._refused else "max_tokens"] = max_tokens
        if "temperature" not in self._refused:
            request["temperature"] = _TEMPERATURE
        return request


def _base_url(text: str) -> str:
    try:
        parts = urlsplit(text.strip())
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # half a pair of brackets
        is_address = False
    if not is_address:
        raise SettingsError(f"FOOTNOTE_OPENAI_BASE_URL is '{text}'. Write an address such as http://127.0.0.1:11434/v1.")
    if parts.username or parts.password:
        raise SettingsError("FOOTNOTE_OPENAI_BASE_URL holds a name or password. Put the key into FOOTNOTE_OPENAI_API_KEY.")
    return text.strip().rstrip("/")


def _key(text: str) -> str:
    key = text.strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise SettingsError("FOOTNOTE_OPENAI_API_KEY holds a space or a character that no key has. Copy it again.")
    return key
