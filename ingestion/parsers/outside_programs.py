"""Knows how to have LibreOffice and pandoc rewrite a file in a format that can be read, and what to install where they are missing."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from assistant.errors import CorruptFile, FileTooLarge, UnsupportedFormat

_MOST_SECONDS = 140
# With its title, which a mere piece of a page would lack, above all other headings.
_WHOLE_PAGE = ["--standalone", "--shift-heading-level-by=1", "--wrap=preserve"]
_LIBREOFFICE = {
    "docx": ("libreoffice-writer-nogui", "MS Word 2007 XML"),
    "pptx": ("libreoffice-impress-nogui", "Impress MS PowerPoint 2007 XML"),
}


def rewritten_by_libreoffice(data: bytes, name: str, *, read_as: str, extension: str) -> bytes:
    """The document as "docx" or "pptx". `read_as` names LibreOffice's filter: left to guess, it would read a damaged file as text.
    Raises UnsupportedFormat where LibreOffice is missing, CorruptFile where it cannot read the file, FileTooLarge where it takes
    more than 140 seconds."""
    package, filter_name = _LIBREOFFICE[extension]
    program = shutil.which("soffice")
    if program is None:
        raise UnsupportedFormat(
            f"'{name}' can only be read with LibreOffice, which is not installed. Install it (Debian: `apt-get install {package}`; "
            f"macOS: `brew install --cask libreoffice`), or save the file as .{extension}."
        )
    with tempfile.TemporaryDirectory(prefix="footnote-") as folder:
        source = Path(folder, "document.original")
        source.write_bytes(data)
        command = [
            program, f"-env:UserInstallation=file://{folder}/profile", "--headless", "--norestore", "--nologo", "--nolockcheck",
            f"--infilter={read_as}", "--convert-to", f"{extension}:{filter_name}", "--outdir", folder, str(source),
        ]  # fmt: skip
        said = _ran(command, name, folder)
        rewritten = source.with_suffix(f".{extension}")
        if rewritten.exists() and rewritten.stat().st_size:
            return rewritten.read_bytes()
    if "no export filter" in said:
        raise UnsupportedFormat(f"'{name}' can only be read with all of LibreOffice. Install `{package}`.")
    raise CorruptFile(
        f"'{name}' is damaged, or protected: LibreOffice cannot read it. Open it in the program that made it, and save it again."
    )


def html_by_pandoc(text: str, name: str, *, read_as: str) -> str:
    """The document as a whole HTML page; `read_as` is pandoc's name of its format. Other files that it names are not read. Raises
    UnsupportedFormat where pandoc is missing, CorruptFile where it cannot read the text."""
    import pypandoc

    try:
        return str(pypandoc.convert_text(text, "html", format=read_as, sandbox=True, extra_args=_WHOLE_PAGE))
    except OSError as error:
        raise UnsupportedFormat(
            f"'{name}' can only be read with pandoc, which is not installed. Install it: `pip install 'footnote[unstructured]'`, "
            "which brings it, or Debian's `apt-get install pandoc`."
        ) from error
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise CorruptFile(f"'{name}' cannot be read by pandoc: {reason}. Check the file.") from error


def _ran(command: list[str], name: str, folder: str) -> str:
    """What a program said."""
    try:
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, timeout=_MOST_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise FileTooLarge(f"'{name}' was given up after {_MOST_SECONDS} seconds in LibreOffice. Save it again.") from error
    return ended.stdout.decode(errors="replace")
