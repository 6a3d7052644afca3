"""What an object of somebody else's is called: a collection remembers an embedder by it, and messages name a model."""

from __future__ import annotations

_ATTRIBUTES = ("model_name", "model", "model_name_or_path", "name")


def title_of(given: object) -> str:
    """Class and model, as far as the object tells them."""
    model = next((value for name in _ATTRIBUTES if isinstance(value := getattr(given, name, None), str) and value), "")
    return f"{type(given).__name__}:{model}" if model else type(given).__name__
