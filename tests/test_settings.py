"""Settings: where they come from, and what a wrong one says."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.errors import ModelUnavailable, SettingsError
from assistant.settings import Settings, read_settings
from assistant.testing import HashingEmbedder, ScriptedEndpoint, in_turn, streamed
from assistant.types import Turn
from assistant.wiring import make_generator, make_library


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


@pytest.mark.parametrize("make", [Settings, read_settings])
def test_arguments_are_held_to_the_same_names_and_ranges(make: Callable[..., Settings]) -> None:
    with pytest.raises(SettingsError, match=r"chunk_token\. Did you mean FOOTNOTE_CHUNK_TOKENS"):
        make(chunk_token=99)
    with pytest.raises(SettingsError, match="FOOTNOTE_PORT=0"):
        make(port=0)


def test_a_dot_env_file_that_is_no_text_is_refused() -> None:
    Path(".env").write_bytes(b"FOOTNOTE_HOST=\xff\n")
    with pytest.raises(SettingsError, match=r"\.env is not UTF-8"):
        read_settings()


def test_the_data_folder_stays_where_it_was_when_the_working_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relative, of_home, default = Settings(data_dir="here"), Settings(data_dir="~/kept"), Settings()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert (relative.data_dir, default.data_dir) == (tmp_path / "here", tmp_path / "data")
    assert of_home.data_dir == Path.home() / "kept"
    with pytest.raises(SettingsError, match="nobody-of-that-name"):
        Settings(data_dir="~nobody-of-that-name/kept")


def test_the_library_stands_in_a_data_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "what? 50% #1 é"
    make_library(Settings(data_dir=folder)).close()
    assert (folder / "library.sqlite3").is_file()
    assert [entry.name for entry in tmp_path.iterdir()] == [folder.name]


def test_prompts_are_counted_with_the_vocabulary_file_that_is_named(tmp_path: Path) -> None:
    every_byte = [f"{base64.b64encode(bytes([value])).decode()} {value}" for value in range(256)]
    (tmp_path / "bytes.tiktoken").write_text("\n".join(every_byte))
    history = [Turn("user", "What of the leave of the staff? " * 40), Turn("assistant", "It is in the handbook.")]
    sent = {}
    for file in ("", "bytes.tiktoken"):
        with ScriptedEndpoint(in_turn(streamed(["Leave?"]))) as server:
            settings = Settings(
                generator="openai", openai_base_url=server.base_url, openai_model="m", context_tokens=2048, tiktoken_file=file
            )
            make_generator(settings, HashingEmbedder()).condense("And then?", history)
            sent[file] = server.sent[0].prompt if server.sent else ""
    # A token a byte: the long turn no longer fits.
    assert "What of the leave" in sent[""]
    assert "What of the leave" not in sent["bytes.tiktoken"]
    missing = settings.model_copy(update={"tiktoken_file": "missing.tiktoken"})
    with pytest.raises(ModelUnavailable, match="FOOTNOTE_TIKTOKEN_FILE"):
        make_generator(missing, HashingEmbedder())
