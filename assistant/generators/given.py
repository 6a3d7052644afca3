"""Generators that a program hands over: ours as they are, and LangChain's chat models."""

from __future__ import annotations

from assistant.errors import SettingsError
from assistant.generators.langchain_chat import LangChainChat
from assistant.generators.writing import Budget, ModelWriter
from assistant.protocols import Generator


def as_generator(given: object, budget: Budget, *, timeout_seconds: float, token_timeout_seconds: float) -> Generator:
    """Whatever was given as a Generator; a LangChainChat keeps its own limit between two pieces. Raises SettingsError where it is none
    of these."""
    if isinstance(given, Generator):
        return given
    completions = given if isinstance(given, LangChainChat) else None
    if completions is None:
        from langchain_core.language_models import BaseChatModel

        if not isinstance(given, BaseChatModel):
            raise SettingsError(
                f"A {type(given).__name__} is no generator: it is no chat model of LangChain, and has not both condense and generate. "
                "Give one of these, or name a model in FOOTNOTE_GENERATOR."
            )
        completions = LangChainChat(given, token_timeout_seconds=token_timeout_seconds)
    return ModelWriter(completions, budget, timeout_seconds=timeout_seconds)
