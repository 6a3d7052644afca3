"""Opens the container of Microsoft's older formats (a compound file), and says what is broken in it. It knows no document."""

from __future__ import annotations

import io
from dataclasses import dataclass

from assistant.errors import CorruptFile


@dataclass(frozen=True, slots=True)
class CompoundFile:
    """Its streams by path ("__attach_version1.0_#00000000/__substg1.0_3701000D"), as far as they can be read; `damage` says what
    cannot, and is empty for a whole file."""

    streams: dict[str, bytes]
    damage: tuple[str, ...]


def open_compound_file(data: bytes, name: str) -> CompoundFile:
    """Every stream. Raises CorruptFile for a container that cannot be opened at all."""
    import olefile

    streams: dict[str, bytes] = {}
    damage: list[str] = []
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as container:
            for path in container.listdir():
                try:
                    streams["/".join(path)] = container.openstream(path).read()
                except (OSError, ValueError, IndexError) as error:
                    damage.append(f"{'/'.join(path)}: {error}")
            damage += [str(said) for _, said in container.parsing_issues]
    # What the library raises for damage that it did not foresee.
    except (OSError, ValueError, IndexError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise CorruptFile(f"'{name}' is damaged: {error}. Copy it again from where it came from.") from error
    return CompoundFile(streams, tuple(damage))
