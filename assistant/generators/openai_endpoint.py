"""Writes answers with any endpoint that speaks OpenAI's chat language: OpenAI, Ollama, vLLM, llama.cpp and their like."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import prompts
from assistant.errors import AnswerCutOff, ContextOverflow, EndpointError, SettingsError
from assistant.generators.context import CountTokens, Packed, estimate_tokens, pack, recent
from assistant.protocols import FinishReason, Generated
from assistant.types import Hit, Turn

if TYPE_CHECKING:
    from assistant.generators.openai_stream import Address

# The names that servers give to the same three ends.
_FINISH: Mapping[str, FinishReason] = {
    **dict.fromkeys(("stop", "eos", "eos_token", "stop_sequence", "end_turn"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "model_length"), "length"),
    **dict.fromkeys(("content_filter", "safety"), "content_filter"),
}
Fill = Callable[[int, CountTokens], prompts.Filled]
"""(tokens that there is room for, how they are counted) -> the prompt. May raise ContextOverflow."""

_TRIES = 3
_TEMPERATURE = 0.1
# Of the time for an answer: a follow-up that is not condensed by then is searched for as it is, with what was asked before.
_CONDENSING_SHARE = 1 / 3
_LEAST_SHORT_TOKENS = 200
_CONDENSED_MOST_CHARACTERS = 1000
_CHARACTERS_A_TOKEN = 16
_LABEL = re.compile(r"^(?:(?:stand-?alone|rewritten|last)\s+)*question\s*:\s*", re.IGNORECASE)


class OpenAIEndpoint:
    """A Generator over one endpoint and model. Nothing is taken from OPENAI_* variables, proxies or netrc, no redirect is
    followed, and nothing is sent until `generate`, `condense` or `complete` is called. An empty `api_key` sends none.

    `timeout_seconds` is the wall-clock limit of one answer with its retries (a third of it, before that, of condensing a follow-up);
    `token_timeout_seconds` the longest wait between two
    pieces of text after the first (pings and empty deltas do not count). Raises SettingsError for an address, model or key
    that cannot be.
    """

    reads_sections = True

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str,
        *,
        timeout_seconds: float = 60.0,
        token_timeout_seconds: float = 20.0,
        context_tokens: int = 8192,
        max_answer_tokens: int = 800,
        count_tokens: CountTokens = estimate_tokens,
    ) -> None:
        self.base_url, self.name, self._api_key = _base_url(base_url), model.strip(), _key(api_key)
        if not self.name:
            raise SettingsError("No model is named. Set FOOTNOTE_OPENAI_MODEL to one that the endpoint has.")
        if max_answer_tokens >= context_tokens:
            raise SettingsError(
                f"An answer of {max_answer_tokens} tokens leaves no room in a context of {context_tokens}. "
                "Lower FOOTNOTE_MAX_ANSWER_TOKENS or raise FOOTNOTE_CONTEXT_TOKENS."
            )
        self._timeout_seconds, self._token_timeout_seconds = timeout_seconds, token_timeout_seconds
        self._context_tokens, self._max_answer_tokens = context_tokens, max_answer_tokens
        self._count_tokens = count_tokens
        self._refused: set[str] = set()

    def condense(self, question: str, history: Sequence[Turn]) -> str:
        """The question as one that stands alone. Without history nothing is sent; an answer that is no question (too long,
        cut by its length, without a word) leaves the question as it was. It has a third of the time for an answer. Raises
        EndpointError, AnswerCutOff."""
        if not history:
            return question
        template, mark = prompts.load("condense"), prompts.new_mark()
        most = self._short_tokens(self._context_tokens)
        room = self._context_tokens - most - self._count_tokens(template.system + template.user + question)
        conversation = recent(history, mark, room_tokens=room, count_tokens=self._count_tokens)
        if not conversation:
            return question
        prompt = template.fill({"mark": mark, "conversation": conversation, "question": prompts.clean(question).strip()})
        written = self._short(prompt, most, self._deadline(_CONDENSING_SHARE))
        line = prompts.one_line(written.text, limit=2 * _CONDENSED_MOST_CHARACTERS)
        condensed = _LABEL.sub("", line).strip("\"'“”«» ")
        usable = written.finish_reason == "stop" and 0 < len(condensed) <= _CONDENSED_MOST_CHARACTERS
        return condensed if usable else question

    def complete(self, fill: Fill) -> Generated:
        """One short completion as a whole, of the prompt that `fill` makes; made anew with less room where the server says that it was
        too long. Its text is empty where the model wrote nothing. Raises EndpointError, AnswerCutOff, ContextOverflow."""
        deadline, context_tokens = self._deadline(), self._context_tokens
        most = self._short_tokens(context_tokens)
        prompt = fill(context_tokens - most, self._count_tokens)
        try:
            return self._short(prompt, most, deadline)
        except ContextOverflow as overflow:
            context_tokens = _smaller(context_tokens, overflow)
        most = self._short_tokens(context_tokens)
        return self._short(fill(context_tokens - most, self._count_tokens), most, deadline)

    def generate(self, question: str, passages: Sequence[Hit], history: Sequence[Turn]) -> Iterator[Generated]:
        """Pieces of the answer as they come, the last with its finish reason. A sentence that says that the passages do not
        answer ends in [0].

        Raises EndpointError before the first word, AnswerCutOff after it or at a limit, ContextOverflow when the prompt cannot
        be made to fit (a server that says so is asked once more with less). Closing the iterator ends the connection.
        """
        deadline, context_tokens = self._deadline(), self._context_tokens
        packed = self._pack(question, passages, history, context_tokens)
        try:
            yield from self._generated(packed.prompt, self._max_answer_tokens, deadline)
            return
        except ContextOverflow as overflow:
            context_tokens = _smaller(context_tokens, overflow)
            if context_tokens <= self._max_answer_tokens:
                raise
        packed = self._pack(question, passages, history, context_tokens)
        yield from self._generated(packed.prompt, self._max_answer_tokens, deadline)

    def _deadline(self, share: float = 1.0) -> float:
        _ = self._address  # loading the client takes a second or more once, which is not the model's time
        return time.monotonic() + share * self._timeout_seconds

    def _pack(self, question: str, passages: Sequence[Hit], history: Sequence[Turn], context_tokens: int) -> Packed:
        room = context_tokens - self._max_answer_tokens
        return pack(question, passages, history, room_tokens=room, count_tokens=self._count_tokens)

    def _short_tokens(self, context_tokens: int) -> int:
        # A model that thinks first spends most of this on thoughts.
        return max(_LEAST_SHORT_TOKENS, min(self._max_answer_tokens, context_tokens // 4))

    def _short(self, prompt: prompts.Filled, max_tokens: int, deadline: float) -> Generated:
        try:
            pieces = list(self._generated(prompt, max_tokens, deadline))
        except _Wordless:
            return Generated("", "stop")
        return Generated("".join(piece.text for piece in pieces), pieces[-1].finish_reason)

    def _generated(self, prompt: prompts.Filled, max_tokens: int, deadline: float) -> Iterator[Generated]:
        """One completion, tried up to three times as long as nothing has come and the deadline leaves room."""
        from assistant.generators.openai_errors import as_model_error, may_retry, refused_parameter, wait_seconds

        tries = 1
        while True:
            begun = False
            try:
                with contextlib.closing(self._attempt(prompt, max_tokens, deadline)) as pieces:
                    for piece in pieces:
                        begun = True
                        yield piece
                return
            except Exception as error:
                ours = as_model_error(error, self.base_url, self.name, self._api_key)
                if begun:
                    raise ours if isinstance(ours, AnswerCutOff) else AnswerCutOff(f"The answer broke off. {ours}") from error
                parameter = refused_parameter(error)
                if parameter and parameter not in self._refused:
                    self._refused.add(parameter)
                    continue
                wait = wait_seconds(error, tries, time.time())
                if tries == _TRIES or not may_retry(error) or time.monotonic() + wait >= deadline:
                    raise ours from error
            tries += 1
            time.sleep(wait)

    def _attempt(self, prompt: prompts.Filled, max_tokens: int, deadline: float) -> Generator[Generated]:
        from assistant.generators.openai_stream import CompletionStream, Limits

        limits = Limits(deadline, self._token_timeout_seconds, _CHARACTERS_A_TOKEN * max_tokens)
        written = False
        with contextlib.closing(CompletionStream(self._address, self._request(prompt, max_tokens), limits)) as stream:
            for piece in stream:
                # White space before the first word is none: as long as nothing has come, the request may be tried again.
                text = piece.text if written else piece.text.lstrip()
                written = written or bool(text)
                if piece.finish_reason:
                    yield Generated(text, self._finish_reason(piece.finish_reason, written))
                elif text:
                    yield Generated(text)

    def _request(self, prompt: prompts.Filled, max_tokens: int) -> dict[str, Any]:
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
        request: dict[str, Any] = {"model": self.name, "messages": messages}
        # OpenAI's reasoning models refuse both; most other servers know no other name.
        request["max_completion_tokens" if "max_tokens" in self._refused else "max_tokens"] = max_tokens
        if "temperature" not in self._refused:
            request["temperature"] = _TEMPERATURE
        return request

    def _finish_reason(self, reason: str, written: bool) -> FinishReason:
        known = _FINISH.get(reason.lower())
        if known is None:
            raise EndpointError(f"'{self.name}' ended with '{reason}', which is no end of an answer. Use another model.")
        if not written:
            raise _Wordless(
                f"'{self.name}' ended ('{reason}') without a word of an answer. Ask again; if it thinks first, raise "
                "FOOTNOTE_MAX_ANSWER_TOKENS."
            )
        return known

    @cached_property
    def _address(self) -> Address:
        import httpx2
        import openai  # noqa: F401  (loaded here, before the limit of an answer begins)

        from assistant.generators.openai_stream import Address

        return Address(self.base_url, self._api_key, httpx2.create_ssl_context(trust_env=False))


class _Wordless(EndpointError):
    """The model came to its end and had written nothing."""


def _smaller(context_tokens: int, overflow: ContextOverflow) -> int:
    """The context that the server states; half of ours where it states none or one that we thought to have kept."""
    from assistant.generators.openai_errors import stated_context_tokens

    stated = stated_context_tokens(overflow)
    return stated if stated and stated < context_tokens else context_tokens // 2


def _base_url(text: str) -> str:
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"FOOTNOTE_OPENAI_BASE_URL is '{text}'. Write an address such as http://127.0.0.1:11434/v1.")
    if parts.username or parts.password:
        raise SettingsError("FOOTNOTE_OPENAI_BASE_URL holds a name or password. Put the key into FOOTNOTE_OPENAI_API_KEY.")
    return text.strip().rstrip("/")


def _key(text: str) -> str:
    key = text.strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise SettingsError("FOOTNOTE_OPENAI_API_KEY holds a space or a character that no key has. Copy it again.")
    return key
