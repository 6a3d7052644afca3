"""One embeddings endpoint: a request with its retries, and what goes wrong said in our own errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from assistant.errors import EndpointError, SettingsError

if TYPE_CHECKING:
    import httpx2
    import openai

_Answer = TypeVar("_Answer")
_TRIES = 4
# What the endpoint is told, and no more: the client would add the machine's platform and whatever OPENAI_CUSTOM_HEADERS says.
_HEADERS_SENT = frozenset({"host", "accept", "connection", "content-type", "content-length", "user-agent", "authorization"})


class Endpoint:
    """An address, a model and a key. Nothing is taken from OPENAI_* variables, proxies or netrc, and no redirect is followed. An empty
    key sends none. Safe to call from several threads.

    `timeout_seconds` is the limit of one request; a server's Retry-After is waited for up to that long. Raises SettingsError for an
    address or a key that cannot be.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str = "",
        *,
        timeout_seconds: float = 60.0,
        tries: int = _TRIES,
        setting: str = "FOOTNOTE_EMBEDDER",
    ) -> None:
        parts = urlsplit(base_url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise SettingsError(
                f"{setting}_BASE_URL is '{parts._replace(netloc=parts.hostname or '').geturl()}'. Write an address such as "
                "http://127.0.0.1:11434/v1, without a name or password."
            )
        self.base_url, self._model, self._key = base_url.strip().rstrip("/"), model, api_key.strip()
        if not (self._key.isascii() and self._key.isprintable()) or " " in self._key:
            raise SettingsError(f"{setting}_API_KEY holds a space or a character that no key has. Copy it again.")
        self._timeout_seconds, self._tries, self._setting = timeout_seconds, tries, setting

    def embeddings(self, texts: Sequence[str], extra: Mapping[str, Any]) -> list[Sequence[float]]:
        """One row of numbers a text, in the order given. `extra` is added to the request. Raises EndpointError."""
        return self._tried(lambda: self._asked(texts, extra))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that it answers to this body at this path, such as "/rerank". Raises EndpointError."""
        return self._tried(lambda: self._client.post(path, cast_to=object, body=dict(body)))

    def _tried(self, ask: Callable[[], _Answer]) -> _Answer:
        from assistant.generators.openai_errors import may_retry, wait_seconds

        tries = 1
        while True:
            try:
                return ask()
            except EndpointError:
                raise
            except Exception as error:  # the client's, and JSON errors that it lets through
                wait = wait_seconds(error, tries, time.time())
                if tries == self._tries or not may_retry(error) or wait > self._timeout_seconds:
                    raise self._as_ours(error) from error
            tries += 1
            time.sleep(wait)

    def _asked(self, texts: Sequence[str], extra: Mapping[str, Any]) -> list[Sequence[float]]:
        answer = self._client.embeddings.create(
            model=self._model, input=list(texts), encoding_format="float", extra_body=dict(extra)
        )
        rows = getattr(answer, "data", None) or []
        places = [getattr(row, "index", None) for row in rows]
        if sorted(place for place in places if isinstance(place, int)) != list(range(len(texts))):
            raise EndpointError(
                f"{self.base_url} answered {len(rows)} embeddings for {len(texts)} texts. "
                f"Check {self._setting}_BASE_URL, which usually ends in /v1."
            )
        return [row.embedding for row in sorted(rows, key=lambda row: row.index)]

    @cached_property
    def _client(self) -> openai.OpenAI:
        import httpx2
        import openai

        http = httpx2.Client(
            verify=httpx2.create_ssl_context(trust_env=False), trust_env=False, follow_redirects=False,
            timeout=httpx2.Timeout(self._timeout_seconds, connect=min(10.0, self._timeout_seconds)),
            event_hooks={"request": [self._prepare]},
        )  # fmt: skip
        # Retries are ours. Without a key the client would take one from the environment.
        return openai.OpenAI(base_url=self.base_url, api_key=self._key or "none", http_client=http, max_retries=0)

    def _prepare(self, request: httpx2.Request) -> None:
        for name in list(request.headers):
            if name.lower() not in _HEADERS_SENT or (name.lower() == "authorization" and not self._key):
                del request.headers[name]
        # A compressed answer of a few kilobytes could unpack to gigabytes.
        request.headers["Accept-Encoding"] = "identity"

    def _as_ours(self, error: Exception) -> EndpointError:
        import openai

        from assistant.generators.openai_errors import is_overflow

        said = self._said(error)
        if isinstance(error, openai.APITimeoutError):
            return EndpointError(f"{self.base_url} did not answer within {self._timeout_seconds:g} s. Try again.")
        if isinstance(error, openai.APIConnectionError):
            return EndpointError(
                f"{self.base_url} cannot be reached ({said}). Start its server, or correct {self._setting}_BASE_URL."
            )
        if is_overflow(error):
            return EndpointError(
                f"{self.base_url} says that a text is longer than '{self._model}' reads: {said}. Lower FOOTNOTE_CHUNK_TOKENS."
            )
        if isinstance(error, openai.APIStatusError):
            return EndpointError(f"{self.base_url} refused ({error.status_code}: {said}). {self._advice(error)}")
        return EndpointError(f"{self.base_url} answered what cannot be read ({type(error).__name__}: {said}). Check the address.")

    def _advice(self, error: openai.APIStatusError) -> str:
        status = error.status_code
        if status in (401, 403):
            return f"Correct {self._setting}_API_KEY."
        if 300 <= status < 400:
            return f"It redirects to {error.response.headers.get('location', 'nowhere')[:200]}; correct {self._setting}_BASE_URL."
        if status == 429:
            wait = error.response.headers.get("retry-after", "")[:40]
            return f"It asks to wait {wait} s." if wait else "Try again later."
        if status >= 500:
            return "Try again, or look into the server's log."
        return f"Check that it has the model '{self._model}' ({self._setting}), and its log."

    def _said(self, error: Exception) -> str:
        """What the server or the client said, on one line, the key blotted out."""
        body = getattr(error, "body", None)
        text = body.get("message") if isinstance(body, Mapping) else None
        text = " ".join(str(text or error.__cause__ or error).split())
        return (text.replace(self._key, "***") if self._key else text)[:300].rstrip(". ") or "no reason given"
