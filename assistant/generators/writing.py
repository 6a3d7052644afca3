"""How any language model writes: what it is asked, within which budget of tokens, and when its answer counts as ended. How a model is
reached is left to the file of its provider."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import prompts
from assistant.errors import AnswerCutOff, ContextOverflow, EndpointError, ModelError, SettingsError
from assistant.generators.context import CountTokens, estimate_tokens, pack, recent
from assistant.generators.limited_stream import Piece
from assistant.generators.overflow import stated_context_tokens, stated_prompt_tokens
from assistant.protocols import FinishReason, Generated
from assistant.types import Hit, Turn

# The names that servers and libraries give to the same three ends.
_FINISH: Mapping[str, FinishReason] = {
    **dict.fromkeys(("stop", "eos", "eos_token", "stop_sequence", "end_turn", "complete", "completed"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"), "length"),
    **dict.fromkeys(("content_filter", "content_filtered", "safety", "refusal", "guardrail_intervened"), "content_filter"),
}
Fill = Callable[[int, CountTokens], prompts.Filled]
"""(tokens that there is room for, how they are counted) -> the prompt. May raise ContextOverflow."""

# Of the time for an answer: a follow-up that is not condensed by then is searched for as it is, with what was asked before.
_CONDENSING_SHARE = 1 / 3
_LEAST_SHORT_TOKENS = 200
_CONDENSED_MOST_CHARACTERS = 1000
# Of what a retry may hold, this is left free: the other side's count is known for another prompt than the shorter one.
_SPARE = 0.05
_LABEL = re.compile(r"^(?:(?:stand-?alone|rewritten|last)\s+)*question\s*:\s*", re.IGNORECASE)


class Completions(Protocol):
    """A language model that completes a prompt of a system and a user message."""

    name: str

    def stream(self, prompt: prompts.Filled, max_tokens: int, deadline: float) -> Generator[Piece]:
        """The pieces of one completion as they come; the last has the model's own finish reason. Ends by `deadline`, a reading of
        time.monotonic(). Raises ModelError; AnswerCutOff where it ends without a reason."""

    def close(self) -> None:
        """End what is being written, and give back what the model holds."""


@runtime_checkable
class Writer(Protocol):
    """What completes a prompt as a whole, for whoever wants a line and no answer."""

    name: str

    def complete(self, fill: Fill) -> Generated:
        """One short completion. Raises ModelError."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a model can read and write. `template_tokens` are those that its chat template adds to the two messages: role names,
    message ends, a date."""

    context_tokens: int = 8192
    max_answer_tokens: int = 800
    count_tokens: CountTokens = estimate_tokens
    template_tokens: int = 48

    def room(self, answer_tokens: int) -> int:
        """Tokens that the two messages may have beside an answer of that length."""
        return self.context_tokens - answer_tokens - self.template_tokens

    def count(self, prompt: prompts.Filled) -> int:
        """Tokens of the two messages with what the chat template adds."""
        return self.count_tokens(prompt.system) + self.count_tokens(prompt.user) + self.template_tokens


class ModelWriter:
    """A Generator over any Completions. `timeout_seconds` is the wall-clock limit of one answer, its retries included. Raises
    SettingsError where an answer leaves no room for a prompt."""

    reads_sections = True

    def __init__(self, completions: Completions, budget: Budget, *, timeout_seconds: float = 60.0) -> None:
        if budget.max_answer_tokens >= budget.context_tokens:
            raise SettingsError(
                f"An answer of {budget.max_answer_tokens} tokens leaves no room in a context of {budget.context_tokens}. "
                "Lower FOOTNOTE_MAX_ANSWER_TOKENS or raise FOOTNOTE_CONTEXT_TOKENS."
            )
        self.name = completions.name
        self._completions, self._budget, self._timeout_seconds = completions, budget, timeout_seconds

    def condense(self, question: str, history: Sequence[Turn]) -> str:
        """The question as one that stands alone. Without history nothing is asked; an answer that is no question (too long, cut by its
        length, without a word) leaves the question as it was. It has a third of the time for an answer. Raises EndpointError,
        AnswerCutOff."""
        if not history:
            return question
        template, mark, budget = prompts.load("condense"), prompts.new_mark(), self._budget
        most = _short_tokens(budget)
        room = budget.room(most) - budget.count_tokens(template.system + template.user + question)
        conversation = recent(history, mark, room_tokens=room, count_tokens=budget.count_tokens)
        if not conversation:
            return question
        prompt = template.fill({"mark": mark, "conversation": conversation, "question": prompts.clean(question).strip()})
        written = self._short(prompt, most, time.monotonic() + _CONDENSING_SHARE * self._timeout_seconds)
        line = prompts.one_line(written.text, limit=2 * _CONDENSED_MOST_CHARACTERS)
        condensed = _LABEL.sub("", line).strip("\"'“”«» ")
        usable = written.finish_reason == "stop" and 0 < len(condensed) <= _CONDENSED_MOST_CHARACTERS
        return condensed if usable else question

    def complete(self, fill: Fill) -> Generated:
        """One short completion as a whole, of the prompt that `fill` makes; made anew with less room where the model says that it was
        too long. Its text is empty where the model wrote nothing. Raises EndpointError, AnswerCutOff, ContextOverflow."""
        deadline, budget = time.monotonic() + self._timeout_seconds, self._budget
        most = _short_tokens(budget)
        prompt = fill(budget.room(most), budget.count_tokens)
        try:
            return self._short(prompt, most, deadline)
        except ContextOverflow as overflow:
            budget = _smaller(budget, prompt, overflow)
        most = _short_tokens(budget)
        return self._short(fill(budget.room(most), budget.count_tokens), most, deadline)

    def generate(self, question: str, passages: Sequence[Hit], history: Sequence[Turn]) -> Iterator[Generated]:
        """Pieces of the answer as they come, the last with its finish reason. A sentence that says that the passages do not
        answer ends in [0].

        Raises EndpointError before the first word, AnswerCutOff after it or at a limit, ContextOverflow when the prompt cannot
        be made to fit (a model that says so is asked once more with less). Closing the iterator stops the model.
        """
        deadline, budget = time.monotonic() + self._timeout_seconds, self._budget
        most = budget.max_answer_tokens
        prompt = pack(question, passages, history, room_tokens=budget.room(most), count_tokens=budget.count_tokens).prompt
        try:
            yield from self._generated(prompt, most, deadline)
            return
        except ContextOverflow as overflow:
            budget = _smaller(budget, prompt, overflow)
            if budget.room(most) <= 0:
                raise
        prompt = pack(question, passages, history, room_tokens=budget.room(most), count_tokens=budget.count_tokens).prompt
        yield from self._generated(prompt, most, deadline)

    def close(self) -> None:
        """End what is being written, and give the model back."""
        self._completions.close()

    def _short(self, prompt: prompts.Filled, max_tokens: int, deadline: float) -> Generated:
        try:
            pieces = list(self._generated(prompt, max_tokens, deadline))
        except _Wordless:
            return Generated("", "stop")
        return Generated("".join(piece.text for piece in pieces), pieces[-1].finish_reason)

    def _generated(self, prompt: prompts.Filled, max_tokens: int, deadline: float) -> Iterator[Generated]:
        begun = False
        try:
            with contextlib.closing(self._completions.stream(prompt, max_tokens, deadline)) as pieces:
                for piece in pieces:
                    text = piece.text if begun else piece.text.lstrip()
                    end = self._finish_reason(piece.finish_reason, bool(begun or text)) if piece.finish_reason else None
                    if text or end:
                        begun = True
                        yield Generated(text, end)
        except ModelError as error:
            if begun and not isinstance(error, AnswerCutOff):
                raise AnswerCutOff(f"The answer broke off. {error}") from error
            raise

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


class _Wordless(EndpointError):
    """The model came to its end and had written nothing."""


def _short_tokens(budget: Budget) -> int:
    # A model that thinks first spends most of this on thoughts.
    return max(_LEAST_SHORT_TOKENS, min(budget.max_answer_tokens, budget.context_tokens // 4))


def _smaller(budget: Budget, refused: prompts.Filled, overflow: ContextOverflow) -> Budget:
    """The budget for a second try. Where the other side names its context and how long it found the prompt, its count is scaled to
    ours; else the context that it names is taken, or half of ours where it names none or one that we thought to have kept."""
    context, theirs = stated_context_tokens(str(overflow)), stated_prompt_tokens(str(overflow))
    if context and theirs:
        context = int(context * min(1.0, budget.count(refused) / theirs) * (1 - _SPARE))
    smaller = context if context and context < budget.context_tokens else budget.context_tokens // 2
    return replace(budget, context_tokens=smaller)
