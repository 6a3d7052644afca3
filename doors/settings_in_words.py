"""Settings in words: what two processes compare to learn whether they would do the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.settings import Settings

# Where a server is and whom it lets in, which changes nothing of what it answers; and secrets.
_OF_A_SERVER = ("data_dir", "host", "port", "public_url", "mcp_writes")
_SECRET = ("_key", "_token", "_secret")


def settings_in_words(settings: Settings) -> dict[str, str]:
    """The settings that answers and documents depend on, by name. No secrets."""
    left_out = [name for name in type(settings).model_fields if name in _OF_A_SERVER or name.startswith("slack_")]
    named = {name: getattr(settings, name) for name in type(settings).model_fields if name not in left_out}
    return {name: str(value) for name, value in named.items() if not name.endswith(_SECRET)}


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The settings of which these differ, as the environment names them."""
    return [f"FOOTNOTE_{name.upper()}" for name in sorted({*one, *other}) if one.get(name) != other.get(name)]
