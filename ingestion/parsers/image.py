"""Knows how pictures are opened and turned upright. What stands in them is left to text recognition."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

# Pillow knows these two formats once they are imported; it would import all sixty to find them.
from PIL import Image, ImageOps, TiffImagePlugin, WebPImagePlugin  # noqa: F401

from assistant.errors import CorruptFile, DocumentNotFound, FileTooLarge
from assistant.types import Page, ParsedDocument

_MOST_PIXELS = 100_000_000
_FORMATS = {
    "PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "TIFF": "image/tiff", "GIF": "image/gif", "BMP": "image/bmp",
    "WEBP": "image/webp",
}  # fmt: skip
_OPENED = ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP")  # an MPO is a JPEG with another behind it
# What Pillow raises for pictures that are cut off or damaged.
_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    struct.error,
    ZeroDivisionError,
)


def parse_image(data: bytes, name: str) -> ParsedDocument:
    """A document of pages that are pictures, without text yet. Only a TIFF has more than one page; of a film the first picture is
    taken. Raises CorruptFile or FileTooLarge."""
    with _opened(data, name) as image:
        count = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
        media_type = _FORMATS[str(image.format)]
    numbers = range(1, count + 1)
    return ParsedDocument(
        title=PurePath(name).stem or name,
        text="",
        blocks=(),
        pages=tuple(Page(number, 0, 0) for number in numbers),
        media_type=media_type,
        pictures=tuple(numbers),
    )


def open_picture(data: bytes, name: str, page: int) -> Image.Image:
    """A page (from one) of a picture as a viewer shows it: upright, and in RGB or grey on white. Raises DocumentNotFound for a page
    that is not there, CorruptFile, and FileTooLarge above 100 megapixels."""
    with _opened(data, name) as image:
        if page > 1:
            try:
                image.seek(page - 1)
            except EOFError as error:
                raise DocumentNotFound(f"There is no page {page} in '{name}'.") from error
            _refuse_huge(image, name)
        return _on_white(ImageOps.exif_transpose(image))


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[Image.Image]:
    try:
        with Image.open(io.BytesIO(data), formats=_OPENED) as image:
            _refuse_huge(image, name)
            yield image
    except Image.DecompressionBombError as error:
        raise FileTooLarge(f"'{name}' is too large a picture: {error} Save it smaller.") from error
    except _ERRORS as error:
        raise CorruptFile(
            f"'{name}' is cut off or damaged as a picture ({error}). Open it in a viewer and save it again."
        ) from error


def _refuse_huge(image: Image.Image, name: str) -> None:
    if image.width * image.height > _MOST_PIXELS:
        size = f"{image.width:,} x {image.height:,}"
        raise FileTooLarge(f"'{name}' is a picture of {size} pixels; at most {_MOST_PIXELS:,} are read. Save it smaller.")


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # Pillow cuts such values off at 255 where it should scale them.
        return image.point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        whole = image.convert("RGBA")
        sheet = Image.new("RGB", image.size, "white")
        sheet.paste(whole, mask=whole.getchannel("A"))
        return sheet
    return image.convert("L" if image.mode in ("1", "L") else "RGB")
