"""Functions of pymilvus.model as they are, where their run-time installs are impossible."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.extras import tiny_models

ROOT = Path(__file__).parents[2]


@pytest.fixture
def without_pip(tmp_path: Path) -> dict[str, str]:
    """An environment where `pip` leaves a note and fails."""
    pip = tmp_path / "bin" / "pip"
    pip.parent.mkdir()
    pip.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/asked-to-install"\nexit 1\n')
    pip.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{pip.parent}:/usr/bin:/bin",
        "PIP_NO_INDEX": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(ROOT),
    }


def test_they_are_embedders_and_sparse_legs_and_install_nothing(tmp_path: Path, without_pip: dict[str, str]) -> None:
    folders = [tiny_models.bert(tmp_path / "bert"), tiny_models.bge_m3(tmp_path / "bge")]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.extras.milvus_functions", *map(str, folders)],
        capture_output=True, text=True, env=without_pip, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    assert all(found[part] for part in ("dense", "queries", "bge", "lexical"))
    assert found["names"] == [
        f"pymilvus:SentenceTransformerEmbeddingFunction:{folders[0]}",
        f"pymilvus:BGEM3EmbeddingFunction:{folders[1]}",
    ]
    assert not (tmp_path / "asked-to-install").exists()
