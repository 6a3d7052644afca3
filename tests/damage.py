"""Makes damaged files out of whole ones, the same ones for the same seed: what disks, downloads, mail programs and people do."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_EXTENSIONS = (".pdf", ".docx", ".html", ".md", ".txt", ".csv", ".tsv", ".xlsx", ".eml", ".json", ".bin", "")


def damaged(seeds: Sequence[tuple[str, bytes]], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` files as (name, bytes), made from `seeds` in the same form. A name tells the number, the damage and the seed."""
    chance = random.Random(seed)
    kinds = (_flipped, _cut, _spliced, _blanked, _repeated, _misnamed)
    for number in range(count):
        name, content = chance.choice(seeds)
        _, other = chance.choice(seeds)
        kind = kinds[number % len(kinds)]
        extension = name[name.rfind(".") :] if "." in name else ""
        if kind is _misnamed:
            extension = chance.choice(_EXTENSIONS)
        yield f"{number:05}-{kind.__name__.strip('_')}-{name.removesuffix(extension)}{extension}", kind(chance, content, other)


def _flipped(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """One to 64 bits the other way round."""
    changed = bytearray(content or b" ")
    for _ in range(2 ** chance.randrange(7)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(chance: random.Random, content: bytes, other: bytes) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _spliced(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """The beginning of one and the end of another."""
    return content[: chance.randrange(len(content) + 1)] + other[chance.randrange(len(other) + 1) :]


def _blanked(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """A run of zero bytes, as a sparse copy leaves it."""
    at = chance.randrange(len(content) + 1)
    length = min(len(content) - at, 2 ** chance.randrange(4, 13))
    return content[:at] + bytes(length) + content[at + length :]


def _repeated(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """A piece of up to 256 bytes that stands up to 64 times in its place."""
    at = chance.randrange(len(content) + 1)
    piece = content[at : at + chance.randrange(1, 257)]
    return content[:at] + piece * chance.randrange(2, 65) + content[at + len(piece) :]


def _misnamed(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """Under the extension of another format, and half the time damaged besides."""
    return content if chance.random() < 0.5 else _flipped(chance, content, other)
