"""What fits into a model's context: counts tokens, packs passages and conversation around instructions and question."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import prompts
from assistant.errors import ContextOverflow, ModelUnavailable
from assistant.languages import detect_language, language_name
from assistant.types import Chunk, Hit, Turn

CountTokens = Callable[[str], int]

# Below this a passage is a scrap that invites guessing: it is left out instead.
_LEAST_PASSAGE_TOKENS = 48
_CONVERSATION_SHARE = 0.25
# Of 6,000 questions in English, French and Portuguese none was taken for another language at this.
_SURE_LANGUAGE = 0.9
_WORD = re.compile(r"[^\W\d_]+|\d|[^\w\s]|_")
_ONE_TOKEN_EACH = re.compile(
    r"[\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\U0001f000-\U0003ffff]"
)
_MARK = re.compile(r"\s*\[\d{1,3}\]")


@dataclass(frozen=True, slots=True)
class Packed:
    """A prompt that fits. `passages` says how many of those given are in it, always the first ones; `shortened` that the last
    of them lost its end."""

    prompt: prompts.Filled
    passages: int
    shortened: bool


def pack(
    question: str, passages: Sequence[Hit], history: Sequence[Turn], *, room_tokens: int, count_tokens: CountTokens
) -> Packed:
    """The answer prompt within `room_tokens`, in which neither the answer's own tokens nor those of the chat template are counted. The
    instructions and the question stand whole; passages are dropped from the end, the last one shortened; the conversation keeps its
    latest turns in at most a quarter of what is left. A passage is given with its section only where all of them fit as they were
    found, the best first. Raises ContextOverflow when not even a part of the first passage fits."""
    bare = _Bare(question, room_tokens, count_tokens)
    spare = 0
    while True:
        packed = bare.packed(passages, history, spare)
        # Tokens of a whole may be a few more than those of its parts.
        over = count_tokens(packed.prompt.system) + count_tokens(packed.prompt.user) - room_tokens
        if over <= 0:
            return packed
        spare += over


def recent(history: Sequence[Turn], mark: str, *, room_tokens: int, count_tokens: CountTokens) -> str:
    """The latest turns that fit, oldest first, in one fence; empty when none does. Footnote marks of earlier answers are taken
    out: they number other passages."""
    kept: list[str] = []
    for turn in reversed(history):
        line = f"{turn.role}: {_MARK.sub('', turn.text) if turn.role == 'assistant' else turn.text}"
        if count_tokens(prompts.fence("\n".join([line, *kept]), "earlier conversation", mark)) > room_tokens:
            break
        kept.insert(0, line)
    return prompts.fence("\n".join(kept), "earlier conversation", mark) if kept else ""


def in_language(question: str) -> str:
    """The language to answer in, named for models that need telling; empty where the question does not tell it for sure."""
    name = language_name(detect_language(question, fallback="", least=_SURE_LANGUAGE))
    return f"Answer in {name}." if name else ""


def estimate_tokens(text: str) -> int:
    """Tokens by rule of thumb, on the high side: 1.35 a word (long words and accents more), one for a digit, a sign or a
    character of a script without spaces."""
    single = len(_ONE_TOKEN_EACH.findall(text))
    tokens = 0.0
    for word in _WORD.findall(_ONE_TOKEN_EACH.sub(" ", text)):
        tokens += 1.0 if len(word) == 1 else max(1.35, len(word.encode()) / 5)
    return int(tokens) + single + text.count("\n") + 1


def tiktoken_counter(vocabulary: Path) -> CountTokens:
    """A counter from a `.tiktoken` vocabulary file that is at hand. Nothing is ever fetched: tiktoken's own loader, which
    downloads, is not used. Counts differ from the model's by the way words are cut, by about a hundredth. Raises
    ModelUnavailable when the file cannot be read."""
    import tiktoken

    try:
        rows = [line.split() for line in vocabulary.read_bytes().splitlines() if line]
        ranks = {base64.b64decode(token, validate=True): int(rank) for token, rank in rows}
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"{vocabulary} is not a tiktoken vocabulary: {error}. Set FOOTNOTE_TIKTOKEN_FILE to another file, or to none."
        ) from error
    pieces = r" ?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+"
    encoding = tiktoken.Encoding(vocabulary.stem, pat_str=pieces, mergeable_ranks=ranks, special_tokens={})
    return lambda text: len(encoding.encode_ordinary(text))


class _Bare:
    """The prompt as far as it stands fast: instructions and question, without passages and conversation."""

    def __init__(self, question: str, room_tokens: int, count_tokens: CountTokens) -> None:
        self._template, self._mark = prompts.load("answer"), prompts.new_mark()
        self._room_tokens, self._count_tokens = room_tokens, count_tokens
        self._slots = {
            "mark": self._mark,
            "question": prompts.clean(question).strip(),
            "language": in_language(question),
            "passages": "",
            "conversation": "",
        }
        bare = self._template.fill(self._slots)
        self._tokens = count_tokens(bare.system) + count_tokens(bare.user)

    def packed(self, passages: Sequence[Hit], history: Sequence[Turn], spare: int) -> Packed:
        """With what fits where so many tokens are spared. Raises ContextOverflow."""
        room = self._room_tokens - self._tokens - spare
        if room < (_LEAST_PASSAGE_TOKENS if passages else 0):
            raise ContextOverflow(
                f"The question and the instructions take {self._tokens + spare} tokens of the {self._room_tokens} that the model's "
                "context leaves beside the answer. Ask a shorter question, or raise FOOTNOTE_CONTEXT_TOKENS if the model can read "
                "more."
            )
        count = self._count_tokens
        conversation = recent(history, self._mark, room_tokens=int(room * _CONVERSATION_SHARE), count_tokens=count)
        fenced, shortened = _fitting(passages, self._mark, room - count(conversation), count)
        if passages and not fenced:
            raise ContextOverflow(
                f"Not even a part of the first passage fits into the {room} tokens that are left beside the question. "
                "Raise FOOTNOTE_CONTEXT_TOKENS if the model can read more."
            )
        slots = {**self._slots, "passages": "\n\n".join(fenced), "conversation": conversation}
        return Packed(self._template.fill(slots), len(fenced), shortened)


def _fitting(passages: Sequence[Hit], mark: str, room: int, count_tokens: CountTokens) -> tuple[list[str], bool]:
    fenced: list[str] = []
    for number, hit in enumerate(passages, start=1):
        chunk = hit.narrow or hit.chunk
        whole = _fenced(number, chunk, mark, chunk.text)
        tokens = count_tokens(whole) + 1
        if tokens <= room:
            fenced.append(whole)
            room -= tokens
            continue
        if part := _shortened(number, chunk, mark, room, count_tokens):
            fenced.append(part)
        return fenced, bool(part)
    return _widened(fenced, passages, mark, room, count_tokens), False


def _widened(fenced: Sequence[str], passages: Sequence[Hit], mark: str, room: int, count_tokens: CountTokens) -> list[str]:
    """What fits is given with its section, the best first, as long as there is room for more."""
    given = []
    for number, (narrow, hit) in enumerate(zip(fenced, passages, strict=True), start=1):
        wide = _fenced(number, hit.chunk, mark, hit.chunk.text)
        more = count_tokens(wide) - count_tokens(narrow)
        given.append(wide if more <= room else narrow)
        room -= more if more <= room else 0
    return given


def _shortened(number: int, chunk: Chunk, mark: str, room: int, count_tokens: CountTokens) -> str:
    """The longest beginning of the passage that fits, ended at a word; empty when that would be a scrap."""
    words = list(re.finditer(r"\S+", chunk.text))
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        part = chunk.text[: words[middle - 1].end()] + " …"
        low, high = (middle, high) if count_tokens(_fenced(number, chunk, mark, part)) < room else (low, middle - 1)
    if not low:
        return ""
    part = chunk.text[: words[low - 1].end()]
    return _fenced(number, chunk, mark, part + " …") if count_tokens(part) >= _LEAST_PASSAGE_TOKENS else ""


def _fenced(number: int, chunk: Chunk, mark: str, text: str) -> str:
    where = " > ".join([chunk.title, *chunk.heading_path])
    header = f"{chunk.header}\n" if chunk.header and not text.startswith(chunk.header) else ""
    return prompts.fence(header + text, f"passage [{number}], page {chunk.page} of {where}", mark)
