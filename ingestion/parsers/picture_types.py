"""Knows how a picture is told by its first bytes. It opens none."""

from __future__ import annotations

import struct

_BYTES_OF_A_BITMAPS_HEADER = (12, 40, 52, 56, 64, 108, 124)


def picture_type(data: bytes) -> str:
    """The media type of a picture by its first bytes; empty for anything else."""
    if data.startswith(b"\x89PNG"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):
        return "image/tiff"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    # Two letters are little to go by: the size of the header that follows must be one that there is.
    if data.startswith(b"BM") and len(data) > 18 and struct.unpack_from("<I", data, 14)[0] in _BYTES_OF_A_BITMAPS_HEADER:
        return "image/bmp"
    return ""
