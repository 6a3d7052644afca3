"""How text that is not ours enters a prompt: without invisible characters and chat-template tokens, between marked lines."""

from __future__ import annotations

import re
import secrets

from prompts.invisible import visible

# What the chat templates of ChatML, Llama 2 to 4, Mistral, Gemma, Phi, DeepSeek, Command, GLM, MiniMax, Harmony and Alpaca treat
# as structure. The first and last character are replaced by a look-alike that no tokenizer takes for a special token.
_TEMPLATE_TOKEN = re.compile(
    r"<[|｜][^\s<>]{1,60}?>"
    r"|<[^\s<>|｜]{1,60}[|｜]>"
    r"|<{1,2}/?SYS>{1,2}"
    r"|\[/?(?:INST|(?:SYSTEM|TOOL|AVAILABLE|MODEL)_[A-Z]+|CALL_ID|ARGS|THINK|IMG(?:_[A-Z]+)?|gMASK)\]"
    r"|\]~!?b?\[|\[e~\[|\]~b\]"
    r"|</?(?:s|bos|eos|pad|unk|mask|sop|eop|(?:start|end)_of_(?:turn|image|text|role|utterance)|[A-Z]+_(?:[A-Z]+_)*TOKEN"
    r"|think|tool_calls?|tool_response|tools|function_calls?|im_start|im_end|system|user|assistant)>",
    re.IGNORECASE,
)
_ALPACA_HEADER = re.compile(
    r"^([ \t]*)#{2,}(?=[ \t]*(?:instruction|response|input|system|user|human|assistant)\b[ \t]*:)", re.IGNORECASE | re.MULTILINE
)
_LOOK_ALIKE = str.maketrans("<>[]", "‹›⁅⁆")


def clean(text: str) -> str:
    """The text as a reader sees it, one kind of line end, with chat-template tokens disarmed: `<|im_start|>` becomes
    `‹|im_start|›`. Nothing visible is dropped."""
    # A token may be hidden by invisible characters inside it, so these go first.
    text = _TEMPLATE_TOKEN.sub(lambda found: found[0].translate(_LOOK_ALIKE), visible(text))
    return _ALPACA_HEADER.sub(lambda found: f"{found[1]}＃", text)


def new_mark() -> str:
    """A fence mark that no document can know: 128 random bits, fresh for every request."""
    return secrets.token_hex(16)


def fence(text: str, label: str, mark: str) -> str:
    """The cleaned text between two lines that carry the mark and the label, the label cut to 200 characters."""
    label = one_line(label)
    return f"----- {mark} {label}\n{clean(text)}\n----- {mark} end"


def one_line(text: str, *, limit: int = 200) -> str:
    """The cleaned text on one line, at most `limit` characters: for names, titles and paths."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
