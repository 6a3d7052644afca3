"""Any LangChain chat model as what completes a prompt."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import prompts
from assistant.errors import AnswerCutOff, ContextOverflow, EndpointDown, EndpointError, ModelError
from assistant.generators.limited_stream import CHARACTERS_A_TOKEN, LimitedStream, OpenStreams, Piece, StreamLimits
from assistant.generators.overflow import says_overflow
from assistant.naming import title_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

# How the HTTP clients that such models use call it when the other side cannot be reached or stays silent.
_DOWN = frozenset({"TransportError", "APIConnectionError", "ClientConnectionError"})
# Where the integrations put it: OpenAI, Mistral and Google; Anthropic; Ollama; Bedrock.
_REASONS = ("finish_reason", "stop_reason", "done_reason", "stopReason")


class LangChainChat:
    """The Completions of a chat model. Key, retries, temperature and the longest length of an answer are the model's own settings; our
    limits of time hold all the same, though a model that blocks keeps its thread until it returns.

    An answer is whole only where the model says why it ended. LangChain itself marks the last chunk of every stream that ended without
    an exception, a broken one among them, so that mark says nothing. `states_end=False` is for a model that never gives a reason: the
    end of its stream is then taken for the end of its answer.
    """

    def __init__(self, model: BaseChatModel, *, states_end: bool = True, token_timeout_seconds: float = 20.0) -> None:
        self.name = f"langchain:{title_of(model)}"
        self.token_timeout_seconds = token_timeout_seconds
        self._model, self._states_end = model, states_end
        self._open = OpenStreams()

    def stream(self, prompt: prompts.Filled, max_tokens: int, deadline: float) -> Generator[Piece]:
        """As the protocol says. What the model raises comes out as EndpointError, or ContextOverflow where it says so."""
        limits = StreamLimits(deadline, self.token_timeout_seconds, CHARACTERS_A_TOKEN * max_tokens)
        stream = LimitedStream(lambda: self._pieces(prompt), limits)
        try:
            with self._open.holding(stream):
                yield from stream
        except Exception as error:
            raise self._as_model_error(error) from error

    def close(self) -> None:
        """End what is being written."""
        self._open.close()

    def _pieces(self, prompt: prompts.Filled) -> Generator[Piece]:
        from langchain_core.messages import HumanMessage, SystemMessage

        reason = "" if self._states_end else "stop"
        messages: list[BaseMessage] = [SystemMessage(prompt.system), HumanMessage(prompt.user)]
        chunks = self._model.stream(messages)
        with contextlib.closing(chunks):  # type: ignore[type-var]
            for chunk in chunks:
                # Kept until the stream ends: Gemini has given one with every chunk.
                reason = _reason(chunk) or reason
                if chunk.content or chunk.additional_kwargs:
                    yield Piece(str(chunk.text))
        if not reason:
            raise AnswerCutOff(
                f"'{self.name}' did not say why it ended, so the answer may be cut off. If it never does, hand it over as "
                "LangChainChat(model, states_end=False)."
            )
        yield Piece("", reason)

    def _as_model_error(self, error: Exception) -> ModelError:
        from langchain_core.exceptions import ContextOverflowError

        if isinstance(error, ModelError):
            return error
        said = self._said(error)
        if isinstance(error, ContextOverflowError) or says_overflow(said):
            return ContextOverflow(
                f"'{self.name}' says that the prompt is longer than its context: {said}. Lower FOOTNOTE_CONTEXT_TOKENS to what it "
                "can read."
            )
        kind = EndpointDown if _is_down(error) else EndpointError
        return kind(f"'{self.name}' failed ({type(error).__name__}: {said}). Look into its own settings.")

    def _said(self, error: Exception) -> str:
        """The error's words on one line of at most 300 characters, the model's keys blotted out."""
        from pydantic import SecretStr

        said = " ".join(str(error).split())
        for value in vars(self._model).values():
            if isinstance(value, SecretStr) and value.get_secret_value():
                said = said.replace(value.get_secret_value(), "***")
        return said[:300].rstrip(". ") or "no reason given"


def _reason(message: AIMessage) -> str:
    told: Mapping[str, Any] = message.response_metadata
    for name in _REASONS:
        if told.get(name):
            return str(told[name])
    # OpenAI's Responses API: a status, and what it leaves incomplete.
    details = told.get("incomplete_details")
    if isinstance(details, Mapping) and details.get("reason"):
        return str(details["reason"])
    return "completed" if told.get("status") == "completed" else ""


def _is_down(error: BaseException | None) -> bool:
    """Whether what failed is the way to the model: Python's own errors of connections, or those of the HTTP clients by their names."""
    while error is not None:
        if isinstance(error, (ConnectionError, TimeoutError)) or any(each.__name__ in _DOWN for each in type(error).__mro__):
            return True
        error = error.__cause__ or error.__context__
    return False
