"""The shape of the house: imports run one way, nothing heavy is imported early, settings stop at the wiring."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "pymilvus", "gradio", "onnxruntime", "openai", "milvus_lite", "langchain_core", "transformers", "fastapi")
# A package may import from those after it, and from itself.
ORDER = ("gradio_app", "doors", "ingestion", "assistant", "prompts")


def sources() -> list[Path]:
    return [p for top in ORDER for p in ([ROOT / f"{top}.py"] if top == "gradio_app" else sorted((ROOT / top).rglob("*.py")))]


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_imports_run_one_way() -> None:
    paths = sources()
    assert len(paths) > 40
    for path in paths:
        top = path.relative_to(ROOT).parts[0].removesuffix(".py")
        allowed = set(ORDER[ORDER.index("doors" if top == "gradio_app" else top) :]) | (
            {"gradio_app"} if top == "doors" else set()
        )
        above = imported(path) & set(ORDER) - allowed
        assert not above, f"{path.relative_to(ROOT)} imports {above}"


def test_only_the_settings_look_at_the_environment() -> None:
    for path in sources():
        if path.name != "settings.py":  # the word alone may stand in prose
            code = path.read_text(encoding="utf-8")
            found = re.search(r"os\.environ|getenv", code)
            assert found is None, f"{path.relative_to(ROOT)} reads the environment"


def test_only_the_wiring_and_the_edges_read_settings() -> None:
    edges = {"wiring.py", "answering.py", "__init__.py", "settings.py"}
    for path in sources():
        if path.is_relative_to(ROOT / "assistant") and path.name not in edges:
            assert "assistant.settings" not in path.read_text(encoding="utf-8"), f"{path.relative_to(ROOT)} reads settings"


@pytest.mark.parametrize(
    "code", ["import assistant", "import ingestion", "from doors.cli import main; main(['--help'], standalone_mode=False)"]
)
def test_nothing_heavy_is_imported_early(code: str) -> None:
    program = f"import sys, json\n{code}\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = json.loads(ran.stdout.splitlines()[-1])
    assert "json" in modules
    assert not set(HEAVY) & set(modules)
