"""The README is tested: its settings table, its Python and its commands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return [text for named, text in fenced if named == language]


def settings_table() -> str:
    """The table as it must stand in the README: `python -m tests.test_readme` prints it."""
    lines = ["| setting | default | |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = field.default.get_secret_value() if hasattr(field.default, "get_secret_value") else field.default
        lines.append(f"| `FOOTNOTE_{name.upper()}` | {f'`{default}`' if default != '' else ''} | {field.description} |")
    return "\n".join(lines)


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "leave.md").write_text(
        "# Leave\n\nFull-time staff have 28 days of leave a year.\n\nUnused leave can be carried over to March.\n\n"
        "Part-time staff have leave in proportion to their hours.\n"
    )
    return tmp_path


def test_the_settings_table_is_that_of_the_settings() -> None:
    assert settings_table() in README


def test_the_python_of_the_readme_runs(handbook: Path) -> None:
    (code,) = blocks("python")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", code], cwd=handbook, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert "Full-time staff have 28 days of leave a year." in ran.stdout
    assert "Done(answer=Answer(" in ran.stdout


def test_the_commands_of_the_readme_run(handbook: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    printed = {}
    for line in "".join(blocks("sh")).splitlines():
        words = shlex.split(line, comments=True)
        assert words[0] == "footnote"
        words += ["--stdin"] if words[1:3] == ["users", "add"] else []  # here is no terminal to ask at
        ran = subprocess.run(
            [sys.executable, "-m", "doors.cli", *words[1:]],
            cwd=handbook,
            env=environment,
            capture_output=True,
            text=True,
            input="correct horse battery\n",
            timeout=120,
        )
        assert ran.returncode == 0, f"{line}\n{ran.stderr}"
        printed[words[1]] = ran.stdout
    assert "28 days of leave" in printed["ask"]
    assert "carried over" in printed["show"]
    assert "All is well" in printed["doctor"]
    assert "fn_" in printed["keys"]


def test_every_file_that_the_map_names_is_there() -> None:
    (tree,) = [block for block in blocks("") if block.startswith("assistant/")]
    names = re.findall(r"\b(\w+\.py)\b", tree)
    tops = [ROOT / top for top in ("assistant", "ingestion", "doors", "prompts")]
    present = {path.name for top in tops for path in top.rglob("*.py")} | {"gradio_app.py"}
    assert len(names) > 25
    assert set(names) <= present


def test_no_figure_is_left_to_be_filled_in() -> None:
    assert re.findall(r"\b[A-Z]+_(?:TIME|SIZE|TABLE)\b", README) == []


if __name__ == "__main__":
    print(settings_table())
