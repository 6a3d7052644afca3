"""How many tokens texts have, added up over their words: a tokenizer takes ten times as long as looking a word up. It knows no
tokenizer, but tries on a sample whether its counts add up."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

CountTokens = Callable[[Sequence[str]], list[int]]

_MOST_CHARACTERS_KEPT = 3_000_000
_TEXTS_AT_A_TIME = 512
_MARKS = "!-/:;=?@{|}~‐-―‘-”•…"
# WordPiece parts these marks from a word. Brackets that special tokens are written with ("[MASK]", "<s>") are left in theirs.
_PART = re.compile(f"[{_MARKS}]|[^{_MARKS}]+")
_SAMPLE = (
    "In fiscal year 2023 (ended September 30), net sales rose 4.5% to $1,234.6 million, up from $1,181.4 million; the company's "
    "long-term debt/EBITDA ratio was 2.1x. “Déjà-vu”, said Zoë, naïvely: Straßenbahnhöfe – l'été où j'étais là… Não há "
    "informação? See https://example.org/q3_report.pdf#page=12 or e-mail: ir@example.org!"
)


@lru_cache(maxsize=2)
def counted_by_words(count_tokens: CountTokens) -> CountTokens:
    """A function that counts as `count_tokens` does, each word once; `count_tokens` itself where a word has other tokens beside its
    neighbours than alone (byte-level BPE). Counts are kept for the documents to come, of three million characters at most."""
    words = _SAMPLE.split()
    parts = [part for word in words for part in _PART.findall(word)]
    whole, by_words, by_parts = (sum(count_tokens(texts)) for texts in ([_SAMPLE], words, parts))
    return _ByWords(count_tokens, in_parts=by_parts == whole) if by_words == whole else count_tokens


class _ByWords:
    """Safe to call from several threads, as far as the function that counts is."""

    def __init__(self, count_tokens: CountTokens, *, in_parts: bool) -> None:
        self._count_tokens = count_tokens
        self._in_parts = in_parts
        self._known: dict[str, int] = {}
        self._characters = 0

    def __call__(self, texts: Sequence[str]) -> list[int]:
        slices = (texts[at : at + _TEXTS_AT_A_TIME] for at in range(0, len(texts), _TEXTS_AT_A_TIME))
        return [count for some in slices for count in self._counts(some)]

    def _counts(self, texts: Sequence[str]) -> list[int]:
        if self._characters > _MOST_CHARACTERS_KEPT:
            self._known, self._characters = {}, 0
        known = self._known  # held here, since another thread may put an empty one in its place
        words = [text.split() for text in texts]
        new = set().union(*words).difference(known)
        if new:
            self._learn(sorted(new), known)
        return [sum(map(known.__getitem__, each)) for each in words]

    def _learn(self, words: Sequence[str], known: dict[str, int]) -> None:
        parted = [_PART.findall(word) if self._in_parts else [word] for word in words]
        parts = list({part for each in parted for part in each}.difference(known))
        known.update(zip(parts, self._count_tokens(parts), strict=True))
        known.update((word, sum(map(known.__getitem__, each))) for word, each in zip(words, parted, strict=True))
        self._characters += sum(map(len, words))
