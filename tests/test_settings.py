"""Settings: where they come from, and what a wrong one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import SettingsError
from assistant.settings import read_settings


def test_a_setting_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_PORT", "8123")
    assert read_settings().port == 8123
    assert read_settings(port=9000).port == 9000


def test_a_setting_comes_from_a_dot_env_file() -> None:
    Path(".env").write_text("FOOTNOTE_CHUNK_TOKENS=99\nOTHER_THING=1\n", encoding="utf-8")
    assert read_settings().chunk_tokens == 99


def test_a_misspelt_setting_is_refused_with_the_name_that_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_CHUNK_TOKEN", "99")
    with pytest.raises(SettingsError, match="FOOTNOTE_CHUNK_TOKENS"):
        read_settings()


def test_a_value_out_of_range_is_refused_with_its_name_and_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_PORT", "70000")
    with pytest.raises(SettingsError, match="FOOTNOTE_PORT='70000'"):
        read_settings()


def test_a_key_does_not_show_in_the_settings() -> None:
    assert "sesame" not in repr(read_settings(openai_api_key="sesame"))
