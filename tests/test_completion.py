"""Completion in a real bash, which has the script and the command on its path."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.access import OWNER
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_assistant
from ingestion import ingest
from tests.test_page import ROOT

# Completes the last of these words as Tab does, and prints what bash would put there.
_ASKS = """
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_footnote_completion footnote "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
for reply in "${COMPREPLY[@]}"; do printf '%s\\n' "$reply"; done
"""
HOSTILE = (
    "$(touch ran).md", "`touch ran`.md", "a;touch ran.md", "it's \"so\" & more.md", "star*.md", "red\x1b[31m.md", "two\nlines.md",
    "-f.md",
)  # fmt: skip


class Bash:
    """A bash that has run the script, with a data folder."""

    def __init__(self, root: Path, data: Path) -> None:
        self.root, self.data = root, data
        self.path = root / "bin"
        self.path.mkdir(exist_ok=True)
        program = self.path / "footnote"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m doors.cli "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.script = self.run("footnote completion bash")

    def run(self, commands: str, *words: str) -> str:
        environment = {
            **os.environ, "PATH": f"{self.path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "FOOTNOTE_DATA_DIR": str(self.data),
        }  # fmt: skip
        ran = subprocess.run(
            ["bash", "--norc", "-c", commands, "bash", *words], capture_output=True, text=True, cwd=self.root, env=environment,
            timeout=60, check=False,
        )  # fmt: skip
        assert (ran.returncode, ran.stderr) == (0, ""), ran
        return ran.stdout

    def offers(self, *words: str) -> list[str]:
        """What Tab offers behind these words, the last of which is begun."""
        return self.run(self.script + _ASKS, "footnote", *words).splitlines()


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Bash:
    root = tmp_path_factory.mktemp("completion")
    for collection, names in {"handbook": ("leave.md", "lamp oil.md"), "my notes": HOSTILE}.items():
        folder = root / collection
        folder.mkdir()
        for number, name in enumerate(names):
            (folder / name).write_text(f"Document {number} of {collection}.\n")
        with make_assistant(Settings(data_dir=root / "data")) as assistant:
            assistant.embedder = HashingEmbedder()
            assert ingest(assistant, [folder], collection=collection, reader=OWNER).count("failed") == 0
            assistant.library.create_collection("empty", embedder=assistant.models, dimension=assistant.embedder.dimension)
    return Bash(root, root / "data")


def test_commands_and_options_are_completed(bash: Bash) -> None:
    assert bash.offers("sea") == ["search"]
    assert {"ingest", "ask", "chat", "completion"} <= set(bash.offers(""))
    assert bash.offers("ask", "--coll") == ["--collection"]
    assert bash.offers("completion", "") == ["bash", "zsh", "fish"]


def test_collections_are_completed(bash: Bash) -> None:
    for words in (("ask", "-c"), ("chat", "--collection"), ("reindex",)):
        assert bash.offers(*words, "") == ["handbook", r"my\ notes"]
    assert bash.offers("share", "my") == [r"my\ notes"]


def test_documents_are_completed_and_their_names_run_nothing(bash: Bash) -> None:
    assert bash.offers("ask", "--document", "l") == [r"lamp\ oil.md", "leave.md"]
    offered = bash.offers("show", "")
    assert len(offered) == 7  # not the two that a terminal would obey or that break the line, nor what looks like an option
    read_back = bash.run('eval "set -- $1"; for word in "$@"; do printf "%s\\n" "$word"; done', " ".join(offered)).splitlines()
    assert sorted(read_back) == sorted(["leave.md", "lamp oil.md", *HOSTILE[:5]])
    assert not list(bash.root.rglob("ran"))
    assert bash.offers("forget", r"lamp\ o") == [r"lamp\ oil.md"]


def test_without_a_library_or_with_one_that_cannot_be_read_nothing_is_offered_and_none_is_made(
    bash: Bash, tmp_path: Path
) -> None:
    nowhere = Bash(tmp_path, tmp_path / "data")
    assert nowhere.offers("show", "") == []
    assert not nowhere.data.exists()
    nowhere.data.mkdir()
    (nowhere.data / "library.sqlite3").write_bytes(b"this is no library " * 100)
    assert nowhere.offers("show", "") == []


def test_a_name_is_completed_without_loading_models_or_index(bash: Bash) -> None:
    program = (
        "import sys\nfrom doors.cli import main\nfrom doors.completion import prepare\nprepare()\n"
        "try:\n    main(prog_name='footnote')\nexcept SystemExit:\n    print(*{m.split('.')[0] for m in sys.modules})"
    )
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "FOOTNOTE_DATA_DIR": str(bash.data), "_FOOTNOTE_COMPLETE": "bash_complete",
        "COMP_WORDS": "footnote ask -c ", "COMP_CWORD": "3",
    }  # fmt: skip
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert "plain,handbook" in ran.stdout
    assert not {"pymilvus", "onnxruntime", "gradio", "fastapi", "httpx2", "openai"} & set(ran.stdout.split())


@pytest.mark.parametrize(("shell", "told"), [("zsh", "#compdef footnote"), ("fish", "complete --no-files --command footnote")])
def test_other_shells_have_their_scripts(bash: Bash, shell: str, told: str) -> None:
    assert told in bash.run(f"footnote completion {shell}")
