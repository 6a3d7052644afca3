"""Names the formats that are read by the `unstructured` library and outside programs. It reads none of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from assistant.errors import UnsupportedFormat
from assistant.types import ParsedDocument

OLD_WORD = "application/msword"
OLD_SLIDES = "application/vnd.ms-powerpoint"
OUTLOOK = "application/vnd.ms-outlook"
ORG = "text/org"
RST = "text/x-rst"

OTHER_FORMATS: Mapping[str, str] = MappingProxyType(
    {".doc": OLD_WORD, ".ppt": OLD_SLIDES, ".pps": OLD_SLIDES, ".msg": OUTLOOK, ".org": ORG, ".rst": RST}
)
"""Media type by extension, as in `ingestion.parsers.SUPPORTED`."""

_RECORDINGS = (".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".webm")
_PHONE_PICTURES = (".heic", ".heif")


class NeedsPrograms(UnsupportedFormat):
    """The format is read with the help of outside programs, which the sandbox for other files forbids."""


def parse_elsewhere(data: bytes, name: str) -> ParsedDocument:
    """Raises NeedsPrograms: `other_formats.parse` reads it, in a sandbox that allows them."""
    raise NeedsPrograms(f"'{name}' is read with the help of outside programs. `ingestion.reading.read` does it.")


def refuse_what_takes_a_model(name: str, extension: str) -> None:
    """Raises UnsupportedFormat for the formats that the library reads with models from a hub only."""
    if extension in _RECORDINGS:
        raise UnsupportedFormat(
            f"'{name}' is a recording, and no speech model comes with Footnote. Transcribe it, and add the text."
        )
    if extension in _PHONE_PICTURES:
        raise UnsupportedFormat(f"'{name}' is a picture in a format that is not read. Save it as JPEG or PNG.")
