"""Models by the name of a hub or by a local folder: how they are loaded, what a collection remembers of them, and what is said when
they cannot be had."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from assistant.errors import ModelUnavailable

_Model = TypeVar("_Model")
_BEGINNING_BYTES, _END_BYTES = 1_000_000, 65_536


def load(model: str, extra: str, build: Callable[[str], _Model]) -> _Model:
    """The model that `build` makes of a folder or name. What the hub's cache holds is taken from there without asking the hub, so that
    only a first use contacts anyone. Raises ModelUnavailable, which names the extra where a library is missing."""
    _hide_bars()
    try:
        if folder := _cached(model):
            try:
                return build(folder)
            except (OSError, ValueError):
                pass  # only a part of it was fetched
        return build(str(Path(model).expanduser()) if _local(model) else model)
    except ImportError as error:
        raise missing(model, extra, error) from error
    except ModelUnavailable:
        raise
    except Exception as error:  # these libraries raise of every kind
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise ModelUnavailable(
            f"The model '{model}' could not be loaded ({said}). Check its name or folder; one that is not on this machine is fetched "
            "from its hub."
        ) from error


def missing(model: str, extra: str, error: ImportError) -> ModelUnavailable:
    """The error for a library that is not installed."""
    return ModelUnavailable(f"'{model}' needs what is not installed ({error}). Run `pip install 'footnote[{extra}]'`.")


def remembered(kind: str, model: str) -> str:
    """What a collection remembers: kind and model; of a file or folder also what is in it, so that another model in its place is
    not taken for the same."""
    path = Path(model).expanduser()
    return f"{kind}:{path.resolve()}#{_fingerprint(path)}" if _local(model) else f"{kind}:{model}"


def _hide_bars() -> None:
    """The ones that transformers 5 draws on stderr while it loads; a download still shows its own."""
    if "transformers" in sys.modules:
        from transformers.utils import logging

        logging.disable_progress_bar()


def _local(model: str) -> bool:
    return Path(model).expanduser().exists()


def _cached(model: str) -> str:
    """The folder of a model of the hub that was fetched before; empty where there is none."""
    if _local(model):
        return ""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return snapshot_download(model, local_files_only=True)
    except (HFValidationError, LocalEntryNotFoundError):
        return ""


def _fingerprint(path: Path) -> str:
    """Eight letters from the names, sizes, beginnings and ends of the files: not all of their gigabytes at each start."""
    digest = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]:
        relative = file.relative_to(path).as_posix()
        if relative.startswith(".") and relative != ".":
            continue
        with file.open("rb") as opened:
            beginning = opened.read(_BEGINNING_BYTES)
            opened.seek(max(0, file.stat().st_size - _END_BYTES))
            end = opened.read()
        digest.update(f"{relative}\0{file.stat().st_size}\0".encode("utf-8", "replace") + beginning + end)
    return digest.hexdigest()[:8]
